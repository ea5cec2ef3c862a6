package engine_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/pion/rtp"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/siptest"
)

// dual opens sockets of both families where the address is [::].
type dual struct{ *netwatchtest.Host }

func both(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.Addr{}, a.Port())
	}
	return a
}

func (d dual) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	return d.Host.ListenPacket(ctx, both(local), iface)
}

func (d dual) Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error) {
	return d.Host.Listen(ctx, both(local), iface)
}

func (d dual) Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error) {
	return d.Host.Dial(ctx, both(local), remote, iface)
}

// lateRoutes is a routing table that has no way to IPv6 where late.
type lateRoutes struct {
	*netwatchtest.Host
	late atomic.Bool
}

func (l *lateRoutes) PathTo(peer netip.Addr) (netwatch.Path, error) {
	if l.late.Load() && peer.Is6() {
		return netwatch.Path{}, netwatch.ErrNoPath
	}
	return l.Host.PathTo(peer)
}

// dualVoice is the media of a peer with both families: it wants audio in the
// one of the last offer, and sends as long as there is somebody to send to.
type dualVoice struct {
	conn net.PacketConn // on every address of the host
	at   map[bool]netip.Addr

	mu     sync.Mutex
	six    bool
	remote netip.AddrPort
	heard  map[netip.Addr]int
	done   sync.WaitGroup
	end    chan struct{}
	once   sync.Once
}

func newDualVoice(t *testing.T, host *netwatchtest.Host, four, six netip.Addr) *dualVoice {
	t.Helper()
	conn, err := dual{host}.ListenPacket(t.Context(), netip.MustParseAddrPort("[::]:0"), "")
	if err != nil {
		t.Fatal(err)
	}
	v := &dualVoice{conn: conn, at: map[bool]netip.Addr{false: four, true: six}, heard: map[netip.Addr]int{}, end: make(chan struct{})}
	v.done.Go(v.listen)
	v.done.Go(v.speak)
	t.Cleanup(v.Close)
	return v
}

func (v *dualVoice) Local(context.Context) (netip.AddrPort, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	port := netip.MustParseAddrPort(v.conn.LocalAddr().String()).Port()
	return netip.AddrPortFrom(v.at[v.six], port), nil
}

func (v *dualVoice) Remote(n sdp.Negotiated) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.remote = n.Remote.RTP
}

// offered looks at a request in the call before it is answered.
func (v *dualVoice) offered(_ *siptest.PeerCall, req *sipgo.Request) *siptest.Reply {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(req.Body()) > 0 {
		v.six = bytes.Contains(req.Body(), []byte("c=IN IP6 "))
	}
	return nil
}

func (v *dualVoice) Close() {
	v.once.Do(func() { close(v.end); _ = v.conn.Close() })
	v.done.Wait()
}

func (v *dualVoice) from(a netip.Addr) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.heard[a]
}

func (v *dualVoice) listen() {
	buf := make([]byte, 2048)
	for {
		n, from, err := v.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var p rtp.Packet
		if p.Unmarshal(buf[:n]) == nil {
			v.mu.Lock()
			v.heard[netip.MustParseAddrPort(from.String()).Addr()]++
			v.mu.Unlock()
		}
	}
}

func (v *dualVoice) speak() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 7}, Payload: bytes.Repeat([]byte{0xd5}, 160)}
	for {
		select {
		case <-tick.C:
		case <-v.end:
			return
		}
		v.mu.Lock()
		to := v.remote
		v.mu.Unlock()
		p.SequenceNumber++
		p.Timestamp += 160
		if b, err := p.Marshal(); err == nil && to.IsValid() {
			_, _ = v.conn.WriteTo(b, net.UDPAddrFromAddrPort(to))
		}
	}
}

// TestFromIPv4ToIPv6 and back: the route set stays, the next hop is the proxy's
// address of the other family, the media move, and o= keeps its family.
func TestFromIPv4ToIPv6(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { fromIPv4ToIPv6(t, transport) })
		})
	}
}

// Long: a world with two families has many inhabitants.
func fromIPv4ToIPv6(t *testing.T, transport locate.Transport) {
	server4, server6 := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8:5e::1")
	phone6 := netip.MustParsePrefix("2001:db8:17e::4/64")
	n := netwatchtest.New()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait(); n.Close() })
	host, pbx, far := n.Host("phone"), n.Host("pbx"), n.Host("melody")
	pbx.Plug("eth0", "datacentre", netip.PrefixFrom(server4, 24), netip.PrefixFrom(server6, 64))
	far.Plug("eth0", "far", netip.MustParsePrefix("198.51.100.8/24"), netip.MustParsePrefix("2001:db8:fa::8/64"))
	host.Plug("wlan0", "home", home())
	n.Delay("phone", "pbx", 8*time.Millisecond)
	n.Delay("phone", "melody", 12*time.Millisecond)

	var mu sync.Mutex
	var offers []string // re-INVITEs of the phone as the server got them
	trace := func(m siptest.Traced) {
		mu.Lock()
		defer mu.Unlock()
		if raw := string(m.Raw); !m.Out && strings.HasPrefix(raw, "INVITE ") && strings.Contains(raw, ";tag=") && strings.Contains(raw, "\r\nRoute:") {
			offers = append(offers, raw)
		}
	}
	registrar := siptest.NewRegistrar(siptest.Options{Addr: netip.MustParseAddrPort("[::]:5060"), Self: []netip.Addr{server4, server6},
		Realm: domain, Users: map[string]string{"you": "secret", "melody": "secret"}, Sockets: dual{pbx}, Trace: trace})
	all.Go(func() { _ = registrar.Run(ctx) })
	<-registrar.Ready()
	voice := newDualVoice(t, far, netip.MustParseAddr("198.51.100.8"), netip.MustParseAddr("2001:db8:fa::8"))
	melody := siptest.NewPeer(siptest.PeerOptions{User: "melody", Domain: domain, Addr: netip.MustParseAddrPort("198.51.100.8:5060"),
		Registrar: netip.AddrPortFrom(server4, 5060), Password: "secret", Sockets: far,
		Script: siptest.Script{OnRequest: voice.offered}, Media: func(*siptest.PeerCall) siptest.Media { return voice }})
	all.Go(func() { _ = melody.Run(ctx) })
	<-melody.Ready()

	dev, err := device.Open("null")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ctx: ctx, news: make(chan struct{}, 1)}
	routes := &lateRoutes{Host: host}
	dns := &directory{host: map[string][]netip.Addr{domain: {server6, server4}}}
	r.e = engine.New(engine.Parts{
		Accounts: []engine.Account{{Name: "you", Enabled: true, Register: true, Codecs: []string{"pcmu"},
			SIP: sip.Account{AOR: sip.URI{Scheme: "sip", User: "you", Host: domain}, Transport: transport, Expires: time.Hour,
				Password:   func() (string, error) { return "secret", nil },
				InstanceID: "urn:uuid:00000000-0000-4000-8000-000000000001"},
			Policy: roam.Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true}}},
		Network: netwatch.Options{Source: host, Router: routes, Hints: []netwatch.Hinter{host}},
		Sockets: host, Lookup: dns, Desk: desk.New(desk.Options{Device: dev}),
	})
	updates := r.e.Subscribe()
	all.Go(func() { _ = r.e.Run(ctx) })
	all.Go(func() { r.follow(updates) })

	id := r.call("melody")
	move := func(from, to, network string, at netip.Prefix, nth int) {
		t.Helper()
		host.Unplug(from)
		host.Plug(to, network, at)
		if got := r.roamed(nth); got.Phase != phone.RoamDone {
			t.Fatalf("the roam %s: %s\n%s", got.Phase, words.RoamFailure(got), r.story())
		}
		before := voice.from(at.Addr())
		rx := find(r.state1(), id).Media.RxPackets
		r.until("audio both ways at "+at.Addr().String(), func(s phone.State) bool {
			return voice.from(at.Addr()) > before+25 && find(s, id).Media.RxPackets > rx+25
		})
		list := registrar.Bindings("sip:you@" + domain)
		if len(list) != 1 || !strings.Contains(list[0].Contact, at.Addr().String()) {
			t.Errorf("bindings %+v", list)
		}
		t.Log(words.Step(r.state1().Roams[nth-1].Steps[len(r.state1().Roams[nth-1].Steps)-1]))
	}
	move("wlan0", "usb0", "lte", phone6, 1)
	move("usb0", "wlan0", "home", home(), 2)
	mu.Lock()
	got := slices.Clone(offers)
	mu.Unlock()
	if len(got) < 2 {
		t.Fatalf("%d re-INVITEs", len(got))
	}
	versions := map[string]bool{}
	for i, offer := range []string{got[0], got[len(got)-1]} {
		c := []string{"c=IN IP6 " + phone6.Addr().String(), "c=IN IP4 " + home().Addr().String()}[i]
		for _, want := range []string{"\r\nRoute: <sip:203.0.113.1:5060", c, " IN IP4 192.168.1.23\r\n"} {
			if !strings.Contains(offer, want) {
				t.Errorf("offer %d has no %q:\n%s", i, want, offer)
			}
		}
		_, o, _ := strings.Cut(offer, "\r\no=")
		o, _, _ = strings.Cut(o, "\r\n")
		if versions[o] || !strings.HasSuffix(o, " IN IP4 192.168.1.23") {
			t.Errorf("o=%s", o)
		}
		versions[o] = true
	}

	// The address is there a while before its route is, as kernels have it.
	routes.late.Store(true)
	go func() {
		r.until("an address without a route", func(s phone.State) bool {
			return s.Accounts[0].State == phone.NoNetwork && slices.ContainsFunc(s.Network.Interfaces, func(i phone.Interface) bool { return slices.Contains(i.Addresses, phone6.Addr()) })
		})
		routes.late.Store(false)
	}()
	move("wlan0", "usb0", "lte", phone6, 3)
}
