package lab

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Addresses of the local destinations.
var (
	bridgeAt    = netip.MustParsePrefix("172.17.0.1/16")
	containerAt = netip.MustParsePrefix("172.17.0.2/16")
	vpnAt       = netip.MustParseAddr("10.200.0.1")
	vpnAfter    = netip.MustParseAddr("10.200.0.7")
	vpnServer   = netip.MustParseAddr("10.200.0.2")
)

// local is a server that this machine reaches by itself, or by an interface that is no
// uplink.
type local struct {
	name   string
	server netip.Addr
	host   string // where the server runs
	bob    string // where the other phone runs; it reaches the server as alice does
	far    bool   // the other phone is baresip on the callee, which knows the server by its fixed address
	calls  bool   // and it is baresip that calls
	lay    func(l *Lab) error
	own    netip.Addr // alice's address towards the server
	// move happens during the call; after it alice has the address after,
	// invalid: the one before, without any roam.
	move  func(ctx context.Context, l *Lab) error
	after netip.Addr
}

// moves that leave the way to a local server as it is.
func uplinkMoves(text string) func(ctx context.Context, l *Lab) error {
	return func(ctx context.Context, l *Lab) error {
		_, err := l.Take(ctx, text)
		return err
	}
}

func locals() []local {
	bridge := func(l *Lab) error { return l.Bridge(Phone, "docker0", bridgeAt) }
	container := func(l *Lab) error {
		return errors.Join(bridge(l), l.Contain(Phone, "docker0", PBX, containerAt))
	}
	vpn := func(l *Lab) error { return l.Tunnel(Phone, vpnAt, PBX, vpnServer) }
	home := netip.MustParseAddr("127.0.0.1")
	return []local{
		{name: "127.0.0.1", server: home, host: Phone, bob: Phone, own: home, move: uplinkMoves("roam other")},
		{name: "127.0.1.1", server: netip.MustParseAddr("127.0.1.1"), host: Phone, bob: Phone, own: home, move: uplinkMoves("roam other 1s")},
		{name: "own address, and a dock is plugged in", server: ipv4(1, 2), host: Phone, bob: Phone, own: ipv4(1, 2), move: func(_ context.Context, l *Lab) error {
			return l.Plug(WWAN, l.uplinks[WWAN].CoreIface, networks(ipv4(2, 2), ipv6(2, 2))...)
		}},
		{name: "own bridge", server: bridgeAt.Addr(), host: Phone, bob: Phone, lay: bridge, own: bridgeAt.Addr(), move: uplinkMoves("roam other")},
		{name: "container", server: containerAt.Addr(), host: PBX, bob: PBX, lay: container, own: bridgeAt.Addr(), move: uplinkMoves("roam other")},
		{name: "container, and a call outside", server: containerAt.Addr(), host: PBX, far: true, lay: container, own: bridgeAt.Addr(), move: uplinkMoves("roam other")},
		{name: "container, and a call from outside", server: containerAt.Addr(), host: PBX, far: true, calls: true, lay: container, own: bridgeAt.Addr(), move: uplinkMoves("roam other")},
		{name: "VPN whose uplink moves", server: vpnServer, host: PBX, bob: PBX, lay: vpn, own: vpnAt, move: uplinkMoves("roam other")},
		{name: "VPN that gives another address", server: vpnServer, host: PBX, bob: PBX, lay: vpn, own: vpnAt, after: vpnAfter, move: func(_ context.Context, l *Lab) error {
			return l.Renumber(Phone, vpnAfter, vpnServer)
		}},
	}
}

// TestLocalServers: a registrar that is no uplink away is registered at and called
// by. A move of the uplinks is none of its business.
func TestLocalServers(t *testing.T) {
	for _, at := range locals() {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(at.name+", "+transport, func(t *testing.T) { at.play(t, transport) })
		}
	}
}

func (at local) play(t *testing.T, transport string) {
	ramble(t) // is built before the time runs
	l := open(t, Options{})
	ctx := within(t, 40*time.Second)
	if at.lay != nil {
		possible(t, at.lay(l))
	}
	listen := []netip.Addr{at.server}
	if at.far {
		listen = append(listen, l.Host(PBX).IPv4)
	}
	k, err := l.KamailioWith(ctx, KamailioOptions{Users: []string{"alice", "bob"}, Host: at.host, At: listen, Between: at.far})
	possible(t, err)
	says, answers := tonesFor(t, l)
	phone := func(host, user, says, account string) *Ramble {
		return must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), Host: host, User: user, Says: says, Transport: transport,
			Server: at.server.String(), Stats: "100ms", Account: account}))
	}
	alice := phone(Phone, "alice", says, "")
	must[Event](t)(alice.Registered(ctx, 0, at.own.String()))
	hearers, hangers := []*Ramble{alice}, []*Ramble{alice}
	var outside *Baresip
	if at.far {
		outside, err = l.Baresip(ctx, PeerOptions{User: "bob", Says: answers, AutoAnswer: true})
		possible(t, err)
		if err := k.AwaitBindings(ctx, "bob", ipv4(8, 2).String()); err != nil {
			t.Fatal(err)
		}
	} else {
		bob := phone(at.bob, "bob", answers, "auto_answer = \"always\"\nallow_from = [\"any\"]")
		must[Event](t)(bob.Registered(ctx, 0, ""))
		hearers, hangers = append(hearers, bob), append(hangers, bob)
	}
	if err := at.ring(ctx, alice, outside); err != nil {
		t.Fatal(err)
	}
	called := time.Now()
	hear(t, ctx, hearers...)
	t.Logf("a second of sound %v after the call was up", time.Since(called).Round(10*time.Millisecond))
	from := alice.Output.Len()
	if err := at.move(ctx, l); err != nil {
		t.Fatal(err)
	}
	moved := time.Now()
	if at.after.IsValid() {
		must[Event](t)(alice.Registered(ctx, from, at.after.String()))
	}
	hear(t, ctx, hearers...)
	t.Logf("a second of sound %v after the move", time.Since(moved).Round(10*time.Millisecond))
	if e, _, err := alice.Expect(expired(), from, "a roam", func(e Event) bool { return e.Type == "roam" }); err == nil && !at.after.IsValid() && !at.far {
		t.Errorf("the way to the server did not change, and this is told: %s", e.Line)
	}
	if err := alice.hangUp(ctx); err != nil {
		t.Error(err)
	}
	for _, r := range hangers {
		if err := r.ended(ctx); err != nil {
			t.Error(err)
		}
		if err := r.Quit(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := k.AwaitBindings(ctx, "alice"); err != nil {
		t.Error("after quit: ", err)
	}
}

// ring has the call up.
func (at local) ring(ctx context.Context, alice *Ramble, outside *Baresip) error {
	if !at.calls {
		return alice.call(ctx, "bob")
	}
	if err := outside.Do("dial", "sip:alice@"+Domain); err != nil {
		return err
	}
	e, next, err := alice.CallState(ctx, 0, 0, "ringing")
	if err != nil {
		return err
	}
	if _, _, err := alice.Do(ctx, "answer"); err != nil {
		return err
	}
	_, _, err = alice.CallState(ctx, next, e.Call, "up")
	return err
}

// TestAPeerOnTheNetworkThatIsLeft: the audio of a peer on the old network stays there
// as long as that is up beside the new one. When it goes, the audio follows at once,
// though nothing changes for the server.
func TestAPeerOnTheNetworkThatIsLeft(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			ramble(t) // is built before the time runs
			l := open(t, Options{})
			ctx := within(t, 40*time.Second)
			k, err := l.Kamailio(ctx, "alice", "bob")
			possible(t, err)
			says, answers := tonesFor(t, l)
			phone := func(host, user, says, account string) *Ramble {
				r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), Host: host, User: user, Says: says, Transport: transport, CA: k.CA,
					Stats: "100ms", Account: account}))
				must[Event](t)(r.Registered(ctx, 0, ""))
				return r
			}
			alice, bob := phone(Phone, "alice", says, ""), phone(Core, "bob", answers, "auto_answer = \"always\"\nallow_from = [\"any\"]")
			if err := alice.call(ctx, "bob"); err != nil {
				t.Fatal(err)
			}
			hear(t, ctx, alice, bob)
			done := func(e Event) bool { return e.Type == "roam" && e.Phase == "done" }
			from := alice.Output.Len()
			if err := l.Plug(WWAN, l.uplinks[WWAN].CoreIface, networks(ipv4(2, 2), ipv6(2, 2))...); err != nil {
				t.Fatal(err)
			}
			if _, _, err := alice.Expect(ctx, from, "the end of the roam", done); err != nil {
				t.Fatal(err)
			}
			hear(t, ctx, alice, bob)
			from = alice.Output.Len()
			if err := l.Unplug(WLAN); err != nil {
				t.Fatal(err)
			}
			end, _, err := alice.Expect(ctx, from, "the end of the roam", done)
			if err != nil {
				t.Fatal(err)
			}
			if gap := gapIn(t, end); gap > time.Second || strings.Contains(end.Line, "no audio for") {
				t.Errorf("it was noticed by silence alone: %s", end.Line)
			}
			hear(t, ctx, alice, bob)
		})
	}
}
