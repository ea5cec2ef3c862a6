package siptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/safego"
	"ramble/sip/sdp"
)

// PeerOptions of a Peer. User is needed; the rest has a useful zero.
type PeerOptions struct {
	User      string         // the part before the @
	Domain    string         // "" is ramble.test, or the own address without a Registrar
	Addr      netip.AddrPort // port 0: any
	Transport Transport
	TLS       *tls.Config    // for Transport TLS; ServerName and RootCAs say who the Registrar is
	Registrar netip.AddrPort // registers there and calls through it; the zero value: neither
	Password  string
	Expires   time.Duration // 0 is five minutes
	Codecs    []sdp.Codec   // nil is PCMU and PCMA
	// Media makes the media of a call; nil, or nil from it, is none.
	Media   func(*PeerCall) Media
	Sockets Sockets
	Guard   *safego.Guard
	Log     *slog.Logger
	Trace   func(Traced)
	Script
}

// Script is how a Peer behaves in its calls; the zero value answers at once, by the book.
type Script struct {
	// OnInvite decides about an incoming call; nil answers at once. It has a
	// goroutine of its own and may wait, but must come back when the call's
	// Done is closed.
	OnInvite func(*PeerCall) Decision
	// Headers makes what is added to an INVITE that begins a call: "Require:
	// 100rel" or "Expires" for instance; nil adds nothing.
	Headers func() []sipgo.Header
	// Session makes what is added to re-INVITE and UPDATE, and to the 2xx to INVITE
	// and UPDATE: "Session-Expires" (RFC 4028) for instance; nil adds nothing.
	Session func() []sipgo.Header
	// NoReplaces: INVITEs that require Replaces are answered 420.
	NoReplaces bool
	// OnRequest may answer a request inside a call otherwise than the book
	// says; nil from it lets it be. It must not wait.
	OnRequest func(*PeerCall, *sipgo.Request) *Reply
	// OnRefresh holds back the answer to a re-INVITE until the channel is
	// closed or the request is cancelled; nil, or nil from it, answers at once.
	OnRefresh func(*PeerCall) <-chan struct{}
	// OnChange hears every change of a call. It must not wait.
	OnChange func(*PeerCall, CallState)
}

// Decision is what becomes of an incoming call.
type Decision struct {
	Ring  time.Duration // 180 first, the rest after this time
	Early bool          // 183 with media in place of the 180
	// Reliable, with Early: it wants a PRACK, and the media may be changed by
	// UPDATE before the answer.
	Reliable bool
	Until    <-chan struct{} // the rest not before it is closed; nil does not wait
	Code     int             // 300 to 699 refuses with it; anything else accepts
}

// Media is one call's audio, which this package knows nothing of. Media with a
// method LocalFor(ctx, remote netip.Addr), which is Local for a peer that wants
// audio at remote, are of more than one family.
type Media interface {
	// Local is where audio is wanted. It is asked for each description that is
	// sent and should be quick after the first time.
	Local(ctx context.Context) (netip.AddrPort, error)
	// Remote tells what was negotiated, at first and after each change.
	Remote(n sdp.Negotiated)
	// Close ends it; Remote is not called after it.
	Close()
}

// Peer is a scripted telephone. It has one transport and one address at a
// time, to which Move can give a successor.
type Peer struct {
	o     PeerOptions
	ready chan struct{}
	inbox chan inbound
	wg    sync.WaitGroup // all goroutines but the loop

	regMu sync.Mutex // one REGISTER at a time
	reg   struct {
		callID string
		cseq   uint32
	}

	mu    sync.Mutex // guards the rest
	ctx   context.Context
	wire  *wire
	stop  context.CancelFunc // of wire
	calls map[string]*PeerCall
	transactions
	counts map[string]int
	ended  bool
}

// transactions are a peer's, and what is said again when a request is repeated.
type transactions struct {
	pending map[string]chan *sipgo.Response // client transactions
	acks    map[string]ack                  // refusals to our INVITEs, in case they are repeated
	served  map[string]*served
}

type ack struct {
	raw []byte
	at  time.Time
}

// served is a server transaction: enough to answer a retransmission.
type served struct {
	at    time.Time
	last  []byte
	to    flow
	acked chan struct{} // INVITE only; closed by the ACK of a refusal
	once  sync.Once
}

// NewPeer makes a Peer that does nothing until Run.
func NewPeer(o PeerOptions) *Peer {
	if !o.Addr.IsValid() {
		o.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	}
	if o.Domain == "" && o.Registrar.IsValid() {
		o.Domain = "ramble.test"
	}
	o.Expires = cmp.Or(o.Expires, 5*time.Minute)
	if len(o.Codecs) == 0 {
		o.Codecs = []sdp.Codec{{Name: "PCMU", ClockRate: 8000}, {Name: "PCMA", ClockRate: 8000}}
	}
	o.Sockets, o.Log = orSystem(o.Sockets), orDiscard(o.Log)
	p := &Peer{
		o: o, ready: make(chan struct{}), inbox: make(chan inbound),
		calls: make(map[string]*PeerCall), counts: make(map[string]int),
		transactions: transactions{pending: make(map[string]chan *sipgo.Response), acks: make(map[string]ack), served: make(map[string]*served)},
	}
	p.reg.callID = newBranch()
	return p
}

// Run listens, registers, and serves until ctx ends; then it returns nil and
// its calls are gone without a BYE. Its error says that it could not listen
// or was refused by the Registrar (*Refused). It may be called once.
func (p *Peer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer p.end()
	defer cancel()
	p.mu.Lock()
	p.ctx = ctx
	p.mu.Unlock()
	if err := p.listen(ctx, p.o.Addr); err != nil {
		return err
	}
	failed := make(chan error, 1)
	if p.o.Registrar.IsValid() {
		p.spawn("peer registration", func() {
			if err := p.keepRegistered(ctx); err != nil {
				failed <- err
			}
		})
	} else {
		close(p.ready)
	}
	for {
		select {
		case in := <-p.inbox:
			p.message(in)
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// end drops the calls and waits for every goroutine.
func (p *Peer) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	for _, c := range p.Calls() {
		c.finish(0, "the peer stopped", false)
	}
	p.wg.Wait()
}

// Ready is closed when the Peer listens and, with a Registrar, is registered.
func (p *Peer) Ready() <-chan struct{} { return p.ready }

// Addr is where it listens now.
func (p *Peer) Addr() netip.AddrPort {
	if w := p.now(); w != nil {
		return w.local
	}
	return netip.AddrPort{}
}

// URI is its address of record.
func (p *Peer) URI() string {
	u := p.aor()
	return u.String()
}

// Count is how many requests of a method arrived, retransmissions apart.
func (p *Peer) Count(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[method]
}

// Rings is how many calls made it ring, or were answered unasked; those that
// replaced another are not counted.
func (p *Peer) Rings() int { return p.Count("ring") }

// Calls are those that have not ended, in no order.
func (p *Peer) Calls() []*PeerCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*PeerCall
	for _, c := range p.calls {
		out = append(out, c)
	}
	return out
}

// Move gives the Peer another address, as a roaming telephone gets one: new
// sockets, a REGISTER, and a re-INVITE in each call that is up. The old
// sockets are closed first, without a word. The error joins what failed.
func (p *Peer) Move(ctx context.Context, local netip.AddrPort) error {
	p.mu.Lock()
	run, stop := p.ctx, p.stop
	p.mu.Unlock()
	if run == nil || stop == nil {
		return errStopped
	}
	stop()
	if err := p.listen(run, local); err != nil {
		return err
	}
	var errs []error
	if p.o.Registrar.IsValid() {
		_, err := p.register(ctx, p.o.Expires)
		errs = append(errs, err)
	}
	for _, c := range p.Calls() {
		if c.State().Phase == Up {
			errs = append(errs, c.Reinvite(ctx, nil))
		}
	}
	return errors.Join(errs...)
}

// Unregister removes the binding of the present address.
func (p *Peer) Unregister(ctx context.Context) error {
	_, err := p.register(ctx, 0)
	return err
}

func (p *Peer) listen(ctx context.Context, local netip.AddrPort) error {
	w := &wire{sockets: p.o.Sockets, guard: p.o.Guard, log: p.o.Log, trace: p.o.Trace, tls: p.o.TLS}
	if err := w.open(ctx, local, []Transport{p.o.Transport}); err != nil {
		return err
	}
	wireCtx, stop := context.WithCancel(ctx)
	w.deliver = func(in inbound) {
		select {
		case p.inbox <- in:
		case <-wireCtx.Done():
		}
	}
	p.mu.Lock()
	p.wire, p.stop = w, stop
	p.mu.Unlock()
	if !p.spawn("peer sockets", func() { w.run(wireCtx) }) {
		stop()
		w.shut()
		return errStopped
	}
	return nil
}

// spawn starts a goroutine of Run's; it does not once Run ends.
func (p *Peer) spawn(name string, fn func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.wg.Add(1)
	p.o.Guard.Go(name, func() {
		defer p.wg.Done()
		fn()
	})
	return true
}

func (p *Peer) now() *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wire
}

func (p *Peer) aor() sipgo.Uri {
	if p.o.Domain == "" {
		return makeURI(p.o.User, p.Addr(), p.o.Transport)
	}
	return sipgo.Uri{Scheme: "sip", User: p.o.User, Host: p.o.Domain}
}

func (p *Peer) contact() sipgo.Uri { return makeURI(p.o.User, p.Addr(), p.o.Transport) }

// sweep forgets old server transactions and ACKs.
func (p *Peer) sweep(now time.Time) {
	if len(p.served)+len(p.acks) < 256 {
		return
	}
	for k, s := range p.served {
		if now.Sub(s.at) > deadline+t2 {
			delete(p.served, k)
		}
	}
	for k, a := range p.acks {
		if now.Sub(a.at) > deadline+t2 {
			delete(p.acks, k)
		}
	}
}

// find is the call that a request or response belongs to, by the tag that is
// ours in it.
func (p *Peer) find(callID, ourTag, theirTag string) *PeerCall {
	p.mu.Lock()
	c := p.calls[callID+"|"+ourTag]
	p.mu.Unlock()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.d.remoteTag != "" && c.d.remoteTag != theirTag {
		return nil
	}
	return c
}

// allow is what a Peer knows.
const allow = "INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, OPTIONS, INFO"

func allowed(m sipgo.RequestMethod) bool {
	return slices.Contains([]sipgo.RequestMethod{sipgo.BYE, sipgo.UPDATE, sipgo.PRACK, sipgo.INVITE, sipgo.OPTIONS, sipgo.INFO, sipgo.MESSAGE, sipgo.NOTIFY}, m)
}
