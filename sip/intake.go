package sip

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Bounds of what waits between a UDP socket and its handler.
const (
	intakeEach   = 1024    // datagrams of one rank
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
	queues [ranks]chan letter
	bytes  [ranks]atomic.Int64 // that wait
	some   chan struct{}       // one token: something may wait
	ended  chan struct{}       // closed by the reader: nothing follows
}

func newIntake() *intake {
	in := &intake{some: make(chan struct{}, 1), ended: make(chan struct{})}
	for r := range in.queues {
		in.queues[r] = make(chan letter, intakeEach)
	}
	return in
}

// idle says whether nothing waits, so that no rank is needed. Only the reader
// asks, and only it adds.
func (in *intake) idle() bool {
	return !slices.ContainsFunc(in.queues[:], func(q chan letter) bool { return len(q) > 0 })
}

// put adds a datagram; false: too many wait. For the reader alone, as is end.
func (in *intake) put(r rank, l letter) bool {
	if in.bytes[r].Load()+int64(len(l.b)) > intakeBytes {
		return false
	}
	in.bytes[r].Add(int64(len(l.b)))
	select {
	case in.queues[r] <- l:
	default:
		in.bytes[r].Add(-int64(len(l.b)))
		return false
	}
	select {
	case in.some <- struct{}{}:
	default:
	}
	return true
}

// end has take say false when all is handled.
func (in *intake) end() { close(in.ended) }

// take is the next datagram; it waits for one.
func (in *intake) take() (letter, bool) {
	for ended := false; ; {
		for r, q := range in.queues {
			select {
			case l := <-q:
				in.bytes[r].Add(-int64(len(l.b)))
				return l, true
			default:
			}
		}
		if ended {
			return letter{}, false
		}
		select {
		case <-in.some:
		case <-in.ended: // after the last put
			ended = true
		}
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
	ours := "To"
	if m.IsResponse() {
		ours = "From"
	}
	if tag := m.Tag(ours); tag != "" && s.dialogs.find(callID, tag) != nil {
		return true // a 2xx that comes again, too
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.IsResponse() {
		cseq, _ := m.Get("CSeq")
		_, method, _ := strings.Cut(cseq, " ")
		return s.clients[branchOf(m)+sipgo.TxSeperator+strings.TrimSpace(method)] != nil
	}
	method := m.Method()
	if method == "CANCEL" {
		method = "INVITE"
	}
	return s.servers[m.ServerKey(method)] != nil
}
