package lab

import (
	"context"
	"flag"
	"testing"
	"time"
)

var every = flag.Bool("lab.every", false, "every move over every transport, not a sample")

// moreVariants are the moves beyond those that are measured: what networks do
// on a bad day.
func moreVariants() []variant {
	return []variant{
		outage(),
		{"make before break, 3 s of both", func(ctx context.Context, l *Lab) (Move, error) {
			return l.MakeBeforeBreak(ctx, l.Other(), 3*time.Second)
		}, 0, 0},
		{"a network that carries nothing for its first 3 s", deafAtFirst, -1, 0},
		{"packets vanish for 6 s, no event", func(ctx context.Context, l *Lab) (Move, error) { return vanish(ctx, l, 6*time.Second) }, -1, 0},
		{"renumbered in the middle of a move", func(ctx context.Context, l *Lab) (Move, error) {
			if _, err := l.Roam(ctx, l.Other(), 0); err != nil {
				return Move{}, err
			}
			return l.Renumber()
		}, -1, 0},
		{"there and back at once", func(ctx context.Context, l *Lab) (Move, error) {
			if _, err := l.Roam(ctx, l.Other(), 0); err != nil {
				return Move{}, err
			}
			return l.Roam(ctx, l.Other(), 0)
		}, -1, 0},
	}
}

// outage is as long as phones keep calls without a network, nearly.
func outage() variant {
	return variant{"other uplink after 40 s of nothing", func(ctx context.Context, l *Lab) (Move, error) {
		return l.Roam(ctx, l.Other(), 40*time.Second)
	}, -1, 40 * time.Second}
}

// deafAtFirst moves to an uplink that has carrier, address, route and a router
// that answers, and forwards nothing for 3 s.
func deafAtFirst(ctx context.Context, l *Lab) (Move, error) {
	end, err := l.Stall(l.Other())
	if err != nil {
		return Move{}, err
	}
	m, err := l.Roam(ctx, l.Other(), 0)
	if err != nil {
		return m, err
	}
	if err := wait(ctx, 3*time.Second); err != nil {
		return m, err
	}
	m.T0 = time.Now()
	return m, end()
}

// vanish has the present uplink carry nothing for a while.
func vanish(ctx context.Context, l *Lab, d time.Duration) (Move, error) {
	end, err := l.Stall(l.Uplink())
	if err != nil {
		return Move{}, err
	}
	if err := wait(ctx, d); err != nil {
		return Move{}, err
	}
	v4, v6 := l.Address()
	return Move{T0: time.Now(), T06: time.Now(), From: v4, To: v4, To6: v6}, end()
}

// sample are the moves of a test: all with -lab.every, else those at once and
// with an overlap, which differ most.
func sample() []variant {
	all := variants()
	if *every {
		return all
	}
	return []variant{all[0], all[len(all)-1]}
}

// survive moves the phone under two calls, of which each side ends one. Of the
// moves that take long there is one, without -lab.every. It returns the figures.
func survive(t *testing.T, ctx context.Context, s scene, v variant) (all []Figures) {
	t.Helper()
	ends := []bool{false, true}
	if v.takes > 0 && !*every {
		ends = ends[1:]
	}
	for _, byFar := range ends {
		f := oneMove(t, ctx, s, s.alice, v, byFar, t.Error).Figures
		t.Log(f)
		if all = append(all, f); t.Failed() {
			return all
		}
	}
	if err := s.alice.Quit(ctx); err != nil {
		t.Error(err)
	}
	if err := s.k.AwaitBindings(ctx, "alice"); err != nil {
		t.Error("after quit: ", err)
	}
	return all
}

func TestCallsSurviveBadDays(t *testing.T) {
	t.Parallel()
	transports := []string{"udp"}
	if *every {
		transports = []string{"udp", "tcp", "tls"}
	}
	for _, transport := range transports {
		for _, v := range moreVariants() {
			t.Run(transport+", "+v.name, func(t *testing.T) {
				t.Parallel()
				ctx := within(t, 90*time.Second+2*v.takes)
				survive(t, ctx, play(t, ctx, sceneOptions{transport: transport}), v)
			})
		}
	}
}

// TestARegistrarThatRewritesContacts takes the first Contact of a REGISTER for
// where it came from: a removal of the old one, sent from the new socket, must
// not take the new one away.
func TestARegistrarThatRewritesContacts(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		for _, v := range sample() {
			t.Run(transport+", "+v.name, func(t *testing.T) {
				t.Parallel()
				ctx := within(t, 90*time.Second)
				survive(t, ctx, play(t, ctx, sceneOptions{transport: transport, kamailio: KamailioOptions{RewriteContacts: true}}), v)
			})
		}
	}
}

// TestAPeerThatLatches sends audio to where audio comes from.
func TestAPeerThatLatches(t *testing.T) {
	t.Parallel()
	t.Run("hears and is heard without signalling", func(t *testing.T) {
		ctx := within(t, 60*time.Second)
		s := play(t, ctx, sceneOptions{transport: "udp", far: "latcher", config: "[network.roaming]\nrefresh = \"none\""})
		captures, keep := s.captured(t)
		defer keep()
		if err := s.alice.call(ctx, s.target()); err != nil {
			t.Fatal(err)
		}
		before, _ := s.Address()
		if err := flowing(ctx, captures[Phone], before, time.Time{}, 50); err != nil {
			t.Fatal(err)
		}
		m := must[Move](t)(s.Roam(ctx, s.Other(), 0))
		if err := flowing(ctx, captures[Phone], m.To, m.T0, 75); err != nil {
			t.Error(err)
		}
		for _, p := range captures[Phone].Packets() {
			if message, ok := p.SIP(); ok && message.Method == "INVITE" && p.At.After(m.T0) {
				t.Errorf("an INVITE was sent: this shows nothing of latching\n%s", message.Text)
			}
		}
	})
	for _, v := range sample() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			ctx := within(t, 90*time.Second)
			survive(t, ctx, play(t, ctx, sceneOptions{transport: "udp", far: "latcher"}), v)
		})
	}
}
