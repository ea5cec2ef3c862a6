package sip

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/digest"
	"ramble/sip/wire"
)

// Bounds on what a registrar may ask for.
const (
	defaultExpires = 10 * time.Minute
	maxExpires     = 24 * time.Hour
)

// Registration is an account's binding at its registrar. It survives stacks:
// the same Call-ID throughout, CSeq plus one each time (RFC 3261 10.2.4), the
// same instance (RFC 5626). Safe for concurrent use; one REGISTER at a time.
type Registration struct {
	acct *Account
	auth *Credentials
	busy chan struct{} // capacity 1, held while a REGISTER is under way

	// Owned by whoever holds busy.
	callID  string
	tag     string
	seq     uint32
	expires time.Duration // asked for; 423 raises it
	plain   bool          // 439: no reg-id
	contact string        // last registered, for Unregister
	stored  string        // the same as the server listed it; "" where it did not
	last    struct {      // the last 2xx
		contact string
		listed  []string
	}
	mute     bool // the server lists no bindings
	rewrites bool // it puts the source in place of every Contact: it cannot be asked to remove one
}

// RegisterOptions vary one REGISTER.
type RegisterOptions struct {
	// Remove lists contacts (URIs) of older bindings to take away with the
	// same request.
	Remove []string
}

// Registered is what a registrar granted.
type Registered struct {
	Contact            string        // the URI that we registered
	Stored             string        // the same as the registrar lists it, which may have rewritten it; "" where it does not list us
	Expires            time.Duration // granted
	RefreshIn          time.Duration // register again after this
	Bindings           []Binding     // what the registrar lists, ours included
	Listed             bool          // ours is among them; false also where it lists none, see Missing
	Received           netip.AddrPort
	ServerDoesOutbound bool          // RFC 5626: Require: outbound in the answer
	GRUU               string        // public GRUU that it gave our binding (RFC 5627); "" none
	FlowTimer          time.Duration // RFC 5626 4.4.1; 0 none
	RoundTrips         int
	ServiceRoute       []string // which the account's requests on this stack take from now on (RFC 3608)
	Path               []string // by which requests for us come (RFC 3327), sanitized
}

// NewRegistration returns a registration that sent nothing yet.
func NewRegistration(acct *Account, auth *Credentials) *Registration {
	expires := acct.Expires
	if expires <= 0 {
		expires = defaultExpires
	}
	return &Registration{acct: acct, auth: auth, busy: make(chan struct{}, 1),
		callID: wire.RandomToken(), tag: wire.RandomToken(), expires: expires}
}

// Register binds the account to the stack's address and waits for the answer.
// It waits its turn while another REGISTER of this registration is under way.
// Errors: *ResponseError, *RefusedError, ErrTimeout, ErrStackClosed,
// ErrTransport.
func (r *Registration) Register(ctx context.Context, st *Stack, o RegisterOptions) (Registered, error) {
	if err := r.lock(ctx); err != nil {
		return Registered{}, err
	}
	defer r.unlock()
	contact := st.Contact(r.acct)
	got := Registered{Contact: contact}
	if r.rewrites {
		o.Remove = nil // it would take the removal for the new binding
	}
	res, err := r.send(ctx, st, &got.RoundTrips, func() []wire.Header { return r.contacts(contact, o.Remove) })
	if err != nil {
		return got, err
	}
	r.contact = contact
	got.Received = st.seen(res)
	r.read(&got, res)
	if len(o.Remove) > 0 && !got.Listed && !r.mute {
		// The server took a removal for the new binding: add it again, once.
		if res, err = r.send(ctx, st, &got.RoundTrips, func() []wire.Header { return r.contacts(contact, nil) }); err != nil {
			return got, err
		}
		got.Received = st.seen(res)
		r.read(&got, res)
		// It was that very one, at the same address; else the server rewrites
		// every Contact, and is never asked that again.
		r.rewrites = !slices.Contains(o.Remove, got.Stored)
	}
	r.stored = got.Stored
	if len(o.Remove) == 0 {
		r.mute = len(got.Bindings) == 0
	}
	r.granted(st, got)
	return got, nil
}

// granted has the stack know what the registrar said.
func (r *Registration) granted(st *Stack, got Registered) {
	st.services.Store(&got.ServiceRoute)
	st.flows.Store(got.ServerDoesOutbound)
	if got.ServerDoesOutbound {
		st.outbound.Store(true)
	}
	if got.Received.IsValid() {
		st.seenAt.Store(&got.Received)
	}
	st.setFlowTimer(got.FlowTimer)
	st.takeGRUU(r.acct, got.GRUU)
}

// Unregister removes the binding that Register made last, if there is one, and
// others that the registrar may list. The stack's own Contact stands first: a
// server that puts the source in the place of a Contact does it to that one.
func (r *Registration) Unregister(ctx context.Context, st *Stack, others ...string) error {
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	own := st.Contact(r.acct)
	var bound []string
	for _, uri := range append([]string{r.contact, r.stored}, others...) {
		if uri != "" && uri != own && !slices.Contains(bound, uri) {
			bound = append(bound, uri)
		}
	}
	if r.contact == "" && len(bound) == 0 {
		return nil
	}
	trips := 0
	_, err := r.send(ctx, st, &trips, func() []wire.Header {
		hs := []wire.Header{{Name: "Contact", Value: r.own(own) + ";expires=0"}}
		for _, uri := range bound {
			hs = append(hs, removal(uri))
		}
		return append(hs, wire.Header{Name: "Expires", Value: "0"})
	})
	if err == nil {
		r.contact, r.stored = "", ""
	}
	return err
}

// removal asks the server to drop one binding, by the URI under which it has it.
func removal(uri string) wire.Header {
	return wire.Header{Name: "Contact", Value: "<" + uri + ">;expires=0"}
}

func (r *Registration) lock(ctx context.Context) error {
	select {
	case r.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

func (r *Registration) unlock() { <-r.busy }

// own is our Contact value for a URI.
func (r *Registration) own(uri string) string {
	v := "<" + uri + ">"
	if r.acct.InstanceID != "" {
		v += `;+sip.instance="<` + r.acct.InstanceID + `>"`
		if !r.plain {
			v += ";reg-id=1"
		}
	}
	return v
}

// contacts are the headers of a REGISTER that adds uri and removes others.
func (r *Registration) contacts(uri string, remove []string) []wire.Header {
	seconds := strconv.Itoa(int(r.expires / time.Second))
	hs := []wire.Header{{Name: "Contact", Value: r.own(uri) + ";expires=" + seconds}}
	for _, old := range remove {
		if old != uri {
			hs = append(hs, removal(old))
		}
	}
	return append(hs, wire.Header{Name: "Expires", Value: seconds})
}

// send carries out one REGISTER, through challenges, 423 and 439.
func (r *Registration) send(ctx context.Context, st *Stack, trips *int, headers func() []wire.Header) (*sipgo.Response, error) {
	f, err := st.serverFlow()
	if err != nil {
		return nil, err
	}
	var last *sipgo.Response
	for range 3 { // room for a 423 and a 439
		s := sender{st: st, auth: r.auth, flow: f, scope: digest.Scope{Server: st.o.Server.Addr, Register: true},
			build: func() (*sipgo.Request, error) {
				r.seq++
				aor := "<" + r.acct.AOR.Bare() + ">"
				return st.build(wire.Draft{Method: "REGISTER", Target: r.acct.registrar().String(), Routes: preloaded(r.acct),
					From: r.acct.nameAddr() + ";tag=" + r.tag, To: aor, CallID: r.callID, Seq: r.seq,
					Headers: append(headers(), wire.Header{Name: "Supported", Value: r.supported()}, wire.Header{Name: "Allow", Value: wire.Allowed})})
			}}
		res, _, err := s.run(ctx)
		*trips += s.rounds
		last = res
		switch {
		case err != nil:
			return nil, err
		case res.IsSuccess():
			return res, nil
		case res.StatusCode == 423 && r.raise(wire.Value(res, "Min-Expires")):
		case res.StatusCode == 439 && !r.plain:
			r.plain = true
		default:
			return nil, failure("REGISTER", res)
		}
	}
	return nil, failure("REGISTER", last)
}

func (r *Registration) supported() string {
	if r.acct.GRUU {
		return "outbound, path, gruu" // only who asks is given one (RFC 5627 4.1)
	}
	return "outbound, path"
}

// raise takes a registrar's minimum (RFC 3261 10.2.8), unless it is absurd.
func (r *Registration) raise(minimum string) bool {
	n, err := strconv.ParseUint(strings.TrimSpace(minimum), 10, 31)
	asked := time.Duration(n) * time.Second
	if err != nil || asked <= r.expires || asked > maxExpires {
		return false
	}
	r.expires = asked
	return true
}
