package lab

import (
	"context"
	"testing"
	"time"
)

// quiet waits until a host has received no RTP for a second.
func quiet(ctx context.Context, c *Capture) error {
	for {
		last := time.Time{}
		for _, p := range c.Packets() {
			if _, ok := p.RTP(); ok && !p.Out {
				last = p.At
			}
		}
		if time.Since(last) > time.Second {
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func TestHoldAndDigits(t *testing.T) {
	ctx := within(t, 60*time.Second)
	s := play(t, ctx, sceneOptions{transport: "udp"})
	phone, callee := must[*Capture](t)(s.Capture(Phone)), must[*Capture](t)(s.Capture(Callee))
	defer phone.Stop()
	defer callee.Stop()
	if err := s.alice.call(ctx, "sip:bob@"+Domain); err != nil {
		t.Fatal(err)
	}
	own, _ := s.Address()
	flows := func(what string) {
		t.Helper()
		if err := flowing(ctx, phone, own, time.Now(), 50); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	held := func(at int, want string) {
		t.Helper()
		if _, _, err := s.alice.Expect(ctx, at, "held="+want, func(e Event) bool { return e.Type == "call" && e.Held == want }); err != nil {
			t.Error(err)
		}
	}
	do := func(command string) int {
		t.Helper()
		_, at, err := s.alice.Do(ctx, command)
		if err != nil {
			t.Error(err)
		}
		return at
	}
	flows("after the answer")

	t.Run("a digit of ours reaches baresip", func(t *testing.T) {
		for _, digit := range []string{"1", "#"} {
			do("dtmf 1 " + digit)
			if _, _, err := s.bob.Events.Await(ctx, 0, "the digit "+digit, isDigit(digit)); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("a digit of baresip reaches us", func(t *testing.T) {
		if err := s.bob.Do("sndcode", "7"); err != nil {
			t.Fatal(err)
		}
		// It sends the end of a digit with the next one.
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		e, _, err := s.alice.Expect(short, 0, "a digit", func(e Event) bool { return e.Type == "dtmf" })
		if err != nil || e.Digit != "7" {
			t.Errorf("%v, digit %q", err, e.Digit)
		}
	})
	t.Run("held by us, bob sends nothing and hears nothing of us, until we are back", func(t *testing.T) {
		held(do("hold"), "local")
		if err := quiet(ctx, phone); err != nil {
			t.Error("bob still sends")
		}
		packets := callee.Packets()
		for _, p := range packets[max(0, len(packets)-25):] { // of the last half of a second
			if r, ok := p.RTP(); ok && !p.Out && !silent(r.Payload) {
				t.Fatalf("held, and the microphone is sent: % x ...", r.Payload[:min(8, len(r.Payload))])
			}
		}
		held(do("resume"), "none")
		flows("after our hold")
	})
	t.Run("held by baresip, and back", func(t *testing.T) {
		at := s.alice.Output.Len()
		if err := s.bob.Do("hold", ""); err != nil {
			t.Fatal(err)
		}
		held(at, "remote")
		at = s.alice.Output.Len()
		if err := s.bob.Do("resume", ""); err != nil {
			t.Fatal(err)
		}
		held(at, "none")
		flows("after bob's hold")
	})
	if err := s.alice.hangUp(ctx); err != nil {
		t.Error(err)
	}
}

// silent reports whether PCMU has nothing but the two zeros and their
// neighbours in it.
func silent(pcmu []byte) bool {
	for _, b := range pcmu {
		if b|0x80 < 0xfe {
			return false
		}
	}
	return true
}

func isDigit(digit string) func(Line) bool {
	return func(l Line) bool {
		e, err := parseBaresip(l)
		return err == nil && e.Type == "CALL_DTMF_START" && e.Param == digit
	}
}
