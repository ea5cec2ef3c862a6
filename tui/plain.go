package tui

import (
	"fmt"
	"strings"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// PlainCall is a call that is over in one line of plain text, for
// `ramble calls`.
func PlainCall(c phone.Call) string {
	name := words.Address(c.Peer)
	switch {
	case name == "":
		name = who(c)
	case c.Name != "":
		name = c.Name + " (" + name + ")"
	}
	said := words.End(c)
	how := said.Word
	if !c.Answered.IsZero() {
		how = short(c.Ended.Sub(c.Answered))
	}
	line := fmt.Sprintf("%s  %s  %-8s %s", c.Started.Format(plainMinute), either(c.Direction == phone.Incoming, "from", "to  "), how, name)
	if c.Roams > 0 {
		line += fmt.Sprintf("  %s, longest gap %s", counted(uint64(c.Roams), "roam"), lasting(c.LongestGap))
	}
	if c.Answered.IsZero() && c.Direction == phone.Outgoing || c.NeedsRedial {
		line += "  " + said.Text
	}
	return clean.Limit(line, wrapLimit)
}

// PlainRoam is a roam that is over in plain text, for `ramble roams`: what
// moved and what it cost, and with steps the timeline.
func PlainRoam(r phone.Roam, steps bool) string {
	mark := map[phone.RoamPhase]string{phone.RoamDone: "ok    ", phone.RoamFailed: "FAILED", phone.RoamSuperseded: "moved "}[r.Phase]
	if r.Phase == phone.RoamDone && !words.Whole(r) {
		mark = "done  "
	}
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(clean.Limit(fmt.Sprintf(format, args...), wrapLimit) + "\n")
	}
	line("%s  %s  %s -> %s%s", r.Started.Format(plainSecond), mark, pathName(r.From), pathName(r.To), words.RoamAccounts(r))
	if len(r.Why) > 0 {
		line("    because: %s", words.Facts(r.Why))
	}
	if steps {
		for _, s := range r.Steps {
			took := ""
			if s.Duration > 0 {
				took = lasting(s.Duration)
			}
			line("    %8s %8s  %-4s %-8s  %s", "+"+lasting(s.Offset), took, either(s.OK, "ok", either(s.Name == phone.StepSign, "", "FAIL")), s.Name,
				strings.TrimSpace(either(len(r.Parts) > 1, s.Account, "")+" "+stepDetail(s)))
		}
	}
	if text := words.RoamEnd(r); text != "" {
		line("    %s", text)
	}
	return b.String()
}

const (
	plainMinute = "2006-01-02 15:04"
	plainSecond = time.DateTime
)
