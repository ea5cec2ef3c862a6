package dialog

import (
	"fmt"
	"time"
)

// step feeds the machine and carries out what it asks for.
func (e *end) step(ev Event) {
	e.w.say("%s < %s", e.name, brief(ev))
	if !e.check(ev) {
		return
	}
	for _, a := range e.m.Step(e.w.now, ev) {
		e.do(a)
	}
	e.timer++
	if next := e.m.Next(); !next.IsZero() {
		mine := e.timer
		e.w.after(max(next.Sub(e.w.now), 0), func() {
			if e.timer == mine {
				e.step(Tick{})
			}
		})
	}
}

func (e *end) check(Event) bool { return e.m != nil }

func (e *end) do(a Action) {
	e.w.say("%s > %s", e.name, brief(a))
	switch a := a.(type) {
	case Send:
		e.send(a)
	case Cancel:
		e.cancel(a)
	case Ack:
		e.ack(a)
	case Stop:
		if c := e.sent[a.ID]; c != nil {
			c.done, c.quiet = true, true
			delete(e.law.offers, a.ID)
		}
	case Reply:
		e.reply(a)
	case Apply:
		e.law.applied = true
		e.remote, e.heard = a.Negotiated.Remote.RTP, a.Negotiated.Direction
	case Established:
		e.law.up = true
	case Ended:
		if e.ended != nil {
			e.w.breach("%s ended twice", e.name)
		}
		e.ended = &a
	case Settled:
		e.law.over = true
	case Outcome:
		e.outcome(a)
	case Progress, Retargeted:
	}
}

func (e *end) send(a Send) {
	if e.ended != nil && a.Method != "BYE" { // law 5
		e.w.breach("%s sends %s after the end", e.name, a.Method)
	}
	if len(a.Body) > 0 { // law 1
		if len(e.law.offers) > 0 {
			e.w.breach("%s has two offers out", e.name)
		}
		e.law.offers[a.ID] = true
	}
	if a.Dialog.RemoteTag != "" { // law 4
		if was := e.law.seqs[a.Dialog.RemoteTag]; was != 0 && a.Seq != was+1 {
			e.w.breach("%s: CSeq %d after %d", e.name, a.Seq, was)
		}
		e.law.seqs[a.Dialog.RemoteTag] = a.Seq
	} else {
		e.law.seqs[e.other.tag] = a.Seq
	}
	p := packet{key: fmt.Sprintf("%s%d/%d", e.name, a.ID, a.Seq), request: true, method: a.Method, seq: a.Seq, from: e.tag,
		to: a.Dialog.RemoteTag, contact: e.addr(), body: a.Body, back: e.addr(),
		header: Header{RAck: a.RAck, Allow: []string{"UPDATE", "PRACK"}, Asks100rel: e.w.dice.IntN(4) == 0}}
	e.begin(&client{p: p, to: a.Dialog.Target, id: a.ID, invite: a.Method == "INVITE", wait: T1, addr: e.addr()})
}

func (e *end) begin(c *client) {
	e.clients[c.p.key], e.sent[c.id] = c, c
	e.w.post(c.to, c.p)
	var again func()
	again = func() {
		if c.done || c.quiet {
			return
		}
		if e.addr() == c.addr {
			e.w.post(c.to, c.p)
		}
		if c.wait *= 2; !c.invite {
			c.wait = min(c.wait, T2)
		}
		e.w.after(c.wait, again)
	}
	e.w.after(c.wait, again)
	e.w.after(64*T1, func() {
		if !c.done && !(c.invite && c.quiet) {
			e.fail(c, TimedOut)
		}
	})
}

func (e *end) fail(c *client, cause Cause) {
	if c.done {
		return
	}
	c.done, c.quiet = true, true
	delete(e.law.offers, c.id)
	e.step(Failed{To: c.id, Cause: cause, Err: fmt.Errorf("cause %d", cause)})
}

func (e *end) cancel(a Cancel) {
	of := e.sent[a.Of]
	if of == nil {
		e.w.breach("%s cancels what it did not send", e.name)
		return
	}
	p := packet{key: fmt.Sprintf("%s%d/cancel", e.name, a.ID), request: true, method: "CANCEL", seq: of.p.seq, from: e.tag,
		to: of.p.to, back: e.addr(), of: of.p.key}
	e.begin(&client{p: p, to: of.to, id: a.ID, wait: T1, addr: e.addr()})
}

func (e *end) ack(a Ack) {
	if e.law.acks != nil {
		e.law.acks[a.Seq] = true
	}
	e.w.post(a.Dialog.Target, packet{key: fmt.Sprintf("%s-ack%d", e.name, a.ID), request: true, method: "ACK", seq: a.Seq,
		from: e.tag, to: a.Dialog.RemoteTag})
}

func (e *end) reply(a Reply) {
	s := e.byID[a.To]
	if s == nil {
		e.w.breach("%s answers what it did not get", e.name)
		return
	}
	again := e.law.finals[a.To] != 0
	if a.Code >= 200 { // law 3
		if was := e.law.finals[a.To]; again && was != a.Code {
			e.w.breach("%s answers %s %d with %d and %d", e.name, s.p.method, s.p.seq, was, a.Code)
		}
		e.law.finals[a.To] = a.Code
	}
	if !again && a.Code/100 == 2 && len(s.p.body) > 0 && len(a.Body) > 0 && len(e.law.offers) > 0 { // law 1
		e.w.breach("%s answers an offer while its own is out", e.name)
	}
	p := packet{key: s.p.key, method: s.p.method, seq: s.p.seq, code: a.Code, from: s.p.from, to: e.tag, body: a.Body,
		header: Header{Reliable: a.RSeq, Allow: []string{"UPDATE", "PRACK"}}}
	if a.Code > 100 && a.Code < 300 {
		p.contact = e.addr()
	}
	s.last = &p
	e.w.post(s.p.back, p)
	if s.p.method == "INVITE" && a.Code >= 300 && s.wait == 0 {
		s.wait = T1
		end := e.w.now.Add(64 * T1)
		var again func()
		again = func() {
			if s.acked || e.w.now.After(end) || e.addr() != s.addr {
				return
			}
			e.w.post(s.p.back, *s.last)
			s.wait = min(2*s.wait, T2)
			e.w.after(s.wait, again)
		}
		e.w.after(s.wait, again)
	}
}

// outcome stands for the policy of repairs: it asks again until the grace time
// ends.
func (e *end) outcome(a Outcome) {
	if a.Urgency != Now {
		return
	}
	if a.Result.OK {
		e.repair, e.retry = false, 0
		e.w.after(0, func() { e.step(Moving{}) })
		return
	}
	if a.Result.Code == 481 { // the peer has let go of the call: it is lost
		e.w.after(0, func() { e.step(Drop{}) })
		return
	}
	waits := []time.Duration{0, T1, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	wait := max(waits[min(e.retry, len(waits)-1)], a.Result.RetryAfter)
	if a.Result.Code == 491 {
		wait = e.m.glareWait()
	}
	e.retry++
	e.w.after(wait, func() {
		if e.repair && e.w.now.Before(e.grace) {
			e.step(e.want(Now))
		}
	})
}

func (e *end) want(u Urgency) Want {
	wish := e.m.Wish()
	wish.At = e.media()
	by := Reinvite
	if e.w.dice.IntN(3) == 0 {
		by = Update
	}
	return Want{Wish: wish, Urgency: u, By: by}
}

// move gives the end another address.
func (e *end) move() {
	e.w.say("%s moves", e.name)
	e.at++
	e.repair, e.retry, e.grace = true, 0, e.w.now.Add(90*time.Second)
	e.step(Moving{On: true})
	e.step(Moved{})
	for _, c := range e.open() {
		e.fail(c, Closed)
	}
	e.step(e.want(Now))
}

// open are the transactions that a move ends, in their order.
func (e *end) open() (list []*client) {
	for id := ID(1); id <= e.m.lastID; id++ {
		if c := e.sent[id]; c != nil && !c.done && c.addr != e.addr() {
			list = append(list, c)
		}
	}
	return list
}

// ring is what a person does with a call.
func (e *end) ring() {
	w := e.w
	e.step(Ring{Code: 180})
	w.after(w.between(0, 3*time.Second), func() {
		switch w.dice.IntN(10) {
		case 0:
			e.step(Reject{Code: 486})
		default:
			e.step(Accept{Wish: Wish{At: e.media()}})
			if w.dice.IntN(4) == 0 { // and moves right behind its answer
				w.after(w.between(0, 40*time.Millisecond), func() {
					if !e.other.repair && e.m.State() == Accepted || e.m.State() == Up && e.mayMove() {
						e.move()
					}
				})
			}
		}
	})
}
