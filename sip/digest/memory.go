package digest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// Owner is whose credentials they are.
type Owner struct {
	User     string                 // of the digest
	Domain   string                 // of the address of record, a realm of the owner's
	Realm    string                 // another; empty: learnt from challenges to a REGISTER
	Trunk    bool                   // it never registers: learnt from the server's first challenge to any request outside of dialogs
	Password func() (string, error) // asked for when a challenge needs it; nil: no password
}

// Memory answers challenges for one owner and remembers them, so that in the
// steady state a request needs one round trip. It never holds the password,
// only the hash for a realm that took it. It is for one goroutine at a time.
//
// Credentials are bound. They go only to the owner's server as the next hop,
// and only for the owner's realms: the domain, and Owner.Realm or else the one that
// its registrar named in the last challenge to a REGISTER, which no other server sees
// (of a trunk: its server in the first challenge at all). Cached answers
// are not volunteered where a proxy would pass them on to the peer: those to a
// REGISTER stay with REGISTER, and within a dialog there are none before the
// dialog was challenged. The ACK of a 2xx carries none, although RFC 3261
// 13.2.2.4 asks for those of its INVITE: nobody may challenge it, and the peer
// would read them.
type Memory struct {
	owner Owner
	realm string // pinned by the last challenge that may pin one
	pins  bool   // a realm is pinned; it may be empty
	known map[challengeKey]*challenge
	count map[string]int    // uses of each nonce, which never repeat, whoever named it
	best  map[string]int    // strongest algorithm seen, per realm
	weak  bool              // the last challenge that was the owner's asked for less than one before
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

// New returns an empty memory.
func New(owner Owner) *Memory {
	return &Memory{owner: owner, known: map[challengeKey]*challenge{}, count: map[string]int{},
		best: map[string]int{}, ha1: map[string]string{}}
}

// ErrNotOurs says that a challenge is not ours to answer.
var ErrNotOurs = errors.New("the challenge is not ours to answer")

// RefusedError says that answers to two fresh nonces were refused.
type RefusedError struct {
	Realm string
	Stale bool // the server called every nonce stale instead
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the credentials were refused for realm %q", e.Realm)
}

// UnusableError says that a response asks for a login of kinds that are not
// known here.
type UnusableError struct{ Asked []string }

func (e *UnusableError) Error() string {
	return "the server asks for a login by " + strings.Join(e.Asked, " or ")
}

// Remark is something odd about a challenge, for a log.
type Remark struct {
	Kind      RemarkKind
	Realm     string
	Algorithm string
}

// RemarkKind says what is odd.
type RemarkKind int

// The kinds: a realm that is not the owner's, and a realm that offers less than
// it did before, so that someone may be stripping the stronger offers.
const (
	ForeignRealm RemarkKind = iota
	WeakerThanBefore
)

// Weaker says whether the last challenge that was answered offered less than one
// before it: a server was changed, or somebody in between strips the better offers.
// MD5 beside a better algorithm is no reason for a warning, since the better one is
// used (RFC 8760 2.4).
func (m *Memory) Weaker() bool { return m.weak }

// Scope is where a request goes, as far as credentials care.
type Scope struct {
	Server   netip.AddrPort // the owner's server; zero: the next hop is someone else
	Register bool
	InDialog bool
	Routed   bool // in a dialog with a route set: a 401 comes from beyond the proxy
	Known    bool // in a dialog that was challenged before: cached answers may go along
}

// Attempt follows one request through its challenges.
type Attempt struct {
	fresh int                     // answers to fresh nonces that failed
	used  map[challengeKey]string // nonce sent last, per challenge
	live  map[challengeKey]bool   // challenged during this attempt
}

// Attach adds the answers to cached challenges. The request is complete
// otherwise, and not sent yet.
func (m *Memory) Attach(req *sipgo.Request, sc Scope, at *Attempt) error {
	at.used = map[challengeKey]string{}
	if !sc.Server.IsValid() {
		return nil
	}
	for key, ch := range m.known {
		if key.server != sc.Server || key.register != sc.Register {
			continue
		}
		if sc.InDialog && !at.live[key] && (!sc.Known || (sc.Routed && !key.proxy)) {
			continue
		}
		v, err := m.answer(req, ch)
		if err != nil {
			return err
		}
		name := "Authorization"
		if key.proxy {
			name = "Proxy-Authorization"
		}
		req.AppendHeader(sipgo.NewHeader(name, v))
		at.used[key] = ch.nonce
	}
	return nil
}

// Challenged takes in a 401 or 407. No error means: build the request again,
// with the next CSeq. Errors are ErrNotOurs, *UnusableError and *RefusedError.
func (m *Memory) Challenged(res *sipgo.Response, sc Scope, at *Attempt) ([]Remark, error) {
	proxy := res.StatusCode == 407
	if !sc.Server.IsValid() || (sc.InDialog && sc.Routed && !proxy) {
		return nil, ErrNotOurs
	}
	name := "WWW-Authenticate"
	if proxy {
		name = "Proxy-Authenticate"
	}
	all := parseChallenges(wire.Values(res, name), proxy)
	if asked := wishes(all); len(asked) > 0 {
		return nil, &UnusableError{Asked: asked}
	}
	var remarks []Remark
	answered := false
	stale := false
	realm := ""
	offered := strongest(all)
	m.learn(offered, sc)
	for _, ch := range offered {
		if !m.ours(ch.realm) {
			remarks = append(remarks, Remark{ForeignRealm, ch.realm, ch.algorithm})
			continue
		}
		key := challengeKey{sc.Server, ch.realm, proxy, sc.Register}
		realm, stale = ch.realm, ch.stale
		if nonce, sent := at.used[key]; sent && at.live[key] && nonce != "" {
			at.fresh++ // the nonce was given in this very exchange, and the answer to it failed
			delete(m.ha1, ch.realm+"\x00"+strings.ToUpper(ch.algorithm))
		}
		if m.weak = m.weakened(ch); m.weak {
			remarks = append(remarks, Remark{WeakerThanBefore, ch.realm, ch.algorithm})
		}
		ch.cnonce = wire.RandomToken()
		if was := m.known[key]; was != nil && was.nonce == ch.nonce {
			ch.cnonce = was.cnonce
		}
		m.known[key] = &ch
		if at.live == nil {
			at.live = map[challengeKey]bool{}
		}
		at.live[key] = true
		answered = true
	}
	if !answered {
		return remarks, ErrNotOurs
	}
	if at.fresh >= 2 {
		m.drop(sc.Server, realm)
		return remarks, &RefusedError{Realm: realm, Stale: stale}
	}
	return remarks, nil
}

// ours says whether a realm is one of the owner's.
func (m *Memory) ours(realm string) bool {
	return strings.EqualFold(realm, m.owner.Domain) || m.owner.Realm != "" && realm == m.owner.Realm ||
		m.pins && realm == m.realm
}

// learn takes the realm of the owner's server from a challenge that only that
// server can have made and that names none of the known ones. A server that was
// set up anew has another realm than before; what was for the old one is dropped.
func (m *Memory) learn(offered []challenge, sc Scope) {
	may := sc.Register || m.owner.Trunk && !sc.InDialog && !m.pins
	if !may || m.owner.Realm != "" || len(offered) == 0 ||
		slices.ContainsFunc(offered, func(ch challenge) bool { return m.ours(ch.realm) }) {
		return
	}
	if m.pins {
		m.drop(sc.Server, m.realm)
	}
	m.realm, m.pins = offered[0].realm, true
}

// weakened says whether a realm offers less than it did before.
func (m *Memory) weakened(ch challenge) bool {
	now, was := strength(ch.algorithm), m.best[ch.realm]
	m.best[ch.realm] = max(was, now)
	return now < was
}

// drop forgets what failed.
func (m *Memory) drop(server netip.AddrPort, realm string) {
	for key := range m.known {
		if key.server == server && key.realm == realm {
			delete(m.known, key)
		}
	}
}

// prune forgets the counts of nonces that are no longer in use.
func (m *Memory) prune() {
	keep := map[string]int{}
	for _, ch := range m.known {
		keep[ch.nonce] = m.count[ch.nonce]
	}
	m.count = keep
}

// Accepted takes the next nonce where the server names one (RFC 7616 3.5).
func (m *Memory) Accepted(res *sipgo.Response, at *Attempt) {
	if len(at.used) == 0 {
		return
	}
	for key := range at.used {
		name := "Authentication-Info"
		if key.proxy {
			name = "Proxy-Authentication-Info"
		}
		for _, part := range wire.SplitList(wire.Value(res, name), ',') {
			k, v, _ := strings.Cut(part, "=")
			next := wire.Unquote(strings.TrimSpace(v))
			if ch := m.known[key]; ch != nil && strings.EqualFold(strings.TrimSpace(k), "nextnonce") && next != "" && next != ch.nonce {
				ch.nonce = next
			}
		}
	}
}
