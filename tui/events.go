package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// event is one line of the Events pane.
type event struct {
	at    time.Time
	role  role
	text  string
	again int          // how often it happened on end; 0: once
	roam  phone.RoamID // whose beginning it is; 0: it is none
}

// eventLog is what happened, oldest first. It remembers the calls as they
// were, because a notice carries the call after the change.
type eventLog struct {
	lines    []event
	calls    map[phone.CallID]phone.Call
	accounts map[string]phone.Account
	roaming  map[phone.RoamID]bool // those in progress
	roamed   string                // what the roam told last began with, which the network's change repeats
	cut      []phone.Call          // without a network, which was not told yet, as they were then
	cutAt    time.Time             // since when
}

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
		l.tellNetwork(n.At, what.Network)
	case phone.RoamChanged:
		if what.Step == nil {
			l.tellRoam(n.At, what.Roam)
		}
	case phone.MediaReport:
		if what.Final {
			l.add(n.At, faint, mediaLine(what.Media))
		}
	case phone.DigitHeard:
		l.add(n.At, plain, fmt.Sprintf("heard the tone %c", what.Digit))
	case phone.Said:
		l.add(n.At, levelRole(what.Level), words.Line(words.News(what.News)))
	case phone.Closed:
		l.add(n.At, plain, words.Closed(what))
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

// tellNetwork says what changed, unless a roam began with it and says so.
func (l *eventLog) tellNetwork(at time.Time, n phone.Network) {
	why := words.Facts(n.Why)
	if why != "" && n.Why[0].Kind != phone.FirstLook && why != l.roamed && len(l.roaming) == 0 {
		l.add(at, info, "network: "+why)
	}
	l.roamed = ""
}

// tellRoam writes one line when the network moved and one when all is whole
// again, or is not. What the accounts and the calls go through in between is
// the timeline's; an alarm is only what was lost.
func (l *eventLog) tellRoam(at time.Time, r phone.Roam) {
	if l.roaming == nil {
		l.roaming = map[phone.RoamID]bool{}
	}
	switch r.Phase {
	case phone.RoamStarted:
		began := l.roaming[r.ID]
		l.roaming[r.ID], l.roamed = true, words.Facts(r.Why)
		text := fmt.Sprintf("roam %d: %s", r.ID, words.Changed(r))
		if !began {
			l.add(at, either(r.To == "", busy, info), text)
			l.lines[len(l.lines)-1].roam = r.ID
		} else if i := l.beginning(r.ID); i >= 0 && len(r.Parts) > 1 {
			l.lines[i].text = text
		}
		return
	case phone.RoamDone:
		l.add(at, either(words.Whole(r), good, info), fmt.Sprintf("roam %d %s", r.ID, words.RoamEndWithin(r)))
	case phone.RoamFailed:
		l.add(at, bad, fmt.Sprintf("roam %d %s", r.ID, words.RoamEndWithin(r)))
	case phone.RoamSuperseded: // the next one says what moved
	}
	delete(l.roaming, r.ID)
}

// beginning is the line with which a roam began; -1 when it has scrolled away.
func (l *eventLog) beginning(id phone.RoamID) int {
	return slices.IndexFunc(l.lines, func(e event) bool { return e.roam == id })
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
	if a.Roaming && known {
		return // the roam tells how it ends; what it was before is remembered
	}
	if l.accounts == nil {
		l.accounts = map[string]phone.Account{}
	}
	l.accounts[a.Name] = a
	if a.State == phone.Registering {
		// Remember the state before, so that a quiet refresh stays quiet.
		if known && before.State == phone.Registered && !a.Trying.Since.IsZero() {
			l.add(at, busy, accountName(a)+": the server does not answer, it is asked again")
			return // what it says next is news
		}
		if known {
			a.State, a.Contact = before.State, before.Contact
			l.accounts[a.Name] = a
		}
		return
	}
	if known && before.State == a.State && before.Code == a.Code && (before.Contact == a.Contact || before.Source != a.Source) {
		return // where it moved with the network, the roam says so
	}
	name := accountName(a)
	why, hint := words.Registration(a)
	switch a.State {
	case phone.Registered:
		text := name + " registered for " + left(a.Expires)
		if a.Source.IsValid() {
			text += " from " + a.Source.String()
		}
		l.add(at, good, text)
	case phone.Unregistered:
		if known {
			l.add(at, plain, words.Line(name+" is not registered", why))
		}
	case phone.NoNetwork:
		l.add(at, busy, words.Line(name+" has no network", hint))
	case phone.RegistrationFailed:
		l.add(at, busy, words.Line(words.Line(name+" could not register", why), hint))
	case phone.RegistrationRefused:
		l.add(at, bad, words.Line(words.Line(name+" was refused", why), hint))
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
	if before.KeepUntil.IsZero() && !c.KeepUntil.IsZero() {
		if len(l.cut) == 0 {
			l.cutAt = at
		}
		l.cut = append(l.cut, c)
	}
}

// cutFor is how long there must be no network before it is worth a line: when
// another uplink takes over in the same moment nothing has to be kept.
const cutFor = time.Second

// tellCut says which calls are kept without a network, once that lasts.
func (l *eventLog) tellCut(now time.Time) {
	l.cut = slices.DeleteFunc(l.cut, func(c phone.Call) bool {
		is := l.calls[c.ID]
		return is.State == phone.Ended || is.KeepUntil.IsZero()
	})
	if len(l.cut) == 0 || now.Sub(l.cutAt) < cutFor {
		return
	}
	whom := "the call with " + who(l.cut[0]) + " is"
	if n := len(l.cut); n > 1 {
		whom = grouped(uint64(n)) + " calls are"
	}
	kept := words.Duration(l.cut[0].KeepUntil.Sub(l.cutAt).Round(time.Second))
	at, e := len(l.lines), event{at: l.cutAt, role: busy, text: "no network: " + whom + " kept for " + kept}
	for at > 0 && l.lines[at-1].at.After(e.at) {
		at--
	}
	l.lines, l.cut = slices.Insert(l.lines, at, e), nil
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
		return endRole(c), words.Line(endLine(c), words.End(c).Hint)
	}
	return plain, ""
}

// endLine says how a call ended, in one clause.
func endLine(c phone.Call) string {
	said := words.End(c)
	switch {
	case !c.Answered.IsZero():
		text := "the call with " + who(c) + " ended after " + clock(c.Ended.Sub(c.Answered))
		if said.Text != "" {
			text += ": " + said.Text
		}
		return text
	case c.Direction == phone.Incoming && said.Word == "missed":
		return said.Text
	case c.Direction == phone.Incoming:
		return "the call from " + who(c) + ": " + said.Text
	}
	return "the call to " + who(c) + ": " + said.Text
}

func endRole(c phone.Call) role {
	said := words.End(c)
	switch {
	case said.Bad:
		return bad
	case said.Word == "missed":
		return busy
	}
	return plain
}

// accountName is the account for people: the name that the configuration gives
// it, and its address where that says something else.
func accountName(a phone.Account) string {
	addr := words.Address(a.URI)
	if label := accountLabel(a); label != addr {
		return label + " (" + addr + ")"
	}
	return addr
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
	return fmt.Sprintf("%.1f%%", 100*m.Loss)
}
