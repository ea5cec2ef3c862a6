package siptest

import (
	"context"
	"net/netip"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

// Phase is how far a call is.
type Phase int

// The phases of a call.
const (
	Calling Phase = iota // INVITE sent or received
	Ringing
	Up
	Ended
)

func (p Phase) String() string { return [...]string{"calling", "ringing", "up", "ended"}[p] }

// CallState is a call at one moment.
type CallState struct {
	Phase    Phase
	Incoming bool
	Code     int    // why it ended: the final status, 200 after a BYE, 0 otherwise
	Reason   string // the same in words
	ByRemote bool   // the other side ended it
	// Media is what was negotiated last; the zero value before.
	Media sdp.Negotiated
	// Target is the peer's Contact now, Source where its last request came
	// from.
	Target string
	Source netip.AddrPort
	// Refreshes counts the re-INVITEs and UPDATEs of the peer that were
	// followed.
	Refreshes int
}

// dialog is the part of a call that requests are built from (RFC 3261 12).
type dialog struct {
	callID              string
	localTag, remoteTag string
	local, remote       sipgo.Uri
	localSeq, remoteSeq uint32
	routes              []sipgo.Uri
	target              sipgo.Uri
	hop                 netip.AddrPort // before there is a route set or target
}

// PeerCall is one call of a Peer. Its methods may be used from any goroutine.
type PeerCall struct {
	p    *Peer
	done chan struct{}
	bell bell
	// modify holds the right to offer: one at a time (RFC 3261 14.1).
	modify chan struct{}
	cancel context.CancelFunc // of the INVITE that we sent

	mu    sync.Mutex
	d     dialog
	state CallState
	local *sdp.Local
	media Media
	dir   sdp.Direction // what we wish
	offers
}

// offers are what stands between an offer and its answer, on either side.
type offers struct {
	acks   map[uint32][]byte
	unack  map[uint32]*answered // our 2xx to INVITEs that wait for their ACK
	invite *incoming            // theirs, nil once answered
	rel    *reliable            // of ours that waits for its PRACK, or had it
	// settled: the offer was answered before the 2xx, by a reliable response
	settled bool
	// refreshing is their re-INVITE whose answer is held back; nil: none.
	refreshing *incoming
	refreshEnd chan struct{} // closed when that was cancelled
}

func (p *Peer) newCall(d dialog, in bool, cancel context.CancelFunc) *PeerCall {
	c := &PeerCall{
		p: p, d: d, done: make(chan struct{}), modify: make(chan struct{}, 1), cancel: cancel,
		offers: offers{acks: make(map[uint32][]byte), unack: make(map[uint32]*answered)},
	}
	c.state.Incoming = in
	c.local = sdp.NewLocal(p.Addr().Addr(), sessionID(d.localTag), p.o.Codecs)
	if p.o.Media != nil {
		c.media = p.o.Media(c)
	}
	p.mu.Lock()
	p.calls[d.callID+"|"+d.localTag] = c
	p.mu.Unlock()
	return c
}

// sessionID makes a number of a random tag, positive in 63 bits as some
// parsers want it.
func sessionID(tag string) (id uint64) {
	for _, b := range []byte(tag) {
		id = id*31 + uint64(b)
	}
	return id >> 1
}

// State is the call as it is now.
func (c *PeerCall) State() CallState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Done is closed when the call has ended.
func (c *PeerCall) Done() <-chan struct{} { return c.done }

// CallID is the Call-ID of the dialog.
func (c *PeerCall) CallID() string { return c.d.callID }

// Peer is whose call it is.
func (c *PeerCall) Peer() *Peer { return c.p }

// RemoteURI is the other side's address of record.
func (c *PeerCall) RemoteURI() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.d.remote.String()
}

// Wait returns the first state for which ok is true, or the error of ctx.
func (c *PeerCall) Wait(ctx context.Context, ok func(CallState) bool) (CallState, error) {
	for {
		ring := c.bell.wait()
		if s := c.State(); ok(s) {
			return s, nil
		}
		select {
		case <-ring:
		case <-ctx.Done():
			return c.State(), ctx.Err()
		}
	}
}

// change alters the state and tells; false when the call has ended.
func (c *PeerCall) change(fn func(*CallState)) bool {
	c.mu.Lock()
	if c.state.Phase == Ended {
		c.mu.Unlock()
		return false
	}
	fn(&c.state)
	s := c.state
	c.mu.Unlock()
	c.bell.ring()
	if c.p.o.OnChange != nil {
		c.p.o.OnChange(c, s)
	}
	return true
}

// finish ends the call once.
func (c *PeerCall) finish(code int, reason string, byRemote bool) {
	if !c.change(func(s *CallState) {
		s.Phase, s.Code, s.Reason, s.ByRemote = Ended, code, reason, byRemote
		close(c.done)
	}) {
		return
	}
	c.p.mu.Lock()
	delete(c.p.calls, c.d.callID+"|"+c.d.localTag)
	c.p.mu.Unlock()
	if c.media != nil {
		c.media.Close()
	}
}

// agreed stores what was negotiated and tells the media.
func (c *PeerCall) agreed(n sdp.Negotiated) {
	if c.change(func(s *CallState) { s.Media = n }) && c.media != nil {
		c.media.Remote(n)
	}
}

// mediaAddr is where audio is wanted; without media it is a port of the right
// address that is the call's alone, and where nobody need listen.
// remote is where the other side wants audio, invalid while that is unknown.
func (c *PeerCall) mediaAddr(ctx context.Context, remote netip.Addr) (t sdp.Transport, err error) {
	t.Mux = true
	if c.media == nil {
		t.RTP = netip.AddrPortFrom(c.p.Addr().Addr(), uint16(20000+2*(sessionID(c.d.localTag)%20000)))
		return t, nil
	}
	if m, ok := c.media.(interface {
		LocalFor(ctx context.Context, remote netip.Addr) (netip.AddrPort, error)
	}); ok && remote.IsValid() {
		t.RTP, err = m.LocalFor(ctx, remote)
		return t, err
	}
	t.RTP, err = c.media.Local(ctx)
	return t, err
}

// retarget follows the peer's Contact (RFC 3261 12.2.1.2); c.mu is held.
func (c *PeerCall) retarget(contact *sipgo.ContactHeader, s *CallState) {
	if contact != nil && !contact.Address.Wildcard {
		c.d.target = *contact.Address.Clone()
		s.Target = c.d.target.String()
	}
}

func (c *PeerCall) acceptBody(body []byte) (sdp.Negotiated, error) {
	remote, err := sdp.Parse(body)
	if err != nil {
		return sdp.Negotiated{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.local.Accept(remote)
}

// nextHop is where the next request goes first.
func (c *PeerCall) nextHop() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.d.remoteTag == "" {
		return c.d.hop
	}
	next := &c.d.target
	if len(c.d.routes) > 0 {
		next = &c.d.routes[0]
	}
	if to, ok := uriAddr(next); ok {
		return to
	}
	return c.d.hop
}

// request builds the next request of the dialog, ACK and CANCEL apart.
func (c *PeerCall) request(method sipgo.RequestMethod, body []byte) *sipgo.Request {
	c.mu.Lock()
	c.d.localSeq++
	seq := c.d.localSeq
	c.mu.Unlock()
	return c.build(method, seq, body)
}

func (c *PeerCall) build(method sipgo.RequestMethod, seq uint32, body []byte) *sipgo.Request {
	contact := c.p.contact()
	c.mu.Lock()
	defer c.mu.Unlock()
	req := sipgo.NewRequest(method, *c.d.target.Clone())
	for i := range c.d.routes {
		req.AppendHeader(&sipgo.RouteHeader{Address: *c.d.routes[i].Clone()})
	}
	hops := sipgo.MaxForwardsHeader(70)
	callID := sipgo.CallIDHeader(c.d.callID)
	to := &sipgo.ToHeader{Address: c.d.remote}
	if c.d.remoteTag != "" {
		to.Params = sipgo.HeaderParams{{K: "tag", V: c.d.remoteTag}}
	}
	req.AppendHeader(&hops)
	req.AppendHeader(&sipgo.FromHeader{Address: c.d.local, Params: sipgo.HeaderParams{{K: "tag", V: c.d.localTag}}})
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: seq, MethodName: method})
	if method != sipgo.BYE && method != sipgo.ACK {
		req.AppendHeader(&sipgo.ContactHeader{Address: contact})
		req.AppendHeader(sipgo.NewHeader("Allow", allow))
		req.AppendHeader(c.p.supported())
	}
	if c.d.remoteTag != "" && (method == sipgo.INVITE || method == sipgo.UPDATE) {
		for _, h := range c.p.session() {
			req.AppendHeader(h)
		}
	}
	if body != nil {
		req.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
	}
	req.SetBody(body)
	return req
}

// ack acknowledges a 2xx, now and when it is repeated (RFC 3261 13.2.2.4).
func (c *PeerCall) ack(seq uint32, body []byte) {
	req := c.build(sipgo.ACK, seq, body)
	w := c.p.now()
	req.PrependHeader(newVia(w.local, c.p.o.Transport, newBranch()))
	raw := []byte(req.String())
	c.mu.Lock()
	c.acks[seq] = raw
	c.mu.Unlock()
	c.ackAgain(seq)
}

func (c *PeerCall) ackAgain(seq uint32) {
	c.mu.Lock()
	raw := c.acks[seq]
	c.mu.Unlock()
	if raw == nil {
		return
	}
	w, to := c.p.now(), c.nextHop()
	if f, ok := w.existing(c.p.o.Transport, to); ok {
		_ = w.send(f, raw)
		return
	}
	w.spawn("peer ack", func() {
		if f, err := w.connect(c.p.running(), c.p.o.Transport, to); err == nil {
			_ = w.send(f, raw)
		}
	})
}
