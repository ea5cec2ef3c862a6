package demo

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"ramble/internal/app/voice"
	"ramble/internal/leaf/safego"
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

	Ground     Ground                                    // closed by Run; nil: one in memory
	TLS        bool                                      // the server speaks TLS in place of TCP
	OnBindings func(user string, list []siptest.Binding) // hears each change at the server; must not wait; nil: nobody
}

// World is the demo's internet with everybody on it but the phone.
type World struct {
	// Net, and the machine that walks in it: nil on real ground, where the
	// phone is on the system's own network.
	Net       *netwatchtest.Network
	Phone     *netwatchtest.Host
	Registrar *siptest.Registrar
	Walker    *Walker
	Roots     *x509.CertPool // believe these to believe a server that speaks TLS
	ground    Ground
	broken    error // why there is no world
	peers     map[string]*siptest.Peer
	guard     *safego.Guard
	manual    bool

	mu     sync.Mutex
	voices []*voice.Voice
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

// New builds the world; the phone is at home. Nothing runs before Run, which
// also tells what went wrong here.
func New(o Options) *World {
	o = o.withDefaults()
	w := &World{guard: o.Guard, ground: o.Ground, manual: o.Manual, peers: map[string]*siptest.Peer{}}
	if m, ok := o.Ground.(*memory); ok {
		w.Net, w.Phone = m.net, m.Host
	}
	w.Walker, w.broken = newWalker(o.Ground, o.Pause, o.Say)
	users := map[string]string{User: Password}
	for _, c := range cast() {
		users[c.name] = Password
	}
	server := siptest.Options{
		Addr: registrarAddr(), Realm: Domain, Users: users, Algorithms: []string{"SHA-256", "MD5"},
		Sockets: o.Ground.Sockets("server", registrarAddr().Addr(), o.Delay),
		Trace:   o.Trace, OnBindings: o.OnBindings, Guard: o.Guard, Log: o.Log,
	}
	if o.TLS {
		certified, err := siptest.Certify(registrarAddr().Addr().String(), Domain)
		w.broken = errors.Join(w.broken, err)
		server.Transports, server.TLS, w.Roots = []siptest.Transport{siptest.UDP, siptest.TLS}, certified.Server, certified.Roots
	}
	if o.Server != nil {
		o.Server(&server)
	}
	w.Registrar = siptest.NewRegistrar(server)
	for _, c := range cast() {
		at := netip.MustParseAddr(c.addr)
		host := o.Ground.Sockets(c.name, at, o.Delay*3/2)
		po := siptest.PeerOptions{
			User: c.name, Domain: Domain, Addr: netip.AddrPortFrom(at, 5060), Transport: siptest.UDP,
			Registrar: registrarAddr(), Password: Password, Sockets: host, Guard: o.Guard, Log: o.Log,
			Script: siptest.Script{OnInvite: func(*siptest.PeerCall) siptest.Decision {
				return siptest.Decision{Ring: o.Ring}
			}},
			Media: func(*siptest.PeerCall) siptest.Media { return w.voice(host, at, c.fill()) },
		}
		if o.Peer != nil {
			o.Peer(&po)
		}
		w.peers[c.name] = siptest.NewPeer(po)
	}
	return w
}

func (o Options) withDefaults() Options {
	o.Pause = cmp.Or(o.Pause, 12*time.Second)
	o.Delay = cmp.Or(o.Delay, 8*time.Millisecond)
	o.Ring = cmp.Or(o.Ring, 700*time.Millisecond)
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Ground == nil {
		o.Ground = newMemory()
	}
	return o
}

// voice makes the sound of one call of a peer.
func (w *World) voice(host siptest.Sockets, at netip.Addr, fill func([]int16)) *voice.Voice {
	v := voice.New(voice.Options{Sockets: host, At: at, Say: fill, Guard: w.guard})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.voices = append(w.voices, v)
	return v
}

// Voices returns the peers' sounds, oldest call first.
func (w *World) Voices() []*voice.Voice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*voice.Voice(nil), w.voices...)
}

// Peer is one of the cast: "melody", "echo" or "carol".
func (w *World) Peer(name string) *siptest.Peer { return w.peers[name] }

// Peers are the names of who can be called.
func Peers() (names []string) {
	for _, c := range cast() {
		names = append(names, c.name)
	}
	return names
}

// Ground is the network under the world, for who moves the phone without the
// Walker.
func (w *World) Ground() Ground { return w.ground }

// Server is where the phone registers.
func (w *World) Server() netip.AddrPort { return registrarAddr() }

// Ready is closed when the server listens and the peers are there.
func (w *World) Ready(ctx context.Context) error {
	if w.broken != nil {
		return w.broken
	}
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
	if w.broken != nil {
		return errors.Join(w.broken, w.ground.Close())
	}
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
	w.Walker.end()
	for _, v := range w.Voices() {
		v.Close()
	}
	return w.ground.Close()
}

// Ring lets Carol call the phone.
func (w *World) Ring(ctx context.Context) error {
	_, err := w.peers["carol"].Call(ctx, "sip:"+User+"@"+Domain)
	return err
}
