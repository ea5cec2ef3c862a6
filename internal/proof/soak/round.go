package soak

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"ramble/internal/app/voice"
	"ramble/sip/sdp"
	"ramble/sip/siptest"
)

// Site is one phone and what is around it.
type Site struct {
	Phone  *Phone
	Talker *Talker
	Domain string
	// Move moves the phone and returns when it has a network again. The
	// phone may be in any place that a move before left it in.
	Move func(ctx context.Context, r Round) (Moved, error)
	// Bindings are the Contacts that the registrar has for the phone.
	Bindings func(ctx context.Context) ([]string, error)
	Calm     func() // the calls of a round have ended; nil: nothing is to be done
}

// Moved is what a move did.
type Moved struct {
	T0   time.Time  // the network is there again
	Addr netip.Addr // the phone's address in it
}

// Limits of a round. What is not whole by then is stuck.
const (
	setUpLimit = 20 * time.Second
	wholeLimit = 60 * time.Second
	endLimit   = 45 * time.Second
)

// trial is one call of a round.
type trial struct {
	state State
	id    uint64 // at the phone
	before
	out      Outcome
	why      string
	whole    time.Duration // since T0
	mark     uint64        // packets that the phone must have heard; 0: not known yet
	decided  bool
	ended    bool
	replaced bool
}

// before is what must be as it was.
type before struct {
	held      string
	direction sdp.Direction
	callID    string
}

// run is a round under way.
type run struct {
	*Site
	round  Round
	trials []*trial
	moved  Moved
	caller context.Context // of calls to the phone, which outlive every wait
	fault  error           // of the phone, not of a call
}

// Play plays one round: it makes the calls, moves the phone, judges each call
// and ends them all. The error says that it did not come to a judgement: a call
// could not be made, or the network could not be moved.
func (s *Site) Play(ctx context.Context, r Round) ([]Result, error) {
	caller, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &run{Site: s, round: r, caller: caller}
	s.Phone.Note("round: %s", r)
	if err := p.setUp(ctx); err != nil {
		return nil, fmt.Errorf("before the move: %w", err)
	}
	if err := p.unsettle(ctx); err != nil {
		return nil, fmt.Errorf("before the move: %w", err)
	}
	answers := time.AfterFunc(r.Variant.Away()+r.Ring, func() { s.Talker.Release(s.Phone.User) })
	defer answers.Stop()
	theirs := time.AfterFunc(r.Theirs, func() { p.offerTheirs(caller) })
	defer theirs.Stop()
	var err error
	if p.moved, err = s.Move(ctx, r); err != nil {
		return nil, fmt.Errorf("the move: %w", err)
	}
	s.Phone.Note("moved: %s", p.moved.Addr)
	p.judgeStanding(ctx)
	gap := p.gap()
	p.judgeRinging(ctx)
	p.judgeIdle(ctx)
	p.hangUp(ctx)
	faults := p.leftBehind(ctx)
	if s.Calm != nil {
		s.Calm()
	}
	s.Phone.Forget()
	s.Talker.Forget(s.Phone.User)
	var out []Result
	for _, t := range p.trials {
		res := Result{Round: r, State: t.state, Outcome: t.out, Why: t.why, Whole: t.whole, Gap: -1, Replaced: t.replaced}
		if t.state == Talking && t.out == Survived {
			res.Gap = gap
		}
		if t.out != Survived {
			res.Story = s.Phone.Story()
		}
		out = append(out, res)
	}
	if faults != nil {
		return out, fmt.Errorf("after the round (%s): %w", r, faults)
	}
	return out, nil
}

// setUp makes the calls.
func (p *run) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setUpLimit)
	defer cancel()
	if err := p.Phone.Until(ctx, func() bool { return p.Phone.Contact() != "" && p.Phone.Steady() }); err != nil {
		return fmt.Errorf("not registered: %w", err)
	}
	for _, st := range []State{HeldHere, TheirOffer, HeldBoth, Pending, Talking, RingingThere, EarlyMedia} {
		if err := p.dial(ctx, st); err != nil {
			return fmt.Errorf("%s: %w", st, err)
		}
	}
	talking := p.trial(Talking)
	if _, err := p.Phone.Do(ctx, fmt.Sprint("resume ", talking.id)); err != nil {
		return err
	}
	if err := p.until(ctx, "the call to be up", func() bool { return p.Phone.Call(talking.id).Held == "none" }); err != nil {
		return err
	}
	if err := p.ring(ctx, RingingHere); err != nil {
		return fmt.Errorf("calling the phone: %w", err)
	}
	start := p.Phone.Call(talking.id).Heard
	return p.until(ctx, "sound", func() bool {
		ear := p.ear(talking)
		return ear.Sound().Heard.Packets > 10 && p.Phone.Call(talking.id).Heard > start
	})
}

func (p *run) until(ctx context.Context, what string, ok func() bool) error {
	if err := p.Phone.Until(ctx, ok); err != nil {
		return fmt.Errorf("waited for %s: %w", what, err)
	}
	return nil
}

// dial makes one outgoing call and brings it to its state.
func (p *run) dial(ctx context.Context, st State) error {
	order, want := Answer, "up"
	switch st {
	case RingingThere:
		order, want = Ring, "ringing"
	case EarlyMedia:
		order, want = Early, "early"
	default: // all others begin with an answer
	}
	p.Talker.Expect(p.Phone.User, order)
	id, err := p.Phone.Do(ctx, fmt.Sprintf("dial sip:%s@%s", p.Talker.o.User, p.Domain))
	if err != nil {
		return err
	}
	t := &trial{state: st, id: id}
	p.trials = append(p.trials, t)
	if err := p.until(ctx, want, func() bool { return p.Phone.Call(id).State == want && p.there(t) != nil }); err != nil {
		return err
	}
	if st != HeldBoth {
		return nil
	}
	if err := p.there(t).Hold(ctx); err != nil {
		return err
	}
	return p.until(ctx, "hold", func() bool { return p.Phone.Call(id).Held == "remote" })
}

// ring makes a call to the phone.
func (p *run) ring(ctx context.Context, st State) error {
	known := map[uint64]bool{}
	for _, c := range p.Phone.Live() {
		known[c.ID] = true
	}
	call, err := p.Talker.Peer.Dial(p.caller, fmt.Sprintf("sip:%s@%s", p.Phone.User, p.Domain))
	if err != nil {
		return err
	}
	t := &trial{state: st, before: before{callID: call.CallID()}}
	p.trials = append(p.trials, t)
	return p.until(ctx, "ringing", func() bool {
		for _, c := range p.Phone.Live() {
			if c.CallID == call.CallID() && c.State == "ringing" {
				t.id = c.ID
			}
		}
		return t.id != 0
	})
}

// unsettle notes how things are and sends the refresh that will be pending.
func (p *run) unsettle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setUpLimit)
	defer cancel()
	pending := p.trial(Pending)
	if err := p.until(ctx, "the held calls", func() bool {
		return p.Phone.Call(pending.id).Held == "local" && p.Phone.Call(p.trial(HeldHere).id).Held == "local" &&
			p.Phone.Call(p.trial(HeldBoth).id).Held == "both"
	}); err != nil {
		return err
	}
	for _, t := range p.trials {
		c := p.Phone.Call(t.id)
		t.before = before{held: c.Held, callID: c.CallID, direction: p.ear(t).Sound().Direction}
	}
	p.ear(p.trial(Talking)).Mark()
	p.Talker.AnswerLate(pending.callID, p.round.Late)
	if _, err := p.Phone.Do(ctx, fmt.Sprint("refresh ", pending.id)); err != nil {
		return err
	}
	return pass(ctx, p.round.Lead)
}

// offerTheirs has the talker refresh a call while the phone moves.
func (p *run) offerTheirs(ctx context.Context) {
	if there := p.there(p.trial(TheirOffer)); there != nil {
		_ = there.Reinvite(ctx, nil) // refused, unanswered or crossed: the call must be whole all the same
	}
}

// trial is the one in a state; there is one.
func (p *run) trial(st State) *trial {
	for _, t := range p.trials {
		if t.state == st {
			return t
		}
	}
	return nil
}

// there is the talker's side of a call; nil while it has none.
func (p *run) there(t *trial) *siptest.PeerCall {
	id := p.Phone.Call(t.id).CallID
	if id == "" {
		id = t.callID
	}
	return p.Talker.Call(id)
}

// ear is the talker's sound of a call, which may be silence.
func (p *run) ear(t *trial) *voice.Voice {
	if c := p.there(t); c != nil {
		if e := p.Talker.Ear(c); e != nil {
			return e
		}
	}
	return voice.New(voice.Options{})
}

// pass lets time go by.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
