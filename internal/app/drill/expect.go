package drill

import (
	"fmt"
	"strings"
	"time"

	"ramble/internal/app/ground"
	"ramble/internal/leaf/phone"
	wording "ramble/internal/leaf/words"
)

// expect waits until a demand is met, or says why it is not.
func (p *play) expect(e Expect) error {
	switch e.What {
	case Survives, IsUp:
		return p.until("sound in both directions", p.flows())
	case Held:
		return p.until("the held call to be refreshed", p.held)
	case Ringing:
		if ok, instead := p.inState(phone.Ringing)(); !ok {
			return fmt.Errorf("it rings no more: %s", instead)
		}
		return nil
	case Registered:
		return p.until("the registration", p.registered)
	case Ends:
		return p.until("the end of the call", p.ended(e.Words))
	case PeerEnds:
		return p.until("the peer's end of the call", func() (bool, string) {
			n := len(p.stage.World.Peer(p.peer).Calls())
			return n == 0, "the peer believes that the call goes on"
		})
	case Roams:
		return p.until("the roam to end", func() (bool, string) {
			if ok, instead := p.calm(); !ok {
				return false, instead
			}
			n := len(p.over())
			return n >= e.Count, fmt.Sprintf("%d roams", n)
		})
	case GapIn, GapOut, Lost, Total, TReg:
		return p.figure(e)
	}
	return fmt.Errorf("%s cannot be expected", e.What)
}

// held is met when the call is on hold and the peer knows where the phone is.
func (p *play) held() (bool, string) {
	c := p.find()
	if c.State != phone.Up || c.Held != phone.HeldLocal || c.Recovering {
		return false, described(c)
	}
	for _, there := range p.stage.World.Peer(p.peer).Calls() {
		target := there.State().Target
		if !isAt(target, p.at()) {
			return false, fmt.Sprintf("the peer would answer to %s; the phone is at %s", target, p.at())
		}
	}
	return p.calm()
}

func (p *play) ended(words string) condition {
	return func() (bool, string) {
		c := p.find()
		return c.State == phone.Ended && strings.Contains(strings.ToLower(wording.End(c).Text), strings.ToLower(words)), described(c)
	}
}

// figure compares one that was measured, when all roams are over.
func (p *play) figure(e Expect) error {
	if err := p.until("the roam to end", func() (bool, string) {
		if len(p.over()) == 0 {
			return false, "the phone noticed no change of its network"
		}
		if _, listed := p.tReg(); e.What == TReg && !listed {
			return false, "the server was not told of the new address"
		}
		return p.calm()
	}); err != nil {
		return err
	}
	var r Result
	p.measure(&r)
	got, ok := map[Demand]*time.Duration{GapIn: r.GapIn, GapOut: r.GapOut, Total: r.Total, TReg: r.TReg}[e.What]
	switch {
	case e.What == Lost && r.Lost == nil, ok && got == nil:
		return fmt.Errorf("%s was not measured: no sound was due, or no roam ended well", e.What)
	case e.What == Lost && *r.Lost > uint64(e.Count):
		return fmt.Errorf("%d packets were lost, %d at most are expected", *r.Lost, e.Count)
	case ok && *got >= e.Below:
		return fmt.Errorf("%s is %s, less than %s is expected", e.What, spoken(*got), e.Below)
	}
	return nil
}

// over are the roams since the network moved first that are not in progress.
func (p *play) over() (list []phone.Roam) {
	for _, r := range p.since() {
		if r.Phase != phone.RoamStarted {
			list = append(list, r)
		}
	}
	return list
}

// since are the roams since the network moved first, oldest first.
func (p *play) since() (list []phone.Roam) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		return nil
	}
	for id := phone.RoamID(1); len(list) < len(p.roams) && int(id) <= ground.MaxCount; id++ {
		if r, ok := p.roams[id]; ok && !r.Started.Before(p.first) {
			list = append(list, r)
		}
	}
	return list
}

// measure fills in what the scenario cost so far.
func (p *play) measure(r *Result) {
	r.Roams = p.since()
	longest := func(to **time.Duration, d time.Duration) {
		if *to == nil || **to < d {
			*to = &d
		}
	}
	measured := false
	for _, roam := range r.Roams {
		if roam.Phase == phone.RoamDone {
			longest(&r.Total, roam.Total)
		}
		for _, c := range roam.Calls {
			if c.Measured && c.Call == p.call {
				measured = true
				longest(&r.GapIn, c.GapIn)
			}
		}
	}
	if v := p.voice(); v != nil && measured {
		longest(&r.GapOut, v.Sound().Pause)
		if now := missing(p.find()); now >= p.before {
			lost := now - p.before
			r.Lost = &lost
		}
	}
	if reg, ok := p.tReg(); ok {
		r.TReg = &reg
	}
}

// missing counts the packets that were not there when it was their turn.
func missing(c phone.Call) uint64 { return c.Media.Lost + c.Media.Late }

// tReg is how long it took, from the network's being usable, until the server
// listed the phone's present address.
func (p *play) tReg() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	trip := p.traveller.Last()
	if trip.Landed.IsZero() || !p.at().IsValid() {
		return 0, false
	}
	for _, b := range p.bounds {
		if b.at.Before(trip.Began) {
			continue
		}
		for _, c := range b.contacts {
			if isAt(c, p.at()) {
				return max(0, b.at.Sub(trip.Landed)), true
			}
		}
	}
	return 0, false
}

// todo is the way on after a step that failed.
func todo(a Action) string {
	e, ok := a.(Expect)
	if !ok {
		return "look at the line before it; --log-file drill.log --log-level debug says what the phone did, --trace drill.txt what was said"
	}
	switch e.What {
	case GapIn, GapOut, Lost, Total, TReg:
		return "a busy machine makes gaps: run it again alone; if it stays, the timeline shows the slow step"
	case Survives, Held, IsUp, Ringing:
		return "the timeline shows the step that failed; --trace drill.txt has every SIP message"
	case Registered:
		return "a stale address takes calls that never ring here; `r` in the phone registers again"
	case Ends, PeerEnds:
		return "one side did not hear of the end: look for the BYE in --trace drill.txt"
	case Roams:
		return "see whether the phone watches the network: network.watch, roaming.enabled"
	}
	return ""
}

// notRegistered is what the registration is instead, and why.
func notRegistered(a phone.Account) string {
	why, _ := wording.Registration(a)
	return strings.TrimSuffix("the registration is "+a.State.String()+": "+why, ": ")
}
