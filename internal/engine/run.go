package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"ramble/audio/desk"
	"ramble/audio/stream"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
)

// This file is the top of the room: it makes the engine, runs it, and joins the
// accounts' machines to those who carry their actions out.

// New builds the engine; nothing runs and nothing is opened before Run.
func New(p Parts) *Engine {
	p = p.withDefaults()
	e := &Engine{
		parts:   p,
		mailbox: newMailbox(),
		stopped: make(chan struct{}),
		book:    book{calls: map[phone.CallID]*call{}},
		shown: shown{
			audio:   phone.Audio(p.Audio),
			network: phone.Network{Watching: p.Watching, Since: time.Now()},
		},
	}
	e.sipEvent = e.hearStack
	for i := range p.Accounts {
		e.accounts = append(e.accounts, newAccount(e, p.Accounts[i]))
	}
	o := p.Network
	o.Log, o.Guard = p.Log, p.Guard
	o.OnChange = func(c netwatch.Change) { e.post(func() { e.networkChanged(c) }) }
	e.watcher = netwatch.New(o)
	e.parts.Sockets = sip.NewPorts(sensing{Sockets: p.Sockets, look: e.watcher.Look}) // shared by the stacks of all accounts
	if p.History != nil {
		e.recorder = newRecorder(e, p.History)
	}
	if p.Ledger != nil {
		e.clerk = newClerk(p.Ledger)
	}
	e.reactor = stream.NewReactor()
	if p.Desk != nil {
		p.Desk.Before(e.reactor.Gather)
		p.Desk.OnOwnFailed(func(id int, err error) { e.post(func() { e.ownSoundFailed(phone.CallID(id), err) }) })
		p.Desk.OnChange(func(c desk.Change) { e.post(func() { e.soundChanged(c) }) })
	}
	return e
}

func (p Parts) withDefaults() Parts {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Media.Frame == 0 {
		p.Media.Frame = 20 * time.Millisecond
	}
	if p.LookEvery == 0 {
		p.LookEvery = lookEvery
	}
	if p.MaxCalls == 0 {
		p.MaxCalls = 8 // a person handles two
	}
	if p.OldMax == 0 {
		p.OldMax = 50
	}
	return p
}

// Do implements phone.Doer.
func (e *Engine) Do(ctx context.Context, c phone.Command) (phone.Reply, error) {
	type result struct {
		reply phone.Reply
		err   error
	}
	if r, mine, err := e.doSound(c); mine {
		return r, err
	}
	done := make(chan result, 1) // the loop never waits for a caller that gave up
	work := func() {
		r, err := e.do(c)
		e.carryOut()
		done <- result{r, err}
	}
	if !e.mailbox.put(work) {
		return phone.Reply{}, &phone.Error{Why: phone.Stopped}
	}
	select {
	case r := <-done:
		return r.reply, r.err
	case <-e.stopped:
		return phone.Reply{}, &phone.Error{Why: phone.Stopped}
	case <-ctx.Done():
		return phone.Reply{}, ctx.Err()
	}
}

// Run is the phone's life. It returns nil after Quit or when ctx ends, after
// calls were ended and bindings removed (two seconds at most) and every
// goroutine it started has returned.
func (e *Engine) Run(ctx context.Context) error {
	var cancel context.CancelFunc
	// Jobs must outlive ctx by the farewell, so they descend from a context
	// that ends only when the loop does.
	e.ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
	children := sync.WaitGroup{}
	child := func(name string, run func(context.Context) error) {
		children.Add(1)
		e.parts.Guard.Go(name, func() {
			defer children.Done()
			if err := run(e.ctx); err != nil && !errors.Is(err, context.Canceled) {
				e.post(func() { e.say(phone.Failure, phone.News{Kind: phone.PartStopped, Name: name, Text: err.Error()}) })
			}
		})
	}
	child("netwatch", e.watcher.Run)
	child("sound", e.parts.Desk.Run)
	child("media", e.reactor.Run)
	for _, fn := range e.mailbox.take() {
		fn()
		e.carryOut()
	}
	e.outlets, e.newcomers = e.newcomers, nil // who came before the start hears all of it
	e.recall()
	e.inherit()
	if e.clerk != nil {
		children.Add(1)
		e.parts.Guard.Go("ledger", func() { defer children.Done(); e.clerk.run() })
	}
	if e.recorder != nil {
		children.Add(1)
		e.parts.Guard.Go("history", func() { defer children.Done(); e.recorder.run() })
	}
	e.start()
	e.loop(ctx)
	if e.recorder != nil {
		e.recorder.finish()
	}
	if e.clerk != nil {
		e.finishOwed()
	}
	e.last = phone.Update{State: e.state(), Notices: []phone.Notice{{At: time.Now(), What: e.closed}}}
	for _, fn := range e.mailbox.close() {
		fn() // what came too late is put away as after any end
		e.carryOut()
	}
	close(e.stopped)
	cancel()
	e.jobs.Wait()
	e.closeOutlets()
	children.Wait()
	return nil
}

// readyAtLast is when Ready is told although an account has no sockets yet:
// without a network there are none, and the phone is ready all the same.
const readyAtLast = time.Second

// start brings every enabled account to the point where the watcher decides.
func (e *Engine) start() {
	e.readyBy = time.Now().Add(readyAtLast)
	e.takeNetwork(e.watcher.State())
	for _, a := range e.accounts {
		a.start()
	}
	e.dirty = true
	e.publish()
}

func (a *account) start() {
	if a.cfg.Enabled {
		a.resolve()
	}
}
