package tui

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
)

// real is the interface over a real phone in a world in memory.
type real struct {
	*hand
	e       *engine.Engine
	updates <-chan phone.Update
	state   phone.State
}

// Do is the engine's; the context of a hand's commands has ended.
func (r *real) Do(_ context.Context, c phone.Command) (phone.Reply, error) {
	return r.e.Do(context.Background(), c)
}

func newReal(t *testing.T) (*real, *demo.World) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	world := demo.New(demo.Options{Manual: true})
	all.Go(func() { _ = world.Run(ctx) })
	if err := world.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	dev, err := device.Open("loop")
	if err != nil {
		t.Fatal(err)
	}
	host := world.Phone
	e := engine.New(engine.Parts{
		Accounts: []engine.Account{{
			Name: "demo", Enabled: true, Register: true, Codecs: []string{"pcmu"}, AutoAnswer: engine.AutoAlways,
			SIP: sip.Account{
				AOR:       sip.URI{Scheme: "sip", User: demo.User, Host: demo.Domain},
				Registrar: sip.URI{Scheme: "sip", Host: world.Server().Addr().String(), Port: world.Server().Port()},
				Password:  func() (string, error) { return demo.Password, nil }, Transport: locate.UDP, Expires: time.Hour,
			},
			Policy: roam.Policy{Enabled: true, Register: true},
		}},
		Network: netwatch.Options{Source: host, Router: host, Hints: []netwatch.Hinter{host}},
		Sockets: host, Desk: desk.New(desk.Options{Device: dev}),
	})
	r := &real{e: e, updates: e.Subscribe()}
	all.Go(func() { _ = e.Run(ctx) })
	r.hand = newHand(t, 80, 24, func(o *Options) { o.Doer = r })
	return r, world
}

// until shows the interface what the engine tells, until it is as wanted.
func (r *real) until(what string, ok func(phone.State) bool) {
	r.Helper()
	for late := time.After(time.Minute); !ok(r.state); {
		select {
		case u := <-r.updates:
			r.state = u.State
			r.send(updated{u, true})
		case <-late:
			r.Fatalf("waited for: %s; %+v", what, r.state)
		}
	}
}

func (r *real) call(id phone.CallID) phone.Call {
	for _, c := range r.state.Calls {
		if c.ID == id {
			return c
		}
	}
	return phone.Call{}
}

// TestKeysMeanTheCallThatWasAnsweredByItself: there is one current call, the
// engine's. A second call that is answered without a key is what m, x and b
// are about; after it the first one is.
func TestKeysMeanTheCallThatWasAnsweredByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, world := newReal(t)
		r.until("registered", func(s phone.State) bool {
			return len(s.Accounts) == 1 && s.Accounts[0].State == phone.Registered
		})
		r.press("d", "m", "e", "l", "o", "d", "y", "enter")
		r.until("the first call is up", func(phone.State) bool { return r.call(1).State == phone.Up })
		go func() { _ = world.Ring(context.Background()) }()
		r.until("the second answered itself", func(phone.State) bool {
			return r.call(2).State == phone.Up && r.call(1).Held == phone.HeldLocal
		})
		r.sees("call 2, 2 of 2")
		r.press("m")
		r.until("the second is muted", func(phone.State) bool { return r.call(2).Muted })
		r.press("x")
		r.until("the second is held", func(phone.State) bool { return r.call(2).Held == phone.HeldLocal })
		r.press("b")
		r.until("the second is over", func(phone.State) bool { return r.call(2).State == phone.Ended })
		if c := r.call(1); c.State != phone.Up || c.Muted || r.state.Current != 1 {
			t.Fatalf("the first call is %s, muted %v; the current call is %d", c.State, c.Muted, r.state.Current)
		}
		r.press("x")
		r.until("the first is back", func(phone.State) bool { return r.call(1).Held == phone.HeldByNone })
		r.press("q", "y")
		for u := range r.updates {
			r.send(updated{u, true})
		}
	})
}

// TestALateAnswerMovesNoCall: what the engine named meanwhile is newer than its
// answer to a command.
func TestALateAnswerMovesNoCall(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	s := idle()
	d.show(s)
	d.press("d", "b", "o", "b")
	d.doer.reply = phone.Reply{Call: 1}
	_, answer := d.m.Update(keyPress("enter"))
	first, second := bob(), carol()
	first.ID, second.ID, second.State, second.Answered = 1, 2, phone.Up, noon
	s.Calls, s.Current = []phone.Call{first, second}, 2 // it answered itself
	d.show(s)
	d.execute(answer)
	d.sees("call 2, 2 of 2")
	d.doer.take()
	d.press("b")
	if asked := d.doer.take(); !slices.Equal(asked, []phone.Command{phone.Hangup{Call: 2}}) {
		t.Errorf("b asks for %v", asked)
	}
	d.doer.reply = phone.Reply{Call: 1} // in time, it is the engine's word
	d.press("[")
	d.sees("call 1, 1 of 2")
}

// TestOneNumberForACall: the pane's head names a call as its list does, and the keys
// as they are mapped.
func TestOneNumberForACall(t *testing.T) {
	d := newHand(t, 80, 24, nil)
	s := idle()
	first, second := bob(), carol()
	first.ID, second.ID, second.State, second.Answered = 5, 6, phone.Up, noon
	s.Calls, s.Current = []phone.Call{first, second}, 6
	d.show(s)
	d.sees("call 6, 2 of 2  [ ]")
	d.sees("6 Carol")
	s.Calls, s.Current = s.Calls[:1], 5
	d.show(s)
	d.sees("call 5")
}
