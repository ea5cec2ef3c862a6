package lab

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the phones say, in Hz.
const (
	aliceSays = 700.0
	bobSays   = 1100.0
)

// scene is a lab with a proxy, the phone under test and a phone to talk to.
type scene struct {
	*Lab
	k     *Kamailio
	alice *Ramble
	bob   *Baresip
	six   bool // the call goes by IPv6 where it can

	// Instead of bob, see farEnd.
	far   caller
	farAt string // his host; empty: the callee
}

type sceneOptions struct {
	lab       Options
	kamailio  KamailioOptions
	transport string
	ipv6      bool
	account   string
	config    string
	named     bool   // the proxy is known by its name, from DNS
	manual    bool   // bob does not answer by himself
	stun      bool   // the phone asks coturn for its address
	far       string // who answers: "" is baresip, or latcher, ramble
}

func play(t *testing.T, ctx context.Context, o sceneOptions) scene {
	t.Helper()
	if o.far == "ramble" {
		o.lab.Phones = max(2, o.lab.Phones)
	}
	s := scene{Lab: open(t, o.lab), six: o.ipv6}
	var err error
	o.kamailio.Users = []string{"alice", "bob"}
	s.k, err = s.KamailioWith(ctx, o.kamailio)
	possible(t, err)
	server := ""
	if o.named {
		possible(t, s.DNS(ctx))
		server = Domain
	}
	if o.stun {
		at, err := s.STUN(ctx)
		possible(t, err)
		o.account += fmt.Sprintf("\nstun = \"stun:%s\"", at)
	}
	alice, bob := tonesFor(t, s.Lab)
	callee := s.invite(t, ctx, o, bob)
	s.alice = must[*Ramble](t)(s.Ramble(ctx, RambleOptions{
		Binary: ramble(t), User: "alice", Says: alice, Transport: o.transport, CA: s.k.CA, IPv6: o.ipv6, Account: o.account, Config: o.config, Server: server,
	}))
	must[Event](t)(s.alice.Registered(ctx, 0, s.seen(s.ownAddress(s.Address())).String()))
	if !callee.IsValid() {
		return s
	}
	if err := s.k.AwaitBindings(ctx, "bob", callee.String()); err != nil {
		t.Fatal(err)
	}
	return s
}

// invite starts bob, whatever kind of phone he has, and returns the address
// that he registers; invalid if he does not.
func (s *scene) invite(t *testing.T, ctx context.Context, o sceneOptions, says string) netip.Addr {
	t.Helper()
	peer := PeerOptions{User: "bob", Says: says, IPv6: o.ipv6, AutoAnswer: !o.manual}
	host := s.Host(Callee)
	callee := s.ownAddress(host.IPv4, host.IPv6)
	switch o.far {
	case "latcher":
		s.far = must[*Latcher](t)(s.Latcher(bobSays))
		return netip.Addr{}
	case "ramble":
		h := s.Phone(2)
		s.far, s.farAt = must[*Ramble](t)(s.Ramble(ctx, RambleOptions{
			Binary: ramble(t), Host: h.HostName(), User: "bob", Says: says, Transport: o.transport, CA: s.k.CA, IPv6: o.ipv6,
			Account: "auto_answer = \"always\"\nallow_from = [\"any\"]",
		})), h.HostName()
		callee = s.ownAddress(h.Address())
	default:
		var err error
		s.bob, err = s.Baresip(ctx, peer)
		possible(t, err)
	}
	return callee
}

// tonesFor writes what alice says and what the other side says.
func tonesFor(t *testing.T, l *Lab) (alice, bob string) {
	t.Helper()
	alice, bob = filepath.Join(l.Dir, "alice.wav"), filepath.Join(l.Dir, "bob.wav")
	for path, hz := range map[string]float64{alice: aliceSays, bob: bobSays} {
		if err := WriteTone(path, hz, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	return alice, bob
}

// heard waits until both ends captured enough RTP from each other.
func heard(t *testing.T, ctx context.Context, phone *Capture, l *Lab, packets int) {
	t.Helper()
	for {
		in, out := 0, 0
		for _, p := range phone.Packets() {
			if _, ok := p.RTP(); ok && p.Out {
				out++
			} else if ok {
				in++
			}
		}
		if in >= packets && out >= packets {
			return
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			t.Fatalf("audio: %d packets out, %d in, want %d of each", out, in, packets)
		}
	}
}

// tones checks that each side recorded the other's tone for at least d.
func (s scene) tones(t *testing.T, d time.Duration) {
	t.Helper()
	recording := must[string](t)(s.bob.Recording())
	for _, end := range []struct {
		name, path string
		hz         float64
	}{{"bob", recording, aliceSays}, {"alice", s.alice.Recording, bobSays}} {
		sound := must[Sound](t)(ReadSound(end.path))
		if got := sound.Tone(end.hz); got < d {
			t.Errorf("%s heard %s of the other's tone, want %s; the recording is %.1fs long", end.name, got, d, float64(len(sound.Samples))/float64(sound.Rate))
		}
	}
}

func TestCallsBaresip(t *testing.T) {
	for _, tt := range []struct {
		name, transport string
		ipv6            bool
	}{
		{"by UDP", "udp", false}, {"by TCP", "tcp", false}, {"by TLS", "tls", false},
		{"by UDP over IPv6", "udp", true}, {"by TCP over IPv6", "tcp", true}, {"by TLS over IPv6", "tls", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			s := play(t, ctx, sceneOptions{transport: tt.transport, ipv6: tt.ipv6})
			wire := must[*Capture](t)(s.Capture(Phone))
			defer wire.Stop()
			call, at, err := s.alice.Do(ctx, "dial sip:bob@"+Domain)
			if err != nil {
				t.Fatal(err)
			}
			if _, at, err = s.alice.CallState(ctx, at, call, "up"); err != nil {
				t.Fatal(err)
			}
			if _, _, err = s.bob.Expect(ctx, 0, "CALL_ESTABLISHED"); err != nil {
				t.Fatal(err)
			}
			heard(t, ctx, wire, s.Lab, 100)
			if _, _, err := s.alice.Do(ctx, "hangup"); err != nil {
				t.Fatal(err)
			}
			if _, _, err = s.alice.CallState(ctx, at, call, "ended"); err != nil {
				t.Fatal(err)
			}
			if _, _, err = s.bob.Expect(ctx, 0, "CALL_CLOSED"); err != nil {
				t.Fatal(err)
			}
			if err := s.alice.Quit(ctx); err != nil {
				t.Error(err)
			}
			s.tones(t, 1500*time.Millisecond)
		})
	}
}

func TestBaresipCalls(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run("by "+strings.ToUpper(transport), func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			s := play(t, ctx, sceneOptions{transport: transport})
			wire := must[*Capture](t)(s.Capture(Phone))
			defer wire.Stop()
			if err := s.bob.Do("dial", "sip:alice@"+Domain); err != nil {
				t.Fatal(err)
			}
			e, at, err := s.alice.CallState(ctx, 0, 0, "ringing")
			if err != nil {
				t.Fatal(err)
			}
			if e.Direction != "in" || !strings.Contains(e.Peer, "bob") {
				t.Errorf("an incoming call shows as %s", e.Line)
			}
			if _, _, err := s.alice.Do(ctx, "answer"); err != nil {
				t.Fatal(err)
			}
			if _, at, err = s.alice.CallState(ctx, at, e.Call, "up"); err != nil {
				t.Fatal(err)
			}
			heard(t, ctx, wire, s.Lab, 100)
			if err := s.bob.Do("hangup", ""); err != nil {
				t.Fatal(err)
			}
			if _, _, err = s.alice.CallState(ctx, at, e.Call, "ended"); err != nil {
				t.Fatal(err)
			}
			if err := s.alice.Quit(ctx); err != nil {
				t.Error(err)
			}
			s.tones(t, 1500*time.Millisecond)
		})
	}
}

func TestCallsLinphone(t *testing.T) {
	ctx := within(t, 40*time.Second)
	l := open(t, Options{})
	k, err := l.Kamailio(ctx, "alice", "carol")
	possible(t, err)
	alice, carol := tonesFor(t, l)
	x, err := l.Linphone(ctx, PeerOptions{User: "carol", Says: carol, AutoAnswer: true})
	possible(t, err)
	r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Says: alice}))
	must[Event](t)(r.Registered(ctx, 0, "10.1.0.2"))
	if err := k.AwaitBindings(ctx, "carol", "10.8.0.2"); err != nil {
		t.Fatal(err)
	}
	wire := must[*Capture](t)(l.Capture(Phone))
	defer wire.Stop()
	if err := r.call(ctx, "sip:carol@"+Domain); err != nil {
		t.Fatal(err)
	}
	heard(t, ctx, wire, l, 150)
	from := x.Output.Len()
	if err := r.hangUp(ctx); err != nil {
		t.Error(err)
	}
	if err := x.Expect(ctx, from, "call", "ended"); err != nil {
		t.Error(err)
	}
	// And back: carol calls, and hangs up.

	if err := x.Say("call sip:alice@" + Domain); err != nil {
		t.Fatal(err)
	}
	e, at, err := r.CallState(ctx, 0, 0, "ringing")
	for err == nil && e.Direction != "in" {
		e, at, err = r.CallState(ctx, at, 0, "ringing")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Do(ctx, "answer"); err != nil {
		t.Fatal(err)
	}
	if err := flowing(ctx, wire, ipv4(1, 2), time.Now(), 100); err != nil {
		t.Error(err)
	}
	if err := x.Say("terminate"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.CallState(ctx, at, e.Call, "ended"); err != nil {
		t.Error(err)
	}
	if err := r.Quit(ctx); err != nil {
		t.Error(err)
	}
	_ = x.Say("quit")
	_ = x.Stop()
	for path, hz := range map[string]float64{x.Recording: aliceSays, r.Recording: bobSays} {
		if got := must[Sound](t)(ReadSound(path)).Tone(hz); got < 1500*time.Millisecond {
			t.Errorf("%s: %s of the other's tone", filepath.Base(filepath.Dir(path)), got)
		}
	}
}
