package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
)

// event is one line of the Events pane.
type event struct {
	at    time.Time
	role  role
	text  string
	again int // how often it happened on end; 0: once
}

// eventLog is what happened, oldest first. It remembers the calls as they
// were, because a notice carries the call after the change.
type eventLog struct {
	lines    []event
	calls    map[phone.CallID]phone.Call
	accounts map[string]phone.Account
	roamed   string // the reasons of a roam just told, which the network's change repeats
}

// firstLook is the reason of the first change, which is none: the network was
// looked at for the first time.
const firstLook = "first look"

func (l *eventLog) add(at time.Time, r role, text string) {
	if text == "" {
		return
	}
	if n := len(l.lines); n > 0 && l.lines[n-1].text == text {
		l.lines[n-1].again++
		l.lines[n-1].at = at
		return
	}
	l.lines = append(l.lines, event{at: at, role: r, text: text})
	if len(l.lines) > eventsKept {
		l.lines = slices.Delete(l.lines, 0, len(l.lines)-eventsKept)
	}
}

// tell adds what a notice says.
func (l *eventLog) tell(n phone.Notice) {
	switch what := n.What.(type) {
	case phone.Ready:
		l.add(n.At, plain, readyLine(what))
	case phone.RegistrationChanged:
		l.tellAccount(n.At, what.Account)
	case phone.CallChanged:
		l.tellCall(n.At, what.Call)
	case phone.NetworkChanged:
		why := strings.Join(what.Network.Reasons, ", ")
		if why != "" && why != firstLook && why != l.roamed {
			l.add(n.At, info, "network: "+why)
		}
		l.roamed = ""
	case phone.RoamChanged:
		if what.Step == nil {
			l.add(n.At, roamRole(what.Roam), roamLine(what.Roam))
			if what.Roam.Phase == phone.RoamStarted {
				l.roamed = strings.Join(what.Roam.Reasons, ", ")
			}
		}
	case phone.MediaReport:
		if what.Final {
			l.add(n.At, faint, mediaLine(what.Media))
		}
	case phone.DigitHeard:
		l.add(n.At, plain, fmt.Sprintf("heard the tone %c", what.Digit))
	case phone.Said:
		l.add(n.At, levelRole(what.Level), joined(what.Text, what.Hint))
	case phone.Closed:
		l.add(n.At, plain, joined("stopped", what.Reason))
	}
}

func levelRole(l phone.Level) role {
	switch l {
	case phone.Warn:
		return busy
	case phone.Failure:
		return bad
	}
	return plain
}

func joined(text, hint string) string {
	if hint == "" || text == "" {
		return text + hint
	}
	return text + ": " + hint
}

func readyLine(r phone.Ready) string {
	var on []string
	for _, transport := range slices.Sorted(maps.Keys(r.Listen)) {
		on = append(on, fmt.Sprintf("%s %v", transport, r.Listen[transport]))
	}
	text := "ready with " + counted(uint64(len(r.Accounts)), "account")
	if len(on) > 0 {
		text += ", listening on " + strings.Join(on, ", ")
	}
	return text
}

// tellAccount says what changed at an account. A registration under way is not
// worth a line: the header shows it, and its outcome follows.
func (l *eventLog) tellAccount(at time.Time, a phone.Account) {
	before, known := l.accounts[a.Name]
	if l.accounts == nil {
		l.accounts = map[string]phone.Account{}
	}
	l.accounts[a.Name] = a
	if a.State == phone.Registering {
		// Remember the state before, so that a quiet refresh stays quiet.
		if known {
			a.State, a.Contact = before.State, before.Contact
			l.accounts[a.Name] = a
		}
		return
	}
	if known && before.State == a.State && before.Contact == a.Contact && before.Code == a.Code {
		return
	}
	name := address(a.URI)
	switch a.State {
	case phone.Registered:
		text := name + " registered for " + left(a.Expires)
		if a.Source.IsValid() {
			text += " from " + a.Source.String()
		}
		l.add(at, good, text)
	case phone.Unregistered:
		if known {
			l.add(at, plain, joined(name+" is not registered", a.Reason))
		}
	case phone.NoNetwork:
		l.add(at, busy, joined(name+" has no network", a.Hint))
	case phone.RegistrationFailed:
		l.add(at, busy, joined(joined(name+" could not register", status(a.Code, a.Reason)), a.Hint))
	case phone.RegistrationRefused:
		l.add(at, bad, joined(joined(name+" was refused", status(a.Code, a.Reason)), a.Hint))
	}
}

// tellCall says what changed at a call.
func (l *eventLog) tellCall(at time.Time, c phone.Call) {
	before, known := l.calls[c.ID]
	if l.calls == nil {
		l.calls = map[phone.CallID]phone.Call{}
	}
	l.calls[c.ID] = c
	delete(l.calls, c.ID-recentKept) // numbers only grow
	name := who(c)
	if !known || before.State != c.State {
		r, text := callLine(c)
		l.add(at, r, text)
	}
	if c.State == phone.Ended || !known {
		return
	}
	if before.Held != c.Held {
		l.add(at, plain, name+" "+holdLine(c.Held))
	}
	if before.Muted != c.Muted {
		l.add(at, plain, either(c.Muted, "microphone muted", "microphone on again"))
	}
	if before.Recovering != c.Recovering {
		l.add(at, either(c.Recovering, busy, good), either(c.Recovering, "recovering the call with "+name, "the call with "+name+" goes on"))
	}
	if before.KeepUntil.IsZero() && !c.KeepUntil.IsZero() {
		l.add(at, busy, fmt.Sprintf("no network: the call with %s is kept for %s", name, ago(c.KeepUntil.Sub(at))))
	}
	if !before.NeedsRedial && c.NeedsRedial {
		l.add(at, bad, joined(name+" lost the call", c.Hint))
	}
}

func callLine(c phone.Call) (role, string) {
	name := who(c)
	switch c.State {
	case phone.Dialing:
		return plain, "calling " + name
	case phone.Ringing:
		return plain, either(c.Direction == phone.Incoming, name+" is calling", "ringing at "+name)
	case phone.Early:
		return plain, "early audio from " + name
	case phone.Up:
		text := either(c.Direction == phone.Incoming, "answered "+name, name+" answered")
		if d := c.Answered.Sub(c.Started); !c.Answered.IsZero() && d > 0 {
			text += " after " + ago(d)
		}
		if c.Codec != "" {
			text += ", " + codec(c.Codec)
		}
		return good, text
	case phone.Ended:
		return endRole(c), "the call with " + name + " " + endLine(c)
	}
	return plain, ""
}

// endLine says how a call ended, to follow its name.
func endLine(c phone.Call) string {
	why := status(c.Code, c.Reason)
	switch {
	case !c.Answered.IsZero():
		text := "ended after " + clock(c.Ended.Sub(c.Answered))
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		return text
	case c.Direction == phone.Incoming:
		return joined("was missed", why)
	}
	return joined("failed", why)
}

func endRole(c phone.Call) role {
	if c.Answered.IsZero() && c.Hint != "" {
		return bad
	}
	return plain
}

// status is "403 Forbidden", or what there is of it.
func status(code int, reason string) string {
	switch {
	case code == 0 || strings.HasPrefix(reason, fmt.Sprint(code)):
		return reason
	case reason == "":
		return fmt.Sprint(code)
	}
	return fmt.Sprintf("%d %s", code, reason)
}

func holdLine(h phone.Hold) string {
	switch h {
	case phone.HeldLocal:
		return "is on hold"
	case phone.HeldRemote:
		return "put you on hold"
	case phone.HeldBoth:
		return "and you hold each other"
	}
	return "is back from hold"
}

func mediaLine(m phone.Media) string {
	text := fmt.Sprintf("sound: %s out, %s in, %s lost", grouped(m.TxPackets), counted(m.RxPackets, "packet"), percent(m))
	if m.MOS > 0 {
		text += fmt.Sprintf(", MOS %.1f", m.MOS)
	}
	return text
}

// percent is the share of packets that never arrived.
func percent(m phone.Media) string {
	due := m.RxPackets + m.Lost
	if due == 0 {
		return "0.0%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(m.Lost)/float64(due))
}
