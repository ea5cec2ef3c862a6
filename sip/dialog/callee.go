package dialog

import "time"

// This file is their INVITE, from the first ringing to the ACK.

// got is an INVITE of theirs, the first or a re-INVITE.
type got struct {
	Request
	initial bool
	final   bool   // a final response was given
	why     error  // what does not suit us, where that is 488; nil: not said
	ok      bool   // and it was a 2xx
	acked   bool   // which they acknowledged, or must have
	old     bool   // it was repeated from a new address for long enough
	body    []byte // of the 2xx
	delayed bool   // which carries our offer: their answer comes with the ACK
	wait    time.Duration
	rseq    uint32 // of the last reliable provisional response; 0: none
	pending bool   // it is not acknowledged
	path    int
}

// waits says whether our 2xx waits for its ACK.
func (g *got) waits() bool { return g.ok && !g.acked }

// request takes in a request within the dialogs of the call.
func (m *Machine) request(r Request) {
	switch r.Method {
	case "ACK":
		m.acknowledged(r)
		return
	case "CANCEL":
		m.cancelled(r)
		return
	}
	f := m.forkBy(r.Tag)
	switch {
	case f == nil && m.state == Calling && r.Tag != "":
		m.overtook(r)
		return
	case f == nil, m.state == Over:
		m.reply(r.ID, 481)
		return
	case f.theirSeq != 0 && r.Seq <= f.theirSeq:
		m.reply(r.ID, 500) // out of order (RFC 3261 12.2.2)
		return
	}
	f.theirSeq = r.Seq
	switch {
	case r.Method == "BYE":
		m.theirBye(f, r)
	case m.state == Leaving, f.dead:
		if !f.dead && (r.Method == "INVITE" || r.Method == "UPDATE") {
			m.retarget(f, r.Contact, true) // it moved: our BYE is to find it
		}
		m.reply(r.ID, 481)
	case r.Method == "PRACK":
		m.pracked(r)
	case r.Method == "INVITE":
		m.reinvited(f, r)
	case r.Method == "UPDATE":
		m.updated(f, r)
	default:
		m.reply(r.ID, 405)
	}
}

// overtook: a request in a dialog whose response has not come yet.
func (m *Machine) overtook(r Request) {
	if r.Method != "BYE" {
		m.do(Reply{To: r.ID, Code: 500, RetryAfter: true})
		return
	}
	m.reply(r.ID, 200)
	if f := m.forkOf(Response{Tag: r.Tag, Seq: m.first.Seq}); f != nil {
		f.dead, f.theirSeq = true, r.Seq
	}
}

// ring sends a provisional response.
func (m *Machine) ring(code int) {
	if m.state != Ringing || code <= 100 || code > 199 {
		return
	}
	g := m.got
	if !g.Header.Asks100rel {
		m.reply(g.ID, code)
		return
	}
	if g.Body == nil || g.pending {
		return // it would have to carry an offer of ours; or no second one before the PRACK of the first
	}
	g.rseq++
	g.pending, g.wait = true, T1
	m.do(Reply{To: g.ID, Code: code, RSeq: g.rseq})
	m.arm(ringAgain, g.wait)
	m.arm(ringLate, 64*T1)
}

// ringAgain repeats a reliable provisional response until its PRACK comes (RFC
// 3262 3).
func (m *Machine) ringAgain() {
	if g := m.got; m.state == Ringing && g.pending {
		m.do(Reply{To: g.ID, Code: 180, RSeq: g.rseq})
		g.wait *= 2
		m.arm(ringAgain, g.wait)
	}
}

func (m *Machine) unconfirmed() {
	if m.state == Ringing && m.got.pending {
		m.final(504)
		m.over(Ended{By: Nobody, How: Unconfirmed, Code: 504})
	}
}

func (m *Machine) pracked(r Request) {
	g := m.got
	switch {
	case g == nil || !g.pending || r.Header.RAck != RAck{RSeq: g.rseq, CSeq: g.Seq}:
		m.reply(r.ID, 481)
		return
	case r.Body != nil: // their offer is still unanswered: there is none to make
		m.reply(r.ID, 488)
		return
	}
	g.pending = false
	m.disarm(ringAgain, ringLate)
	m.reply(r.ID, 200)
}

// final refuses their INVITE.
func (m *Machine) final(code int) {
	g := m.got
	g.final = true
	m.disarm(ringAgain, ringLate, askDue)
	m.do(Reply{To: g.ID, Code: code, Err: g.why})
	if g.path != m.leave.path { // its transaction may have gone with its path
		g.body, g.wait = nil, T1
		m.leave.code = code
		m.arm(answerAgain, g.wait)
		m.arm(answerLate, 64*T1)
	}
}

// accept answers the call, with 2xx repeated until the ACK (RFC 3261 13.3.1.4).
func (m *Machine) accept(e Accept) {
	g := m.got
	if m.state != Ringing {
		return
	}
	m.want.wish, m.want.said = e.Wish, e.Wish
	if g.Body == nil {
		m.say(g, e.Wish.offer(m.main.session), true)
	} else {
		body, n, err := e.Wish.answer(m.main.session, g.Body)
		if err != nil {
			g.why = err
			m.final(488)
			m.over(Ended{By: Us, How: Unusable, Code: 488, Err: err})
			return
		}
		m.do(Apply{Negotiated: n})
		m.say(g, body, false)
	}
	m.state, m.leave.passed = Accepted, true
	m.retarget(m.main, g.Contact, true)
}

// say sends our 2xx to an INVITE of theirs.
func (m *Machine) say(g *got, body []byte, delayed bool) {
	g.final, g.ok, g.body, g.delayed, g.wait = true, true, body, delayed, T1
	m.disarm(ringAgain, ringLate, askDue, answerOld)
	t := timerOf(g.Header)
	m.refreshed(t, false)
	m.do(Reply{To: g.ID, Code: 200, Body: body, Timer: t})
	m.arm(answerAgain, g.wait)
	m.arm(answerLate, 64*T1)
}

func (m *Machine) answerAgain() {
	g := m.got
	switch {
	case g == nil || g.acked:
		return
	case g.ok:
		m.do(Reply{To: g.ID, Code: 200, Body: g.body, Timer: timerOf(g.Header)})
	default:
		m.reply(g.ID, m.leave.code)
	}
	g.wait = min(2*g.wait, T2)
	m.arm(answerAgain, g.wait)
}

// unacknowledged: no ACK came for 64*T1. The call is none; one that stood before
// stands, since the peer may have moved. Which session it holds nobody knows, so
// an offer of ours settles that; a peer that is gone does not answer it (481).
func (m *Machine) unacknowledged() {
	m.disarm(answerAgain)
	if m.got == nil {
		return
	}
	m.got.acked = true
	switch m.state {
	case Accepted:
		m.part(Ended{By: Nobody, How: Unacknowledged, Err: errNoACK, Passed: true})
	case Leaving:
		m.sayBye()
	case Up:
		m.want.urgency = max(m.want.urgency, Quietly)
	default:
	}
}

// acknowledged takes an ACK. That to our refusal ends its repetition.
func (m *Machine) acknowledged(r Request) {
	g := m.got
	if g == nil || g.Seq != r.Seq || !g.final || g.acked || m.forkBy(r.Tag) == nil {
		return
	}
	if g.ok && g.delayed && m.state != Leaving {
		m.confirmed(g)
		m.answeredByACK(r)
		return
	}
	m.confirmed(g)
}

// answeredByACK takes the answer to an offer of ours in a 2xx.
func (m *Machine) answeredByACK(r Request) {
	if m.state != Up {
		return
	}
	if r.Body == nil {
		m.part(Ended{By: Us, How: Unusable, Err: errNoSDP, Passed: true})
		return
	}
	n, err := take(m.main.session, r.Body, false)
	if err != nil {
		m.part(Ended{By: Us, How: Unusable, Err: err, Passed: true})
		return
	}
	m.do(Apply{Negotiated: n})
}

// confirmed: they have our final response, by their ACK or by what only one who has
// it can say.
func (m *Machine) confirmed(g *got) {
	if !g.final || g.acked {
		return
	}
	g.acked = true
	m.disarm(answerAgain, answerLate, answerOld)
	switch m.state {
	case Accepted:
		m.state = Up
		m.do(Established{})
	case Leaving:
		m.sayBye()
	default:
	}
}

// cancelled ends a call that the caller gave up before the answer.
func (m *Machine) cancelled(r Request) {
	if m.state != Ringing || m.got.final || r.ID != m.got.ID {
		return // answered already: the CANCEL has no effect (RFC 3261 9.2)
	}
	m.final(487)
	m.over(Ended{By: Peer, How: Cancelled, Code: r.Header.Cause, Text: r.Header.Text})
}

// reject refuses the call.
func (m *Machine) reject(code int, err error) {
	if m.state != Ringing || code < 300 || code > 699 {
		return
	}
	m.got.why = err
	m.final(code)
	m.over(Ended{By: Us, How: Rejected, Code: code})
}

// Times between questions to a caller that may not be there any more: its
// second no is believed, since the first may have overtaken what tells it our
// tag.
const (
	askAgain   = 500 * time.Millisecond
	askForLong = 3500 * time.Millisecond
)

// ask asks the caller whether it still calls.
func (m *Machine) ask() {
	m.leave.noes = 0
	m.askNow()
}

// askNow tells the caller once more that it rings here, so that it knows our
// tag on the new path, and asks (RFC 3261 11.2).
func (m *Machine) askNow() {
	if m.state != Ringing {
		return
	}
	for _, f := range m.flight {
		if f.job == asking {
			return
		}
	}
	if g := m.got; !g.Header.Asks100rel {
		m.reply(g.ID, 180)
	}
	m.send(m.main, &flight{job: asking, Send: Send{Method: "OPTIONS"}})
}

func (m *Machine) askAnswered(r Response) {
	switch {
	case m.state != Ringing:
	case r.Code != 481:
		m.leave.noes = 0
		m.askLater()
	case m.leave.noes > 0:
		m.final(487)
		m.over(Ended{By: Peer, How: Vanished, Code: 487})
	default:
		m.leave.noes++
		m.arm(askDue, askAgain)
	}
}

func (m *Machine) askLater() {
	if m.state == Ringing {
		m.arm(askDue, askForLong)
	}
}

// Acceptable says whether the offer in their INVITE can be answered; it changes
// nothing.
func (m *Machine) Acceptable() error {
	if m.got == nil || m.got.Body == nil || m.main == nil {
		return nil
	}
	_, _, err := Wish{}.answer(m.main.session.Fork(), m.got.Body)
	return err
}
