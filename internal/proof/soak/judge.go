package soak

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ramble/internal/app/voice"
	"ramble/sip/siptest"
)

// enough packets in a row make sound.
const enough = 5

// judgeStanding waits until the calls that are up are whole on the new path.
func (p *run) judgeStanding(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	list := []*trial{p.trial(Talking), p.trial(HeldHere), p.trial(HeldBoth), p.trial(Pending), p.trial(TheirOffer)}
	_ = p.Phone.Until(ctx, func() bool { return p.decide(list, p.standing) })
	p.undecided(list, p.standing)
	if p.Phone.Until(ctx, p.Phone.Steady) != nil {
		p.fault = errors.New("the roam is not over")
	}
}

// judgeRinging answers what rings here, and waits for what was answered there.
func (p *run) judgeRinging(ctx context.Context) {
	p.Talker.Release(p.Phone.User)
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	there := []*trial{p.trial(RingingThere), p.trial(EarlyMedia)}
	_ = p.Phone.Until(ctx, func() bool { return p.decide(there, p.talks) })
	p.undecided(there, p.talks)
	p.answer(ctx, p.trial(RingingHere))
}

// judgeIdle calls the phone, which may have moved a moment ago. It has eight
// calls, as many as it can have, so one is ended first.
func (p *run) judgeIdle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	if t := p.trial(HeldHere); t.out == Survived {
		p.end(ctx, t, p.round.WeEnd)
		t.ended = true
	}
	err := p.ring(ctx, Idle)
	t := p.trial(Idle)
	switch {
	case t == nil:
		t = &trial{state: Idle}
		p.trials = append(p.trials, t)
		fallthrough
	case err != nil:
		t.decided, t.out, t.why = true, Lost, "a call does not reach the phone"
		if err != nil {
			t.why += ": " + err.Error()
		}
		return
	}
	p.answer(ctx, t)
}

// answer answers a call that rings here.
func (p *run) answer(ctx context.Context, t *trial) {
	if c := p.Phone.Call(t.id); c.State == "ringing" {
		if _, err := p.Phone.Do(ctx, fmt.Sprint("answer ", t.id)); err != nil {
			t.why = err.Error()
		}
	}
	list := []*trial{t}
	_ = p.Phone.Until(ctx, func() bool { return p.decide(list, p.talks) })
	p.undecided(list, p.talks)
}

// decide looks at calls and reports whether all are decided.
func (p *run) decide(list []*trial, whole func(*trial) string) bool {
	all := true
	for _, t := range list {
		if !t.decided {
			p.look(t, whole)
		}
		all = all && t.decided
	}
	return all
}

// look decides about a call if it can be decided.
func (p *run) look(t *trial, whole func(*trial) string) {
	here, there := p.Phone.Call(t.id), p.there(t)
	end := siptest.CallState{}
	if there != nil {
		end = there.State()
	}
	letGo := end.Phase == siptest.Ended && (!end.ByRemote || end.Code >= 400)
	switch {
	case here.State == "ended" && letGo:
		t.decided, t.out, t.why = true, LetGo, fmt.Sprintf("there: %d %s; here: %s", end.Code, end.Reason, here.Reason)
	case here.State == "ended":
		t.decided, t.out, t.why = true, Lost, "ended here: "+here.Reason
	case whole(t) == "":
		t.decided, t.out, t.whole = true, Survived, max(time.Since(p.moved.T0), 0)
		t.replaced = t.callID != "" && here.CallID != t.callID
	}
}

// undecided are stuck.
func (p *run) undecided(list []*trial, whole func(*trial) string) {
	for _, t := range list {
		if !t.decided {
			t.decided, t.out = true, Stuck
			t.why = strings.TrimSpace(t.why + " " + whole(t))
		}
	}
}

// standing says what a call that is up lacks; empty when it is whole: a dialog
// that both have, the same hold, and media where the phone is now. It is the
// dialog of before, or one that took its place (RFC 3891).
func (p *run) standing(t *trial) string {
	here := p.Phone.Call(t.id)
	switch {
	case here.State != "up":
		return "here it is " + here.State
	case here.CallID != t.callID && p.stillUp(t.callID):
		return "it is another dialog, and the old one stands"
	case here.Held != t.held:
		return fmt.Sprintf("held by %q, was %q", here.Held, t.held)
	}
	there := p.there(t)
	if there == nil || there.State().Phase != siptest.Up {
		return "the peer has no such call"
	}
	sound := p.Talker.Ear(there).Sound()
	switch {
	case sound.Direction != t.direction:
		return fmt.Sprintf("the peer's direction is %s, was %s", sound.Direction, t.direction)
	case sound.To.Addr() != p.moved.Addr:
		return fmt.Sprintf("the peer sends to %s", sound.To)
	case !strings.Contains(there.State().Target, p.moved.Addr.String()):
		return "the peer's target is " + there.State().Target
	case t.state == Talking:
		return p.sounds(t, sound)
	}
	return ""
}

// stillUp reports whether the peer has a call up in a dialog.
func (p *run) stillUp(callID string) bool {
	c := p.Talker.Call(callID)
	return c != nil && c.State().Phase == siptest.Up
}

// talks says what a call that was answered lacks.
func (p *run) talks(t *trial) string {
	here := p.Phone.Call(t.id)
	if here.State != "up" {
		return "here it is " + here.State
	}
	there := p.there(t)
	if there == nil || there.State().Phase != siptest.Up {
		return "the peer has no such call"
	}
	return p.sounds(t, p.Talker.Ear(there).Sound())
}

// sounds says what is missing to audio both ways.
func (p *run) sounds(t *trial, s voice.Sound) string {
	here := p.Phone.Call(t.id)
	switch {
	case s.To.Addr() != p.moved.Addr:
		return fmt.Sprintf("the peer sends to %s", s.To)
	case s.Heard.From.Addr() != p.moved.Addr || s.Heard.Packets < enough:
		return fmt.Sprintf("the peer hears %s, %d packets", s.Heard.From, s.Heard.Packets)
	case s.Sent < enough:
		return fmt.Sprintf("the peer sent %d packets", s.Sent)
	case t.mark == 0: // the phone must hear more from now on
		t.mark = here.Heard + enough
		return "the phone was not looked at twice"
	case here.Heard < t.mark:
		return fmt.Sprintf("the phone heard %d packets, want %d", here.Heard, t.mark)
	}
	return ""
}

// gap is the longest silence that the peer heard, beyond the time without a
// network.
func (p *run) gap() time.Duration {
	return max(p.ear(p.trial(Talking)).Sound().Pause-p.round.Variant.Away(), 0)
}

// hangUp ends the calls from either side, and both sides must hear of it.
func (p *run) hangUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	for i, t := range p.trials {
		if t.out == Survived && !t.ended {
			p.end(ctx, t, (i%2 == 0) == p.round.WeEnd)
		}
	}
}

// end ends one call, from here or from there.
func (p *run) end(ctx context.Context, t *trial, here bool) {
	there := p.there(t)
	if here {
		_, err := p.Phone.Do(ctx, fmt.Sprint("hangup ", t.id))
		if err == nil {
			_, err = there.Wait(ctx, func(s siptest.CallState) bool { return s.Phase == siptest.Ended })
		}
		p.notEnded(t, "the peer did not hear of our end", err)
		return
	}
	err := there.Hangup(ctx)
	if err == nil {
		err = p.Phone.Until(ctx, func() bool { return p.Phone.Call(t.id).State == "ended" })
	}
	p.notEnded(t, "the peer's end did not arrive", err)
}

func (p *run) notEnded(t *trial, what string, err error) {
	if err != nil {
		t.out, t.why = Stuck, what+": "+err.Error()
	}
}

// leftBehind is what should not be there after all calls have ended. It ends
// what is still there, so that the next round is not troubled.
func (p *run) leftBehind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endLimit)
	defer cancel()
	faults := []error{p.fault}
	if _, err := p.Phone.Do(ctx, "hangup all"); err != nil {
		faults = append(faults, err)
	}
	quiet := func() bool { return len(p.Phone.Live()) == 0 && len(p.Talker.With(p.Phone.User)) == 0 }
	for _, t := range p.trials {
		if there := p.there(t); there != nil && t.out != Survived {
			_ = there.Hangup(ctx)
		}
	}
	if p.Phone.Until(ctx, quiet) != nil {
		faults = append(faults, fmt.Errorf("%d calls left here, %d there", len(p.Phone.Live()), len(p.Talker.With(p.Phone.User))))
		for _, c := range p.Talker.With(p.Phone.User) {
			_ = c.Hangup(ctx)
		}
	}
	var list []string
	if p.Phone.Until(ctx, func() bool {
		list, _ = p.Bindings(ctx)
		return len(list) == 1 && strings.Contains(list[0], bracketed(p.moved.Addr))
	}) != nil {
		faults = append(faults, fmt.Errorf("the bindings are %q, want one at %s", list, p.moved.Addr))
	}
	return errors.Join(faults...)
}

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
