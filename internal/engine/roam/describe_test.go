package roam

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// Describe is an action as one line of a transcript; moments count from zero.
// Lines of the timeline begin with a bar.
func Describe(a Action, zero time.Time) string {
	switch a := a.(type) {
	case Open:
		return fmt.Sprintf("open %d on %s", a.Epoch, a.Path)
	case Keep:
		return fmt.Sprintf("keep the stack of %d for %d", a.Of, a.Epoch)
	case Close:
		return fmt.Sprintf("close %d: %s", a.Epoch, words.Fact(a.Why))
	case Register:
		text := fmt.Sprintf("register %d", a.Epoch)
		switch {
		case a.OldFirst:
			text += ", removing the old binding first"
		case a.RemoveOld:
			text += ", removing the old binding"
		}
		return text
	case Unregister:
		return fmt.Sprintf("unregister %d", a.Epoch)
	case Probe:
		return fmt.Sprintf("probe %d, call %d is silent", a.Epoch, a.Call)
	case Announce:
		if !a.At.IsValid() {
			return fmt.Sprintf("announce %d: its own address", a.Epoch)
		}
		return fmt.Sprintf("announce %d: %s", a.Epoch, a.At)
	case EndCall:
		if a.After == 0 {
			return fmt.Sprintf("end call %d: no network", a.Call)
		}
		return fmt.Sprintf("end call %d: no network for %s", a.Call, words.Duration(a.After))
	case LoseCall:
		return fmt.Sprintf("lose call %d: %d", a.Call, a.Code)
	case KeepCalls:
		return "keep calls until " + moment(a.Until, zero)
	case MoveMedia, SwitchMedia, Repair, AskCaller:
		return describeCall(a)
	default:
		return describeRoam(a, zero)
	}
}

// describeCall is for the actions that repair one call.
func describeCall(a Action) string {
	switch a := a.(type) {
	case MoveMedia:
		when := "after the 2xx"
		if a.Switch {
			when = "at once"
		}
		return fmt.Sprintf("move media %d of call %d to %s, sending %s", a.Epoch, a.Call, a.Path, when)
	case AskCaller:
		return fmt.Sprintf("ask the caller %d of call %d", a.Epoch, a.Call)
	case SwitchMedia:
		return fmt.Sprintf("switch media %d of call %d", a.Epoch, a.Call)
	case Repair:
		return fmt.Sprintf("repair %d call %d: %s, attempt %d", a.Epoch, a.Call, a.How, a.Attempt)
	default:
		return fmt.Sprintf("%#v", a)
	}
}

// describeRoam is for the actions that write the timeline.
func describeRoam(a Action, zero time.Time) string {
	switch a := a.(type) {
	case Began:
		text := fmt.Sprintf("began %d: %s -> %s, first sign %s", a.Epoch, a.From, a.To, moment(a.At, zero))
		if a.Call != 0 {
			text += fmt.Sprintf(", call %d alone", a.Call)
		}
		return text
	case Routed:
		return fmt.Sprintf("routed %d: %s", a.Epoch, a.To)
	case Stepped:
		mark := "✗"
		switch {
		case a.Running:
			mark = "◐"
		case a.OK:
			mark = "✓"
		}
		text := fmt.Sprintf("| +%s %s %s", brief(a.Offset), mark, a.Name)
		if a.Call != 0 {
			text += fmt.Sprintf(" of call %d", a.Call)
		}
		if a.Duration != 0 {
			text += " took " + brief(a.Duration)
		}
		return text + ": " + words.Facts(a.Facts)
	case Finished:
		text := fmt.Sprintf("finished %d: %s after %s", a.Epoch, a.How, brief(a.Total))
		for _, g := range a.Calls {
			if g.Measured {
				text += fmt.Sprintf("; call %d gap in %s out %s lost %d", g.Call, brief(g.GapIn), brief(g.GapOut), g.LostIn)
			} else {
				text += fmt.Sprintf("; call %d not measured", g.Call)
			}
		}
		for _, f := range a.Failures {
			text += "; "
			if f.Call != 0 {
				text += fmt.Sprintf("call %d: ", f.Call)
			}
			text += words.Fact(f)
		}
		if len(a.HungUp) > 0 {
			text += fmt.Sprintf("; hung up before whole: %v", a.HungUp)
		}
		return text
	default:
		return fmt.Sprintf("%#v", a)
	}
}

// DescribeEvent is an event as it stands in a transcript; moments count from
// zero.
func DescribeEvent(e Event, zero time.Time) string {
	switch e := e.(type) {
	case PathChanged:
		return "path " + pathWords(e.Path) + changeWords(e.OldAlive, e.Since, zero, e.Why)
	case MediaPathChanged:
		return fmt.Sprintf("media-path call %d %s", e.Call, pathWords(e.Path)) + changeWords(e.OldAlive, e.Since, zero, e.Why)
	case Forced:
		return "force " + e.What.String()
	case WantRegistration:
		if e.On {
			return "want registration"
		}
		return "want no registration"
	case Opened:
		return fmt.Sprintf("opened %d", e.Epoch) + addressWord(" local=", e.Local) + quoted(e.Detail)
	case OpenFailed:
		return fmt.Sprintf("open-failed %d ", e.Epoch) + failureWords(e.Failure)
	case StackLost:
		return fmt.Sprintf("stack-lost %d", e.Epoch) + quoted(e.Why[0].Text)
	case Registered:
		text := fmt.Sprintf("registered %d", e.Epoch)
		if e.RefreshIn != 0 {
			text += " refresh=" + brief(e.RefreshIn)
		}
		text += addressWord(" seen=", e.Seen)
		if e.Outbound {
			text += " outbound"
		}
		if e.Missing {
			text += " missing"
		}
		if e.Stale {
			text += " stale"
		}
		return text + quoted(e.Detail)
	case RegisterFailed:
		return fmt.Sprintf("register-failed %d ", e.Epoch) + failureWords(e.Failure)
	case ProbeAnswered:
		return fmt.Sprintf("probe-answered %d", e.Epoch) + quoted(e.Detail)
	case ProbeFailed:
		return fmt.Sprintf("probe-failed %d ", e.Epoch) + failureWords(e.Failure)
	case Unregistered:
		return fmt.Sprintf("unregistered %d", e.Epoch)
	case UnregisterFailed:
		return fmt.Sprintf("unregister-failed %d ", e.Epoch) + failureWords(e.Failure)
	case Mapped:
		return fmt.Sprintf("mapped %d %s %s", e.Epoch, [...]string{"server", "stun"}[e.By], addressWord("", e.At))
	case Tick:
		return "tick"
	default:
		return describeCallEvent(e)
	}
}

// describeCallEvent is for the events about one call.
func describeCallEvent(e Event) string {
	switch e := e.(type) {
	case CallAdded:
		return "call-added " + callWords(e.Call)
	case CallChanged:
		return "call-changed " + callWords(e.Call)
	case CallGone:
		return fmt.Sprintf("call-gone %d", e.ID)
	case MediaMapped:
		return fmt.Sprintf("media-mapped call %d", e.Call) + addressWord(" from=", e.From) + addressWord(" to=", e.To)
	case MediaMoved:
		return fmt.Sprintf("media-moved %d call %d", e.Epoch, e.Call) + quoted(e.Detail)
	case MediaMoveFailed:
		return fmt.Sprintf("media-move-failed %d call %d ", e.Epoch, e.Call) + failureWords(e.Failure)
	case Repaired:
		return fmt.Sprintf("repaired %d call %d", e.Epoch, e.Call) + quoted(e.Detail)
	case RepairFailed:
		return fmt.Sprintf("repair-failed %d call %d ", e.Epoch, e.Call) + failureWords(e.Failure)
	case AudioStopped:
		return fmt.Sprintf("audio-stopped call %d for=%s", e.Call, brief(e.For))
	case AudioBack:
		return fmt.Sprintf("audio-back call %d", e.Call)
	case Heard:
		return fmt.Sprintf("heard %d call %d in=%s out=%s lost=%d", e.Epoch, e.Call, brief(e.GapIn), brief(e.GapOut), e.LostIn)
	default:
		return fmt.Sprintf("%#v", e)
	}
}

func callWords(c Call) string {
	text := strconv.Itoa(int(c.ID)) + " " + c.State.String()
	if c.AudioDue {
		text += " audio"
	}
	if c.OwnsCallID {
		text += " owner"
	}
	for _, f := range []struct {
		on   bool
		word string
	}{{c.OfferLost, " lost"}, {c.Early, " early"}, {c.Replaceable, " replaceable"}} {
		if f.on {
			text += f.word
		}
	}
	if c.Epoch != 0 {
		text += fmt.Sprintf(" epoch=%d", c.Epoch)
	}
	return text
}

func pathWords(p Path) string {
	if !p.Valid() {
		return "none"
	}
	text := p.String()
	if p.Index != 0 {
		text += fmt.Sprintf(" index=%d", p.Index)
	}
	if p.NextHop.IsValid() {
		text += " via=" + p.NextHop.String()
	}
	if p.NextHopLink != "" {
		text += " link=" + p.NextHopLink
	}
	if p.Lost != 0 {
		text += fmt.Sprintf(" lost=%d", p.Lost)
	}
	return text
}

func changeWords(alive bool, since, zero time.Time, why []phone.Fact) string {
	var text strings.Builder
	if alive {
		text.WriteString(" old-alive")
	}
	if !since.IsZero() {
		text.WriteString(" since=" + moment(since, zero))
	}
	for _, r := range why {
		text.WriteString(quoted(r.Text))
	}
	return text.String()
}

func failureWords(f Failure) string {
	text := [...]string{"answered", "refused", "timeout", "transport", "unreachable", "cancelled"}[f.Kind]
	if f.Kind == Answered {
		text = strconv.Itoa(f.Code)
	}
	if f.RetryAfter != 0 {
		text += " retry-after=" + brief(f.RetryAfter)
	}
	return text + quoted(f.Fault.Text+f.Fault.Phrase)
}

// addressWord is an address with a prefix, or nothing.
func addressWord(prefix string, at netip.AddrPort) string {
	if at == (netip.AddrPort{}) {
		return ""
	}
	return prefix + at.String()
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return " " + strconv.Quote(text)
}

func moment(t, zero time.Time) string { return "+" + brief(t.Sub(zero)) }

// brief is a duration without the zeros that Duration.String adds.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
