package siptest

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// maxNonces bounds the store; the oldest are forgotten and then unknown.
const maxNonces = 4096

// gate challenges and verifies (RFC 7616, RFC 8760). It is a plain value; its
// owner guards it.
type gate struct {
	realm      string
	users      map[string]string
	algorithms []string
	life       time.Duration
	bound      bool // a nonce is good only from the source that it was given to
	nonces     map[string]*nonce
	order      []string
}

type nonce struct {
	born   time.Time
	source netip.AddrPort
	count  int // the highest nonce count seen
}

// verdict is the outcome of check.
type verdict int

const (
	challenged verdict = iota // no credentials, or wrong ones
	stale                     // right ones for a nonce that is not good any more
	passed
)

func (g *gate) issue(from netip.AddrPort, now time.Time) string {
	if g.nonces == nil {
		g.nonces = make(map[string]*nonce)
	}
	if len(g.order) == maxNonces {
		delete(g.nonces, g.order[0])
		g.order = g.order[1:]
	}
	n := rand.Text()
	g.nonces[n] = &nonce{born: now, source: from}
	g.order = append(g.order, n)
	return n
}

// challenge makes one header per algorithm, all with one nonce.
func (g *gate) challenge(header string, isStale bool, from netip.AddrPort, now time.Time) []sipgo.Header {
	n := g.issue(from, now)
	var out []sipgo.Header
	for _, a := range g.algorithms {
		c := digest.Challenge{Realm: g.realm, Nonce: n, Algorithm: a, QOP: []string{"auth"}, Stale: isStale}
		out = append(out, sipgo.NewHeader(header, c.String()))
	}
	return out
}

// check verifies the credentials of a request under a header's name and says
// whose they are. Wrong ones and unknown users look the same from outside.
func (g *gate) check(req *sipgo.Request, header string, from netip.AddrPort, now time.Time) (user string, v verdict) {
	for _, h := range req.GetHeaders(header) {
		c, err := digest.ParseCredentials(h.Value())
		if err != nil || c.Realm != g.realm || !g.allows(c.Algorithm) {
			continue
		}
		password, known := g.users[c.Username]
		if !known || !matches(c, req, password) {
			continue
		}
		n := g.nonces[c.Nonce]
		switch {
		case n == nil, now.Sub(n.born) > g.life, g.bound && n.source != from, c.QOP != "" && c.Nc <= n.count:
			return c.Username, stale
		}
		n.count = c.Nc
		return c.Username, passed
	}
	return "", challenged
}

func (g *gate) allows(algorithm string) bool {
	if algorithm == "" {
		algorithm = "MD5"
	}
	return slices.ContainsFunc(g.algorithms, func(a string) bool { return strings.EqualFold(a, algorithm) })
}

// matches computes the response again from what the credentials claim.
func matches(c *digest.Credentials, req *sipgo.Request, password string) bool {
	chal := &digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, Opaque: c.Opaque}
	if c.QOP != "" {
		chal.QOP = []string{c.QOP}
	}
	want, err := digest.Digest(chal, digest.Options{
		Method: string(req.Method), URI: c.URI, Count: c.Nc, Cnonce: c.Cnonce,
		Username: c.Username, Password: password,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body())), nil },
	})
	return err == nil && subtle.ConstantTimeCompare([]byte(want.Response), []byte(c.Response)) == 1
}

// credentials answers the first challenge in a response that can be answered;
// nil when there is none. The header to set is named by the status.
func credentials(res *sipgo.Response, req *sipgo.Request, user, password string) sipgo.Header {
	ask, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		ask, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range res.GetHeaders(ask) {
		chal, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(chal) {
			continue
		}
		c, err := digest.Digest(chal, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(req.Body())), nil },
		})
		if err == nil {
			return sipgo.NewHeader(answer, c.String())
		}
	}
	return nil
}
