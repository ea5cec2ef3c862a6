package sip

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

func newFront() *front {
	return &front{secret: wire.RandomToken(), dropped: map[string]int{}}
}

// tag is that of To in an answer without state: another for each request, the
// same for its retransmissions (RFC 3261 8.2.7), and not to be guessed.
func (f *front) tag(m *wire.Message) string {
	h := sha256.New()
	for _, name := range []string{"Via", "Call-ID", "From", "CSeq"} {
		v, _ := m.Get(name)
		h.Write([]byte(v + "\x00"))
	}
	h.Write([]byte(f.secret))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// drop counts a message that is neither answered nor used, and logs it.
func (s *Stack) drop(why string, src netip.AddrPort, what string) {
	s.front.mu.Lock()
	s.front.dropped[why]++
	n := s.front.dropped[why]
	s.front.mu.Unlock()
	s.log.Debug("dropped: "+why, "from", src, "what", clean.Text(what), "so far", n)
}

// drops is how many messages were dropped, by reason.
func (s *Stack) drops() map[string]int {
	s.front.mu.Lock()
	defer s.front.mu.Unlock()
	return maps.Clone(s.front.dropped)
}

// answerable settles a request that an admitted source sent and that needs no
// transaction. nil: it needs one. Only INVITEs that may ring and what belongs
// to a call do, besides ACK and CANCEL, which find theirs.
func (s *Stack) answerable(m *wire.Message, src netip.AddrPort) *wire.Flaw {
	method := m.Method()
	callID, _ := m.Get("Call-ID")
	unknown := &wire.Flaw{Code: 481, Reason: "Call/Transaction Does Not Exist"}
	toTag := m.Tag("To")
	switch {
	case method == "ACK" || method == "CANCEL":
		return nil
	case toTag != "" && s.dialogs.find(callID, toTag) != nil:
		return nil
	case toTag != "":
		return unknown
	case method == "NOTIFY" && toTag == "" && s.tellsOfMessages(m, src):
		return &wire.Flaw{Code: 200, Reason: "OK"}
	case method == "NOTIFY" || method == "INFO":
		return unknown // nothing without a subscription (RFC 6665 4.1.3) or a call
	case !wire.Serves(method):
		return wire.RefuseMethod(method)
	case !s.means(m, src.Addr()):
		return &wire.Flaw{Code: 404, Reason: "Not Found"}
	case method == "OPTIONS":
		return capabilities()
	case method != "INVITE":
		return unknown // BYE, UPDATE and PRACK
	}
	return s.mayRing(m, src, callID)
}

// tellsOfMessages says whether the account's server tells of messages that wait
// (RFC 3842), without having been asked. Servers do, and take a refusal for a
// phone that is gone.
func (s *Stack) tellsOfMessages(m *wire.Message, src netip.AddrPort) bool {
	event, _ := m.Get("Event")
	name, _, _ := strings.Cut(event, ";")
	return strings.EqualFold(strings.TrimSpace(name), "message-summary") &&
		s.o.Server.Addr.IsValid() && src.Addr() == s.o.Server.Addr.Addr()
}

// mayRing decides about an INVITE that begins a call.
func (s *Stack) mayRing(m *wire.Message, src netip.AddrPort, callID string) *wire.Flaw {
	s.mu.Lock()
	_, again := s.servers[m.ServerKey("INVITE")]
	full := len(s.servers) >= maxServers
	s.mu.Unlock()
	if again {
		return nil // a retransmission, which its transaction answers
	}
	if s.dialogs.merged(callID, m.Tag("From")) {
		return &wire.Flaw{Code: 482, Reason: "Loop Detected"}
	}
	if _, n := m.Get("Replaces"); n > 0 && !full {
		return nil // no line more than before
	}
	from := s.sourceOf(m, src)
	wait := s.dialogs.wait(from, s.now())
	if full || wait > 0 || s.busy(from) {
		return tooMany(wait)
	}
	return nil
}

// tooMany refuses a call because others ring, or because its caller had enough of
// them ring. It is 486 and no 503: that would have a proxy try other ways to this
// phone, and keep all requests from it for as long (RFC 3261 21.5.4).
func tooMany(wait time.Duration) *wire.Flaw {
	f := &wire.Flaw{Code: 486, Reason: "Busy Here"}
	if wait > 0 {
		f.Headers = []wire.Header{{Name: "Retry-After", Value: strconv.Itoa(int((wait + time.Second - 1) / time.Second))}}
	}
	return f
}

// means says whether a request is for this phone (RFC 3261 8.2.2.1). A user
// must be the account's; from the server of an account that does not register,
// a trunk, it may be any number. An address is not compared: the sender knows
// which led here, and behind NATs and tunnels we do not. A name is, where the
// server writes it, since it has only our Contact to write.
func (s *Stack) means(m *wire.Message, src netip.Addr) bool {
	target, err := wire.Target(m.Target())
	if err != nil {
		return false
	}
	acct := s.o.Account
	server := src == s.o.Server.Addr.Addr()
	if server && acct.Trunk {
		return true
	}
	if target.User != "" && !wire.SameUser(target.User, acct.AOR.User) {
		return false
	}
	if _, literal := target.Addr(); literal || !server {
		return true
	}
	for _, host := range []string{acct.AOR.Host, acct.registrar().Host, acct.Proxy.Host, s.o.Server.Host, s.o.Server.Name} {
		if host != "" && strings.EqualFold(target.Host, host) {
			return true
		}
	}
	return false
}

// capabilities say what this phone can do (RFC 3261 11.2).
func capabilities() *wire.Flaw {
	return &wire.Flaw{Code: 200, Reason: "OK", Headers: []wire.Header{{Name: "Allow", Value: wire.Allowed},
		{Name: "Accept", Value: wire.Accepted}, {Name: "Supported", Value: "outbound, path, " + wire.Supported}}}
}
