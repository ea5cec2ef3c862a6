package siptest

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// proxy is the running half of a Registrar: one loop owns all of it.
type proxy struct {
	r     *Registrar
	wire  *wire
	gate  gate
	inbox chan inbound
	post  chan func() // results of dials, to be run on the loop
	ctx   context.Context

	byKey    map[string]*transaction // by what identifies it upstream
	byBranch map[string]*transaction // by our branch and method
	resend   map[*transaction]struct{}
	swept    time.Time
	// reach is the flow on which the owner of a Contact was heard last. It is
	// what NAT helpers of real proxies write into the Contact.
	reach map[string]flow
}

// transaction joins what came from upstream with what went downstream.
type transaction struct {
	key    string
	method sipgo.RequestMethod
	born   time.Time
	up     flow   // where answers go
	last   []byte // the last answer sent there
	code   int    // of it
	local  bool   // answered by us, nothing is downstream

	req     *sipgo.Request // as sent downstream
	raw     []byte
	down    flow
	next    time.Time // when raw is sent again, while nothing was heard
	backoff time.Duration
}

func newProxy(r *Registrar) *proxy {
	p := &proxy{
		r: r, inbox: make(chan inbound), post: make(chan func()),
		gate: gate{
			realm: r.o.Realm, algorithms: r.o.Algorithms,
			life: r.o.NonceLife, bound: r.o.Quirks.NonceBySource,
		},
		byKey: make(map[string]*transaction), byBranch: make(map[string]*transaction),
		resend: make(map[*transaction]struct{}), reach: make(map[string]flow),
	}
	p.wire = &wire{sockets: r.o.Sockets, guard: r.o.Guard, log: r.o.Log, trace: r.o.Trace, tls: r.o.TLS}
	return p
}

func (p *proxy) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.ctx = ctx
	p.wire.deliver = func(in inbound) {
		select {
		case p.inbox <- in:
		case <-ctx.Done():
		}
	}
	stopped := make(chan struct{})
	p.r.o.Guard.Go("registrar sockets", func() {
		defer close(stopped)
		p.wire.run(ctx)
	})
	defer func() { cancel(); <-stopped }()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(p.due(time.Now()))
		select {
		case in := <-p.inbox:
			p.message(in, time.Now())
		case fn := <-p.post:
			fn()
		case <-timer.C:
			p.again(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

func (p *proxy) message(in inbound, now time.Time) {
	if !whole(in.msg) {
		return
	}
	p.sweep(now)
	switch m := in.msg.(type) {
	case *sipgo.Request:
		p.request(m, in.flow, now)
	case *sipgo.Response:
		p.response(m, in.flow)
	}
}

// request files a request under its transaction (RFC 3261 16.2, 17.2).
func (p *proxy) request(req *sipgo.Request, from flow, now time.Time) {
	stamp(req, from)
	key := transactionKey(req, req.Method)
	tx := p.byKey[key]
	switch {
	case tx != nil && req.Method == sipgo.ACK:
		if !tx.local && tx.req != nil {
			p.forwardAck(req, tx)
		}
		return
	case tx != nil && tx.last != nil:
		_ = p.wire.send(tx.up, tx.last)
		if req.Method == sipgo.CANCEL {
			p.passCancel(req, p.byKey[transactionKey(req, sipgo.INVITE)])
		}
		return
	case tx != nil:
		if tx.down.alive() {
			_ = p.wire.send(tx.down, tx.raw)
		}
		return
	}
	tx = &transaction{key: key, method: req.Method, born: now, up: replyTo(req.Via(), from)}
	if req.Method != sipgo.ACK {
		p.byKey[key] = tx
		if reply := p.r.noted(req); reply != nil {
			tx.local = true
			if !reply.Silent {
				p.reply(tx, req, reply.Code, reply.Reason, reply.Headers...)
			}
			return
		}
	}
	switch req.Method {
	case sipgo.REGISTER:
		p.register(tx, req, from, now)
	case sipgo.CANCEL:
		p.cancel(tx, req)
	default:
		p.route(tx, req, from, now)
	}
}

// reply answers by ourselves.
func (p *proxy) reply(tx *transaction, req *sipgo.Request, code int, reason string, extra ...sipgo.Header) {
	if req.Method == sipgo.ACK {
		return
	}
	tx.local = true
	p.upstream(tx, respond(req, code, reason, newTag(), nil, extra...))
}

// upstream sends an answer to where the request came from.
func (p *proxy) upstream(tx *transaction, res *sipgo.Response) {
	tx.last, tx.code = []byte(res.String()), res.StatusCode
	if tx.up.alive() {
		_ = p.wire.send(tx.up, tx.last)
		return
	}
	// The connection is gone: a new one to the sent-by (RFC 3261 18.2.2).
	via := res.Via()
	if ip, err := netip.ParseAddr(via.Host); err == nil && via.Port > 0 && via.Port < 65536 {
		p.dial(netip.AddrPortFrom(ip, uint16(via.Port)), tx.last, func(flow, error) {})
	}
}

// dial opens a connection beside the loop, writes on it and reports to the
// loop.
func (p *proxy) dial(to netip.AddrPort, raw []byte, done func(flow, error)) {
	p.wire.spawn("registrar dial", func() {
		f, err := p.wire.connect(p.ctx, p.wire.kind, to)
		if err == nil {
			err = p.wire.send(f, raw)
		}
		select {
		case p.post <- func() { done(f, err) }:
		case <-p.ctx.Done():
		}
	})
}

// cancel answers by itself and sends its like on (RFC 3261 16.10).
func (p *proxy) cancel(tx *transaction, req *sipgo.Request) {
	invite := p.byKey[transactionKey(req, sipgo.INVITE)]
	if invite == nil {
		p.reply(tx, req, 481, "")
		return
	}
	p.reply(tx, req, 200, "")
	p.passCancel(req, invite)
}

func (p *proxy) passCancel(req *sipgo.Request, invite *transaction) {
	if invite == nil || invite.local || invite.code >= 200 {
		return
	}
	out := sipgo.NewRequest(sipgo.CANCEL, *invite.req.Recipient.Clone())
	out.AppendHeader(sipgo.HeaderClone(invite.req.Via()))
	for _, name := range []string{"Route", "Max-Forwards", "From", "To", "Call-ID"} {
		sipgo.CopyHeaders(name, invite.req, out)
	}
	out.AppendHeader(&sipgo.CSeqHeader{SeqNo: invite.req.CSeq().SeqNo, MethodName: sipgo.CANCEL})
	sipgo.CopyHeaders("Reason", req, out)
	out.SetBody(nil)
	if invite.down.alive() {
		_ = p.wire.send(invite.down, []byte(out.String()))
	}
}

// forwardAck sends the ACK of a refusal the way its INVITE went.
func (p *proxy) forwardAck(req *sipgo.Request, tx *transaction) {
	out := sipgo.NewRequest(sipgo.ACK, *tx.req.Recipient.Clone())
	out.AppendHeader(sipgo.HeaderClone(tx.req.Via()))
	for _, name := range []string{"From", "To", "Call-ID", "CSeq", "Max-Forwards"} {
		sipgo.CopyHeaders(name, req, out)
	}
	sipgo.CopyHeaders("Route", tx.req, out)
	out.SetBody(nil)
	if tx.down.alive() {
		_ = p.wire.send(tx.down, []byte(out.String()))
	}
}

// response passes an answer on (RFC 3261 16.7).
func (p *proxy) response(res *sipgo.Response, from flow) {
	tx := p.byBranch[clientKey(res)]
	if tx == nil || res.StatusCode < 100 || res.StatusCode > 699 {
		return // the answer to a CANCEL of ours, or to nothing
	}
	delete(p.resend, tx)
	if res.StatusCode == 100 {
		return
	}
	if res.StatusCode < 300 {
		p.learn(res.Contact(), tx.method, from)
	}
	res.RemoveHeader("Via")
	if res.Via() == nil {
		return
	}
	if tx.code >= 300 && res.StatusCode < 300 {
		return // late, after we gave up
	}
	p.upstream(tx, res)
	if res.StatusCode >= 200 {
		tx.raw = nil // a retransmission gets the answer now
		if res.IsSuccess() || tx.method != sipgo.INVITE {
			tx.req = nil // there will be no ACK that needs it
		}
	}
}

// learn notes on which flow the owner of a Contact is heard.
func (p *proxy) learn(c *sipgo.ContactHeader, method sipgo.RequestMethod, from flow) {
	switch method {
	case sipgo.INVITE, sipgo.UPDATE, sipgo.SUBSCRIBE, sipgo.REGISTER, sipgo.NOTIFY, sipgo.REFER:
		if c != nil && !c.Address.Wildcard {
			p.reach[uriKey(&c.Address)] = from
		}
	}
}

// due is the time until something must be sent again.
func (p *proxy) due(now time.Time) time.Duration {
	wait := time.Hour
	for tx := range p.resend {
		wait = min(wait, tx.next.Sub(now), tx.born.Add(deadline).Sub(now))
	}
	return max(wait, 0)
}

// again retransmits INVITEs downstream over UDP (timer A) and gives up on
// those that nobody answers (timer B).
func (p *proxy) again(now time.Time) {
	for tx := range p.resend {
		switch {
		case now.Sub(tx.born) >= deadline:
			delete(p.resend, tx)
			p.refuse(tx, 408)
		case !now.Before(tx.next):
			if tx.down.stream == nil {
				_ = p.wire.send(tx.down, tx.raw)
			}
			tx.backoff *= 2
			tx.next = now.Add(tx.backoff)
		}
	}
}

// refuse answers a request that went downstream and came to nothing.
func (p *proxy) refuse(tx *transaction, code int) {
	if tx.code >= 200 {
		return
	}
	back := tx.req.Clone()
	back.RemoveHeader("Via")
	tx.local = true
	p.upstream(tx, respond(back, code, "", newTag(), nil))
}

// sweep forgets old transactions and dead flows, at most once a second.
func (p *proxy) sweep(now time.Time) {
	if now.Sub(p.swept) < time.Second {
		return
	}
	p.swept = now
	for key, tx := range p.byKey {
		age := now.Sub(tx.born)
		if age > 15*time.Minute || (age > deadline+t2 && (tx.code >= 200 || tx.method != sipgo.INVITE)) {
			delete(p.byKey, key)
			delete(p.byBranch, branchOf(key)+"|"+string(tx.method))
			delete(p.resend, tx)
		}
	}
	for key, f := range p.reach {
		if !f.alive() {
			delete(p.reach, key)
		}
	}
}

// ours says whether a URI names this server.
func (p *proxy) ours(u *sipgo.Uri) bool {
	if strings.EqualFold(u.Host, p.r.o.Realm) {
		return true
	}
	a, ok := uriAddr(u)
	return ok && (a == p.wire.local || a.Port() == p.wire.local.Port() && slices.Contains(p.r.o.Self, a.Addr()))
}

// self is the address by which the server calls itself.
func (p *proxy) self() netip.AddrPort {
	if len(p.r.o.Self) > 0 {
		return netip.AddrPortFrom(p.r.o.Self[0], p.wire.local.Port())
	}
	return p.wire.local
}
