package sip

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Bounds of what waits between a UDP socket and its handler.
const (
	intakeEach   = 4096    // datagrams of one rank
	intakeBytes  = 4 << 20 // of one rank
	socketBuffer = 4 << 20 // asked of the system, which may give less
)

// rank says what is handled first when more comes than can be handled.
type rank int

const (
	underWay   rank = iota // belongs to a call or a transaction
	fromServer             // comes from the server
	anyOther
	ranks
)

// letter is a datagram that waits.
type letter struct {
	b    []byte
	from netip.AddrPort
}

// intake stands between the reader of a UDP socket, which must be faster than
// the system's buffer fills, and the handler, which answers. While the handler
// keeps up, everything passes in its order. When it does not, calls come first,
// then the server; the order within a rank stays, and no message of a rank passes
// one of its own call, since all that follow a call's first are underWay.
type intake struct {
	mu     sync.Mutex
	ready  *sync.Cond
	queues [ranks][]letter
	bytes  [ranks]int
	ended  bool
}

func newIntake() *intake {
	in := &intake{}
	in.ready = sync.NewCond(&in.mu)
	return in
}

// idle says whether nothing waits, so that no rank is needed. Only the reader
// asks, and only it adds.
func (in *intake) idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.empty()
}

func (in *intake) empty() bool {
	return !slices.ContainsFunc(in.queues[:], func(q []letter) bool { return len(q) > 0 })
}

// put adds a datagram; false: too many wait.
func (in *intake) put(r rank, l letter) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queues[r]) >= intakeEach || in.bytes[r]+len(l.b) > intakeBytes {
		return false
	}
	in.queues[r] = append(in.queues[r], l)
	in.bytes[r] += len(l.b)
	in.ready.Signal()
	return true
}

// end has take say false when all is handled.
func (in *intake) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ended = true
	in.ready.Signal()
}

// take is the next datagram; it waits for one.
func (in *intake) take() (letter, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		for r, q := range in.queues {
			if len(q) == 0 {
				continue
			}
			l := q[0]
			q[0] = letter{} // let go of its bytes
			in.queues[r] = q[1:]
			in.bytes[r] -= len(l.b)
			if len(q) == 1 {
				in.queues[r] = nil
			}
			return l, true
		}
		if in.ended {
			return letter{}, false
		}
		in.ready.Wait()
	}
}

// rankOf looks at a datagram that cannot be handled at once.
func rankOf(list []*Stack, b []byte, from netip.AddrPort) rank {
	m, err := wire.Scan(b)
	if err != nil {
		return anyOther
	}
	r := anyOther
	for _, s := range list {
		switch {
		case s.isUnderWay(m):
			return underWay
		case s.fromServer(from):
			r = fromServer
		}
	}
	return r
}

// isUnderWay says whether a message belongs to a call of the stack's account or
// to a transaction of the stack.
func (s *Stack) isUnderWay(m *wire.Message) bool {
	callID, _ := m.Get("Call-ID")
	if m.IsResponse() {
		if tag := m.Tag("From"); tag != "" && s.dialogs.find(callID, tag) != nil {
			return true // a 2xx that comes again, too
		}
		cseq, _ := m.Get("CSeq")
		_, method, _ := strings.Cut(cseq, " ")
		s.mu.Lock()
		defer s.mu.Unlock()
		_, ours := s.clients[branchOf(m)+sipgo.TxSeperator+strings.TrimSpace(method)]
		return ours
	}
	if tag := m.Tag("To"); tag != "" && s.dialogs.find(callID, tag) != nil {
		return true
	}
	method := m.Method()
	if method == "CANCEL" {
		method = "INVITE"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.servers[m.ServerKey(method)] != nil
}
