package siptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

var (
	errTimeout = errors.New("no answer")
	errStopped = errors.New("the peer is not running")
)

// authorized sends what build builds and, where it is challenged, once more
// with credentials; a nonce found stale meanwhile gets one more. build is
// called for each try and gives each its own CSeq.
func (p *Peer) authorized(ctx context.Context, build func() *sipgo.Request, to netip.AddrPort, prov func(*sipgo.Response)) (*sipgo.Response, error) {
	var auth []sipgo.Header
	for try := 0; ; try++ {
		req := build()
		for _, h := range auth {
			req.AppendHeader(h)
		}
		res, err := p.transact(ctx, req, to, prov)
		if err != nil || (res.StatusCode != 401 && res.StatusCode != 407) || try == 2 || p.o.Password == "" {
			return res, err
		}
		h := credentials(res, req, p.o.User, p.o.Password)
		if h == nil {
			return res, nil
		}
		for i := range auth {
			if auth[i].Name() == h.Name() {
				auth = append(auth[:i], auth[i+1:]...)
				break
			}
		}
		auth = append(auth, h)
	}
}

// transact is a client transaction (RFC 3261 17.1): it sends req with a Via
// of its own and returns the final answer. A refused INVITE is acknowledged
// here, a 2xx by the caller. Where ctx ends while an INVITE rings, it is
// cancelled and its end awaited for a while.
//
// Long: its cases share the timers and what was heard so far.
func (p *Peer) transact(ctx context.Context, req *sipgo.Request, to netip.AddrPort, prov func(*sipgo.Response)) (*sipgo.Response, error) {
	w := p.now()
	f, err := w.connect(ctx, p.o.Transport, to)
	if err != nil {
		return nil, fmt.Errorf("%s to %v: %w", req.Method, to, err)
	}
	req.PrependHeader(newVia(w.local, p.o.Transport, newBranch()))
	answers := make(chan *sipgo.Response, 16)
	key := clientKey(req)
	p.mu.Lock()
	p.pending[key] = answers
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.pending, key)
		p.mu.Unlock()
	}()
	raw := []byte(req.String())
	if err := w.send(f, raw); err != nil {
		return nil, fmt.Errorf("%s to %v: %w", req.Method, to, err)
	}
	invite := req.Method == sipgo.INVITE
	backoff, heard := t1, false
	cancelled, cancelling := ctx.Done(), false
	resend, limit := time.NewTimer(backoff), time.NewTimer(deadline)
	defer resend.Stop()
	defer limit.Stop()
	for {
		select {
		case res := <-answers:
			if res.StatusCode >= 200 {
				if invite && !res.IsSuccess() {
					p.acknowledge(w, f, req, res)
				}
				return res, nil
			}
			if cancelling && !heard {
				_ = w.send(f, []byte(cancelOf(req).String()))
				backoff = t1
				resend.Reset(backoff)
			}
			heard = true
			if invite && !cancelling {
				limit.Stop() // it may ring as long as it likes
			}
			if prov != nil {
				prov(res)
			}
		case <-resend.C:
			again := raw
			if invite && heard {
				if !cancelling {
					continue
				}
				again = []byte(cancelOf(req).String()) // until the INVITE ends
			}
			if f.stream == nil {
				_ = w.send(f, again)
			}
			if backoff *= 2; !invite {
				backoff = min(backoff, t2)
			}
			resend.Reset(backoff)
		case <-limit.C:
			if cancelling {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%s to %v: %w", req.Method, to, errTimeout)
		case <-cancelled:
			if !invite {
				return nil, ctx.Err()
			}
			cancelled, cancelling = nil, true
			limit.Reset(deadline / 8)
			if heard { // else with the first provisional answer (RFC 3261 9.1)
				_ = w.send(f, []byte(cancelOf(req).String()))
				backoff = t1
				resend.Reset(backoff)
			}
		case <-w.done:
			return nil, fmt.Errorf("%s to %v: %w", req.Method, to, net.ErrClosed)
		}
	}
}

// cancelOf is the CANCEL of an INVITE (RFC 3261 9.1).
func cancelOf(invite *sipgo.Request) *sipgo.Request {
	return sibling(invite, sipgo.CANCEL, invite.To())
}

// sibling is a request that shares the transaction of an INVITE.
func sibling(invite *sipgo.Request, method sipgo.RequestMethod, to *sipgo.ToHeader) *sipgo.Request {
	out := sipgo.NewRequest(method, *invite.Recipient.Clone())
	out.AppendHeader(sipgo.HeaderClone(invite.Via()))
	for _, name := range []string{"Route", "Max-Forwards", "From", "Call-ID"} {
		sipgo.CopyHeaders(name, invite, out)
	}
	out.AppendHeader(sipgo.HeaderClone(to))
	out.AppendHeader(&sipgo.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	out.SetBody(nil)
	return out
}

// acknowledge sends the ACK of a refusal and keeps it for repetitions.
func (p *Peer) acknowledge(w *wire, f flow, invite *sipgo.Request, res *sipgo.Response) {
	raw := []byte(sibling(invite, sipgo.ACK, res.To()).String())
	now := time.Now()
	p.mu.Lock()
	p.sweep(now)
	p.acks[clientKey(invite)] = ack{raw, now}
	p.mu.Unlock()
	_ = w.send(f, raw)
}

// response hands an answer to its transaction, or acknowledges it again.
func (p *Peer) response(res *sipgo.Response, f flow) {
	key := clientKey(res)
	p.mu.Lock()
	answers, again := p.pending[key], p.acks[key]
	p.mu.Unlock()
	switch {
	case answers != nil:
		select {
		case answers <- res:
		default: // a flood of provisional answers
		}
	case again.raw != nil && res.StatusCode >= 300:
		_ = p.now().send(f, again.raw)
	case res.IsSuccess() && res.CSeq().MethodName == sipgo.INVITE:
		if c := p.find(res.CallID().Value(), tagOf(res.From().Params), tagOf(res.To().Params)); c != nil {
			c.ackAgain(res.CSeq().SeqNo)
		}
	}
}
