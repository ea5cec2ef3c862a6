package simulate

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/proof/soak"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/siptest"
)

const realm = "simulate.test"

func serverAddr() netip.AddrPort { return netip.MustParseAddrPort("203.0.113.10:5060") }
func talkerAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.8:5060") }
func grumpAddr() netip.AddrPort  { return netip.MustParseAddrPort("198.51.100.9:5060") }

// world is the internet of a script.
type world struct {
	t      testing.TB
	ctx    context.Context
	script Script
	began  time.Time
	net    *netwatchtest.Network
	phones map[string]*handset
	talker *soak.Talker
	grump  *siptest.Peer
	all    sync.WaitGroup // who lives here
	tasks  sync.WaitGroup // what the talker does
	roots  *x509.CertPool
	serve  siptest.Options
	wire   *wireLaw

	registrar *siptest.Registrar
	down      func() // ends the server; nil: it is down
	died      bool   // it was down in this episode

	mu      sync.Mutex
	code    int // the grump's next answer
	story   []string
	figures Figures
}

// Figures count what was played.
type Figures struct {
	Simulated, Real      time.Duration
	Moves, Calls, Checks int
}

func (f *Figures) add(o Figures) {
	f.Simulated += o.Simulated
	f.Real += o.Real
	f.Moves += o.Moves
	f.Calls += o.Calls
	f.Checks += o.Checks
}

func (f Figures) String() string {
	perMinute := 0.0
	if f.Real > 0 {
		perMinute = f.Simulated.Hours() / f.Real.Minutes()
	}
	return fmt.Sprintf("%s simulated in %s, %.1f hours a minute; %d moves, %d calls, %d checks of all laws",
		f.Simulated.Round(time.Minute), f.Real.Round(time.Second), perMinute, f.Moves, f.Calls, f.Checks)
}

// start builds the world. It is to be called in a bubble.
func start(ctx context.Context, t testing.TB, s Script) *world {
	w := &world{t: t, ctx: ctx, script: s, began: time.Now(), net: netwatchtest.New(), phones: map[string]*handset{}, wire: newWireLaw()}
	roots, err := siptest.Certify("pbx."+realm, realm)
	if err != nil {
		t.Fatal(err)
	}
	w.roots = roots.Roots
	server, far, grump := w.net.Host("server"), w.net.Host("talker"), w.net.Host("grump")
	server.Plug("eth0", "datacentre", netip.PrefixFrom(serverAddr().Addr(), 24))
	far.Plug("eth0", "far", netip.PrefixFrom(talkerAddr().Addr(), 24))
	grump.Plug("eth0", "far", netip.PrefixFrom(grumpAddr().Addr(), 24))
	users := map[string]string{"talker": "secret", "grump": "secret"}
	for _, l := range s.Lines {
		users[l.Phone] = "secret"
	}
	w.serve = siptest.Options{
		Addr: serverAddr(), Realm: realm, Users: users, ProxyAuth: true, Sockets: server,
		Transports: []siptest.Transport{siptest.UDP, siptest.TCP}, Trace: w.wire.see,
	}
	for _, l := range s.Lines {
		if l.Transport == "tls" { // one port: those that want TCP get TLS
			w.serve.Transports[1], w.serve.TLS = siptest.TLS, roots.Server
		}
	}
	w.serverUp()
	w.talker = soak.NewTalker(soak.TalkerOptions{
		User: "talker", Domain: realm, Addr: talkerAddr(), Transport: siptest.UDP, Registrar: serverAddr(), Password: "secret", Sockets: far,
	})
	w.grump = siptest.NewPeer(siptest.PeerOptions{
		User: "grump", Domain: realm, Addr: grumpAddr(), Transport: siptest.UDP, Registrar: serverAddr(), Password: "secret", Sockets: grump,
		Script: siptest.Script{OnInvite: func(*siptest.PeerCall) siptest.Decision {
			w.mu.Lock()
			defer w.mu.Unlock()
			return siptest.Decision{Ring: time.Second, Code: w.code}
		}},
	})
	w.all.Go(func() { _ = w.talker.Run(ctx) })
	w.all.Go(func() { _ = w.grump.Run(ctx) })
	<-w.talker.Peer.Ready()
	<-w.grump.Ready()
	for n, l := range s.Lines {
		w.phones[l.Phone] = w.phone(n, l)
	}
	return w
}

func (w *world) serverUp() {
	if w.down != nil {
		return
	}
	ctx, cancel := context.WithCancel(w.ctx)
	r := siptest.NewRegistrar(w.serve)
	done := make(chan struct{})
	w.all.Go(func() { defer close(done); _ = r.Run(ctx) })
	<-r.Ready()
	w.registrar, w.down = r, func() { cancel(); <-done }
}

func (w *world) serverDown() {
	if w.down != nil {
		w.down()
		w.down = nil
	}
}

// busy answers everything 503, deaf nothing.
func answerAll(r siptest.Reply) func(*sipgo.Request) *siptest.Reply {
	return func(*sipgo.Request) *siptest.Reply { return &r }
}

// tell puts a line into the story.
func (w *world) tell(format string, args ...any) {
	at := time.Since(w.began)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.story = append(w.story, fmt.Sprintf("%12s ", at.Round(time.Millisecond))+fmt.Sprintf(format, args...))
	if len(w.story) > 4000 {
		w.story = append(w.story[:0], w.story[2000:]...)
	}
}

func (w *world) tale() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.story[max(0, len(w.story)-400):], "\n")
}

// pass lets time go by; false at the end of the world.
func (w *world) pass(d time.Duration) bool {
	select {
	case <-time.After(d): // the script's own pace
		return true
	case <-w.ctx.Done():
		return false
	}
}

// until looks every tenth of a second whether it is so.
func (w *world) until(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) || !w.pass(100*time.Millisecond) {
			return false
		}
	}
	return true
}

// rough is a host's sockets with datagrams that leave twice or late.
type rough struct {
	*netwatchtest.Host
	dice *lockedDice
	line Line
}

func (r rough) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	c, err := r.Host.ListenPacket(ctx, local, iface)
	if err != nil || r.line.Twice+r.line.Late == 0 {
		return c, err
	}
	return roughConn{c, r}, nil
}

type roughConn struct {
	net.PacketConn
	r rough
}

func (c roughConn) WriteTo(b []byte, to net.Addr) (int, error) {
	x := c.r.dice.Float64()
	switch {
	case x < c.r.line.Twice:
		_, _ = c.PacketConn.WriteTo(b, to)
	case x < c.r.line.Twice+c.r.line.Late:
		late := append([]byte(nil), b...)
		time.AfterFunc(30*time.Millisecond, func() { _, _ = c.PacketConn.WriteTo(late, to) })
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}
