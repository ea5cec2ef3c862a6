package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/app/ground"
	"ramble/internal/app/voice"
	"ramble/internal/leaf/phone"
	wording "ramble/internal/leaf/words"
	"ramble/sip/siptest"
)

// patience is how long an expectation may take to come true.
const patience = 15 * time.Second

// play is one scenario while it runs.
type play struct {
	ctx       context.Context
	stage     *Stage
	traveller *ground.Traveller
	log       *slog.Logger

	first  time.Time // the network moved for the first time; zero: not yet
	before uint64    // packets missing until first
	call   phone.CallID
	peer   string // who is at the other end

	mu     sync.Mutex // guards what the phone and the server tell
	state  phone.State
	roams  map[phone.RoamID]phone.Roam
	bounds []bound
	news   chan struct{} // capacity 1: there is something new
}

// Run plays one scenario and says how it went. The error is nil, or that of a
// ctx that ended, or says why there is no phone to drill.
func Run(ctx context.Context, s Scenario, o Options) (Result, error) {
	began := time.Now()
	r := Result{Scenario: s, Transport: cmp.Or(s.Transport, o.Transport, "udp")}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	limited, cancel := context.WithTimeoutCause(ctx, s.Limit, fmt.Errorf("the scenario took longer than %s", s.Limit))
	defer cancel()
	p := &play{
		ctx: limited, log: o.Log, roams: map[phone.RoamID]phone.Roam{}, news: make(chan struct{}, 1),
	}
	stage, err := o.Build(limited, Setup{
		World: demo.Options{
			Manual: true, Ring: s.Ring, TLS: r.Transport == "tls", OnBindings: p.listed, Guard: o.Guard, Log: o.Log,
		},
		Transport: r.Transport, KeepFor: s.KeepFor,
	})
	if err != nil {
		return r, cmp.Or(ctx.Err(), err) // who stops a drill knows why it ended
	}
	p.stage, p.traveller = stage, ground.NewTraveller(stage.World.Ground(), demo.Spots())
	var following sync.WaitGroup
	following.Add(1)
	o.Guard.Go("drill", func() { defer following.Done(); p.watch() })
	r.Real = stage.World.Ground().Real()
	r.Failed = p.all(s.Steps)
	p.measure(&r)
	stage.End()
	following.Wait()
	r.Took = time.Since(began)
	return r, ctx.Err()
}

// watch keeps what the phone tells, until it has stopped.
func (p *play) watch() {
	for u := range p.stage.Updates {
		p.mu.Lock()
		p.state = u.State
		for _, r := range u.State.Roams {
			p.roams[r.ID] = r
		}
		p.mu.Unlock()
		p.wake()
	}
}

func (p *play) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *play) now() phone.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// all plays the steps until one fails.
func (p *play) all(steps []Step) *Failure {
	if err := p.until("the phone to register", p.registered); err != nil {
		return &Failure{Step: "start", Why: err.Error(), Todo: "nothing roams without a registration: --trace drill.txt has what the server said"}
	}
	for _, s := range steps {
		p.log.Info("drill", "step", s.Text)
		if err := p.do(s.Do); err != nil {
			return &Failure{Line: s.Line, Step: s.Text, Why: err.Error(), Todo: todo(s.Do)}
		}
	}
	return p.noticed(steps)
}

// noticed fails a scenario that moved the network and proved nothing by it: the
// phone saw no change. A stall may pass unseen, that is what it is.
func (p *play) noticed(steps []Step) *Failure {
	i := slices.IndexFunc(steps, func(s Step) bool {
		m, moves := s.Do.(Moves)
		_, stall := m.Move.(ground.Stall)
		return moves && !stall
	})
	if i < 0 {
		return nil
	}
	err := p.until("the phone to notice that its network moved", func() (bool, string) {
		return len(p.over()) > 0, "0 roams: whatever was expected, it proves nothing"
	})
	if err == nil {
		return nil
	}
	return &Failure{Line: steps[i].Line, Step: steps[i].Text, Why: err.Error(), Todo: todo(Expect{What: Roams})}
}

// do carries out one step.
func (p *play) do(a Action) error {
	switch a := a.(type) {
	case Call:
		return p.dial(a)
	case Ring:
		return p.ring()
	case Answer:
		if err := p.press(phone.Answer{Call: p.call}); err != nil {
			return err
		}
		return p.until("sound in both directions", p.flows())
	case Hold:
		return p.turn(phone.HoldCall{Call: p.call}, true)
	case Resume:
		return p.turn(phone.ResumeCall{Call: p.call}, false)
	case Hangup:
		return p.hangup(a.Peer)
	case Wait:
		return p.pause(a.For)
	case Expect:
		return p.expect(a)
	case Moves:
		return p.move(a)
	}
	return fmt.Errorf("%T cannot be done", a)
}

// move moves the network; with the first move the measuring begins.
func (p *play) move(m Moves) error {
	if p.first.IsZero() {
		p.first, p.before = time.Now(), missing(p.find())
		if v := p.voice(); v != nil {
			v.Mark()
		}
	}
	return p.traveller.Take(p.ctx, m.Move)
}

// press gives the phone a command.
func (p *play) press(c phone.Command) error {
	_, err := p.stage.Phone.Do(p.ctx, c)
	return err
}

func (p *play) dial(c Call) error {
	reply, err := p.stage.Phone.Do(p.ctx, phone.Dial{Target: c.Peer})
	if err != nil {
		return err
	}
	p.call, p.peer = reply.Call, c.Peer
	if c.Wait {
		return p.until("the call to be up, with sound in both directions", p.flows())
	}
	return p.until("the call to ring", p.inState(phone.Ringing))
}

// ring lets the last of the cast call the phone.
func (p *play) ring() error {
	p.peer = peers()[len(peers())-1]
	if _, err := p.stage.World.Peer(p.peer).Dial(p.ctx, "sip:"+demo.User+"@"+demo.Domain); err != nil {
		return err
	}
	return p.until("the phone to ring", func() (bool, string) {
		for _, c := range p.now().Calls {
			if c.Direction == phone.Incoming && c.State == phone.Ringing {
				p.call = c.ID
				return true, ""
			}
		}
		return false, "no call came"
	})
}

// turn holds or resumes.
func (p *play) turn(c phone.Command, held bool) error {
	if err := p.press(c); err != nil {
		return err
	}
	return p.until("the peer to agree", func() (bool, string) {
		now := p.find().Held
		return (now == phone.HeldLocal) == held, "held: " + now.String()
	})
}

func (p *play) hangup(peer bool) error {
	if !peer {
		return p.press(phone.Hangup{Call: p.call})
	}
	calls := p.stage.World.Peer(p.peer).Calls()
	if len(calls) == 0 {
		return errors.New("the peer has no call any more")
	}
	ctx, cancel := context.WithTimeoutCause(p.ctx, patience, errors.New("no answer to the peer's BYE"))
	defer cancel()
	if err := calls[len(calls)-1].Hangup(ctx); err != nil {
		return fmt.Errorf("the peer hangs up: %w", cmp.Or(context.Cause(ctx), err))
	}
	return nil
}

// find is the scenario's call as the phone has it.
func (p *play) find() phone.Call {
	for _, c := range p.now().Calls {
		if c.ID == p.call {
			return c
		}
	}
	return phone.Call{}
}

// at is the phone's address; invalid while it has no network.
func (p *play) at() netip.Addr { return p.traveller.At().Addr() }

// pause lets time pass.
func (p *play) pause(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-t.C:
		return nil
	}
}

// voice is the peer's end of the sound; nil without one.
func (p *play) voice() *voice.Voice {
	all := p.stage.World.Voices()
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// heard counts what reached the peer from where the phone is now.
func (p *play) heard() (n int) {
	v := p.voice()
	if v == nil {
		return 0
	}
	for _, h := range v.Heard() {
		if h.From.Addr() == p.at() {
			n += h.Packets
		}
	}
	return n
}

// condition reports whether it is met, and else what is the case instead.
type condition func() (ok bool, instead string)

// until waits for a condition, for so long as patience and the scenario allow.
func (p *play) until(what string, met condition) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	last := "" // what was the case before the scenario ended, and the phone with it
	for {
		ok, instead := met()
		if p.ctx.Err() != nil {
			return fmt.Errorf("%w, waiting for %s: %s", context.Cause(p.ctx), what, cmp.Or(last, instead))
		}
		if ok {
			return nil
		}
		last = instead
		select {
		case <-p.news:
		case <-look.C:
		case <-late.C:
			return fmt.Errorf("waited %s for %s: %s", patience, what, instead)
		case <-p.ctx.Done():
		}
	}
}

func (p *play) inState(want phone.CallState) condition {
	return func() (bool, string) {
		c := p.find()
		return c.State == want && c.ID != 0, described(c)
	}
}

// described is a call in words.
func described(c phone.Call) string {
	if c.ID == 0 {
		return "there is no call"
	}
	words := []string{"the call is " + c.State.String()}
	if c.Held != phone.HeldByNone {
		words = append(words, "held: "+c.Held.String())
	}
	if c.Recovering {
		words = append(words, "being repaired")
	}
	if c.State == phone.Ended {
		words = append(words, wording.End(c).Text)
	} else if c.Reason != "" {
		words = append(words, c.Reason)
	}
	return strings.Join(words, ", ")
}

// enough packets mean sound: a fifth of a second.
const enough = 10

// flows is met when sound came in both directions after it was made, the
// phone's from where it is now, and nothing is being repaired.
func (p *play) flows() condition {
	in, out := p.find().Media.RxPackets, p.heard()
	return func() (bool, string) {
		c := p.find()
		switch {
		case c.State != phone.Up || c.Recovering:
			return false, described(c)
		case c.Media.RxPackets < in+enough:
			return false, fmt.Sprintf("no sound from the peer for %s", c.Media.Silence.Round(time.Millisecond))
		case p.heard() < out+enough:
			return false, fmt.Sprintf("the peer hears nothing from %s", p.at())
		}
		return p.calm()
	}
}

// calm is met when no roam is in progress.
func (p *play) calm() (bool, string) {
	for _, r := range p.now().Roams {
		if r.Phase == phone.RoamStarted {
			return false, fmt.Sprintf("roam %d is still going on", r.ID)
		}
	}
	return true, ""
}

// registered is met when the server lists where the phone is, and no other
// place, and the phone knows.
func (p *play) registered() (bool, string) {
	s := p.now()
	if len(s.Accounts) == 0 || s.Accounts[0].State != phone.Registered {
		if len(s.Accounts) == 0 {
			return false, "the phone has not started"
		}
		return false, notRegistered(s.Accounts[0])
	}
	var list []string
	for _, b := range p.bindings() {
		list = append(list, b.Contact)
	}
	if len(list) != 1 || !isAt(list[0], p.at()) {
		return false, fmt.Sprintf("the server lists %s; the phone is at %s", cmp.Or(strings.Join(list, " and "), "nothing"), p.at())
	}
	return p.calm()
}

func (p *play) bindings() []siptest.Binding {
	list := p.stage.World.Registrar.Bindings(demo.User)
	slices.SortFunc(list, func(a, b siptest.Binding) int { return cmp.Compare(a.Contact, b.Contact) })
	return list
}
