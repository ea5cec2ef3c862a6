package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/digest"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// Timers of RFC 3261 17.1.1.1 where the call layer keeps them itself.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

type callState int

const (
	idle    callState = iota // made, nothing sent
	calling                  // our INVITE is out
	ringing                  // their INVITE waits for an answer
	up
	leaving // Bye was called and not yet answered
	ended
)

// Call is one call, from the first INVITE to the end. It survives stacks:
// after Move, all its requests and the Contact of its responses are of the new
// one. Its methods block where they talk to the network, take a context, and
// may be called from several goroutines.
type Call struct {
	acct     *Account
	auth     *Credentials
	outgoing bool
	dialogs  *Dialogs
	first    *theirInvite    // the INVITE that made an incoming call
	sem      chan struct{}   // capacity 1: one Modify at a time
	life     context.Context // ends when the call has ended
	kill     context.CancelFunc

	mu         sync.Mutex
	stack      *Stack
	state      callState
	d          dialog
	secure     bool         // dialled as sips:, by whichever side
	ours       *ourInvite   // our INVITE in progress, or whose fate is unknown
	theirs     *theirInvite // their last INVITE
	offers     offers
	peer       wire.Address
	allow      string // the peer's Allow, upper case, comma before and after each
	signalling netip.AddrPort
	cancelled  bool            // Cancel was called
	challenged bool            // the server challenged a request within the dialog
	forks      map[string]bool // To tags of answers that lost the race
	earlies    []*early        // what our INVITE made ring, oldest first
	replaces   string          // the Replaces of our INVITE
	wasUp      bool
	acked      struct { // our last ACK to a 2xx, which may have died with its path
		on  *Stack
		seq uint32
	}
	supports struct{ replaces bool } // what the peer listed
}

// offers are offers of UPDATEs in progress (RFC 3311 5.2); those of INVITEs are
// ours and theirs above.
type offers struct{ ours, theirs bool }

// NewCall prepares a call to target. Nothing is sent before Invite.
func NewCall(acct *Account, auth *Credentials, target wire.URI) *Call {
	c := newCall(acct, auth)
	c.outgoing = true
	c.peer = wire.Address{URI: target.Bare()}
	c.secure = target.Scheme == "sips"
	c.d = dialog{callID: wire.RandomToken(), localTag: wire.RandomToken(), local: acct.nameAddr(),
		remote: "<" + target.Bare() + ">", target: target.String(), routes: preloaded(acct)}
	return c
}

func newCall(acct *Account, auth *Credentials) *Call {
	c := &Call{acct: acct, auth: auth, sem: make(chan struct{}, 1)}
	c.life, c.kill = context.WithCancel(context.Background())
	return c
}

// dialog is the state of RFC 3261 12. It is a value: forks are copies.
type dialog struct {
	callID              string
	localTag, remoteTag string
	local, remote       string // name-addr, without tags
	seq                 uint32 // last sent
	remoteSeq           uint32 // last received
	target              string // remote target, exactly as the peer wrote it
	routes              []string
	viaServer           bool // the next hop is the account's server, wherever that is reached
}

// confirmed is the dialog that a response to our INVITE makes (RFC 3261
// 12.1.2).
func (d dialog) confirmed(st *Stack, res *sipgo.Response) dialog {
	if to := res.To(); to != nil {
		d.remoteTag = wire.TagOf(to.Params)
	}
	if contact := wire.ContactOf(res); contact != "" {
		d.target = contact
	}
	d.routes = nil
	rr := wire.Values(res, "Record-Route")
	for i := range rr {
		d.routes = append(d.routes, rr[len(rr)-1-i])
	}
	d.viaServer = st.serves(d.firstHop())
	return d
}

// firstHop is the URI that the next request is sent towards.
func (d dialog) firstHop() string {
	if len(d.routes) > 0 {
		if a, err := wire.ParseAddress(d.routes[0]); err == nil {
			return a.URI
		}
	}
	return d.target
}

func (s *Stack) serves(uri string) bool {
	u, err := wire.ParseURI(uri)
	return err == nil && s.servesURI(u)
}

// draft starts a request within the dialog (RFC 3261 12.2.1.1).
func (d dialog) draft(method string, seq uint32) wire.Draft {
	out := wire.Draft{Method: method, Target: d.target, Routes: d.routes, From: d.local + ";tag=" + d.localTag,
		To: d.remote, CallID: d.callID, Seq: seq}
	if d.remoteTag != "" {
		out.To += ";tag=" + d.remoteTag
	}
	if first, err := wire.ParseURI(d.firstHop()); err == nil && len(d.routes) > 0 {
		if _, loose := first.Param("lr"); !loose { // a strict router
			out.Target = first.String()
			out.Routes = append(append([]string(nil), d.routes[1:]...), "<"+d.target+">")
		}
	}
	return out
}

// hop finds the way for a request of a dialog from this stack. A dialog whose
// next hop was the account's server follows that to whatever address it has on
// this path (another family, for one), and so does one whose route has no address
// of this path's family at all.
func (s *Stack) hop(ctx context.Context, d dialog) (f flow, server bool, err error) {
	if s.transport != locate.TLS && isSecure(d.target) {
		return nil, false, ErrNotSecure
	}
	if d.viaServer && s.o.Server.Addr.IsValid() {
		f, err = s.serverFlow()
		return f, true, err
	}
	at, name, server, err := s.nextHop(ctx, d.firstHop())
	if errors.Is(err, locate.ErrNoFamily) && len(d.routes) > 0 && s.o.Server.Addr.IsValid() {
		// A server of both families may record one address for all: to it, the
		// request came by the way that this path has to the account's server.
		server, err = true, nil
	}
	if err != nil {
		return nil, false, err
	}
	if server {
		f, err = s.serverFlow()
		return f, true, err
	}
	f, err = s.flowTo(ctx, at, name)
	return f, false, err
}

func isSecure(uri string) bool { return len(uri) > 5 && strings.EqualFold(uri[:5], "sips:") }

// do sends one request of the call other than INVITE, ACK and CANCEL on the
// present stack, through challenges, and returns its final response. It stamps
// everything that the stack and the dialog decide.
func (c *Call) do(ctx context.Context, method string, body []byte) (*sipgo.Response, *Stack, error) {
	st := c.Stack()
	f, sc, err := c.way(ctx, st)
	if err != nil {
		return nil, st, err
	}
	s := sender{st: st, auth: c.auth, flow: f, scope: sc,
		build: func() (*sipgo.Request, error) { return c.build(st, method, body) }}
	res, _, err := s.run(ctx)
	c.noteChallenge(s.rounds)
	return res, st, err
}

// noteChallenge remembers that requests within the dialog need credentials.
func (c *Call) noteChallenge(rounds int) {
	if rounds > 1 {
		c.mu.Lock()
		c.challenged = true
		c.mu.Unlock()
	}
}

// way is hop with what credentials need to know.
func (c *Call) way(ctx context.Context, st *Stack) (flow, digest.Scope, error) {
	c.mu.Lock()
	d := c.d
	if e := c.changeable(); e != nil {
		d = e.d
	}
	c.mu.Unlock()
	return c.wayOf(ctx, st, d)
}

func (c *Call) wayOf(ctx context.Context, st *Stack, d dialog) (flow, digest.Scope, error) {
	c.mu.Lock()
	known := c.challenged
	c.mu.Unlock()
	f, server, err := st.hop(ctx, d)
	sc := digest.Scope{InDialog: true, Routed: len(d.routes) > 0, Known: known}
	if server {
		sc.Server = st.o.Server.Addr
	}
	return f, sc, err
}

// build makes the next request of the dialog.
func (c *Call) build(st *Stack, method string, body []byte) (*sipgo.Request, error) {
	c.mu.Lock()
	c.d.seq++
	d := c.d
	if e := c.changeable(); e != nil && method != "INVITE" {
		d = e.d
	}
	dr := d.draft(method, c.d.seq)
	replaces := c.replaces
	if c.state != calling {
		replaces = "" // that was the first INVITE's
	}
	c.mu.Unlock()
	dr.Body = body
	if method == "INVITE" || method == "UPDATE" {
		dr.Headers = c.capabilities(st)
	}
	if method == "INVITE" && replaces != "" {
		// A phone that does not know it must not ring instead.
		dr.Headers = append(dr.Headers, wire.Header{Name: "Require", Value: "replaces"}, wire.Header{Name: "Replaces", Value: replaces})
	}
	return st.build(dr)
}

// capabilities are the headers of requests and responses that set up or
// refresh a session.
func (c *Call) capabilities(st *Stack) []wire.Header {
	scheme := c.acct.AOR.Scheme
	if c.secure {
		scheme = "sips"
	}
	return []wire.Header{{Name: "Contact", Value: "<" + st.dialogContact(c.acct, scheme) + ">"}, {Name: "Allow", Value: wire.Allowed}, {Name: "Supported", Value: wire.Supported}}
}

// Move has all later requests, and the Contact of responses, use another
// stack. What is in progress on the old one stays there; an answer of ours that
// is not acknowledged yet is sent again at once.
func (c *Call) Move(st *Stack) {
	c.mu.Lock()
	c.stack = st
	t := c.theirs
	c.mu.Unlock()
	if t != nil {
		t.repeat()
	}
}

// Stack is where the call sends at present; nil before Invite.
func (c *Call) Stack() *Stack {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stack
}

// CallID is the SIP Call-ID, sanitized.
func (c *Call) CallID() string { return clean.Text(c.d.callID) }

// OwnsCallID says whether this side made the Call-ID, and so waits longer
// after a 491 (RFC 3261 14.1).
func (c *Call) OwnsCallID() bool { return c.outgoing }

// Outgoing says who called.
func (c *Call) Outgoing() bool { return c.outgoing }

// Peer is who is at the other end, as dialled or as the caller says, sanitized.
func (c *Call) Peer() (uri, displayName string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clean.Text(c.peer.URI), clean.Text(c.peer.Name)
}

// PeerAllows says whether the peer listed a method in its last Allow.
func (c *Call) PeerAllows(method string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(c.allow, ","+strings.ToUpper(method)+",")
}

// RemoteSignalling is where the dialog's last message came from; zero when
// nothing did yet.
func (c *Call) RemoteSignalling() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signalling
}

// Offer is the SDP of the INVITE that made an incoming call; nil when it had
// none, or the call is outgoing.
func (c *Call) Offer() []byte {
	if c.first == nil {
		return nil
	}
	return c.first.offer
}

// Over is closed when the call has ended, by whichever side.
func (c *Call) Over() <-chan struct{} { return c.life.Done() }

// Drop ends the call without a word to the peer: the dialog is lost, or the
// grace time without a network ran out.
func (c *Call) Drop() { c.end() }

// end marks the call ended; it reports whether this call did it.
func (c *Call) end() bool {
	c.mu.Lock()
	if c.state == ended {
		c.mu.Unlock()
		return false
	}
	c.state = ended
	c.kill()
	d, id, tag, st := c.dialogs, c.d.callID, c.d.localTag, c.stack
	c.mu.Unlock()
	if d != nil && st != nil {
		d.bury(id, tag, st.now())
	}
	return true
}

func (c *Call) remoteTag() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.d.remoteTag
}

func (c *Call) isRinging() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == ringing
}

// mayComeFrom says whether a request with the right tags is believed although
// its source is not trusted: only where the route set is empty, so that the
// peer itself sends it, from wherever it roamed to.
func (c *Call) mayComeFrom(netip.AddrPort) bool { return c.isDirect() }

// isDirect says whether the peer is reached without a proxy.
func (c *Call) isDirect() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.d.routes) == 0 && !c.d.viaServer
}

// matches says whether a request belongs to this living dialog: both tags, the
// Call-ID having been looked up.
func (c *Call) matches(in *inbound) bool {
	from := in.raw.Tag("From")
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended || from == "" || c.d.remoteTag != from {
		return false
	}
	c.signalling = in.flow.remote()
	return true
}
