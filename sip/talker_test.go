package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ramble/sip/dialog"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

// lines are the owners of calls, one for each table of dialogs.
var lines sync.Map

// owner owns the calls of the phones that share a table of dialogs, as the
// engine's loop does.
type owner struct {
	mu    sync.Mutex
	calls map[*Call]*talker

	box    sync.Mutex // guards what follows: whoever reports must not wait
	news   []func()
	pumped bool
}

// post has the line deal with something, in order.
func (l *owner) post(fn func()) {
	l.box.Lock()
	defer l.box.Unlock()
	l.news = append(l.news, fn)
	if l.pumped {
		return
	}
	l.pumped = true
	go func() {
		for {
			l.box.Lock()
			if len(l.news) == 0 {
				l.pumped = false
				l.box.Unlock()
				return
			}
			fn := l.news[0]
			l.news = l.news[1:]
			l.box.Unlock()
			fn()
		}
	}()
}

func ownerOf(d *Dialogs) *owner {
	l, _ := lines.LoadOrStore(d, &owner{calls: map[*Call]*talker{}})
	return l.(*owner)
}

// talker is a call as the tests use it: with methods that wait.
type talker struct {
	*Call
	l     *owner
	ph    *phone
	log   []dialog.Action
	more  chan struct{} // closed and made anew with each action
	timer *time.Timer
}

// What a phone's test hears of calls besides events.
type (
	incoming struct {
		Call     *talker
		Replaces *Call
	}
	ended struct {
		Call *talker
		dialog.Ended
	}
	retargeted struct{ Call *talker }
	applied    struct {
		Call *talker
		dialog.Apply
	}
)

// Progress and Answer are how a talker tells of an INVITE.
type Progress struct {
	Code  int
	ToTag string
	Early bool // with media
}

// Answer is a 2xx.
type Answer struct{ Remote netip.AddrPort }

func (l *owner) options() CallOptions {
	return CallOptions{Session: sdp.NewLocal(netip.MustParseAddr("127.0.0.1"), 1, []sdp.Codec{{Name: "PCMU", ClockRate: 8000}})}
}

// take is what a phone does with an event.
func (l *owner) take(ph *phone, e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e := e.(type) {
	case Arrived:
		if in, ok := e.Take(time.Now(), l.options()); ok {
			ph.events <- incoming{Call: l.adopt(ph, in.Call), Replaces: in.Replaces}
		}
	case Heard:
		if c := l.calls[e.Call()]; c != nil {
			c.ph = ph
			c.told(e.Hear(time.Now()))
		}
	}
}

func (l *owner) adopt(ph *phone, c *Call) *talker {
	t := &talker{Call: c, l: l, ph: ph, more: make(chan struct{})}
	l.calls[c] = t
	return t
}

func newTalker(ph *phone, to wire.URI) *talker {
	l := ownerOf(ph.st.dialogs)
	o := l.options()
	o.Target = to
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.adopt(ph, NewCall(ph.acct, ph.auth, o))
}

func bob() wire.URI { return wire.URI{Scheme: "sip", User: "bob", Host: "example.test"} }

// told takes in what the machine wants; the line is locked.
func (c *talker) told(acts []dialog.Action) {
	for _, a := range acts {
		switch a := a.(type) {
		case dialog.Ended:
			c.ph.events <- ended{c, a}
		case dialog.Retargeted:
			c.ph.events <- retargeted{c}
		case dialog.Apply:
			c.ph.events <- applied{c, a}
		}
	}
	c.log = append(c.log, acts...)
	close(c.more)
	c.more = make(chan struct{})
	if c.timer != nil {
		c.timer.Stop()
	}
	if next := c.Next(); !next.IsZero() {
		c.timer = time.AfterFunc(time.Until(next), func() { c.feed(dialog.Tick{}) })
	}
}

func (c *talker) feed(e dialog.Event) int {
	return c.run(func() []dialog.Action { return c.Step(time.Now(), e) })
}

// run steps the call, and returns where what it tells begins.
func (c *talker) run(fn func() []dialog.Action) int {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	at := len(c.log)
	c.told(fn())
	return at
}

// ask looks at the call between two steps.
func ask[T any](c *talker, fn func() T) T {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	return fn()
}

// await goes through what the call tells from a place on, until done says so.
func (c *talker) await(ctx context.Context, from int, done func(dialog.Action) bool) error {
	for {
		c.l.mu.Lock()
		news, more := c.log[from:], c.more
		c.l.mu.Unlock()
		for _, a := range news {
			from++
			if done(a) {
				return nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func wish(d sdp.Direction) dialog.Wish {
	return dialog.Wish{At: sdp.Transport{RTP: netip.MustParseAddrPort("127.0.0.1:4000")}, Direction: d}
}

// Invite dials and waits until the call is up, or over.
func (c *talker) Invite(ctx context.Context, st *Stack, progress func(Progress)) (ans Answer, err error) {
	at := c.run(func() []dialog.Action { return c.Dial(time.Now(), st, wish(sdp.SendRecv)) })
	early := false
	waited := c.await(ctx, at, func(a dialog.Action) bool {
		switch a := a.(type) {
		case dialog.Apply:
			early = a.Early
			ans.Remote = a.Negotiated.Remote.RTP
		case dialog.Progress:
			if progress != nil {
				progress(Progress{Code: a.Code, ToTag: a.Tag, Early: early})
			}
			early = false
		case dialog.Established:
			return true
		case dialog.Ended:
			if err = a.Err; err == nil {
				err = fmt.Errorf("ended: %s", a.How)
			}
			return true
		}
		return false
	})
	return ans, errors.Join(err, waited)
}

// Accept answers and waits for the ACK.
func (c *talker) Accept(ctx context.Context) (err error) {
	at := c.feed(dialog.Accept{Wish: wish(sdp.SendRecv)})
	waited := c.await(ctx, at, func(a dialog.Action) bool {
		if e, ok := a.(dialog.Ended); ok {
			err = fmt.Errorf("ended: %s", e.How)
			return true
		}
		_, up := a.(dialog.Established)
		return up
	})
	return errors.Join(err, waited)
}

func (c *talker) Ring(code int)   { c.feed(dialog.Ring{Code: code}) }
func (c *talker) Reject(code int) { c.feed(dialog.Reject{Code: code}) }
func (c *talker) MoveTo(st *Stack) {
	c.run(func() []dialog.Action { return c.Move(time.Now(), st) })
}

// Modify asks for a change as a move does, and waits for its end.
func (c *talker) Modify(ctx context.Context, by dialog.Method, d sdp.Direction) (err error) {
	at := c.feed(dialog.Want{Wish: wish(d), Urgency: dialog.Now, By: by})
	waited := c.await(ctx, at, func(a dialog.Action) bool {
		switch a := a.(type) {
		case dialog.Outcome:
			err = a.Result.Err
			return true
		case dialog.Ended:
			err = ErrEnded
			return true
		}
		return false
	})
	return errors.Join(err, waited)
}

// Bye hangs up and waits until that is confirmed, or will not be.
func (c *talker) Bye(ctx context.Context) error {
	if ask(c, c.IsOver) {
		return nil
	}
	at := c.feed(dialog.Hangup{})
	return c.await(ctx, at, func(a dialog.Action) bool {
		_, settled := a.(dialog.Settled)
		return settled
	})
}

// event waits for the next event of a kind and skips others.
func event[E any](ph *phone) E {
	ph.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-ph.events:
			if want, ok := e.(E); ok {
				return want
			}
		case <-timeout:
			var want E
			ph.t.Fatalf("no %T came", want)
		}
	}
}

// invite dials bob beside the test.
func invite(t testing.TB, ph *phone, progress func(Progress)) (*talker, <-chan result[Answer]) {
	c := newTalker(ph, bob())
	return c, job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, progress) })
}

// replacements are Replacements towards bob.
func (c *talker) replacements() (list []*talker) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	for _, n := range c.Replacements(func() CallOptions {
		o := c.l.options()
		o.Target = bob()
		return o
	}) {
		list = append(list, c.l.adopt(c.ph, n))
	}
	return list
}

func (c *talker) tags() []string { return ask(c, c.m.Tags) }

// over waits for the end of the call, of which there is one.
func (c *talker) over(t testing.TB) (end dialog.Ended) {
	t.Helper()
	if err := c.await(ctxOf(t), 0, func(a dialog.Action) bool {
		e, ok := a.(dialog.Ended)
		end = e
		return ok
	}); err != nil {
		t.Fatal("the call does not end")
	}
	return end
}
