package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/audio/desk"
	"ramble/internal/app/ground"
	"ramble/internal/automation"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/proof/soak"
	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// The internet of the matrix: a server and a talker of both families, and phones
// that have IPv4 or IPv6.
const (
	matrixDomain = "matrix.test"
)

// line is what a phone's networks are like: near and good, far, far and lossy.
func line(n int) (delay time.Duration, loss float64) {
	switch n % 3 {
	case 1:
		return 60 * time.Millisecond, 0
	case 2:
		return 40 * time.Millisecond, 0.02
	}
	return 8 * time.Millisecond, 0
}

func serverAddr() netip.AddrPort { return netip.MustParseAddrPort("203.0.113.10:5060") }
func serverSix() netip.Addr      { return netip.MustParseAddr("2001:db8:1::10") }
func talkerAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.8:5060") }
func talkerSix() netip.Addr      { return netip.MustParseAddr("2001:db8:2::8") }

// bothFamilies opens the server's sockets on both families and has them say the IPv4
// address.
type bothFamilies struct {
	*netwatchtest.Host
	at netip.AddrPort
}

type dualPackets struct {
	net.PacketConn
	at netip.AddrPort
}

func (d dualPackets) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(d.at) }

type dualListener struct {
	net.Listener
	at netip.AddrPort
}

func (d dualListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(d.at) }

func (d bothFamilies) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	c, err := d.Host.ListenPacket(ctx, netip.AddrPortFrom(netip.Addr{}, local.Port()), iface)
	return dualPackets{c, d.at}, err
}

func (d bothFamilies) Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error) {
	l, err := d.Host.Listen(ctx, netip.AddrPortFrom(netip.Addr{}, local.Port()), iface)
	return dualListener{l, d.at}, err
}

func (d bothFamilies) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	return d.Host.Dial(ctx, netip.AddrPortFrom(netip.Addr{}, local.Port()), remote, iface)
}

// matrixNames is the DNS of that internet.
type matrixNames struct{}

func (matrixNames) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{serverAddr().Addr(), serverSix()}, nil
}
func (matrixNames) LookupSRV(context.Context, string) ([]locate.SRV, error)     { return nil, nil }
func (matrixNames) LookupNAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }

// matrixWorld is the internet with its server and talker.
type matrixWorld struct {
	t         testing.TB
	transport locate.Transport
	net       *netwatchtest.Network
	registrar *siptest.Registrar
	talker    *soak.Talker
	roots     siptest.Certified
	wire      wireLog
	all       sync.WaitGroup
	cancel    context.CancelFunc
}

// wireLog is the last messages at the server.
type wireLog struct {
	mu    sync.Mutex
	lines []string
}

func (w *wireLog) add(m siptest.Traced) {
	way := "<-"
	if m.Out {
		way = "->"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%s %s %s %s\n%s", time.Now().UTC().Format("15:04:05.000"), way, m.Transport, m.Remote, m.Raw))
	if len(w.lines) > 40000 {
		w.lines = append(w.lines[:0], w.lines[20000:]...)
	}
}

func (w *wireLog) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

func newMatrixWorld(ctx context.Context, t testing.TB, transport locate.Transport, phones int) *matrixWorld {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	w := &matrixWorld{t: t, transport: transport, net: netwatchtest.New(), cancel: cancel}
	var err error
	if w.roots, err = siptest.Certify("pbx."+matrixDomain, matrixDomain); err != nil {
		t.Fatal(err)
	}
	kinds := map[locate.Transport][]siptest.Transport{
		locate.UDP: {siptest.UDP}, locate.TCP: {siptest.UDP, siptest.TCP}, locate.TLS: {siptest.UDP, siptest.TLS},
	}
	users := map[string]string{"talker": "secret"}
	for n := range phones {
		users[phoneName(n)] = "secret"
	}
	server, far := w.net.Host("server"), w.net.Host("talker")
	server.Plug("eth0", "datacentre", netip.PrefixFrom(serverAddr().Addr(), 24), netip.PrefixFrom(serverSix(), 64))
	far.Plug("eth0", "far", netip.PrefixFrom(talkerAddr().Addr(), 24), netip.PrefixFrom(talkerSix(), 64))
	w.registrar = siptest.NewRegistrar(siptest.Options{
		Addr: serverAddr(), Realm: matrixDomain, Users: users, ProxyAuth: true, Transports: kinds[transport], TLS: w.roots.Server,
		Sockets: bothFamilies{server, serverAddr()}, Trace: w.wire.add,
	})
	w.talker = soak.NewTalker(soak.TalkerOptions{
		User: "talker", Domain: matrixDomain, Addr: talkerAddr(), IPv6: talkerSix(), Transport: siptest.UDP,
		Registrar: serverAddr(), Password: "secret", Sockets: far, NoReplaces: *matrixPlain,
	})
	w.all.Go(func() { _ = w.registrar.Run(ctx) })
	<-w.registrar.Ready()
	w.all.Go(func() { _ = w.talker.Run(ctx) })
	<-w.talker.Peer.Ready()
	return w
}

// close ends the world; its phones have ended.
func (w *matrixWorld) close() {
	w.cancel()
	w.all.Wait()
	w.net.Close()
}

func phoneName(n int) string { return fmt.Sprint("phone", n) }

// matrixPhone is a phone of the matrix: the real engine behind the command and
// event lines of the program.
type matrixPhone struct {
	*soak.Site
	w     *matrixWorld
	n     int
	host  *netwatchtest.Mover
	at    ground.Spot
	moves int
	all   sync.WaitGroup
}

func (w *matrixWorld) phone(ctx context.Context, n int) *matrixPhone {
	w.t.Helper()
	host := w.net.Host(phoneName(n)).Mover()
	delay, _ := line(n)
	w.net.Delay(phoneName(n), "server", delay)
	w.net.Delay(phoneName(n), "talker", delay)
	m := &matrixPhone{w: w, n: n, host: host}
	m.at = m.next("wlan0", false)
	_ = host.Plug(m.at.Iface, m.at.Network, m.at.Addrs...) // in memory nothing fails
	in, commands := io.Pipe()
	lines, out := io.Pipe()
	m.Site = &soak.Site{
		Phone:  soak.NewPhone(phoneName(n), func(line string) error { _, err := io.WriteString(commands, line+"\n"); return err }),
		Talker: w.talker, Domain: matrixDomain, Move: m.move, Bindings: m.bindings,
		Calm: func() { w.net.Loss(m.at.Network, 0) },
	}
	e := engine.New(w.parts(m))
	updates := e.Subscribe()
	m.all.Go(func() { _ = e.Run(ctx) })
	m.all.Go(func() {
		_ = automation.Run(ctx, automation.Options{In: in, Out: out, Doer: e, Updates: updates, Version: "test", Stats: true})
		_ = out.Close()
	})
	m.all.Go(func() {
		scan := bufio.NewScanner(lines)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			m.Phone.Feed(scan.Text())
		}
		m.Phone.Gone()
	})
	return m
}

func (w *matrixWorld) parts(m *matrixPhone) engine.Parts {
	return engine.Parts{
		Accounts: []engine.Account{{
			Name: "matrix", Enabled: true, Register: true, Codecs: []string{"pcmu"},
			SIP: sip.Account{
				AOR:        sip.URI{Scheme: "sip", User: phoneName(m.n), Host: matrixDomain},
				Registrar:  sip.URI{Scheme: "sip", Host: matrixDomain, Port: serverAddr().Port()},
				Password:   func() (string, error) { return "secret", nil },
				Transport:  w.transport,
				TLS:        locate.TLSPolicy{Roots: w.roots.Roots},
				InstanceID: fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", m.n),
				Expires:    time.Hour,
			},
			Policy: roam.Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true},
		}},
		Network: netwatch.Options{Source: m.host, Router: m.host, Hints: []netwatch.Hinter{m.host}},
		Sockets: m.host, Lookup: matrixNames{},
		Desk:   desk.New(desk.Options{}),
		Habits: engine.Habits{StatsEvery: 200 * time.Millisecond},
	}
}

// next is a new spot for the phone.
func (m *matrixPhone) next(iface string, six bool) ground.Spot {
	m.moves++
	addr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(m.n), byte(m.moves), 23}), 24)
	if six {
		addr = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: byte(m.n), 2: byte(m.moves), 15: 0x23}), 64)
	}
	name := fmt.Sprintf("%s of %s, %d", iface, phoneName(m.n), m.moves)
	return ground.Spot{Name: name, Iface: iface, Network: name, Addrs: []netip.Prefix{addr}}
}

// move is how a phone in memory moves: as one on real networks does, to a spot
// where it never was.
func (m *matrixPhone) move(ctx context.Context, r soak.Round) (soak.Moved, error) {
	_, loss := line(m.n)
	other := map[string]string{"wlan0": "usb0", "usb0": "wlan0"}[m.at.Iface]
	to := m.next(other, r.Variant == soak.FourToSix && m.at.Addr().Is4())
	t := ground.NewTraveller(m.host, []ground.Spot{m.at, to})
	if err := t.Go(ctx, r.Move()); err != nil {
		return soak.Moved{}, err
	}
	m.at = t.At()
	m.w.net.Loss(m.at.Network, loss) // until the round is over: see Calm
	return soak.Moved{T0: t.Last().Landed, Addr: m.at.Addr()}, nil
}

func (m *matrixPhone) bindings(context.Context) (list []string, err error) {
	for _, b := range m.w.registrar.Bindings(phoneName(m.n)) {
		list = append(list, b.Contact)
	}
	return list, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d): // the network's own pace
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
