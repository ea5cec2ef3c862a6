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
		{"make before break, 3 s of both", take("overlap other 3s"), 0, 0},
		{"a network that carries nothing for its first 3 s", deafAtFirst, -1, 0},
		{"packets vanish for 6 s, no event", vanish("6s"), -1, 0},
		{"renumbered in the middle of a move", take("roam other", "renumber"), -1, 0},
		{"there and back at once", take("roam other", "roam other"), -1, 0},
	}
}

// outage is as long as phones keep calls without a network, nearly.
func outage() variant {
	return variant{"other uplink after 40 s of nothing", take("roam other 40s"), -1, 40 * time.Second}
}

// deafAtFirst moves to an uplink that has carrier, address, route and a router
// that answers, and forwards nothing for 3 s.
func deafAtFirst(ctx context.Context, l *Lab) (Move, error) {
	to := l.Other()
	if err := l.Stall(to); err != nil {
		return Move{}, err
	}
	m, err := l.Take(ctx, "roam other")
	if err != nil {
		return m, err
	}
	if err := wait(ctx, 3*time.Second); err != nil {
		return m, err
	}
	m.T0 = time.Now()
	return m, l.Flow(to)
}

// vanish has the present uplink carry nothing for a while.
func vanish(d string) func(context.Context, *Lab) (Move, error) {
	return func(ctx context.Context, l *Lab) (Move, error) {
		m, err := l.Take(ctx, "stall "+d)
		m.T0 = m.T06 // no address came; packets did
		return m, err
	}
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
		m := must[Move](t)(s.Take(ctx, "roam other"))
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
