package cli

import (
	"context"

	"ramble/audio/path"
	"ramble/internal/config"
	"ramble/internal/demo"
	"ramble/internal/engine"
	"ramble/internal/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/tui"
)

// runDemo is `ramble demo`: the real phone on an internet in memory.
func runDemo(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	story := make(chan string, 16) // a few strides; the screen reads at once
	world := demo.New(demo.Options{
		Guard: s.Guard, Log: s.Log,
		Say: func(line string) {
			select {
			case story <- line:
			default:
			}
		},
	})
	p, err := demoParts(s, world)
	if err != nil {
		return err
	}
	e := engine.New(p)
	watch := e.Subscribe()
	ended := make(chan struct{})
	defer func() { cancel(); <-ended }()
	s.Guard.Go("demo world", func() { defer close(ended); _ = world.Run(ctx) })
	if err := world.Ready(ctx); err != nil {
		return err
	}
	s.Guard.Go("demo script", func() { demoScript(ctx, e, watch, story) })
	return withEngine(ctx, s, e, func(ctx context.Context, updates <-chan phone.Update) error {
		o := screenOptions(s, e, updates)
		o.Title = "demo"
		o.Banner = "demo: nothing leaves this machine"
		o.Extra = demoKeys(world)
		return tui.Run(ctx, o)
	})
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
	p.Network = netwatch.Options{
		Poll: c.Network.Poll, Source: w.Phone, Router: w.Phone, Hints: []netwatch.Hinter{w.Phone},
		Settle: c.Roaming.Settle, SettleMax: c.Roaming.SettleMax,
	}
	p.Watching = "a network in memory"
	p.Sockets = w.Phone
	p.MediaPorts = path.Range(c.Network.RTPPorts)
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

// demoScript calls the melody as soon as the phone is registered, and puts the
// story of the walk among the events.
func demoScript(ctx context.Context, e *engine.Engine, updates <-chan phone.Update, story <-chan string) {
	dialled := false
	for {
		select {
		case <-ctx.Done():
			return
		case line := <-story:
			_, _ = e.Do(ctx, phone.Remark{Text: line})
		case u, ok := <-updates:
			if !ok {
				return
			}
			if dialled || len(u.State.Accounts) == 0 || u.State.Accounts[0].State != phone.Registered {
				continue
			}
			dialled = true
			_, _ = e.Do(ctx, phone.Dial{Target: "melody"})
		}
	}
}

// demoKeys walk by hand.
func demoKeys(w *demo.World) []tui.Action {
	const group = tui.Group("Demo")
	return []tui.Action{
		{ID: "demo-walk", Keys: []string{">"}, Short: "walk", Help: "walk to the next network", Group: group,
			Do: func(ctx context.Context) error { w.Walker.Walk(ctx); return nil }},
		{ID: "demo-pull", Keys: []string{"<"}, Short: "pull", Help: "pull the network, or plug it back in", Group: group,
			Do: func(context.Context) error { w.Walker.Plug(); return nil }},
		{ID: "demo-pause", Keys: []string{"="}, Help: "pause the walk, or let it go on", Group: group,
			Do: func(context.Context) error { w.Walker.Pause(); return nil }},
		{ID: "demo-carol", Keys: []string{"C"}, Help: "let Carol call you", Group: group,
			Do: func(ctx context.Context) error { return w.Ring(ctx) }},
	}
}
