package words

import (
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// TestTheWaysInWhichACallEnds is the table of ends: who, in which state, by
// which code, and what is said of it.
func TestTheWaysInWhichACallEnds(t *testing.T) {
	out := func(in phone.CallState, e phone.End) phone.Call {
		e.In = in
		return phone.Call{ID: 1, Direction: phone.Outgoing, Whom: phone.Whom{Peer: "sip:bob@example.com", Name: "Bob"}, State: phone.Ended, Outcome: phone.Outcome{Code: e.Code, End: e}}
	}
	in := func(state phone.CallState, e phone.End) phone.Call {
		c := out(state, e)
		c.Direction = phone.Incoming
		return c
	}
	const s = time.Second
	for name, x := range map[string]struct {
		call phone.Call
		word string
		text string
		bad  bool
	}{
		"we hang up":                    {out(phone.Up, phone.End{By: phone.ByUs, Cause: phone.HungUp}), "", "you hung up", false},
		"the peer hangs up":             {out(phone.Up, phone.End{By: phone.ByPeer, Cause: phone.HungUp, Code: 200}), "", "Bob hung up", false},
		"the peer hangs up, with words": {in(phone.Up, phone.End{By: phone.ByPeer, Cause: phone.HungUp, Code: 200, Phrase: "lunch"}), "", "Bob hung up, saying “lunch”", false},
		"we cancel while it rings":      {out(phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.Cancelled}), "cancelled", "you cancelled", false},
		"the caller cancels":            {in(phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Cancelled, Code: 487}), "missed", "missed: Bob stopped calling", false},
		"answered elsewhere":            {in(phone.Ringing, phone.End{By: phone.ByServer, Cause: phone.Elsewhere, Code: 200}), "elsewhere", "answered on another phone", false},
		"we decline":                    {in(phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.Declined, Code: 603}), "declined", "you declined", false},
		"we decline as busy":            {in(phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.Declined, Code: 486}), "declined", "you declined", false},
		"it rings out here":             {in(phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.RangOut, Code: 487, After: 240 * s}), "missed", "missed: Bob called for 4 min", false},
		"it rang, then 408":             {out(phone.Ringing, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 408, After: 20 * s}), "no answer", "nobody answered, it rang for 20 s (408)", false},
		"it never rang, then 408":       {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 408}), "not reached", "the other side was not reached (408)", true},
		"it rang until we gave up":      {out(phone.Ringing, phone.End{By: phone.ByNetwork, Cause: phone.NotAnswered, After: 180 * s}), "no answer", "nobody answered, it rang for 3 min", false},
		"no answer from the server":     {out(phone.Dialing, phone.End{By: phone.ByNetwork, Cause: phone.NotAnswered}), "failed", "the server does not answer", true},
		"busy":                          {out(phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 486, Phrase: "Busy Here"}), "busy", "busy (486)", false},
		"busy, in its own words":        {out(phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 486, Phrase: "Out of office"}), "busy", "busy (486 Out of office)", false},
		"declined there":                {out(phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 603, Phrase: "Decline"}), "declined", "declined (603)", false},
		"not found":                     {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 404, Phrase: "Not Found"}), "not found", "nobody has this address (404)", true},
		"unavailable":                   {out(phone.Trying, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 480}), "unavailable", "the other phone is not registered, or not to be disturbed (480)", false},
		"no codec in common":            {out(phone.Trying, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 488}), "no codec", "no codec or kind of encryption in common (488)", true},
		"a status of no table":          {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 499, Phrase: "Odd"}), "refused", "the call was refused (499 Odd)", true},
		"a server in trouble":           {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 500, Phrase: "Oops"}), "failed", "the server has a problem (500 Oops)", true},
		"lost to the peer":              {out(phone.Up, phone.End{By: phone.ByPeer, Cause: phone.LostToPeer, Code: 481}), "lost", "the other side no longer knows the call (481)", true},
		"the grace time is over":        {out(phone.Up, phone.End{By: phone.ByNetwork, Cause: phone.NoPath, After: 45 * s}), "lost", "no network for 45 s", true},
		"no ACK":                        {in(phone.Ringing, phone.End{By: phone.ByNetwork, Cause: phone.NoACK}), "failed", "not connected: Bob did not confirm the answer (no ACK)", true},
		"a redirected call": {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.RequestFailed, Code: 302,
			Fault: phone.Fault{Kind: phone.FaultRedirect, Method: "INVITE", Code: 302, Name: "sip:bob@new.test"}}), "moved", "redirected (302) to bob@new.test", true},
		"an error of another room": {out(phone.Trying, phone.End{By: phone.ByServer, Cause: phone.RequestFailed, Fault: phone.Fault{Kind: phone.FaultLocal, Text: "The certificate has expired."}}), "failed", "The certificate has expired", true},
		"the phone is closed":      {out(phone.Up, phone.End{By: phone.ByUs, Cause: phone.PhoneClosed}), "closed", "the phone was closed", false},
	} {
		got := End(x.call)
		if got.Word != x.word || got.Text != x.text || got.Bad != x.bad {
			t.Errorf("%s: %q, %q, bad %v; want %q, %q, %v", name, got.Word, got.Text, got.Bad, x.word, x.text, x.bad)
		}
	}
}

// TestEveryCauseHasWords: a cause that is added without words would show as an
// empty line.
func TestEveryCauseHasWords(t *testing.T) {
	for cause := phone.HungUp; cause <= phone.RequestFailed; cause++ {
		for _, direction := range []phone.Direction{phone.Outgoing, phone.Incoming} {
			c := phone.Call{Direction: direction, Whom: phone.Whom{Peer: "sip:bob@example.com"}, Times: phone.Times{Started: noon, Ended: noon}, Outcome: phone.Outcome{End: phone.End{Cause: cause, Code: 500}}}
			if said := End(c); said.Text == "" || said.Word == "" && cause != phone.HungUp {
				t.Errorf("%v, %v: %+v", cause, direction, said)
			}
		}
	}
}

// TestOldHistoryKeepsItsWords: entries from before the facts were kept.
func TestOldHistoryKeepsItsWords(t *testing.T) {
	c := phone.Call{Direction: phone.Outgoing, Whom: phone.Whom{Peer: "sip:bob@example.com"}, Outcome: phone.Outcome{Code: 486, Reason: "486: busy", Hint: "Try again later."}}
	if got := End(c); got.Word != "busy" || got.Text != "486: busy" || got.Hint != "Try again later" {
		t.Errorf("%+v", got)
	}
}

func TestDurationsAreSpokenAsAPersonSaysThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "0 ms",
		84 * time.Millisecond:   "84 ms",
		1314 * time.Millisecond: "1.31 s",
		45 * time.Second:        "45 s",
		2 * time.Minute:         "2 min",
		125 * time.Second:       "2 min 5 s",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
