package sip

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/dialog"
	"ramble/sip/digest"
	"ramble/sip/sdp"
	"ramble/sip/wire"
)

// Call is one call, from the first INVITE to the end: a dialog.Machine and what
// carries out its actions. It survives stacks: after Move, all its requests and
// the Contact of its responses are of the new one.
//
// A call has no lock and belongs to one goroutine, which also takes Heard and
// Arrived from the Events of all stacks of the account, in their order, and
// calls Step with a dialog.Tick when Next says. No method waits for the network.
type Call struct {
	acct    *Account
	auth    *Credentials
	dialogs *Dialogs
	m       *dialog.Machine
	id      identity
	peer    wire.Address
	secure  bool     // dialled as sips:, by whichever side
	first   *inbound // the INVITE that made an incoming call

	stack      *Stack
	box        *outbox // for the present stack
	signalling netip.AddrPort
	challenged bool // the server challenged a request within the dialog
	sent       map[dialog.ID]*sent
	got        map[dialog.ID]*inbound
	acked      *Stack // by which our last ACK went
}

// identity is what stays of a call in all its dialogs.
type identity struct {
	callID, tag   string
	local, remote string // name-addr, without tags
	got           dialog.ID
}

// CallOptions says what a new call is made of.
type CallOptions struct {
	Target  wire.URI
	Session *sdp.Local
	// Between picks a time from lo to hi, see dialog.Config.
	Between func(lo, hi time.Duration) time.Duration
	// Keep is how long an end that nobody confirms is repeated.
	Keep time.Duration
}

// NewCall prepares a call. Nothing is sent before Dial.
func NewCall(acct *Account, auth *Credentials, o CallOptions) *Call {
	return newOutgoing(acct, auth, o, "", "")
}

func newOutgoing(acct *Account, auth *Credentials, o CallOptions, replaces, name string) *Call {
	c := newCall(acct, auth)
	c.peer = wire.Address{URI: o.Target.Bare(), Name: name}
	c.secure = o.Target.Scheme == "sips"
	c.id.callID, c.id.tag = wire.RandomToken(), wire.RandomToken()
	c.id.local, c.id.remote = acct.nameAddr(), "<"+o.Target.Bare()+">"
	c.m = dialog.New(dialog.Config{Session: o.Session, Between: o.Between, Keep: o.Keep, Replaces: replaces,
		To: dialog.Dialog{Target: o.Target.String()}})
	return c
}

func newCall(acct *Account, auth *Credentials) *Call {
	return &Call{acct: acct, auth: auth, sent: map[dialog.ID]*sent{}, got: map[dialog.ID]*inbound{}}
}

// Dial sends the INVITE on a stack.
func (c *Call) Dial(now time.Time, st *Stack, wish dialog.Wish) []dialog.Action {
	c.use(st)
	c.dialogs = st.dialogs
	c.dialogs.add(c, now)
	target, err := wire.ParseURI(c.peer.URI)
	_, server := st.Leads(target)
	return c.Step(now, dialog.Dial{Wish: wish, Routes: st.preloaded(c.acct), Server: server && err == nil})
}

// Move has everything later, and the Contact of responses, go by another stack.
// What is in progress on the old one stays there; an answer of ours that is not
// acknowledged yet is sent again at once.
func (c *Call) Move(now time.Time, st *Stack) []dialog.Action {
	if c.stack == st {
		return nil
	}
	c.use(st)
	return c.Step(now, dialog.Moved{})
}

func (c *Call) use(st *Stack) {
	c.stack, c.box = st, &outbox{st: st}
}

// Step feeds the machine, sends what it wants sent, and returns the rest of its
// actions.
func (c *Call) Step(now time.Time, e dialog.Event) (rest []dialog.Action) {
	for _, a := range c.m.Step(now, e) {
		switch a := a.(type) {
		case dialog.Send:
			c.send(a)
		case dialog.Cancel:
			c.cancel(a)
		case dialog.Ack:
			c.ack(a)
		case dialog.Stop:
			c.stop(a.ID)
		case dialog.Reply:
			c.reply(a)
		case dialog.Settled:
			if c.dialogs != nil {
				c.dialogs.bury(c, now)
			}
			rest = append(rest, a)
		default: // the rest is not for the network
			rest = append(rest, a)
		}
	}
	if c.dialogs != nil { // else nothing of it is known outside
		c.dialogs.refile(c)
	}
	return rest
}

// Next is when a dialog.Tick is due; zero: never.
func (c *Call) Next() time.Time { return c.m.Next() }

// Stack is where the call sends at present; nil before Dial.
func (c *Call) Stack() *Stack { return c.stack }

// CallID is the SIP Call-ID, sanitized.
func (c *Call) CallID() string { return clean.Text(c.id.callID) }

// OwnsCallID says whether this side made the Call-ID, and so waits longer
// after a 491 (RFC 3261 14.1).
func (c *Call) OwnsCallID() bool { return c.m.Caller() }

// Outgoing says who called.
func (c *Call) Outgoing() bool { return c.m.Caller() }

// State is how far the call has come.
func (c *Call) State() dialog.State { return c.m.State() }

// Row is how the call stands, for whoever repairs it.
func (c *Call) Row() dialog.Row { return c.m.Row() }

// Wish is what the call is to be.
func (c *Call) Wish() dialog.Wish { return c.m.Wish() }

// Said is what the peer was told of us last.
func (c *Call) Said() dialog.Wish { return c.m.Said() }

// Peer is who is at the other end, as dialled or as the caller says, sanitized.
func (c *Call) Peer() (uri, displayName string) {
	return clean.Text(c.peer.URI), clean.Text(c.peer.Name)
}

// PeerAllows says whether the peer listed a method in its last Allow.
func (c *Call) PeerAllows(method string) bool { return c.m.Allows(method) }

// RemoteSignalling is where the call's last message came from; zero when
// nothing did yet.
func (c *Call) RemoteSignalling() netip.AddrPort { return c.signalling }

// Offer is the SDP of the INVITE that made an incoming call; nil when it had
// none, or the call is outgoing.
func (c *Call) Offer() []byte {
	if c.first == nil {
		return nil
	}
	return descriptionIn(c.first)
}

// Expires is how long the INVITE that made an incoming call is good for (RFC
// 3261 13.3.1); 0: it does not say.
func (c *Call) Expires() time.Duration {
	if c.first == nil {
		return 0
	}
	return wire.RetryAfter(valueOf(c.first, "Expires"))
}

// Says says whether something that ends the call is on its way to the peer, by a
// stack that is open.
func (c *Call) Says() bool { return c.m.State() == dialog.Leaving && c.HasWay() }

// HasWay says whether the stack that the call is on is open.
func (c *Call) HasWay() bool { return c.stack != nil && !c.stack.isClosed() }

// Flush runs fn, on another goroutine, when all is sent that was to be.
func (c *Call) Flush(fn func()) { c.box.put(fn) }

// IsOver says whether the call has ended, and nothing of ours waits to be
// confirmed.
func (c *Call) IsOver() bool { return c.m.State() == dialog.Over }

// AsksAutoAnswer reports whether the caller of an incoming call asked for an
// answer without a person: Answer-Mode (RFC 5373), or the Call-Info and
// Alert-Info parameters that desk phones use.
func (c *Call) AsksAutoAnswer() bool {
	if c.first == nil {
		return false
	}
	req := c.first.req
	for _, name := range []string{"Answer-Mode", "Priv-Answer-Mode"} {
		mode, _, _ := strings.Cut(wire.Value(req, name), ";")
		if strings.EqualFold(strings.TrimSpace(mode), "auto") {
			return true
		}
	}
	for _, name := range []string{"Call-Info", "Alert-Info"} {
		for _, v := range wire.Values(req, name) {
			v = strings.ToLower(strings.ReplaceAll(v, " ", ""))
			if strings.Contains(v, "answer-after=0") || strings.Contains(v, "info=alert-autoanswer") {
				return true
			}
		}
	}
	return false
}

// Acceptable says whether the offer of an incoming call can be answered: a codec
// of ours in it, and a stream that is not declined.
func (c *Call) Acceptable() error { return c.m.Acceptable() }

// sent is a request of ours. What is set while it is sent is guarded by mu.
type sent struct {
	id     dialog.ID
	method string
	rounds int // only the call's goroutine uses it

	mu      sync.Mutex
	scope   digest.Scope
	attempt digest.Attempt
	st      *Stack
	flow    flow
	req     *sipgo.Request
	ct      *clientTx
	stopped bool
}
