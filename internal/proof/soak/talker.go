package soak

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ramble/internal/app/voice"
	"ramble/internal/leaf/safego"
	"ramble/sip/siptest"
)

// Order is what the talker does with a call that reaches it.
type Order int

// The orders. A call that nobody announced rings and is then answered: it is
// one that was placed anew on another path.
const (
	Answer Order = iota // at once
	Ring                // 180, and answer when Talker.Release says so
	Early               // 183 with sound, and answer when Talker.Release says so
)

// again is how long a call rings that was not announced.
const again = 200 * time.Millisecond

// renewLimit bounds the talker's own re-INVITE.
const renewLimit = 32 * time.Second

// TalkerOptions of a Talker. User, Addr and Sockets are needed.
type TalkerOptions struct {
	User, Domain string
	Addr         netip.AddrPort
	IPv6         netip.Addr // for media with peers of that family; invalid: none
	Transport    siptest.Transport
	Registrar    netip.AddrPort
	Password     string
	NoReplaces   bool // it does not know RFC 3891
	Sockets      siptest.Sockets
	Guard        *safego.Guard
	Trace        func(siptest.Traced)
}

// Talker is the other end of all calls: a telephone that holds any number of
// them, follows the descriptions and nothing else, and counts the packets of
// each call. It sends to nobody that did not say where.
type Talker struct {
	Peer *siptest.Peer
	o    TalkerOptions

	mu       sync.Mutex
	orders   map[string][]Order                  // by caller
	gates    map[*siptest.PeerCall]chan struct{} // calls that wait to be answered
	late     map[string]time.Duration            // Call-ID: how late the next refresh is answered
	calls    map[string]*siptest.PeerCall        // by Call-ID, ended ones too
	ears     map[*siptest.PeerCall]*voice.Voice  // their sound
	released map[string]bool                     // callers whose calls are answered at once now
}

// NewTalker makes a Talker that does nothing until Run.
func NewTalker(o TalkerOptions) *Talker {
	t := &Talker{
		o: o, orders: map[string][]Order{}, gates: map[*siptest.PeerCall]chan struct{}{}, late: map[string]time.Duration{},
		calls: map[string]*siptest.PeerCall{}, ears: map[*siptest.PeerCall]*voice.Voice{}, released: map[string]bool{},
	}
	t.Peer = siptest.NewPeer(siptest.PeerOptions{
		User: o.User, Domain: o.Domain, Addr: o.Addr, Transport: o.Transport, Registrar: o.Registrar, Password: o.Password,
		Expires: time.Hour, Script: siptest.Script{OnInvite: t.invited, OnRefresh: t.refreshed, NoReplaces: o.NoReplaces}, Media: t.media,
		Sockets: o.Sockets, Guard: o.Guard, Trace: o.Trace,
	})
	return t
}

// Run is its life until ctx ends; all sound has ended when it returns.
func (t *Talker) Run(ctx context.Context) error {
	err := t.Peer.Run(ctx)
	t.mu.Lock()
	ears := t.ears
	t.mu.Unlock()
	for _, e := range ears {
		e.Close()
	}
	return err
}

// Expect says what to do with the next call of a caller.
func (t *Talker) Expect(caller string, o Order) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.orders[caller] = append(t.orders[caller], o)
	t.released[caller] = false
}

// AnswerLate holds back the answer to the next re-INVITE of a call, by Call-ID.
func (t *Talker) AnswerLate(callID string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late[callID] = d
}

// Release answers all calls of a caller that wait, and those to come.
func (t *Talker) Release(caller string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.released[caller] = true
	for c, gate := range t.gates {
		if userOf(c.RemoteURI()) == caller {
			close(gate)
			delete(t.gates, c)
		}
	}
}

// Call is the call with a Call-ID, ended ones too; nil: it never came.
func (t *Talker) Call(callID string) *siptest.PeerCall {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[callID]
}

// Ear is the sound of a call.
func (t *Talker) Ear(c *siptest.PeerCall) *voice.Voice {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ears[c]
}

// With are the calls with a phone that have not ended.
func (t *Talker) With(phone string) (list []*siptest.PeerCall) {
	for _, c := range t.Peer.Calls() {
		if userOf(c.RemoteURI()) == phone {
			list = append(list, c)
		}
	}
	return list
}

// Forget drops what is remembered of the ended calls with a phone.
func (t *Talker) Forget(phone string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.calls {
		if userOf(c.RemoteURI()) == phone && c.State().Phase == siptest.Ended {
			delete(t.calls, id)
			delete(t.late, id)
		}
	}
	for c, e := range t.ears {
		if userOf(c.RemoteURI()) == phone && c.State().Phase == siptest.Ended {
			e.Close()
			delete(t.ears, c)
		}
	}
}

func (t *Talker) invited(c *siptest.PeerCall) siptest.Decision {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[c.CallID()] = c
	caller := userOf(c.RemoteURI())
	list := t.orders[caller]
	if len(list) == 0 {
		return siptest.Decision{Ring: again, Until: t.gate(c, caller)}
	}
	t.orders[caller] = list[1:]
	switch list[0] {
	case Ring:
		return siptest.Decision{Ring: time.Nanosecond, Until: t.gate(c, caller)}
	case Early:
		return siptest.Decision{Early: true, Until: t.gate(c, caller)}
	case Answer:
	}
	return siptest.Decision{}
}

// gate is closed when the call may be answered. The lock is held.
func (t *Talker) gate(c *siptest.PeerCall, caller string) <-chan struct{} {
	gate := make(chan struct{})
	if t.released[caller] {
		close(gate)
	} else {
		t.gates[c] = gate
	}
	return gate
}

func (t *Talker) refreshed(c *siptest.PeerCall) <-chan struct{} {
	t.mu.Lock()
	d, held := t.late[c.CallID()]
	delete(t.late, c.CallID())
	t.mu.Unlock()
	if !held {
		return nil
	}
	until := make(chan struct{})
	time.AfterFunc(d, func() { close(until) })
	return until
}

func (t *Talker) media(c *siptest.PeerCall) siptest.Media {
	e := voice.New(voice.Options{
		Sockets: t.o.Sockets, At: t.o.Addr.Addr(), IPv6: t.o.IPv6, Say: loud, Guard: t.o.Guard,
		// It offered one family and was answered with the other: it offers that one.
		Renew: func() {
			ctx, cancel := context.WithTimeout(context.Background(), renewLimit)
			defer cancel()
			_ = c.Reinvite(ctx, nil)
		},
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ears[c] = e
	t.calls[c.CallID()] = c
	return e
}

func userOf(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	user, _, _ := strings.Cut(rest, "@")
	return user
}

// loud says a steady, loud tone of 500 Hz.
func loud(dst []int16) {
	wave := [...]int16{0, 5740, 10607, 13858, 15000, 13858, 10607, 5740, 0, -5740, -10607, -13858, -15000, -13858, -10607, -5740}
	for i := range dst {
		dst[i] = wave[i%len(wave)]
	}
}
