package dialog

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"ramble/sip/sdp"
)

var seeds = flag.Int("walks", 1000, "how many random walks")

// TestWalksKeepTheLaws plays calls between two machines over a network that
// loses, delays, reorders and doubles, with moves, holds and hang-ups at any
// moment, and checks the laws of a dialog in each.
func TestWalksKeepTheLaws(t *testing.T) {
	for seed := range uint64(*seeds) {
		w := walk(t, seed)
		if len(w.bad) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, strings.Join(w.bad, "; "), w.log.String())
		}
		if seed%100 == 0 { // law 9
			if again := walk(t, seed); again.log.String() != w.log.String() {
				t.Fatalf("seed %d plays otherwise the second time", seed)
			}
		}
	}
}

func brief(x any) string {
	switch x := x.(type) {
	case Request:
		return fmt.Sprintf("%s %d #%d from %s (%d bytes)", x.Method, x.Seq, x.ID, x.Contact.URI, len(x.Body))
	case Response:
		return fmt.Sprintf("%d to #%d, %d (%d bytes)", x.Code, x.To, x.Seq, len(x.Body))
	case Send:
		return fmt.Sprintf("%s %d #%d to %s (%d bytes)", x.Method, x.Seq, x.ID, x.Dialog.Target, len(x.Body))
	case Ack:
		return fmt.Sprintf("ACK %d to %s", x.Seq, x.Dialog.Target)
	case Reply:
		return fmt.Sprintf("%d to #%d (%d bytes)", x.Code, x.To, len(x.Body))
	case Apply:
		return fmt.Sprintf("apply %s %s", x.Negotiated.Remote.RTP, x.Negotiated.Direction)
	case Want:
		return fmt.Sprintf("want %s %s, urgency %d", x.Wish.At.RTP, x.Wish.Direction, x.Urgency)
	}
	return fmt.Sprintf("%T%+v", x, x)
}

func walk(t testing.TB, seed uint64) *world {
	w := newWorld(t, seed)
	w.loss = []float64{0, 0.05, 0.3}[seed%3]
	a := w.ends[0]
	a.m = New(Config{Session: session(1), To: Dialog{Target: "b@0"}, Between: w.between})
	a.step(Dial{Wish: Wish{At: a.media()}})
	at := w.now
	for range 3 + w.dice.IntN(12) {
		at = at.Add(w.between(0, 2500*time.Millisecond))
		w.run(at)
		w.something()
	}
	w.run(w.now.Add(time.Second))
	w.calm = true
	w.run(w.now.Add(150 * time.Second))
	w.settled()
	return w
}

// something happens.
func (w *world) something() {
	e := w.ends[w.dice.IntN(2)]
	if e.m == nil {
		return
	}
	up := e.m.State() == Up
	switch n := w.dice.IntN(20); {
	case n < 6 && up:
		want := e.want(Soon)
		want.Wish.At = e.m.Wish().At
		want.Wish.Direction = sdp.SendRecv
		if w.dice.IntN(2) == 0 {
			want.Wish.Direction = sdp.SendOnly
		}
		e.step(want)
	case n < 14 && up && e.other.m != nil && e.other.m.State() >= Accepted && e.mayMove():
		e.move()
	case n == 14:
		e.step(Hangup{})
	case n == 15 && e.m.State() == Calling:
		e.step(Hangup{})
	}
}

// mayMove: both at once would need somebody who knows both (RFC 3891).
func (e *end) mayMove() bool {
	return !e.repair && !e.other.repair && e.other.m.Target() == e.addr() && e.m.Target() == e.other.addr()
}

// settled checks what must be true in the end.
func (w *world) settled() {
	a, b := w.ends[0], w.ends[1]
	for _, e := range w.ends {
		if e.m == nil {
			continue
		}
		for id, s := range e.byID { // law 3
			if e.law.finals[id] == 0 {
				w.breach("%s never answered %s %d", e.name, s.p.method, s.p.seq)
			}
		}
		if st := e.m.State(); st == Leaving || st == Accepted || st == Calling || st == Ringing {
			w.breach("%s is %s in the end", e.name, st)
		}
		if e.m.State() == Up && !e.law.applied { // law 8
			w.breach("%s is up without media", e.name)
		}
	}
	if b.m == nil || a.m.State() != Up && b.m.State() != Up {
		return
	}
	if a.m.State() != b.m.State() {
		w.breach("a is %s, b is %s", a.m.State(), b.m.State())
		return
	}
	for _, e := range w.ends {
		switch { // law 6, law 7
		case e.m.Target() != e.other.addr():
			w.breach("%s believes the other at %s, it is at %s", e.name, e.m.Target(), e.other.addr())
		case e.remote != e.other.media().RTP:
			w.breach("%s sends to %s, the other is at %s", e.name, e.remote, e.other.media().RTP)
		case e.m.Said() != e.m.Wish():
			w.breach("%s wishes %v and has %v", e.name, e.m.Wish(), e.m.Said())
		case e.heard != e.m.Wish().Direction.And(e.other.m.Wish().Direction.Reverse()):
			w.breach("%s has agreed %s, the wishes are %s and %s", e.name, e.heard, e.m.Wish().Direction, e.other.m.Wish().Direction)
		}
	}
}
