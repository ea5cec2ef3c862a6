package roam

// Long file: the walk is one player, who must know every move.

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
)

// walk drives a machine through whatever a stream of choices says, answers its
// actions as an engine would (or late, or wrongly), and holds it to the law.
type walk struct {
	m       *Machine
	law     *law
	now     time.Time
	choices []byte
	open    []Event // the good answers to what was asked for, not yet given
	calls   []Call
	audio   map[CallID]Epoch // the last MoveMedia
	story   strings.Builder
	err     error
}

func newWalk(choices []byte) *walk {
	w := &walk{law: newLaw(), now: origin, choices: choices, audio: map[CallID]Epoch{}}
	p := DefaultPolicy()
	p.Enabled = w.choose(8) != 0
	p.Register = w.choose(8) != 0
	p.RemoveOld = w.choose(4) != 0
	p.MediaFirst = w.choose(4) != 0
	p.HangupOnLost = w.choose(8) == 0
	p.Refresh = []Refresh{Reinvite, Reinvite, Update, None}[w.choose(4)]
	p.Between = func(lo, hi time.Duration) time.Duration { return lo + (hi-lo)*time.Duration(w.choose(5))/4 }
	w.m = New(p)
	fmt.Fprintf(&w.story, "policy %+v\n", p)
	return w
}

// choose takes a number from 0 to n-1 off the stream; 0 when it is empty.
func (w *walk) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	b := w.choices[0]
	w.choices = w.choices[1:]
	return int(b) % n
}

func (w *walk) step(e Event) {
	if w.err != nil {
		return
	}
	text := DescribeEvent(e, origin)
	fmt.Fprintf(&w.story, "at %s %s\n", moment(w.now, origin), text)
	if back, err := parseEvent(text, origin); err != nil || !reflect.DeepEqual(back, e) {
		w.err = fmt.Errorf("%s is read as %#v: %w", text, back, errors.Join(err, errors.New("not what was written")))
		return
	}
	actions := w.m.Step(w.now, e)
	for _, a := range actions {
		fmt.Fprintf(&w.story, "  %s\n", Describe(a, origin))
		w.act(a)
	}
	fmt.Fprintf(&w.story, "  = %s\n", w.m.Phase())
	w.err = w.law.check(w.m, w.now, e, actions)
}

// act notes the good answer to an action.
func (w *walk) act(a Action) {
	switch a := a.(type) {
	case Open:
		w.open = append(w.open, Opened{Epoch: a.Epoch, Local: w.address()})
	case Register:
		w.open = append(w.open, Registered{Epoch: a.Epoch, RefreshIn: time.Hour, Seen: w.address(), Outbound: w.choose(4) == 1, Missing: w.choose(4) == 1, Stale: w.choose(4) == 1})
	case Unregister:
		w.open = append(w.open, Unregistered(a))
	case MoveMedia:
		w.open = append(w.open, MediaMoved{Epoch: a.Epoch, Call: a.Call})
		w.audio[a.Call] = a.Epoch
	case Repair:
		w.open = append(w.open, Repaired{Epoch: a.Epoch, Call: a.Call})
	case Probe:
		w.open = append(w.open, ProbeAnswered{Epoch: a.Epoch})
	case EndCall:
		w.drop(a.Call)
	case LoseCall:
		w.drop(a.Call)
	case Close:
		// Its transactions end and nothing follows; some answers come all the same.
		w.open = slices.DeleteFunc(w.open, func(e Event) bool { return epochOf(e) == a.Epoch && w.choose(4) != 0 })
	}
}

func (w *walk) drop(id CallID) {
	w.calls = slices.DeleteFunc(w.calls, func(c Call) bool { return c.ID == id })
}

func epochOf(e Event) Epoch {
	switch e := e.(type) {
	case Opened:
		return e.Epoch
	case Registered:
		return e.Epoch
	case Unregistered:
		return e.Epoch
	case MediaMoved:
		return e.Epoch
	case Repaired:
		return e.Epoch
	case ProbeAnswered:
		return e.Epoch
	}
	return 0
}

func (w *walk) path() Path {
	p := Path{Interface: "wlan0", Source: netip.MustParseAddr("192.168.1.23"), Index: 2, NextHop: netip.MustParseAddr("192.168.1.1")}
	switch w.choose(5) {
	case 1:
		p = Path{Interface: "lte0", Source: netip.MustParseAddr("10.20.30.40")}
	case 2:
		p = Path{Interface: "eth0", Source: netip.MustParseAddr("2001:db8::9"), NextHopLink: "02:00:00:00:00:01"}
	case 3:
		p.Lost = uint64(w.choose(3))
	case 4:
		p = Path{}
	}
	return p
}

// address is one of a stack, as itself or somebody else sees it.
func (w *walk) address() netip.AddrPort {
	return []netip.AddrPort{{}, netip.MustParseAddrPort("192.168.1.23:5060"), netip.MustParseAddrPort("203.0.113.9:40112"),
		netip.MustParseAddrPort("203.0.113.9:40113"), netip.MustParseAddrPort("0.0.0.0:5060"), netip.MustParseAddrPort("[2001:db8::9]:5060")}[w.choose(6)]
}

func (w *walk) failure() Failure {
	return []Failure{
		{Kind: TimedOut},
		{Kind: Transport, Fault: phone.Fault{Text: "network is unreachable"}},
		{Code: 481, Fault: phone.Fault{Phrase: "Call Does Not Exist"}},
		{Code: 491},
		{Code: 503, RetryAfter: 5 * time.Second},
		{Code: 488},
		{Code: 403, Fault: phone.Fault{Phrase: "Forbidden"}},
		{Code: 408},
		{Kind: Refused, Fault: phone.Fault{Text: "wrong password"}},
		{Kind: Unreachable},
		{Kind: Cancelled},
		{Code: 500},
		{Code: 603, Fault: phone.Fault{Phrase: "Decline"}},
	}[w.choose(13)]
}

// some step of the walk.
func (w *walk) wander() {
	switch w.choose(16) {
	case 0, 1, 2, 3:
		w.answer(true)
	case 4, 5:
		w.answer(false)
	case 6:
		w.pass(time.Duration(w.choose(200)) * time.Millisecond)
	case 7:
		w.pass(time.Duration(w.choose(50)) * time.Second)
	case 8, 9:
		w.step(PathChanged{Path: w.path(), OldAlive: w.choose(2) == 0, Since: w.now.Add(-time.Duration(w.choose(30)) * time.Millisecond), Why: []phone.Fact{recorded("a sign")}})
	case 10:
		w.addCall()
	case 11:
		w.changeCall()
	case 12:
		if n := len(w.calls); n > 0 {
			id := w.calls[w.choose(n)].ID
			w.drop(id)
			w.step(CallGone{ID: id})
		}
	case 13:
		w.hear()
		w.fallSilent()
	case 14:
		w.rare()
	case 15:
		w.stale()
	}
}

func (w *walk) answer(good bool) {
	n := len(w.open)
	if n == 0 {
		return
	}
	i := w.choose(n)
	e := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	if !good {
		e = w.spoil(e)
	}
	w.step(e)
}

// spoil turns a good answer into a bad one.
func (w *walk) spoil(e Event) Event {
	f := w.failure()
	switch e := e.(type) {
	case Opened:
		return OpenFailed{Epoch: e.Epoch, Failure: f}
	case Registered:
		return RegisterFailed{Epoch: e.Epoch, Failure: f}
	case Unregistered:
		return UnregisterFailed{Epoch: e.Epoch, Failure: f}
	case MediaMoved:
		return MediaMoveFailed{Epoch: e.Epoch, Call: e.Call, Failure: f}
	case ProbeAnswered:
		return ProbeFailed{Epoch: e.Epoch, Failure: f}
	case Repaired:
		return RepairFailed{Epoch: e.Epoch, Call: e.Call, Failure: f}
	}
	return e
}

// pass lets time go by, with a Tick wherever one is asked for.
func (w *walk) pass(d time.Duration) {
	end := w.now.Add(d)
	for range 500 {
		next := w.m.Next()
		if w.err != nil || next.IsZero() || next.After(end) {
			break
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(Tick{})
	}
	w.now = end
}

func (w *walk) addCall() {
	if len(w.calls) >= 4 {
		return
	}
	id := CallID(1)
	for w.law.calls[id] || slices.ContainsFunc(w.calls, func(c Call) bool { return c.ID == id }) {
		id++
	}
	c := Call{ID: id, State: CallState(w.choose(5)), AudioDue: w.choose(3) != 0, OwnsCallID: w.choose(2) == 0, Early: w.choose(3) == 0, Replaceable: w.choose(2) == 0}
	if w.choose(3) == 0 {
		c.Epoch = Epoch(w.choose(int(w.m.Epoch()) + 1))
	}
	w.calls = append(w.calls, c)
	w.step(CallAdded{Call: c})
}

func (w *walk) changeCall() {
	if n := len(w.calls); n > 0 {
		c := &w.calls[w.choose(n)]
		if c.up() {
			c.State = CallState(w.choose(3))
		} else {
			c.State = Idle
		}
		c.AudioDue, c.OfferLost = w.choose(3) != 0, c.State == OfferPending && w.choose(3) == 0
		w.step(CallChanged{Call: *c})
	}
}

func (w *walk) hear() {
	if n := len(w.calls); n > 0 {
		id := w.calls[w.choose(n)].ID
		if e := w.audio[id]; e != 0 {
			w.step(Heard{Epoch: e, Call: id, GapIn: 20 * time.Millisecond, LostIn: 1})
		}
	}
}

func (w *walk) rare() {
	switch w.choose(7) {
	case 5:
		w.step(Mapped{Epoch: w.m.Epoch(), By: Witness(w.choose(2)), At: w.address()})
	case 6:
		w.step(MediaMapped{Call: CallID(w.choose(5)), From: w.address(), To: w.address()})
	case 0:
		w.step(StackLost{Epoch: Epoch(w.choose(int(w.m.Epoch()) + 2)), Why: []phone.Fact{recorded("connection reset")}})
	case 1:
		w.step(Forced{What: Force(w.choose(3))})
	case 2:
		w.step(WantRegistration{On: w.choose(2) == 0})
	case 3:
		if n := len(w.calls); n > 0 {
			w.step(MediaPathChanged{Call: w.calls[w.choose(n)].ID, Path: w.path(), OldAlive: w.choose(2) == 0, Why: []phone.Fact{recorded("a VPN")}})
		}
	case 4:
		w.step(StackLost{Epoch: w.m.Epoch(), Why: []phone.Fact{recorded("connection reset")}})
	}
}

// stale is an answer that nobody asked for.
func (w *walk) stale() {
	e, id := Epoch(w.choose(int(w.m.Epoch())+2)), CallID(w.choose(5))
	event := []Event{
		Opened{Epoch: e}, Registered{Epoch: e, RefreshIn: time.Second}, RegisterFailed{Epoch: e, Failure: w.failure()},
		MediaMoved{Epoch: e, Call: id}, Repaired{Epoch: e, Call: id}, RepairFailed{Epoch: e, Call: id, Failure: w.failure()},
		Heard{Epoch: e, Call: id}, OpenFailed{Epoch: e, Failure: w.failure()}, CallChanged{Call: Call{ID: 9}}, CallGone{ID: 9}, Tick{},
		ProbeAnswered{Epoch: e}, ProbeFailed{Epoch: e, Failure: w.failure()},
	}[w.choose(13)]
	// An answer that matches something in flight is that answer.
	w.open = slices.DeleteFunc(w.open, func(o Event) bool {
		return reflect.TypeOf(o) == reflect.TypeOf(event) && epochOf(o) == epochOf(event) ||
			reflect.TypeOf(w.spoil(o)) == reflect.TypeOf(event) && epochOf(o) == e
	})
	w.step(event)
}

// settle answers everything well until nothing is left to do.
func (w *walk) settle() {
	w.choices = nil
	w.step(PathChanged{Path: Path{Interface: "eth1", Source: netip.MustParseAddr("172.16.0.9")}, Why: []phone.Fact{recorded("at last")}})
	if w.m.noted != nil {
		w.step(Forced{What: ForceNetwork})
	}
	for range 300 {
		switch {
		case w.err != nil:
			return
		case len(w.open) > 0:
			w.answer(true)
		case slices.ContainsFunc(w.calls, func(c Call) bool { return c.State == OfferPending || c.State == AnswerDue }):
			for i := range w.calls {
				if c := &w.calls[i]; c.up() && c.State != Idle {
					c.State, c.OfferLost = Idle, false
					w.step(CallChanged{Call: *c})
				}
			}
		case w.m.roam != nil:
			for _, c := range w.calls {
				if e := w.audio[c.ID]; e != 0 {
					w.step(Heard{Epoch: e, Call: c.ID})
				}
			}
			if len(w.open) == 0 && w.m.roam != nil {
				w.now = w.m.Next()
				w.step(Tick{})
			}
		default:
			w.check()
			return
		}
	}
	w.err = fmt.Errorf("it never settles")
}

// check looks at the end of the walk.
func (w *walk) check() {
	switch {
	case w.law.began != w.law.finished:
		w.err = fmt.Errorf("%d roams began, %d finished", w.law.began, w.law.finished)
	case w.m.Phase() != Steady:
		w.err = fmt.Errorf("it settles as %s", w.m.Phase())
	}
	kept := slices.ContainsFunc(w.m.calls, func(c *call) bool { return !c.up() || c.stage == failed }) || w.m.reg.refused
	if w.err == nil && len(w.m.kept) > 0 && !kept {
		w.err = fmt.Errorf("%d old stacks stay open for nothing", len(w.m.kept))
	}
}

func (w *walk) run() error {
	w.step(PathChanged{Path: w.path()})
	for len(w.choices) > 0 && w.err == nil {
		w.wander()
	}
	w.settle()
	return w.err
}
