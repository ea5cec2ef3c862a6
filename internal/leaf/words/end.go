package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// Ending is what is said of a call that is over.
type Ending struct {
	Word string // for a narrow column: "missed", "busy", "no answer"; empty where a call was simply over
	Text string // a clause without a full stop: "Bob hung up", "busy (486)"
	Hint string // what can be done, a sentence without a full stop; empty where there is nothing to do
	Next []string
	Bad  bool // something was lost, or did not work
}

// End puts the end of a call into words. It is the only table of its kind.
func End(c phone.Call) Ending {
	e := c.End
	who := Who(c)
	switch e.Cause {
	case phone.HungUp:
		return hungUp(c, who)
	case phone.Cancelled:
		return cancelled(c, who)
	case phone.Declined:
		return Ending{Word: "declined", Text: "you declined"}
	case phone.Rejected:
		return rejected(c)
	case phone.NotAnswered:
		return notAnswered(e)
	case phone.RangOut:
		return Ending{Word: "missed", Text: "missed: " + who + " called for " + whole(e.After)}
	case phone.Elsewhere:
		return Ending{Word: "elsewhere", Text: "answered on another phone"}
	case phone.CallerGone:
		return Ending{Word: "missed", Text: "missed: " + who + " stopped calling while the network changed"}
	case phone.Killed:
		c.Reason = "the phone was killed, or the machine went down"
		return unsaid(c)
	case phone.NoCause:
		return unsaid(c)
	default: // nobody asked for the others
		return lost(c)
	}
}

// Who is the other side of a call, for people.
func Who(c phone.Call) string {
	if c.Name != "" {
		return c.Name
	}
	return c.Peer
}

func hungUp(c phone.Call, who string) Ending {
	by := "you hung up"
	if c.End.By != phone.ByUs {
		by = who + " hung up"
	}
	return Ending{Text: by + quoted(c.End.Phrase)}
}

func cancelled(c phone.Call, who string) Ending {
	switch {
	case c.End.By == phone.ByUs:
		return Ending{Word: "cancelled", Text: "you cancelled"}
	case c.Direction == phone.Incoming:
		return Ending{Word: "missed", Text: "missed: " + who + " stopped calling" + quoted(c.End.Phrase)}
	}
	return Ending{Word: "cancelled", Text: "the call was cancelled before it was answered" + quoted(c.End.Phrase)}
}

// rejected is a call of ours that got a final answer other than 2xx.
func rejected(c phone.Call) Ending {
	e := c.End
	word, said := code("INVITE", e.Code)
	x := Ending{Word: word, Text: said.text, Hint: said.hint, Next: said.next, Bad: said.bad}
	if e.Code == 408 && rang(e.In) {
		x = Ending{Word: "no answer", Text: "nobody answered" + rangFor(e)}
	}
	x.Text += " " + Status(e.Code, e.Phrase)
	return x
}

// callRefused is said of what is in no table.
const callRefused = "the call was refused"

// toInvite is what a status says to who called.
// Long: one line for each status.
func toInvite(status int) (word string, m meaning) {
	redial := []string{"redial"}
	switch status {
	case 401, 407:
		return "no login", meaning{"the server wants a login that this account has no credentials for",
			"Check the account's user, password and domain", nil, true}
	case 403:
		return "forbidden", meaning{"the server knows us and will not do this",
			"The account may not call there, or has too many devices; some servers mean a wrong password", nil, true}
	case 404, 604:
		return "not found", meaning{"nobody has this address", "Check the address that was dialled", nil, true}
	case 408:
		return "not reached", meaning{"the other side was not reached", "The other phone may be off, or behind a dead path", redial, true}
	case 410:
		return "gone", meaning{"this address is no longer in use", "Ask for the new one", nil, true}
	case 415, 488, 606:
		return "no codec", meaning{"no codec or kind of encryption in common", "Allow more codecs in the configuration", nil, true}
	case 420, 421, 494:
		return "refused", meaning{"the other side wants an extension that this phone does not have, or the reverse", "", nil, true}
	case 480:
		return "unavailable", meaning{"the other phone is not registered, or not to be disturbed", "Try again later", redial, false}
	case 481:
		return "lost", meaning{"the other side no longer knows this call", "", redial, true}
	case 482, 483:
		return "loop", meaning{"the call goes round in circles between servers", "Tell the operator of the server", nil, true}
	case 484:
		return "incomplete", meaning{"the number is not complete", "Check the number that was dialled", nil, true}
	case 485:
		return "ambiguous", meaning{"more than one person has this address", "Dial a fuller address", nil, true}
	case 486, 600:
		return "busy", meaning{"busy", "Try again later", redial, false}
	case 487:
		return "cancelled", meaning{"the call was cancelled before it was answered", "", nil, false}
	case 491:
		return "crossed", meaning{"the other side called at the same moment", "Try again in a moment", redial, false}
	case 503:
		return "overloaded", meaning{"the server is overloaded, or its own line is down", "Try again in a moment", redial, true}
	case 504:
		return "not reached", meaning{"a server on the way got no answer", "Try again later", redial, true}
	case 603:
		return "declined", meaning{"declined", "", nil, false}
	case 607, 608:
		return "declined", meaning{"declined as unwanted", "", nil, false}
	}
	switch {
	case status >= 300 && status < 400:
		return "moved", meaning{"the call was redirected to another address", "", nil, true}
	case status >= 500 && status < 600:
		return "failed", meaning{"the server has a problem", "Try again later", redial, true}
	}
	return "refused", meaning{callRefused, "", nil, true}
}

func notAnswered(e phone.End) Ending {
	if rang(e.In) {
		return Ending{Word: "no answer", Text: "nobody answered" + rangFor(e)}
	}
	x := Ending{Word: "failed", Text: "the server does not answer", Bad: true}
	x.Hint = "Check the server's address, port and transport, and whether a firewall is in the way"
	return x
}

// lost is the rest: ends that nobody asked for.
func lost(c phone.Call) Ending {
	e := c.End
	x := Ending{Word: "lost", Bad: true}
	switch e.Cause {
	case phone.Unconfirmed:
		x.Text = "missed: " + Who(c) + " did not confirm that it heard the ringing"
		x.Word = "missed"
	case phone.NoACK:
		x.Text = "not connected: " + Who(c) + " did not confirm the answer (no ACK)"
		x.Hint = "The other side may not have received the answer; call back"
		x.Word, x.Next = "failed", []string{"redial"}
	case phone.LostToPeer:
		x.Text = noLongerKnown(e.Code)
		x.Hint, x.Next = "Call again to go on", []string{"redial"}
	case phone.NoPath:
		x.Text = "no network"
		if e.After > 0 {
			x.Text += " for " + whole(e.After)
		}
		x.Next = []string{"redial"}
	case phone.NoMedia:
		x.Text, x.Next = "no sound in either direction", []string{"redial"}
	case phone.Unusable:
		x.Text = "the media that the other side describes cannot be used" + because(Fault(e.Fault))
		x.Word = "failed"
	case phone.NoSocket:
		x.Text = "no media socket" + because(Fault(e.Fault))
		x.Word = "failed"
	case phone.Expired:
		x.Text, x.Next = "the other side fell silent: the session timer ran out", []string{"redial"}
	case phone.TransferDone:
		return Ending{Word: "transferred", Text: "transferred"}
	case phone.PhoneClosed:
		return Ending{Word: "closed", Text: "the phone was closed"}
	default: // RequestFailed; all others have words of their own
		return requestFailed(c, x)
	}
	x.Text, x.Hint = Bare(x.Text), Bare(x.Hint)
	return x
}

// requestFailed is a call for which a request of ours came to nothing, which a
// redirection is too.
func requestFailed(c phone.Call, x Ending) Ending {
	f := c.End.Fault
	text, hint := Trouble(f)
	x.Word, x.Text, x.Hint = "failed", or(Bare(text), "it failed"), Bare(or(hint, c.Hint))
	if f.Kind == phone.FaultRedirect {
		x.Word, x.Text = "moved", strings.TrimPrefix(x.Text, "The call was ")
	}
	return x
}

// unsaid is for entries of the history that hold no facts.
func unsaid(c phone.Call) Ending {
	x := Ending{Text: Bare(c.Reason), Hint: Bare(c.Hint), Bad: c.NeedsRedial}
	switch {
	case !c.Answered.IsZero():
	case c.Direction == phone.Incoming && (c.Code >= 600 || c.Reason == "declined"):
		x.Word = "declined"
	case c.Direction == phone.Incoming:
		x.Word = "missed"
	case c.Code > 0:
		x.Word, _ = code("INVITE", c.Code)
	default:
		x.Word = "failed"
	}
	return x
}

func rang(s phone.CallState) bool { return s == phone.Ringing || s == phone.Early }

// rangFor is how long it rang.
func rangFor(e phone.End) string {
	if e.After <= 0 {
		return ""
	}
	return ", it rang for " + whole(e.After)
}

// because adds what another room said.
func because(text string) string {
	if text = Bare(text); text == "" {
		return ""
	}
	return ": " + text
}

// quoted adds the other side's own words, marked as such.
func quoted(phrase string) string {
	if phrase == "" {
		return ""
	}
	return ", saying “" + phrase + "”"
}

// Bare is a clause without the full stop at its end, so that it can be put in
// front of another.
func Bare(text string) string { return strings.TrimRight(text, " .:;,") }

// Line is what happened and what to do about it in one line, with one mark
// between the two.
func Line(text, hint string) string {
	text, hint = Bare(text), Bare(hint)
	switch {
	case text == "" || hint == "":
		return text + hint
	case hint[0] >= 'A' && hint[0] <= 'Z':
		return text + ". " + hint
	}
	return text + ": " + hint
}

// noLongerKnown says that the peer let go of the dialog, and by which code.
func noLongerKnown(code int) string {
	if code == 603 {
		return "the other side has ended the call (603)"
	}
	return fmt.Sprintf("the other side no longer knows the call (%d)", code)
}
