package cli

import (
	"context"

	"ramble/audio/path"
	"ramble/internal/app/config"
	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/tui"
)

// runDemo is `ramble demo`: the real phone on an internet in memory.
func runDemo(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var e *engine.Engine
	// The walker waits until its word is among the events, so that the story
	// stands before what it causes. It says nothing before Run.
	tell := func(line string) { _, _ = e.Do(ctx, phone.Remark{Text: line}) }
	world := demoWorld(s, demo.Options{Guard: s.Guard, Log: s.Log, Say: tell})
	p, err := demoParts(s, world)
	if err != nil {
		return err
	}
	e = engine.New(p)
	watch := e.Subscribe()
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	s.Guard.Go("demo world", func() { defer close(ended); _ = world.Run(ctx) })
	if err := world.Ready(ctx); err != nil {
		return err
	}
	s.Guard.Go("demo script", func() { demoScript(ctx, e, watch, demoWhere(s)) })
	return withEngine(ctx, s, e, func(ctx context.Context, updates <-chan phone.Update) error {
		o := screenOptions(s, e, updates)
		o.Title = "demo"
		o.Banner = "demo: > walk  < unplug  C Carol calls  = pause" // so the key line leaves them out
		o.Extra = demoKeys(world)
		return tui.Run(ctx, o)
	})
}

// demoWorld is on real ground where there is some.
func demoWorld(s *Session, o demo.Options) *demo.World {
	if s.Simulated == "" {
		ground, err := demo.NewReal(s.Guard)
		if err != nil {
			s.Simulated = err.Error()
			s.Log.Info("no private network", "reason", err)
		}
		o.Ground = ground
	}
	return demo.New(o)
}

// demoWhere says what the demo is made of.
func demoWhere(s *Session) string {
	if s.Simulated == "" {
		return "a real phone in a private network namespace: nothing leaves this machine"
	}
	return "a real phone on a simulated internet: nothing leaves this machine"
}

// demoParts puts the phone on the world's network instead of the system's.
func demoParts(s *Session, w *demo.World) (engine.Parts, error) {
	c := *s.Config
	c.Network.RTPPorts = config.PortRange{Low: 10000, High: 20000}
	s.Config = &c
	p, err := parts(s)
	if err != nil {
		return p, err
	}
	if w.Ground().Real() {
		p.Watching = "a private network"
	} else {
		p.Network = w.Network(p.Network)
		p.Watching = "a network in memory"
		p.Sockets = w.Phone
	}
	p.Media.Ports = path.Range(c.Network.RTPPorts)
	a := config.DefaultAccount()
	a.Name = demo.Domain
	acct := engineAccount(s, &a)
	acct.SIP.AOR = sip.URI{Scheme: "sip", User: demo.User, Host: demo.Domain}
	acct.SIP.DisplayName = "You"
	acct.SIP.Registrar = sip.URI{Scheme: "sip", Host: w.Server().Addr().String(), Port: w.Server().Port()}
	acct.SIP.Password = func() (string, error) { return demo.Password, nil }
	p.Accounts = []engine.Account{acct}
	return p, nil
}

// demoScript says what there is to see, and calls the melody as soon as the
// phone is registered.
func demoScript(ctx context.Context, e *engine.Engine, updates <-chan phone.Update, where string) {
	dialled := false
	for u := range updates {
		if dialled || len(u.State.Accounts) == 0 || u.State.Accounts[0].State != phone.Registered {
			continue
		}
		dialled = true
		for _, line := range []string{
			where,
			"you call melody, then walk out of the house",
		} {
			_, _ = e.Do(ctx, phone.Remark{Text: line})
		}
		_, _ = e.Do(ctx, phone.Dial{Target: "melody"})
	}
}

// demoKeys walk by hand.
func demoKeys(w *demo.World) []tui.Action {
	const group = tui.Group("Demo")
	return []tui.Action{
		{ID: "demo-walk", Keys: []string{">"}, Help: "walk to the next network", Group: group,
			Do: func(ctx context.Context) error { w.Walker.Walk(ctx); return nil }},
		{ID: "demo-pull", Keys: []string{"<"}, Help: "unplug the network, or plug it in", Group: group,
			Do: func(context.Context) error { w.Walker.Plug(); return nil }},
		{ID: "demo-pause", Keys: []string{"="}, Help: "pause the walk, or go on", Group: group,
			Do: func(context.Context) error { w.Walker.Pause(); return nil }},
		{ID: "demo-carol", Keys: []string{"C"}, Help: "let Carol call you", Group: group,
			Do: func(ctx context.Context) error { return w.Ring(ctx) }},
	}
}
