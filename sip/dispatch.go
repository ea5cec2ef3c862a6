package sip

import (
	"errors"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

// receive takes one message from a socket through scanning, validation,
// admission and parsing to its transaction, on the reader's goroutine, so that
// messages of one connection are handled in their order. It reports false when
// what came is no message at all, so that a stream cannot be trusted any more.
func (s *Stack) receive(b []byte, f flow) bool {
	src := f.remote()
	s.trace(false, src, b)
	raw, err := wire.Scan(b)
	if err != nil {
		if errors.Is(err, wire.ErrEmpty) {
			return true // a keep-alive
		}
		s.drop("no SIP message", src, err.Error())
		return false
	}
	if fl := wire.Validate(raw, !f.reliable()); fl != nil {
		// Strangers are told what is wrong at a bounded rate.
		if !raw.IsResponse() && !s.trusts(src.Addr()) && !s.reportStranger(raw, src, fl.Code != 0) {
			fl.Code = 0
		}
		s.turnAway(raw, f, fl)
		return true
	}
	raw.TakeSDP()
	if raw.IsResponse() {
		msg, err := s.parser.Parse(raw.Bytes())
		res, ok := msg.(*sipgo.Response)
		if err != nil || !ok {
			s.drop("response that cannot be read", src, raw.Start)
			return true
		}
		s.heard.Store(true)
		res.SetTransport(s.transport.Via())
		res.SetSource(src.String())
		s.response(res, f)
		return true
	}
	fl := s.admit(raw, src)
	if fl == nil {
		fl = s.answerable(raw, src)
	}
	if fl != nil {
		s.turnAway(raw, f, fl)
		return true
	}
	msg, err := s.parser.Parse(raw.Bytes())
	req, ok := msg.(*sipgo.Request)
	if err != nil || !ok {
		s.turnAway(raw, f, wire.BadRequest("it cannot be read"))
		return true
	}
	s.heard.Store(true)
	req.SetTransport(s.transport.Via())
	req.SetSource(src.String())
	s.request(req, raw, s.answerFlow(raw, f))
	return true
}

// answerFlow is where responses to a request go: back on its connection, and
// over UDP where its Via says.
func (s *Stack) answerFlow(m *wire.Message, f flow) flow {
	if f.reliable() {
		return f
	}
	return datagram{s, m.ReplyTo(f.remote())}
}

// turnAway answers a request that never becomes a transaction, without keeping
// any state, or drops a message that is not to be answered.
func (s *Stack) turnAway(m *wire.Message, f flow, fl *wire.Flaw) {
	if fl.Code == 0 || m.IsResponse() {
		s.drop("message that is not answered", f.remote(), m.Start+": "+fl.Reason)
		return
	}
	s.log.Debug("request answered without a transaction", "from", f.remote(), "request", clean.Text(m.Start), "code", fl.Code, "reason", fl.Reason)
	res := m.Reply(fl, f.remote(), s.front.tag(m))
	if err := s.writeRaw(s.answerFlow(m, f), res.Bytes()); err != nil {
		s.log.Debug("turning away", "err", err)
	}
}

// response takes a response to its transaction, or to what is left of it.
func (s *Stack) response(res *sipgo.Response, f flow) {
	key, err := sipgo.ClientTxKeyMake(res)
	if err != nil {
		s.drop("response without a transaction", f.remote(), res.StartLine())
		return
	}
	s.mu.Lock()
	ct := s.clients[key]
	s.mu.Unlock()
	if ct == nil {
		s.strayResponse(res, f)
		return
	}
	if !ct.refused(res) && !ct.tell(res) && res.IsSuccess() && res.CSeq().MethodName == sipgo.INVITE {
		s.strayResponse(res, f) // another fork's, right behind the first
		return
	}
	select {
	case ct.in <- res:
	default:
		s.drop("response too many", f.remote(), res.StartLine())
	}
}

// strayResponse settles a 2xx to an INVITE that was answered before: it comes
// again because our ACK was lost, it crossed our giving up, or another fork sent
// it (RFC 3261 13.2.2.4). All else is a retransmission that nobody waits for.
func (s *Stack) strayResponse(res *sipgo.Response, f flow) {
	from := res.From()
	if res.IsSuccess() && res.CSeq().MethodName == sipgo.INVITE && from != nil && res.CallID() != nil {
		if c := s.dialogs.find(res.CallID().Value(), wire.TagOf(from.Params)); c != nil {
			s.emit(Heard{call: c, st: s, res: res})
			return
		}
	}
	s.drop("response without a transaction", f.remote(), res.StartLine())
}

// handle answers a request, or has its call do so.
func (s *Stack) handle(in *inbound) {
	toTag := in.raw.Tag("To")
	if toTag == "" { // an INVITE: answerable has dealt with all else
		s.invited(in)
		return
	}
	callID, _ := in.raw.Get("Call-ID")
	c := s.dialogs.find(callID, toTag)
	switch {
	case c == nil:
		s.refuse(in, 481, "Call/Transaction Does Not Exist")
	case in.req.Method == sipgo.OPTIONS && s.dialogs.lives(callID, toTag):
		s.options(in)
	case in.req.Method == sipgo.INFO && s.dialogs.lives(callID, toTag):
		s.info(c, in)
	default:
		if in.req.Method == sipgo.INVITE {
			in.onCancel(func(cancel *inbound) { s.emit(Heard{st: s, in: cancel, of: in}) })
		}
		s.emit(Heard{call: c, st: s, in: in})
	}
}

func (s *Stack) options(in *inbound) { s.refuse(in, 200, "OK", capabilities().Headers...) }

// info hears a digit (RFC 6086 4.2.2 and, for the body, custom). The
// transaction answers what comes again, so that none is told twice.
func (s *Stack) info(c *Call, in *inbound) {
	key, length, ok := in.raw.Digit()
	_, packages := in.raw.Get("Info-Package")
	switch {
	case ok:
		s.refuse(in, 200, "OK")
		s.emit(Digit{Call: c, Key: key, Length: length})
	case packages > 0:
		s.refuse(in, 469, "Bad Info Package", wire.Header{Name: "Recv-Info"})
	case len(in.raw.Body) == 0: // some ask so whether the call lives
		s.refuse(in, 200, "OK")
	default:
		s.refuse(in, 415, "Unsupported Media Type", wire.Header{Name: "Accept", Value: wire.Digits})
	}
}

// ack takes an ACK to its call. It reports false when it fits none.
func (s *Stack) ack(in *inbound) bool {
	callID, _ := in.raw.Get("Call-ID")
	if c := s.dialogs.find(callID, in.raw.Tag("To")); c != nil {
		s.emit(Heard{call: c, st: s, in: in})
		return true
	}
	return false
}
