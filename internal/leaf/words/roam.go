package words

import (
	"fmt"
	"slices"
	"strings"

	"ramble/internal/leaf/phone"
)

// Reasons are why a roam began, or what the watcher of the network saw, each
// as a clause.
func Reasons(why []phone.Fact) (list []string) {
	for _, f := range why {
		list = append(list, Fact(f))
	}
	return list
}

// Step is what a step of a roam tells.
func Step(s phone.RoamStep) string { return Facts(s.Facts) }

// RoamFailure is why a roam failed and what follows by itself, as one or more
// sentences without the last full stop; empty unless it failed. What the user
// can do is in Next.
func RoamFailure(r phone.Roam) string {
	if r.Phase != phone.RoamFailed {
		return ""
	}
	if len(r.Parts) < 2 {
		return failures(r, r.Failures)
	}
	var all []string
	for _, p := range r.Parts {
		if text := failures(r, p.Failures); text != "" {
			all = append(all, p.Account+": "+text)
		}
	}
	return strings.Join(all, ". ")
}

func failures(r phone.Roam, list []phone.Fact) string {
	kept := "; the call is kept"
	if slices.ContainsFunc(list, func(f phone.Fact) bool { return f.Kind == phone.RegisteredAgain }) {
		kept = "; registered again, the call is kept"
	}
	var all []string
	for _, f := range list {
		text := Fact(f)
		switch f.Kind {
		case phone.RegisteredAgain:
			continue
		case phone.CallLost:
			text = noLongerKnown(f.Fault.Code)
		case phone.CallGivenUp, phone.CallBlocked, phone.CallNoAnswer, phone.CallNoAudio, phone.CallNoSocket:
			text += kept
		default: // Fact says it all
		}
		switch one := len(r.Calls) == 1; {
		case f.Kind == phone.CallEnded && one:
			text = "the call " + text
		case f.Kind == phone.CallEnded:
			text = theCall(r, f.Call) + " " + text
		case f.Call != 0 && !one:
			text = CallIn(r, f.Call) + ": " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, ". ")
}

// theCall is a call of a roam as the subject of a sentence.
func theCall(r phone.Roam, id phone.CallID) string {
	whose := CallIn(r, id)
	if strings.HasPrefix(whose, "call ") {
		return whose
	}
	return "the call with " + whose
}

// CallIn is a call of a roam, for people.
func CallIn(r phone.Roam, id phone.CallID) string {
	for _, c := range r.Calls {
		if c.Call == id && c.Name+c.Peer != "" {
			return CostOf(c)
		}
	}
	return fmt.Sprintf("call %d", id)
}

// CostOf is whose call it is.
func CostOf(c phone.RoamCall) string {
	if c.Name == "" && c.Peer == "" {
		return fmt.Sprintf("call %d", c.Call)
	}
	return Who(phone.Call{Whom: phone.Whom{Name: c.Name, Peer: Address(c.Peer)}})
}

// Address is a URI without its scheme, as people say it.
func Address(uri string) string {
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if rest, ok := strings.CutPrefix(uri, scheme); ok {
			return rest
		}
	}
	return uri
}

// Whole says that a roam ended well for at least one call, or had none: where
// the only call was hung up midway nothing was proven, see Unproven.
func Whole(r phone.Roam) bool {
	if r.Phase != phone.RoamDone {
		return false
	}
	hungUp := 0
	for _, c := range r.Calls {
		if c.HungUp {
			hungUp++
		}
	}
	return hungUp == 0 || hungUp < len(r.Calls)
}

// Changed is what made a roam begin, for a line among the events.
func Changed(r phone.Roam) string { return or(Facts(r.Why), "the network changed") + accounts(r) }

// accounts names those of a roam that has several.
func accounts(r phone.Roam) string {
	if len(r.Parts) < 2 {
		return ""
	}
	return RoamAccounts(r)
}

// RoamAccounts names the accounts that a roam moved, in brackets.
func RoamAccounts(r phone.Roam) string {
	var all []string
	for _, p := range r.Parts {
		all = append(all, p.Account)
	}
	if len(all) == 0 && r.Account != "" {
		all = []string{r.Account}
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

// RoamEnd is how a roam ended, in one sentence; empty while it is in progress.
func RoamEnd(r phone.Roam) string {
	switch r.Phase {
	case phone.RoamDone:
		text := Recovered(r)
		for _, c := range r.Calls {
			text += "; "
			if len(r.Calls) > 1 {
				text += CostOf(c) + ": "
			}
			text += Cost(c)
		}
		return text
	case phone.RoamFailed:
		return Line(RoamFailed(r), opening(RoamFailure(r)))
	case phone.RoamSuperseded:
		return "the network moved again after " + Duration(r.Total)
	default: // it is in progress
		return ""
	}
}

// RoamEndWithin is RoamEnd as it stands behind "roam 3".
func RoamEndWithin(r phone.Roam) string {
	text := RoamEnd(r)
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// opening is text fit to begin a sentence, where it holds a colon and would be
// the second clause of one otherwise.
func opening(text string) string {
	if !strings.Contains(text, ": ") || strings.HasPrefix(text, "re-") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Recovered is that a roam ended well, and after what time; where nothing was
// proven, that it ended.
func Recovered(r phone.Roam) string {
	if !Whole(r) {
		return "Done after " + Duration(r.Total)
	}
	return "Recovered in " + Duration(r.Total)
}

// RoamFailed is where a roam failed, and after how long.
func RoamFailed(r phone.Roam) string {
	text := "Failed"
	if r.FailedStep != "" {
		text += " at " + string(r.FailedStep)
	}
	return text + " after " + Duration(r.Total)
}

// Cost is what a roam cost one call.
func Cost(c phone.RoamCall) string {
	switch {
	case c.HungUp:
		return "hung up before it was whole"
	case !c.Measured:
		return "no audio was due"
	}
	return Gap(c)
}
