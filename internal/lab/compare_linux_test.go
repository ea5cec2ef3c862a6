package lab

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func (x *Linphone) call(ctx context.Context, target string) error {
	from := x.Output.Len()
	if err := x.Say("call " + target); err != nil {
		return err
	}
	return x.Expect(ctx, from, "call", "connected")
}

func (x *Linphone) hangUp(ctx context.Context) error {
	if err := x.Say("terminate"); err != nil {
		return err
	}
	return x.ended(ctx)
}

func (x *Linphone) ended(ctx context.Context) error {
	return x.Expect(ctx, max(0, x.Output.Len()-6), "call", "ended")
}

// TestLinphoneRoams measures another phone in the same lab. Nothing that it
// does fails the test.
func TestLinphoneRoams(t *testing.T) {
	if !*compare {
		t.Skip("with -lab.compare only")
	}
	for _, delay := range delays() {
		for _, transport := range []string{"udp", "tcp"} {
			for _, v := range variants() {
				t.Run(fmt.Sprintf("%s, %s one way, %s", transport, delay, v.name), func(t *testing.T) {
					roamLinphone(t, v, transport, delay)
				})
			}
		}
	}
}

func roamLinphone(t *testing.T, v variant, transport string, delay time.Duration) {
	var figures []Figures
	for range *runs { // each in a lab of its own: a call that died stays in the way
		ctx := within(t, 2*time.Minute)
		s := scene{Lab: open(t, Options{Emulate: delay > 0})}
		var err error
		s.k, err = s.Kamailio(ctx, "alice", "bob")
		possible(t, err)
		alice, bob := tonesFor(t, s.Lab)
		s.bob, err = s.Baresip(ctx, PeerOptions{User: "bob", Says: bob, AutoAnswer: true})
		possible(t, err)
		x, err := s.Linphone(ctx, PeerOptions{Host: Phone, User: "alice", Says: alice, Transport: transport})
		possible(t, err)
		for user, part := range map[string]string{"alice": "10.1.0.2", "bob": "10.8.0.2"} {
			if err := s.k.AwaitBindings(ctx, user, part); err != nil {
				t.Fatal(err)
			}
		}
		s.Delay(delay)
		f := oneMove(t, ctx, s, x, v, false, func(what ...any) { t.Log(append([]any{"linphonec: "}, what...)...) })
		t.Log(f)
		if f.Trustworthy() {
			figures = append(figures, f)
		}
	}
	row(t, "linphonec", transport, delay, v.name, figures)
}
