package lab

import (
	"context"
	"errors"
	"net/netip"
	"strings"
)

// The far end of a call is baresip, which follows SDP strictly, unless the
// scene says otherwise.

func (s scene) farEnd() caller {
	if s.far != nil {
		return s.far
	}
	return s.bob
}

// target is whom to call.
func (s scene) target() string {
	if x, ok := s.far.(*Latcher); ok {
		return x.Target
	}
	return "sip:bob@" + Domain
}

func (s scene) farHost() string {
	if s.farAt != "" {
		return s.farAt
	}
	return Callee
}

func (b *Baresip) call(ctx context.Context, target string) error {
	from := b.Events.Len()
	if err := b.Do("dial", target); err != nil {
		return err
	}
	_, _, err := b.Expect(ctx, from, "CALL_ESTABLISHED")
	return err
}

func (b *Baresip) hangUp(ctx context.Context) error {
	if err := b.Do("hangup", ""); err != nil {
		return err
	}
	return b.ended(ctx)
}

// ended waits until the last call that was up has ended.
func (b *Baresip) ended(ctx context.Context) error {
	_, at, err := b.Expect(ctx, 0, "CALL_ESTABLISHED")
	for err == nil {
		_, next, again := b.Expect(expired(), at, "CALL_ESTABLISHED")
		if again != nil {
			break
		}
		at = next
	}
	if err == nil {
		_, _, err = b.Expect(ctx, at, "CALL_CLOSED")
	}
	return err
}

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

// ended waits until the last call that was up has ended.
func (x *Linphone) ended(ctx context.Context) error {
	lines, _, _ := x.Output.since(0)
	at := 0
	for i, l := range lines {
		if text := strings.ToLower(l.Text); strings.Contains(text, "call") && strings.Contains(text, "connected") {
			at = i
		}
	}
	return x.Expect(ctx, at, "call", "ended")
}

// farAddress is where the far end's audio comes from.
func (s scene) farAddress(six bool) netip.Addr {
	v4, v6 := s.Host(Callee).IPv4, s.Host(Callee).IPv6
	if s.farAt != "" {
		v4, v6 = s.Phone(2).Address()
	}
	if six {
		return v6
	}
	return v4
}

// call is no business of a latcher's: it answers.
func (x *Latcher) call(context.Context, string) error { return errors.New("a latcher calls nobody") }

func (x *Latcher) hangUp(context.Context) error { return x.HangUp() }

func (x *Latcher) ended(ctx context.Context) error { return x.Ended(ctx) }
