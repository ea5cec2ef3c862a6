package cli

import (
	"context"
	"fmt"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/app/drill"
	"ramble/internal/engine"
	"ramble/sip/locate"
)

// runDrill is `ramble drill`: the phone of the demo, moved by a scenario.
func runDrill(ctx context.Context, s *Session, d Drill) error {
	c := *s.Config
	c.Audio.Backend, c.Audio.Tones = "null", false
	c.Network.SIPPort = d.SIPPort
	s.Config = &c
	where := "in a private network namespace: the system's own network, and nothing leaves it"
	if s.Simulated == "" {
		ground, err := demo.NewReal(s.Guard) // once, to know before the first scenario
		if err == nil {
			err = ground.Close()
		}
		if err != nil {
			s.Simulated = err.Error()
		}
	}
	if s.Simulated != "" {
		where = "simulated, in a network in memory: " + s.Simulated
	}
	where += fmt.Sprintf(" (%s)", d.Transport)
	return play(ctx, d, drill.Options{
		Transport: d.Transport, Guard: s.Guard, Log: s.Log,
		Build: func(ctx context.Context, setup drill.Setup) (*drill.Stage, error) { return drillStage(ctx, s, setup) },
	}, report(s, d, where))
}

// drillStage builds a world and a phone in it, and starts both.
func drillStage(ctx context.Context, s *Session, setup drill.Setup) (*drill.Stage, error) {
	if s.Simulated == "" {
		ground, err := demo.NewReal(s.Guard)
		if err != nil {
			return nil, fmt.Errorf("the private network is gone: %w", err)
		}
		setup.World.Ground = ground
	}
	world := demo.New(setup.World)
	// The world outlives who interrupts the drill: the scenario may be moving it,
	// and the phone says goodbye to it.
	endWorld := beside(context.WithoutCancel(ctx), s, "drill world", world.Run)
	p, err := demoParts(s, world)
	if err == nil {
		err = world.Ready(ctx)
	}
	if err != nil {
		endWorld()
		return nil, err
	}
	a := &p.Accounts[0]
	a.SIP.Transport = map[drill.Transport]locate.Transport{"udp": locate.UDP, "tcp": locate.TCP, "tls": locate.TLS}[setup.Transport]
	a.SIP.TLS.Roots = world.Roots
	// Nothing stops this process but the drill itself, so a short sleep is one too.
	p.Network.SleptAfter = time.Second
	if setup.KeepFor > 0 {
		a.Policy.KeepFor = setup.KeepFor
	}
	e := engine.New(p)
	updates := e.Subscribe()
	endPhone := beside(ctx, s, "drill phone", e.Run)
	return &drill.Stage{World: world, Phone: e, Updates: updates, End: func() {
		endPhone() // first: it says goodbye to the world
		endWorld()
	}}, nil
}

// beside runs something until end, which returns when it is over.
func beside(ctx context.Context, s *Session, name string, run func(context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	s.Guard.Go(name, func() {
		defer close(over)
		_ = run(ctx) // the scenario sees what fails
	})
	return func() { cancel(); <-over }
}
