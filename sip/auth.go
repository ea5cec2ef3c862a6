package sip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// Credentials answers challenges for one account and remembers them, so that
// in the steady state a request needs one round trip, across stacks too. It
// never holds the password, only the hash for a realm that took it.
//
// Credentials are bound. They go only to the account's server as the next hop,
// and only for realms of that account: the one its registrar named in the first
// challenge to a REGISTER, Account.Realm, or the AOR's domain. Cached answers
// are not volunteered where a proxy would pass them on to the peer: those to a
// REGISTER stay with REGISTER, and within a dialog there are none before the
// dialog was challenged. The ACK of a 2xx carries none, although RFC 3261
// 13.2.2.4 asks for those of its INVITE: nobody may challenge it, and the peer
// would read them.
type Credentials struct {
	acct *Account
	log  *slog.Logger

	mu    sync.Mutex
	realm string // pinned by the first challenge to a REGISTER
	known map[challengeKey]*challenge
	count map[string]int    // uses of each nonce, which never repeat, whoever named it
	best  map[string]int    // strongest algorithm seen, per realm
	ha1   map[string]string // per realm and algorithm
}

type challengeKey struct {
	server   netip.AddrPort
	realm    string
	proxy    bool
	register bool
}

// maxNonces bounds the nonces whose counts are remembered.
const maxNonces = 256

// NewCredentials returns an empty memory for an account. log may be nil.
func NewCredentials(acct *Account, log *slog.Logger) *Credentials {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Credentials{acct: acct, log: log, known: map[challengeKey]*challenge{}, count: map[string]int{},
		best: map[string]int{}, ha1: map[string]string{}}
}

// scope is where a request goes, as far as credentials care.
type scope struct {
	server   netip.AddrPort // the account's server; zero: the next hop is someone else
	register bool
	inDialog bool
	routed   bool // in a dialog with a route set: a 401 comes from beyond the proxy
	known    bool // in a dialog that was challenged before: cached answers may go along
}

// attempt follows one request through its challenges.
type attempt struct {
	fresh int                     // answers to fresh nonces that failed
	used  map[challengeKey]string // nonce sent last, per challenge
	live  map[challengeKey]bool   // challenged during this attempt
}

// attach adds the answers to cached challenges. The request is complete
// otherwise, and not sent yet.
func (c *Credentials) attach(req *sipgo.Request, sc scope, at *attempt) error {
	at.used = map[challengeKey]string{}
	if c == nil || !sc.server.IsValid() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, ch := range c.known {
		if key.server != sc.server || key.register != sc.register {
			continue
		}
		if sc.inDialog && !at.live[key] && (!sc.known || (sc.routed && !key.proxy)) {
			continue
		}
		v, err := c.answer(req, ch)
		if err != nil {
			return err
		}
		name := "Authorization"
		if key.proxy {
			name = "Proxy-Authorization"
		}
		req.AppendHeader(sipgo.NewHeader(name, v))
		at.used[key] = ch.Nonce
	}
	return nil
}

// answer computes one digest. The caller holds mu.
func (c *Credentials) answer(req *sipgo.Request, ch *challenge) (string, error) {
	user := c.acct.authUser()
	id := ch.Realm + "\x00" + strings.ToUpper(ch.Algorithm)
	if c.ha1[id] == "" {
		if c.acct.Password == nil {
			return "", errors.New("the server asks for a password and the account has none")
		}
		password, err := c.acct.Password()
		if err != nil {
			return "", fmt.Errorf("getting the password: %w", err)
		}
		c.ha1[id] = hashA1(ch.Algorithm, user, ch.Realm, password)
	}
	if len(c.count) >= maxNonces {
		c.prune()
	}
	c.count[ch.Nonce]++
	cred, err := digest.Digest(&ch.Challenge, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: user, Count: c.count[ch.Nonce], A1: c.ha1[id],
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body())), nil },
	})
	if err != nil {
		return "", err
	}
	return cred.String(), nil
}

// challenged takes in a 401 or 407. nil means: build the request again, with
// the next CSeq.
func (c *Credentials) challenged(res *sipgo.Response, method string, sc scope, at *attempt) error {
	failed := failure(method, res)
	proxy := res.StatusCode == 407
	if c == nil || !sc.server.IsValid() || (sc.inDialog && sc.routed && !proxy) {
		return failed // not ours to answer
	}
	name := "WWW-Authenticate"
	if proxy {
		name = "Proxy-Authenticate"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := false
	stale := false
	realm := ""
	for _, ch := range strongest(parseChallenges(values(res, name), proxy)) {
		if !c.ours(ch.Realm, sc) {
			c.log.Warn("a challenge for a foreign realm was not answered", "realm", ch.Realm, "method", method)
			continue
		}
		key := challengeKey{sc.server, ch.Realm, proxy, sc.register}
		realm, stale = ch.Realm, ch.Stale
		if nonce, sent := at.used[key]; sent && at.live[key] && nonce != "" {
			at.fresh++ // the nonce was given in this very exchange, and the answer to it failed
			delete(c.ha1, ch.Realm+"\x00"+strings.ToUpper(ch.Algorithm))
		}
		c.noteStrength(ch)
		c.known[key] = &ch
		if at.live == nil {
			at.live = map[challengeKey]bool{}
		}
		at.live[key] = true
		answered = true
	}
	if !answered {
		return failed
	}
	if at.fresh >= 2 {
		c.drop(sc.server, realm)
		refused := &RefusedError{Realm: realm, Stale: stale}
		errors.As(failed, &refused.Response) // a 401 or 407 is nothing else
		return refused
	}
	return nil
}

// ours says whether a realm is one of the account's. The caller holds mu.
func (c *Credentials) ours(realm string, sc scope) bool {
	if strings.EqualFold(realm, c.acct.AOR.Host) || (c.acct.Realm != "" && realm == c.acct.Realm) {
		return true
	}
	if sc.register && c.realm == "" && c.acct.Realm == "" {
		c.realm = realm
	}
	return c.realm != "" && realm == c.realm
}

// noteStrength warns when a realm offers less than it did before: someone may
// be stripping the stronger offers. The caller holds mu.
func (c *Credentials) noteStrength(ch challenge) {
	now := strength(ch.Algorithm)
	if was := c.best[ch.Realm]; now < was {
		c.log.Warn("the server offers a weaker digest algorithm than before", "realm", ch.Realm, "algorithm", ch.Algorithm)
	}
	c.best[ch.Realm] = max(c.best[ch.Realm], now)
}

// drop forgets what failed. The caller holds mu.
func (c *Credentials) drop(server netip.AddrPort, realm string) {
	for key := range c.known {
		if key.server == server && key.realm == realm {
			delete(c.known, key)
		}
	}
}

// prune forgets the counts of nonces that are no longer in use. The caller
// holds mu.
func (c *Credentials) prune() {
	keep := map[string]int{}
	for _, ch := range c.known {
		keep[ch.Nonce] = c.count[ch.Nonce]
	}
	c.count = keep
}

// accepted takes the next nonce where the server names one (RFC 7616 3.5).
func (c *Credentials) accepted(res *sipgo.Response, at *attempt) {
	if c == nil || len(at.used) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range at.used {
		name := "Authentication-Info"
		if key.proxy {
			name = "Proxy-Authentication-Info"
		}
		for _, part := range splitList(value(res, name), ',') {
			k, v, _ := strings.Cut(part, "=")
			next := unquote(strings.TrimSpace(v))
			if ch := c.known[key]; ch != nil && strings.EqualFold(strings.TrimSpace(k), "nextnonce") && next != "" && next != ch.Nonce {
				ch.Nonce = next
			}
		}
	}
}
