package demo

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"ramble/internal/safego"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/siptest"
)

// Domain is the demo's domain; Password lets its users in.
const (
	Domain   = "demo.ramble"
	User     = "you"
	Password = "demo"
)

// Options shape a World. The zero value is usable.
type Options struct {
	Pause  time.Duration // between strides; 0: 12 s
	Manual bool          // nobody walks until asked
	Delay  time.Duration // one way, phone to everybody; 0: 8 ms
	Ring   time.Duration // how long the peers ring before they answer; 0: 700 ms
	// Server and Peer have the last word on how those are made; nil: nobody has.
	Server func(*siptest.Options)
	Peer   func(*siptest.PeerOptions)
	Say    func(line string)    // hears what happens to the network; nil: nobody
	Trace  func(siptest.Traced) // every message at the server; nil: nobody
	Guard  *safego.Guard
	Log    *slog.Logger
}

// World is the demo's internet with everybody on it but the phone.
type World struct {
	Net       *netwatchtest.Network
	Phone     *netwatchtest.Host // the machine that walks
	Registrar *siptest.Registrar
	Walker    *Walker
	peers     map[string]*siptest.Peer
	guard     *safego.Guard
	manual    bool

	mu     sync.Mutex
	voices []*Voice
}

// registrarAddr is where the demo's server listens, UDP and TCP.
func registrarAddr() netip.AddrPort { return netip.MustParseAddrPort("203.0.113.10:5060") }

// cast is who can be called.
func cast() []struct {
	name, addr string
	fill       func() func([]int16)
} {
	return []struct {
		name, addr string
		fill       func() func([]int16)
	}{
		{"melody", "198.51.100.8", func() func([]int16) { return newMelody(8000, 7).fill }},
		{"echo", "198.51.100.7", func() func([]int16) { return nil }},
		{"carol", "198.51.100.9", func() func([]int16) { return newMelody(8000, 1234567).fill }},
	}
}

// New builds the world; the phone's host is at home. Nothing runs before Run.
func New(o Options) *World {
	if o.Pause == 0 {
		o.Pause = 12 * time.Second
	}
	if o.Delay == 0 {
		o.Delay = 8 * time.Millisecond
	}
	if o.Ring == 0 {
		o.Ring = 700 * time.Millisecond
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	w := &World{Net: netwatchtest.New(), guard: o.Guard, manual: o.Manual, peers: map[string]*siptest.Peer{}}
	w.Phone = w.Net.Host("phone")
	w.Walker = newWalker(w.Phone, o.Pause, o.Say)

	server := w.Net.Host("server")
	server.Plug("eth0", "datacentre", netip.PrefixFrom(registrarAddr().Addr(), 24))
	w.Net.Delay("phone", "server", o.Delay)
	users := map[string]string{User: Password}
	for _, c := range cast() {
		users[c.name] = Password
	}
	so := siptest.Options{
		Addr: registrarAddr(), Realm: Domain, Users: users, Algorithms: []string{"SHA-256", "MD5"},
		Sockets: server, Trace: o.Trace, Guard: o.Guard, Log: o.Log,
	}
	if o.Server != nil {
		o.Server(&so)
	}
	w.Registrar = siptest.NewRegistrar(so)
	for _, c := range cast() {
		host := w.Net.Host(c.name)
		at := netip.MustParseAddr(c.addr)
		host.Plug("eth0", c.name+"'s network", netip.PrefixFrom(at, 24))
		w.Net.Delay("phone", c.name, o.Delay*3/2)
		po := siptest.PeerOptions{
			User: c.name, Domain: Domain, Addr: netip.AddrPortFrom(at, 5060), Transport: siptest.UDP,
			Registrar: registrarAddr(), Password: Password, Sockets: host, Guard: o.Guard, Log: o.Log,
			OnInvite: func(*siptest.PeerCall) siptest.Decision {
				return siptest.Decision{Ring: o.Ring}
			},
			Media: func(*siptest.PeerCall) siptest.Media { return w.voice(host, at, c.fill()) },
		}
		if o.Peer != nil {
			o.Peer(&po)
		}
		w.peers[c.name] = siptest.NewPeer(po)
	}
	return w
}

// voice makes the sound of one call of a peer.
func (w *World) voice(host *netwatchtest.Host, at netip.Addr, fill func([]int16)) *Voice {
	v := &Voice{open: host, at: at, fill: fill, guard: w.guard}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.voices = append(w.voices, v)
	return v
}

// Voices returns the peers' sounds, oldest call first.
func (w *World) Voices() []*Voice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Voice(nil), w.voices...)
}

// Peer is one of the cast: "melody", "echo" or "carol".
func (w *World) Peer(name string) *siptest.Peer { return w.peers[name] }

// Server is where the phone registers.
func (w *World) Server() netip.AddrPort { return registrarAddr() }

// Ready is closed when the server listens and the peers are there.
func (w *World) Ready(ctx context.Context) error {
	if err := ready(ctx, w.Registrar.Ready()); err != nil {
		return err
	}
	for _, p := range w.peers {
		if err := ready(ctx, p.Ready()); err != nil {
			return err
		}
	}
	return nil
}

func ready(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return errors.New("the demo's server did not come up")
	}
}

// Run is everybody's life until ctx ends.
func (w *World) Run(ctx context.Context) error {
	var all sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		all.Add(1)
		w.guard.Go(name, func() {
			defer all.Done()
			_ = run(ctx) // ends with ctx; a peer that fails is seen as absent
		})
	}
	start("demo server", w.Registrar.Run)
	if ready(ctx, w.Registrar.Ready()) == nil {
		for _, p := range w.peers {
			start("demo peer", p.Run)
		}
		if !w.manual {
			start("demo walker", w.Walker.Run)
		}
	}
	<-ctx.Done()
	all.Wait()
	for _, v := range w.Voices() {
		v.Close()
	}
	w.Net.Close()
	return nil
}

// Ring lets Carol call the phone.
func (w *World) Ring(ctx context.Context) error {
	_, err := w.peers["carol"].Call(ctx, "sip:"+User+"@"+Domain)
	return err
}
