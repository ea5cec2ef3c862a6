package sip

import (
	"net/netip"
	"slices"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

// Rates at which strangers are answered and reported; the rest is silence.
const (
	strangerAnswers = 10 // per second, of a few hundred bytes
	strangerReports = 4  // per second
)

// strangers counts requests of those who may not make the phone ring. Its
// fields are guarded by front.mu.
type strangers struct {
	second   time.Time
	answers  int // in this second
	reports  int
	unspoken int // counted and not reported yet
}

// trusts says whether a source may start things here: the server, addresses of
// the account's domain, and whom the account allows.
func (s *Stack) trusts(src netip.Addr) bool {
	return (s.o.Server.Addr.IsValid() && src == s.o.Server.Addr.Addr()) ||
		slices.ContainsFunc(s.o.Trusted, func(a netip.Addr) bool { return a.Unmap() == src }) ||
		s.o.Account.allows(src)
}

// admit decides about a request before it costs anything, from its source and
// the dialog that it claims (threat model: who may make the phone ring; forged
// requests within a call). nil lets it in.
func (s *Stack) admit(m *wire.Message, src netip.AddrPort) *wire.Flaw {
	if s.trusts(src.Addr()) {
		return nil
	}
	callID, _ := m.Get("Call-ID")
	toTag := m.Tag("To")
	if toTag != "" {
		if s.dialogs.believes(callID, toTag, m.Tag("From")) {
			return nil
		}
	}
	f := &wire.Flaw{}
	switch {
	case m.Method() == "INVITE" && toTag == "" && s.mayReplace(m):
		return nil
	case m.Method() == "INVITE" && toTag == "":
		f = &wire.Flaw{Code: 403, Reason: "Forbidden"}
	case m.Method() != "ACK" && toTag != "" && s.dialogs.knows(callID):
		f = &wire.Flaw{Code: 481, Reason: "Call/Transaction Does Not Exist"}
	}
	if !s.reportStranger(m, src, f.Code != 0) {
		f.Code = 0
	}
	return f
}

// reportStranger counts a refused request, tells it unless there are too many,
// and says whether it may be answered where an answer is due.
func (s *Stack) reportStranger(m *wire.Message, src netip.AddrPort, due bool) bool {
	now := s.now()
	s.front.mu.Lock()
	st := &s.front.strange
	if d := now.Sub(st.second); d >= time.Second || d < 0 {
		st.second, st.answers, st.reports = now, 0, 0
	}
	if due {
		st.answers++
	}
	st.unspoken++
	answer := st.answers <= strangerAnswers
	count := 0
	if st.reports < strangerReports {
		st.reports++
		count, st.unspoken = st.unspoken, 0
	}
	s.front.mu.Unlock()
	if count > 0 {
		s.emit(RefusedRequest{Source: src, Method: clean.Limit(m.Method(), 16), Count: count})
	}
	return answer
}
