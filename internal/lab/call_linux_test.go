package lab

import (
	"context"
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
}

type sceneOptions struct {
	lab       Options
	transport string
	ipv6      bool
	account   string
	manual    bool // bob does not answer by himself
}

func play(t *testing.T, ctx context.Context, o sceneOptions) scene {
	t.Helper()
	s := scene{Lab: open(t, o.lab)}
	var err error
	s.k, err = s.Kamailio(ctx, "alice", "bob")
	possible(t, err)
	alice, bob := tonesFor(t, s.Lab)
	s.bob, err = s.Baresip(ctx, PeerOptions{User: "bob", Says: bob, IPv6: o.ipv6, AutoAnswer: !o.manual})
	possible(t, err)
	s.alice = must[*Ramble](t)(s.Ramble(ctx, RambleOptions{
		Binary: ramble(t), User: "alice", Says: alice, Transport: o.transport, CA: s.k.CA, IPv6: o.ipv6, Account: o.account,
	}))
	v4, v6 := s.Address()
	own, callee := v4.String(), s.Host(Callee).IPv4.String()
	if o.ipv6 {
		own, callee = v6.String(), s.Host(Callee).IPv6.String()
	}
	must[Event](t)(s.alice.Registered(ctx, 0, own))
	if err := s.k.AwaitBindings(ctx, "bob", callee); err != nil {
		t.Fatal(err)
	}
	return s
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
