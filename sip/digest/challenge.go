package digest

import (
	"strings"

	"ramble/sip/wire"
)

// challenge is one offer of digest authentication (RFC 3261 22, RFC 7616, RFC
// 8760). Realm, nonce and opaque are values, without quotes and escapes.
type challenge struct {
	proxy     bool // 407, Proxy-Authenticate
	scheme    string
	realm     string
	hasRealm  bool // an empty one is one
	nonce     string
	opaque    string
	algorithm string // as written; empty: MD5
	qop       []string
	stale     bool
	userhash  bool

	cnonce string // ours for this nonce, so that a session key (-sess) lasts
}

// strength orders the algorithms that are understood; 0 is none of them.
func strength(algorithm string) int {
	switch base, _ := session(algorithm); base {
	case "MD5":
		return 1
	case "SHA-256":
		return 2
	case "SHA-512-256":
		return 3
	}
	return 0
}

// session splits an algorithm, in capitals, from its -sess (RFC 7616 3.4.2).
func session(algorithm string) (base string, sess bool) {
	base, sess = strings.CutSuffix(strings.ToUpper(algorithm), "-SESS")
	if base == "" {
		base = "MD5"
	}
	return base, sess
}

// parseChallenges reads header values of WWW- or Proxy-Authenticate. Several
// challenges may share one value, separated by the same comma as their
// parameters (RFC 7235 4.1).
func parseChallenges(headers []string, proxy bool) (out []challenge) {
	for _, v := range headers {
		began := false
		for _, part := range wire.SplitList(v, ',') {
			if scheme, rest, ok := cutScheme(part); ok {
				out = append(out, challenge{proxy: proxy, scheme: scheme})
				part, began = rest, true
			}
			if began {
				out[len(out)-1].set(part)
			}
		}
	}
	return out
}

// cutScheme takes the scheme off the first parameter of a challenge.
func cutScheme(part string) (scheme, rest string, ok bool) {
	i := strings.IndexAny(part, " \t")
	if i < 0 {
		return part, "", wire.IsToken(part) // a scheme and no parameters
	}
	rest = strings.TrimLeft(part[i:], " \t")
	return part[:i], rest, wire.IsToken(part[:i]) && !strings.HasPrefix(rest, "=")
}

func (c *challenge) set(part string) {
	name, v, _ := strings.Cut(part, "=")
	v = wire.Unquote(strings.TrimSpace(v))
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "realm":
		c.realm, c.hasRealm = v, true
	case "nonce":
		c.nonce = v
	case "opaque":
		c.opaque = v
	case "algorithm":
		c.algorithm = v
	case "stale":
		c.stale = strings.EqualFold(v, "true")
	case "userhash":
		c.userhash = strings.EqualFold(v, "true")
	case "qop":
		for q := range strings.SplitSeq(v, ",") {
			if q = strings.ToLower(strings.TrimSpace(q)); q != "" {
				c.qop = append(c.qop, q)
			}
		}
	}
}

// usable says whether the challenge can be answered.
func (c *challenge) usable() bool {
	clean := func(s string) bool {
		return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
	}
	_, quality := c.quality()
	return strings.EqualFold(c.scheme, "Digest") && strength(c.algorithm) > 0 && quality && c.nonce != "" && c.hasRealm &&
		clean(c.realm) && clean(c.nonce) && clean(c.opaque)
}

// quality is the protection that the answer takes of those offered: auth, else
// auth-int, "" where none is offered (RFC 2069). It fails where only others are.
func (c *challenge) quality() (string, bool) {
	found := ""
	for _, q := range c.qop {
		switch q {
		case "auth":
			return q, true
		case "auth-int":
			found = q
		}
	}
	return found, found != "" || len(c.qop) == 0
}

// wish names what the challenge asks for, for people.
func (c *challenge) wish() string {
	if !strings.EqualFold(c.scheme, "Digest") {
		return c.scheme
	}
	words := []string{"Digest"}
	if c.algorithm != "" {
		words = append(words, c.algorithm)
	}
	switch _, ok := c.quality(); {
	case !ok:
		words = append(words, "with qop "+strings.Join(c.qop, ","))
	case c.nonce == "":
		words = append(words, "without a nonce")
	case !c.hasRealm:
		words = append(words, "without a realm")
	}
	return strings.Join(words, " ")
}

// strongest picks per realm the strongest algorithm among the challenges of
// one response; RFC 8760 2.4 lets the client choose.
func strongest(all []challenge) []challenge {
	var out []challenge
next:
	for _, c := range all {
		if !c.usable() {
			continue
		}
		for i, o := range out {
			if o.realm == c.realm && o.proxy == c.proxy {
				if strength(c.algorithm) > strength(o.algorithm) {
					out[i] = c
				}
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// wishes are what the challenges of a response ask for, where none is usable.
func wishes(all []challenge) (out []string) {
	for _, c := range all {
		if c.usable() {
			return nil
		}
		if len(out) < 4 {
			out = append(out, c.wish())
		}
	}
	return out
}
