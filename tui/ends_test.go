package tui

import (
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

// ends are twelve calls, one for each way in which a call can end.
func ends() (list []phone.Call) {
	add := func(name string, way phone.Direction, in phone.CallState, e phone.End) {
		c := bob()
		at := noon.Add(time.Duration(len(list)-12) * time.Minute)
		c.ID, c.Name, c.Direction, c.Held, c.Muted = phone.CallID(len(list)+1), name, way, phone.HeldByNone, false
		c.Peer = "sip:" + map[bool]string{true: "bob", false: "carol"}[len(list)%2 == 0] + "@example.com"
		c.State, c.Started, c.Answered, c.Ended, c.Code = phone.Ended, at, time.Time{}, at.Add(20*time.Second), e.Code
		if e.In = in; in == phone.Up {
			c.Answered = at.Add(4 * time.Second)
		}
		c.End = e
		list = append(list, c)
	}
	const out, in, s = phone.Outgoing, phone.Incoming, time.Second
	add("Bob Example", out, phone.Up, phone.End{By: phone.ByUs, Cause: phone.HungUp})
	add("Carol Example", in, phone.Up, phone.End{By: phone.ByPeer, Cause: phone.HungUp, Code: 200})
	add("Bob Example", out, phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.Cancelled})
	add("Carol Example", in, phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Cancelled, Code: 487})
	add("Bob Example", in, phone.Ringing, phone.End{By: phone.ByServer, Cause: phone.Elsewhere, Code: 200})
	add("Carol Example", in, phone.Ringing, phone.End{By: phone.ByUs, Cause: phone.Declined, Code: 603})
	add("Bob Example", out, phone.Ringing, phone.End{By: phone.ByPeer, Cause: phone.Rejected, Code: 486, Phrase: "Busy Here"})
	add("Carol Example", out, phone.Ringing, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 408, After: 20 * s})
	add("", out, phone.Trying, phone.End{By: phone.ByServer, Cause: phone.Rejected, Code: 404, Phrase: "Not Found"})
	add("Carol Example", out, phone.Trying, phone.End{By: phone.ByServer, Cause: phone.RequestFailed, Code: 302,
		Fault: phone.Fault{Kind: phone.FaultRedirect, Method: "INVITE", Code: 302, Name: "sip:carol@new.example.com"}})
	add("Bob Example", out, phone.Up, phone.End{By: phone.ByNetwork, Cause: phone.NoPath, After: 45 * s})
	add("Carol Example", out, phone.Up, phone.End{By: phone.ByPeer, Cause: phone.LostToPeer, Code: 481})
	return list
}

// showEnds lets the twelve calls end one after the other.
func showEnds(d *hand) {
	s := idle()
	for _, c := range ends() {
		before := c
		before.State, before.Ended, before.End, before.Code = c.End.In, time.Time{}, phone.End{}, 0
		s.Calls = append(s.Calls, c)
		d.show(s, phone.Notice{At: c.Started, What: phone.CallChanged{Call: before}}, phone.Notice{At: c.Ended, What: phone.CallChanged{Call: c}})
	}
	d.press("esc")
}

// TestEventsSayEachEndInItsOwnWords: no two ways to end read alike.
func TestEventsSayEachEndInItsOwnWords(t *testing.T) {
	d := newHand(t, 120, 36, nil)
	showEnds(d)
	said := map[string]bool{}
	for _, l := range d.m.events.lines {
		said[l.text] = true
	}
	if len(said) < len(ends()) {
		t.Errorf("%d calls ended, and Events has %d different lines", len(ends()), len(said))
	}
}
