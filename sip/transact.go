package sip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

const (
	// maxServers bounds the requests in progress that begin a call. Those
	// within calls may be as many again, so that no flood keeps a BYE out;
	// what is beyond is dropped, and retransmissions bring back what was meant
	// seriously.
	maxServers = 512
	// freshPath is when the first request on a UDP path is sent once more: the
	// first packet on a fresh link often dies with the ARP request, and T1 is
	// 500 ms. A documented departure from RFC 3261 17.1.1.1.
	freshPath = 100 * time.Millisecond
	// responseQueue holds responses between the reader and a transaction,
	// which is never busy for longer than a callback of Invite takes.
	responseQueue = 32
)

// fail ends the transaction with a reason.
func (ct *clientTx) fail(err error) {
	ct.mu.Lock()
	if ct.err == nil {
		ct.err = err
	}
	ct.mu.Unlock()
	ct.tx.Terminate()
}

// acking is the flow of one transaction. It keeps the ACK to a refusal, which is
// to be repeated at once for each repetition of that (RFC 3261 17.1.1.2); sipgo
// would wait for four seconds, holding up the timers of the transaction.
type acking struct {
	flow
	mu  sync.Mutex
	ack sipgo.Message
}

// WriteMsg is that of sipgo.Connection.
func (a *acking) WriteMsg(m sipgo.Message) error {
	if req, ok := m.(*sipgo.Request); ok && req.IsAck() {
		a.mu.Lock()
		a.ack = m
		a.mu.Unlock()
	}
	return a.flow.WriteMsg(m)
}

// again repeats the ACK; false: none was sent.
func (a *acking) again() bool {
	a.mu.Lock()
	ack := a.ack
	a.mu.Unlock()
	if ack == nil {
		return false
	}
	_ = a.flow.WriteMsg(ack) // the transaction is over as far as anybody waits
	return true
}

// begin sends a request and keeps its transaction until it is terminated. The
// request must not be changed afterwards.
//
// hear, which may be nil, gets the responses in the order in which they are
// read, before any request that came behind them is handled, and a refusal of an
// INVITE when its ACK has left; then the transaction keeps only timers and
// repetitions, see tend.
func (s *Stack) begin(req *sipgo.Request, f flow, hear func(*sipgo.Response)) (*clientTx, error) {
	f, err := s.roomFor(req, f)
	if err != nil {
		return nil, err
	}
	key, err := sipgo.ClientTxKeyMake(req)
	if err != nil {
		return nil, err
	}
	acks := &acking{flow: f}
	ct := &clientTx{tx: sipgo.NewClientTx(key, req, acks, s.log), flow: f, hear: hear, in: make(chan *sipgo.Response, responseQueue)}
	ct.tx.OnTerminate(func(string, error) {
		s.mu.Lock()
		delete(s.clients, key)
		s.mu.Unlock()
	})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrStackClosed
	}
	s.clients[key] = ct
	s.mu.Unlock()
	if err := ct.tx.Init(); err != nil {
		ct.tx.Terminate()
		return nil, s.sendFailure(err)
	}
	// sipgo blocks while it hands a response on, so the reader must not.
	if !s.spawn("sip transaction", func() {
		for {
			select {
			case res := <-ct.in:
				if res.IsProvisional() || !acks.again() {
					ct.tx.Receive(res)
				}
				if ct.refused(res) {
					ct.tell(res)
				}
			case <-ct.tx.Done():
				return
			}
		}
	}) {
		ct.tx.Terminate()
		return nil, ErrStackClosed
	}
	return ct, nil
}

// sendFailure maps errors of a write through sipgo to ours.
func (s *Stack) sendFailure(err error) error {
	switch {
	case s.isClosed():
		return ErrStackClosed
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrTransport):
		return err
	}
	return fmt.Errorf("%w: %w", ErrTransport, err)
}

// await returns the final response of a transaction. provisional, which may be
// nil, gets the others. However it ends otherwise, the transaction is gone.
func (s *Stack) await(ctx context.Context, ct *clientTx, req *sipgo.Request, provisional func(*sipgo.Response)) (*sipgo.Response, error) {
	var again <-chan time.Time
	if !ct.flow.reliable() && !s.heard.Load() {
		timer := time.NewTimer(freshPath)
		defer timer.Stop()
		again = timer.C
	}
	for {
		select {
		case res := <-ct.tx.Responses():
			again = nil
			if !res.IsProvisional() {
				return res, nil
			}
			if provisional != nil {
				provisional(res)
			}
		case <-again:
			again = nil
			if err := ct.flow.WriteMsg(req); err != nil {
				ct.fail(s.sendFailure(err))
			}
		case <-ct.tx.Done():
			return nil, s.ended(ct)
		case <-ctx.Done():
			ct.tx.Terminate()
			return nil, contextError(ctx)
		}
	}
}

// tell hands a response to whoever hears the transaction: one final response,
// and none after it. False: it comes after that one.
func (ct *clientTx) tell(res *sipgo.Response) bool {
	if ct.hear == nil {
		return true
	}
	ct.mu.Lock()
	over := ct.final
	ct.final = ct.final || !res.IsProvisional()
	ct.mu.Unlock()
	if !over {
		ct.hear(res)
	}
	return !over
}

// refused says whether a response refuses an INVITE. It is told after its ACK has
// left, so that the next INVITE does not overtake that: there are peers that take
// them in this order only.
func (ct *clientTx) refused(res *sipgo.Response) bool {
	return res.StatusCode >= 300 && res.CSeq() != nil && res.CSeq().MethodName == sipgo.INVITE
}

// isFinal says whether a final response was told.
func (ct *clientTx) isFinal() bool {
	ct.mu.Lock()
	defer ct.mu.Unlock()
	return ct.final
}

// tend keeps the timers of a transaction whose responses are heard elsewhere. It
// returns when there is nothing left to repeat; an error says that no final
// response came. A 2xx to an INVITE that comes again finds its call.
func (s *Stack) tend(ct *clientTx, req *sipgo.Request) error {
	res, err := s.await(context.Background(), ct, req, nil)
	switch {
	case err != nil && ct.isFinal():
		return nil
	case err != nil:
		return err
	case req.Method != sipgo.INVITE || res.IsSuccess():
		// Timer K only absorbs repetitions, which find nobody anyway.
		ct.tx.Terminate()
	}
	return nil
}

// exchange runs a whole non-INVITE transaction.
func (s *Stack) exchange(ctx context.Context, req *sipgo.Request, f flow, provisional func(*sipgo.Response)) (*sipgo.Response, error) {
	ct, err := s.begin(req, f, nil)
	if err != nil {
		return nil, err
	}
	// Timer K only absorbs retransmitted responses; receive drops those anyway.
	defer ct.tx.Terminate()
	return s.await(ctx, ct, req, provisional)
}

// ended says why a transaction is over that had no final response.
func (s *Stack) ended(ct *clientTx) error {
	if s.isClosed() {
		return ErrStackClosed
	}
	ct.mu.Lock()
	err := ct.err
	ct.mu.Unlock()
	switch {
	case err != nil:
		return err
	case errors.Is(ct.tx.Err(), sipgo.ErrTransactionTimeout):
		return fmt.Errorf("%w: Timer B or F (RFC 3261 17.1)", ErrTimeout)
	}
	return s.sendFailure(ct.tx.Err())
}

// contextError names the end of a context, as a timeout where it is one.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrTimeout, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// reply answers a request. Where a tag is due and the request has none, tag is
// put into To; "" takes a random one.
func (in *inbound) reply(code int, reason, tag string, headers ...wire.Header) error {
	return in.tx.Respond(in.response(code, reason, tag, nil, headers...))
}

func (in *inbound) response(code int, reason, tag string, body []byte, headers ...wire.Header) *sipgo.Response {
	return wire.NewResponse(in.req, code, reason, tag, body, headers...)
}

// onCancel sets what a CANCEL does from now on.
func (in *inbound) onCancel(fn func(*inbound)) {
	in.st.mu.Lock()
	defer in.st.mu.Unlock()
	if st := in.st.servers[in.key]; st != nil {
		st.cancel = fn
	}
}

// request takes a request to its transaction, and a new one to its handler.
func (s *Stack) request(req *sipgo.Request, raw *wire.Message, f flow) {
	key := raw.ServerKey(string(req.Method))
	s.mu.Lock()
	st, full := s.servers[key], len(s.servers) >= 2*maxServers
	s.mu.Unlock()
	in := &inbound{st: s, req: req, raw: raw, flow: f, key: key}
	switch {
	case st != nil:
		// A retransmission, or the ACK to a refusal. (A peer that puts the
		// INVITE's branch into the ACK of a 2xx lands here, too.)
		if err := st.tx.Receive(req); err != nil {
			s.log.Debug("a request does not fit its transaction", "err", err)
		}
		if req.Method == sipgo.ACK {
			s.ack(in)
		}
	case req.Method == sipgo.ACK:
		if !s.ack(in) {
			s.drop("ACK that fits nothing", f.remote(), req.StartLine())
		}
	case req.Method == sipgo.CANCEL:
		s.cancelRequest(in)
	case full:
		s.drop("request too many", f.remote(), req.StartLine())
	default:
		in.tx = sipgo.NewServerTx(key, req, f, s.log)
		if s.enter(in) {
			s.handle(in)
		}
	}
}

// enter enters a server transaction into the table.
func (s *Stack) enter(in *inbound) bool {
	key := in.key
	in.tx.OnTerminate(func(string, error) {
		s.mu.Lock()
		delete(s.servers, key)
		s.mu.Unlock()
	})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	s.servers[key] = &serverTx{tx: in.tx}
	s.mu.Unlock()
	return in.tx.Init() == nil
}

// cancelRequest carries out a CANCEL (RFC 3261 9.2): 200 for itself, and the
// INVITE with its branch ends with 487.
func (s *Stack) cancelRequest(in *inbound) {
	invite := in.raw.ServerKey("INVITE")
	s.mu.Lock()
	st := s.servers[invite]
	var cancel func(*inbound)
	if st != nil {
		cancel = st.cancel
	}
	s.mu.Unlock()
	code, reason := 200, "OK"
	if st == nil {
		code, reason = 481, "Call/Transaction Does Not Exist"
	}
	// Stateless: a retransmitted CANCEL gets the same answer again.
	if err := s.write(in.flow, in.response(code, reason, "", nil)); err != nil {
		s.log.Debug("answering CANCEL", "err", err)
	}
	if cancel != nil {
		cancel(in)
	}
}

// refuse is a final answer that needs nothing else.
func (s *Stack) refuse(in *inbound, code int, reason string, headers ...wire.Header) {
	if err := in.reply(code, reason, wire.RandomToken(), headers...); err != nil {
		s.log.Debug("answering", "method", in.req.Method, "code", code, "err", err)
	}
}
