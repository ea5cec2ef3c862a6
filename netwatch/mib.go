package netwatch

// mibNotice puts a notification of the Windows IP helper into a hint. of is the
// table that changed, kind a MIB_NOTIFICATION_TYPE. The row is not read: a look
// costs less than what could be wrong with a pointer of another program's.
func mibNotice(of string, kind uintptr) Reason {
	what := map[uintptr]string{0: "changed", 1: "added", 2: "removed", 3: "as it is"}[kind]
	if what == "" {
		what = "changed"
	}
	return Reason{Kind: Notified, Detail: of + " " + what}
}
