package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// registrar answers REGISTER like a server: digest, bindings.
type registrar struct {
	mu         sync.Mutex
	challenges []string // WWW-Authenticate values with %s for the nonce
	password   string
	nonce      string
	nonces     int
	used       map[string]int // highest nonce count per nonce
	replay     bool           // a nonce count came twice
	stale      bool           // say so
	expires    int
	extra      []string // headers of the 2xx
	list       func(contacts []string) []string
	realm      string
}

func newRegistrar(algorithms ...string) *registrar {
	r := &registrar{password: "secret", used: map[string]int{}, expires: 3600, realm: "example.test"}
	for _, a := range algorithms {
		r.challenges = append(r.challenges, `Digest realm="%s", nonce="%s", algorithm=`+a+`, qop="auth, auth-int", opaque="o=p;q"`)
	}
	r.renew()
	return r
}

func (r *registrar) renew() {
	r.nonces++
	r.nonce = fmt.Sprintf("nonce%d", r.nonces)
}

// serve is a peer's auto function.
func (r *registrar) serve(m *message) bool {
	if m.Method() != "REGISTER" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.challenges) > 0 && !r.authorized(m) {
		var hs []string
		for _, c := range r.challenges {
			c = fmt.Sprintf(c, r.realm, r.nonce)
			if r.stale {
				c += ", stale=true"
			}
			hs = append(hs, "WWW-Authenticate: "+c)
		}
		m.reply(401, "Unauthorized", "reg", "", hs...)
		return true
	}
	var out []string
	for _, c := range m.All("Contact") {
		a, _ := wire.ParseAddress(c)
		if e, _ := a.Param("expires"); e == "0" {
			continue
		}
		out = append(out, fmt.Sprintf("<%s>;expires=%d", a.URI, r.expires))
	}
	if r.list != nil {
		out = r.list(out)
	}
	hs := append([]string{"Expires: 120"}, r.extra...)
	for _, c := range out {
		hs = append(hs, "Contact: "+c)
	}
	m.reply(200, "OK", "reg", "", hs...)
	return true
}

func (r *registrar) authorized(m *message) bool {
	cred, err := digest.ParseCredentials(m.value("Authorization"))
	if err != nil || cred.Nonce != r.nonce {
		return false
	}
	if cred.Nc <= r.used[cred.Nonce] {
		r.replay = true
	}
	r.used[cred.Nonce] = cred.Nc
	uri := strings.Fields(m.Start)[1]
	want, err := digest.Digest(&digest.Challenge{Realm: r.realm, Nonce: cred.Nonce, Opaque: cred.Opaque, Algorithm: cred.Algorithm, QOP: []string{cred.QOP}},
		digest.Options{Method: "REGISTER", URI: uri, Username: "alice", Password: r.password, Count: cred.Nc, Cnonce: cred.Cnonce})
	return err == nil && cred.URI == uri && cred.Opaque == "o=p;q" && want.Response == cred.Response
}

func (r *registrar) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func registering(t *testing.T, transport locate.Transport, r *registrar) (*phone, *peer, *Registration) {
	t.Helper()
	p := newPeer(t, transport)
	p.setAuto(r.serve)
	ph := open(t, account(), p.server())
	return ph, p, NewRegistration(ph.acct, ph.auth)
}

func TestRegister(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		for _, alg := range []string{"MD5", "SHA-256", "SHA-512-256"} {
			t.Run("answers a challenge with "+alg+", and then needs one round trip", func(t *testing.T) {
				r := newRegistrar(alg)
				ph, _, reg := registering(t, transport, r)
				got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got.RoundTrips != 2 || got.Expires != time.Hour || !got.Listed || got.RefreshIn <= 0 || got.RefreshIn >= time.Hour {
					t.Errorf("got %+v", got)
				}
				if got.Received.Addr() != netip.MustParseAddr("127.0.0.1") || got.Contact != ph.st.Contact(ph.acct) {
					t.Errorf("received %v, contact %q", got.Received, got.Contact)
				}
				for range 3 {
					if got, err = reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil || got.RoundTrips != 1 {
						t.Fatalf("again: %d round trips, %v", got.RoundTrips, err)
					}
				}
				r.change(func() {
					if r.replay {
						t.Error("a nonce count came twice")
					}
				})
			})
		}
	})
	t.Run("takes the strongest of several challenges, also in one header", func(t *testing.T) {
		r := newRegistrar("MD5", "SHA-512-256", "SHA-256")
		r.challenges = []string{`Basic realm="x", Digest realm="%[1]s", nonce="%[2]s", algorithm=MD5, qop="auth"`,
			`Digest realm="%[1]s",nonce="%[2]s",algorithm=SHA-512-256,qop="auth",opaque="o=p;q", Digest realm="%[1]s",nonce="%[2]s",algorithm=SHA-256`}
		ph, p, reg := registering(t, locate.UDP, r)
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if last := p.seen[len(p.seen)-1]; !strings.Contains(last.value("Authorization"), "algorithm=SHA-512-256") {
			t.Error(last.text)
		}
	})
	t.Run("a fresh nonce for a cached one is no refusal", func(t *testing.T) {
		r := newRegistrar("SHA-256")
		ph, _, reg := registering(t, locate.UDP, r)
		for i, stale := range []bool{false, false, true} {
			r.change(func() { r.renew(); r.stale = stale })
			got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
			if err != nil || got.RoundTrips != 2 {
				t.Fatalf("round %d: %d round trips, %v", i, got.RoundTrips, err)
			}
		}
	})
	t.Run("takes nextnonce", func(t *testing.T) {
		r := newRegistrar("SHA-256")
		r.extra = []string{`Authentication-Info: nextnonce="the-next", qop=auth`}
		ph, _, reg := registering(t, locate.UDP, r)
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		r.change(func() { r.nonce = "the-next" })
		got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
		r.change(func() {
			if err != nil || got.RoundTrips != 1 || r.used["the-next"] != 1 {
				t.Errorf("%d round trips, count %d, %v", got.RoundTrips, r.used["the-next"], err)
			}
		})
	})
	t.Run("stops after two answers with a wrong password", func(t *testing.T) {
		r := newRegistrar("MD5")
		r.password = "other"
		ph, p, reg := registering(t, locate.UDP, r)
		_, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Realm != "example.test" || refused.Response.Code != 401 {
			t.Fatalf("got %v", err)
		}
		if n := p.count("REGISTER"); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("stops after two when every nonce is stale", func(t *testing.T) {
		r := newRegistrar("MD5")
		ph, p, reg := registering(t, locate.UDP, r)
		p.setAuto(func(m *message) bool { r.change(func() { r.renew(); r.stale = true }); return r.serve(m) })
		_, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
		var refused *RefusedError
		if !errors.As(err, &refused) || !refused.Stale {
			t.Fatalf("got %v", err)
		}
		if n := p.count("REGISTER"); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("asks for longer when the interval is too brief", func(t *testing.T) {
		r := newRegistrar()
		ph, p, reg := registering(t, locate.UDP, r)
		first := true
		p.setAuto(func(m *message) bool {
			if first {
				first = false
				m.reply(423, "Interval Too Brief", "reg", "", "Min-Expires: 1800")
				return true
			}
			if m.value("Expires") != "1800" {
				t.Errorf("Expires %q", m.value("Expires"))
			}
			return r.serve(m)
		})
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("registers without reg-id where the first hop lacks outbound", func(t *testing.T) {
		r := newRegistrar()
		ph, p, reg := registering(t, locate.UDP, r)
		p.setAuto(func(m *message) bool {
			if strings.Contains(m.value("Contact"), "reg-id") {
				m.reply(439, "First Hop Lacks Outbound Support", "reg", "")
				return true
			}
			return r.serve(m)
		})
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		first := p.seen[0]
		p.mu.Unlock()
		if !strings.Contains(first.value("Contact"), `+sip.instance="<urn:uuid:`) || !strings.Contains(first.value("Supported"), "outbound") {
			t.Error(first.text)
		}
	})
	t.Run("keeps Call-ID and counts CSeq across stacks", func(t *testing.T) {
		r := newRegistrar("SHA-256")
		ph, p, reg := registering(t, locate.UDP, r)
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		old := ph.st.Contact(ph.acct)
		ph.close()
		next := open(t, ph.acct, p.server())
		got, err := reg.Register(ctxOf(t), next.st, RegisterOptions{Remove: []string{old}})
		if err != nil || got.RoundTrips != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, m := range p.seen {
			if m.value("Call-ID") != p.seen[0].value("Call-ID") || m.cseq() != i+1 || m.Tag("From") != p.seen[0].Tag("From") {
				t.Errorf("request %d: %s", i, m.text)
			}
		}
		last := p.seen[len(p.seen)-1].All("Contact")
		if len(last) != 2 || last[1] != "<"+old+">;expires=0" {
			t.Errorf("contacts %q", last)
		}
	})
	t.Run("adds itself again when the removal hit the new binding", func(t *testing.T) {
		r := newRegistrar()
		r.list = func([]string) []string { return []string{"<sip:alice@192.0.2.7>;expires=60"} }
		ph, p, reg := registering(t, locate.UDP, r)
		got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{Remove: []string{"sip:alice@192.0.2.7"}})
		if err != nil || got.Listed {
			t.Fatalf("got %+v, %v", got, err)
		}
		if n := p.count("REGISTER"); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("learns that the server does outbound", func(t *testing.T) {
		r := newRegistrar()
		r.extra = []string{"Require: outbound"}
		ph, _, reg := registering(t, locate.UDP, r)
		if got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil || !got.ServerDoesOutbound {
			t.Fatalf("got %+v, %v", got, err)
		}
	})
	t.Run("is taken back", func(t *testing.T) {
		r := newRegistrar("MD5")
		ph, p, reg := registering(t, locate.UDP, r)
		if err := reg.Unregister(ctxOf(t), ph.st); err != nil || p.count("REGISTER") != 0 {
			t.Fatal("there was nothing to take back", err)
		}
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := reg.Unregister(ctxOf(t), ph.st); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if c := p.seen[len(p.seen)-1].value("Contact"); !strings.HasSuffix(c, ";expires=0") {
			t.Errorf("contact %q", c)
		}
	})
}

func TestRegisterFails(t *testing.T) {
	t.Run("at once, when its stack is closed", func(t *testing.T) {
		both(t, func(t *testing.T, transport locate.Transport) {
			p := newPeer(t, transport)
			ph := open(t, account(), p.server())
			reg := NewRegistration(ph.acct, ph.auth)
			done := job(func() (Registered, error) { return reg.Register(ctxOf(t), ph.st, RegisterOptions{}) })
			p.expect("REGISTER")
			start := time.Now()
			ph.close()
			if _, err := wait(t, done); !errors.Is(err, ErrStackClosed) {
				t.Fatalf("got %v", err)
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("took %v", d)
			}
			if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); !errors.Is(err, ErrStackClosed) {
				t.Errorf("on the closed stack: %v", err)
			}
		})
	})
	t.Run("at once, when its connection ends, which is told", func(t *testing.T) {
		p := newPeer(t, locate.TCP)
		ph := open(t, account(), p.server())
		reg := NewRegistration(ph.acct, ph.auth)
		done := job(func() (Registered, error) { return reg.Register(ctxOf(t), ph.st, RegisterOptions{}) })
		p.expect("REGISTER")
		p.dropConns()
		if _, err := wait(t, done); !errors.Is(err, ErrTransport) {
			t.Fatalf("got %v", err)
		}
		if e := event[StackFailed](ph); e.Stack != ph.st || !errors.Is(e.Err, ErrTransport) {
			t.Errorf("got %+v", e)
		}
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); !errors.Is(err, ErrTransport) {
			t.Errorf("on the dead connection: %v", err)
		}
	})
	t.Run("when ctx ends, and its first request was sent twice on the fresh path", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		reg := NewRegistration(ph.acct, ph.auth)
		ctx := ctxOf(t)
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := reg.Register(ctx, ph.st, RegisterOptions{}); !errors.Is(err, ErrTimeout) {
			t.Fatalf("got %v", err)
		}
		if n := p.count("REGISTER"); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
	t.Run("with the server's words", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		p.setAuto(func(m *message) bool {
			m.reply(503, "Overloaded\x1b", "x", "", "Retry-After: 17 (soon)", `Warning: 399 host "no\x07"`)
			return true
		})
		ph := open(t, account(), p.server())
		_, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
		var re *ResponseError
		if !errors.As(err, &re) || re.Code != 503 || re.RetryAfter != 17*time.Second || strings.Contains(re.Reason, "\x1b") {
			t.Fatalf("got %#v", err)
		}
	})
}

func TestRefreshIn(t *testing.T) {
	for _, tc := range []struct{ granted, want time.Duration }{
		{time.Hour, 54 * time.Minute}, {10 * time.Minute, 9 * time.Minute}, {2 * time.Minute, 90 * time.Second},
		{time.Minute, 30 * time.Second}, {30 * time.Second, 15 * time.Second},
		{time.Second, 5 * time.Second}, {0, 5 * time.Second}, // no flood, whatever a server grants
	} {
		if got := refreshIn(tc.granted); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.granted, got, tc.want)
		}
	}
}
