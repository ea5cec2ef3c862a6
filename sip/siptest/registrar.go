package siptest

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/safego"
)

// Options of a Registrar. The zero value serves nobody on a free port of
// 127.0.0.1 over UDP and TCP.
type Options struct {
	Addr       netip.AddrPort    // port 0: any; the same port for all transports
	Self       []netip.Addr      // where Addr is unspecified: the server's own, the one it calls itself by first
	Realm      string            // also the domain that is served, beside the address; "" is ramble.test
	Users      map[string]string // name -> password; "" lets the user in without one
	Algorithms []string          // offered in this order; nil is MD5
	ProxyAuth  bool              // 407 to INVITE and other requests outside a dialog
	NonceLife  time.Duration     // 0 is five minutes
	Transports []Transport       // nil is UDP and TCP
	TLS        *tls.Config       // for TLS among them; it needs a certificate
	Sockets    Sockets
	Guard      *safego.Guard
	Log        *slog.Logger
	Trace      func(Traced)                      // every message; called from several goroutines
	OnBindings func(user string, list []Binding) // after each change; must not wait
	Quirks     Quirks
}

// Quirks are what servers of the field do differently.
type Quirks struct {
	Outbound         bool // RFC 5626: instance and reg-id name a binding
	RewriteContact   bool // the first Contact becomes the source address, as Asterisk's rewrite_contact
	NoRecordRoute    bool // leave the dialog alone after the INVITE
	MaxContacts      int  // 403 to one more; 0 is any number
	AuthInDialog     bool // with ProxyAuth: challenge in dialogs as well
	NextNonce        bool // Authentication-Info with a nextnonce
	NonceBySource    bool // a nonce is stale from another source, as with Asterisk
	MinExpires       time.Duration
	MaxExpires       time.Duration // 0 is an hour
	ForgetOnOverflow bool          // with MaxContacts: drop the oldest instead of 403
}

// Registrar is a registrar and a record-routing proxy in one.
type Registrar struct {
	o     Options
	ready chan struct{}
	bell  bell

	mu       sync.Mutex // guards the rest; the loop writes, anyone reads
	addr     netip.AddrPort
	location location
	counts   map[string]int
	script   func(*sipgo.Request) *Reply
	wire     *wire
}

// NewRegistrar makes a Registrar that does nothing until Run.
func NewRegistrar(o Options) *Registrar {
	if !o.Addr.IsValid() {
		o.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	}
	o.Realm = cmp.Or(o.Realm, "ramble.test")
	o.NonceLife = cmp.Or(o.NonceLife, 5*time.Minute)
	o.Quirks.MaxExpires = cmp.Or(o.Quirks.MaxExpires, time.Hour)
	if len(o.Algorithms) == 0 {
		o.Algorithms = []string{"MD5"}
	}
	if len(o.Transports) == 0 {
		o.Transports = []Transport{UDP, TCP}
	}
	o.Users = maps.Clone(o.Users)
	o.Sockets, o.Log = orSystem(o.Sockets), orDiscard(o.Log)
	return &Registrar{o: o, ready: make(chan struct{}), counts: make(map[string]int)}
}

// Run serves until ctx ends and then returns nil; its error says why it could
// not listen. It may be called once.
func (r *Registrar) Run(ctx context.Context) error {
	p := newProxy(r)
	if err := p.wire.open(ctx, r.o.Addr, r.o.Transports); err != nil {
		return err
	}
	r.mu.Lock()
	r.addr, r.wire = p.wire.local, p.wire
	r.mu.Unlock()
	close(r.ready)
	p.run(ctx)
	return nil
}

// Ready is closed when the Registrar listens.
func (r *Registrar) Ready() <-chan struct{} { return r.ready }

// Addr is where it listens, on all transports; valid once Ready.
func (r *Registrar) Addr() netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// Bindings are the live ones of an address of record, the latest first. aor
// is a user's name or sip:user@anything.
func (r *Registrar) Bindings(aor string) []Binding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.location.live(userOf(aor), time.Now())
}

func userOf(aor string) string {
	aor = strings.TrimPrefix(aor, "sip:")
	user, _, _ := strings.Cut(aor, "@")
	return user
}

// WaitBindings returns when ok is true of the bindings of aor, or with the
// error of ctx. An expiry alone wakes nobody.
func (r *Registrar) WaitBindings(ctx context.Context, aor string, ok func([]Binding) bool) error {
	return r.wait(ctx, func() bool { return ok(r.Bindings(aor)) })
}

// Count is how many requests of a method arrived, retransmissions and ACKs
// not counted, challenged ones counted.
func (r *Registrar) Count(method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[method]
}

// WaitCount returns when at least n requests of a method have arrived.
func (r *Registrar) WaitCount(ctx context.Context, method string, n int) error {
	return r.wait(ctx, func() bool { return r.Count(method) >= n })
}

func (r *Registrar) wait(ctx context.Context, ok func() bool) error {
	for {
		ring := r.bell.wait()
		if ok() {
			return nil
		}
		select {
		case <-ring:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Script is asked about each request, retransmissions and ACKs apart, before
// anything else is done with it; nil from it lets the request through. It
// runs on the Registrar's loop and must not wait. Script(nil) ends it.
func (r *Registrar) Script(fn func(req *sipgo.Request) *Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = fn
}

// SetPassword adds a user or changes a password while running.
func (r *Registrar) SetPassword(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.Users == nil {
		r.o.Users = make(map[string]string)
	}
	r.o.Users[user] = password
}

// Forget drops all bindings, as a restart without a store does.
func (r *Registrar) Forget() {
	r.mu.Lock()
	r.location.byUser = nil
	r.mu.Unlock()
	r.bell.ring()
}

// Send sends bytes as they are to where a user is registered, the latest binding;
// over TCP and TLS by the connection that it was made over.
func (r *Registrar) Send(user string, raw []byte) error {
	list := r.Bindings(user)
	if len(list) == 0 {
		return fmt.Errorf("%s is not registered", user)
	}
	r.mu.Lock()
	w := r.wire
	r.mu.Unlock()
	return w.send(list[0].flow, raw)
}

// Close closes the connections over which a user is registered, as a server does that ends.
func (r *Registrar) Close(user string) {
	for _, b := range r.Bindings(user) {
		if b.flow.stream != nil {
			b.flow.stream.close()
		}
	}
}

// noted counts a request and asks the script about it.
func (r *Registrar) noted(req *sipgo.Request) *Reply {
	r.mu.Lock()
	r.counts[string(req.Method)]++
	script := r.script
	r.mu.Unlock()
	r.bell.ring()
	if script == nil {
		return nil
	}
	return script(req)
}

func (r *Registrar) password(user string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.o.Users[user]
	return p, ok
}
