package netwatch

import "testing"

func TestMibNotice(t *testing.T) {
	for want, r := range map[string]Reason{
		"told by the system: an address added":     mibNotice("an address", 1),
		"told by the system: an address removed":   mibNotice("an address", 2),
		"told by the system: an interface changed": mibNotice("an interface", 0),
		"told by the system: a route changed":      mibNotice("a route", 99),
	} {
		if got := r.String(); got != want || r.Kind != Notified || r.Interface != "" || r.loss() {
			t.Errorf("got %q (%+v), want %q", got, r, want)
		}
	}
}
