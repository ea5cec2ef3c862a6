package sip

import (
	"net/netip"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// receive takes one message from a socket through scanning, validation,
// admission and parsing to its transaction, on the reader's goroutine, so that
// messages of one connection are handled in their order. It reports false when
// the stream that brought it is to be closed.
func (s *Stack) receive(b []byte, f flow) bool {
	src := f.remote()
	s.trace(false, src, b)
	raw, err := wire.Scan(b)
	if err != nil {
		s.log.Debug("not a SIP message", "from", src, "err", err)
		return false
	}
	if fl := wire.Validate(raw, !f.reliable()); fl != nil {
		// Strangers are told what is wrong at a bounded rate.
		if raw.IsResponse() || s.trusts(src.Addr()) || s.reportStranger(raw, src, fl.Code != 0) {
			s.turnAway(raw, f, fl)
		}
		return !fl.Close
	}
	if raw.IsResponse() {
		if msg, err := s.parser.Parse(raw.Bytes()); err == nil {
			if res, ok := msg.(*sipgo.Response); ok {
				s.heard.Store(true)
				res.SetTransport(s.transport.Via())
				res.SetSource(src.String())
				s.response(res, f)
			}
		}
		return true
	}
	if fl := s.admit(raw, src); fl != nil {
		s.turnAway(raw, f, fl)
		return true
	}
	msg, err := s.parser.Parse(raw.Bytes())
	req, ok := msg.(*sipgo.Request)
	if err != nil || !ok {
		s.turnAway(raw, f, &wire.Flaw{Code: 400, Reason: "Bad Request"})
		return true
	}
	s.heard.Store(true)
	req.SetTransport(s.transport.Via())
	req.SetSource(src.String())
	s.request(req, raw, s.answerFlow(req, f))
	return true
}

// answerFlow is where responses to a request go: back on its connection, and
// over UDP to its source, at the port that Via asks for (RFC 3581 4, RFC 3261
// 18.2.2).
func (s *Stack) answerFlow(req *sipgo.Request, f flow) flow {
	via := req.Via()
	if f.reliable() || via == nil || via.Params.Has("rport") {
		return f
	}
	port := uint16(5060)
	if via.Port > 0 {
		port = uint16(via.Port)
	}
	return datagram{s, netip.AddrPortFrom(f.remote().Addr(), port)}
}

// turnAway answers a request that never becomes a transaction, without keeping
// any state. Everything in the answer is the sender's own text.
func (s *Stack) turnAway(m *wire.Message, f flow, fl *wire.Flaw) {
	if fl.Code == 0 || m.IsResponse() {
		return
	}
	s.log.Debug("request turned away", "from", f.remote(), "code", fl.Code, "reason", fl.Reason)
	res := wire.Message{Start: "SIP/2.0 " + strconv.Itoa(fl.Code) + " " + fl.Reason}
	for i, v := range m.All("Via") {
		if i == 0 {
			v += ";received=" + f.remote().Addr().String()
		}
		res.Headers = append(res.Headers, wire.Header{Name: "Via", Value: v})
	}
	for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
		if v, n := m.Get(name); n > 0 {
			if name == "To" && m.Tag("To") == "" {
				v += ";tag=" + wire.RandomToken()
			}
			res.Headers = append(res.Headers, wire.Header{Name: name, Value: v})
		}
	}
	if fl.Header.Name != "" {
		res.Headers = append(res.Headers, fl.Header)
	}
	if err := s.writeRaw(f, res.Bytes()); err != nil {
		s.log.Debug("turning away", "err", err)
	}
}

// response takes a response to its transaction, or to what is left of it.
func (s *Stack) response(res *sipgo.Response, f flow) {
	key, err := sipgo.ClientTxKeyMake(res)
	if err != nil {
		return
	}
	s.mu.Lock()
	ct := s.clients[key]
	s.mu.Unlock()
	if ct == nil {
		s.strayResponse(res, f)
		return
	}
	select {
	case ct.in <- res:
	default:
		s.log.Debug("a transaction does not keep up, response dropped", "code", res.StatusCode)
	}
}

// strayResponse settles a 2xx to an INVITE whose transaction is over: it comes
// again because our ACK was lost, or it crossed our giving up (RFC 3261
// 13.2.2.4). All else is a retransmission that nobody waits for.
func (s *Stack) strayResponse(res *sipgo.Response, f flow) {
	from := res.From()
	if !res.IsSuccess() || res.CSeq().MethodName != sipgo.INVITE || from == nil || res.CallID() == nil {
		return
	}
	if c := s.dialogs.find(res.CallID().Value(), wire.TagOf(from.Params)); c != nil {
		c.lateAnswer(s, res)
	}
}

// handle is the table of methods. Each handler answers its transaction, now or
// through the call that it starts.
func (s *Stack) handle(in *inbound) {
	toTag := in.raw.Tag("To")
	if toTag == "" {
		s.handleOutside(in)
		return
	}
	callID, _ := in.raw.Get("Call-ID")
	c := s.dialogs.find(callID, toTag)
	if c == nil || !c.matches(in) {
		s.refuse(in, 481, "Call/Transaction Does Not Exist")
		return
	}
	switch in.req.Method {
	case sipgo.INVITE:
		c.onInvite(in)
	case sipgo.UPDATE:
		c.onUpdate(in)
	case sipgo.BYE:
		c.onBye(in)
	case sipgo.PRACK:
		c.onPrack(in)
	case sipgo.OPTIONS:
		s.options(in)
	default:
		s.notAllowed(in)
	}
}

// handleOutside answers requests that belong to no dialog. All of them come
// from sources that admit trusts.
func (s *Stack) handleOutside(in *inbound) {
	switch in.req.Method {
	case sipgo.INVITE:
		s.incoming(in)
	case sipgo.OPTIONS:
		s.options(in)
	case sipgo.BYE, sipgo.UPDATE, sipgo.NOTIFY, sipgo.INFO, sipgo.PRACK:
		// Nothing without a dialog or a subscription (RFC 6665 4.1.3).
		s.refuse(in, 481, "Call/Transaction Does Not Exist")
	default:
		s.notAllowed(in)
	}
}

// options says what this phone can do (RFC 3261 11.2).
func (s *Stack) options(in *inbound) {
	s.refuse(in, 200, "OK", wire.Header{Name: "Allow", Value: wire.Allowed}, wire.Header{Name: "Accept", Value: "application/sdp"},
		wire.Header{Name: "Supported", Value: "outbound, path, " + wire.Supported})
}

func (s *Stack) notAllowed(in *inbound) {
	s.refuse(in, 405, "Method Not Allowed", wire.Header{Name: "Allow", Value: wire.Allowed})
}

// refuse is a final answer that needs nothing else.
func (s *Stack) refuse(in *inbound, code int, reason string, headers ...wire.Header) {
	if err := in.reply(code, reason, wire.RandomToken(), headers...); err != nil {
		s.log.Debug("answering", "method", in.req.Method, "code", code, "err", err)
	}
}

// ack takes an ACK to its call; one that fits nothing is dropped.
func (s *Stack) ack(in *inbound) {
	callID, _ := in.raw.Get("Call-ID")
	if c := s.dialogs.find(callID, in.raw.Tag("To")); c != nil && c.matches(in) {
		c.onACK(in)
	}
}
