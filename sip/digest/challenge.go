package digest

import (
	"strings"

	rfc7616 "github.com/icholy/digest"

	"ramble/sip/wire"
)

// challenge is one offer of digest authentication (RFC 3261 22, RFC 7616, RFC
// 8760).
type challenge struct {
	proxy bool // 407, Proxy-Authenticate
	rfc7616.Challenge
}

// strength orders the algorithms that are understood; 0 is none of them.
func strength(algorithm string) int {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return 1
	case "SHA-256":
		return 2
	case "SHA-512-256":
		return 3
	}
	return 0
}

// parseChallenges reads header values of WWW- or Proxy-Authenticate. Several
// challenges may share one value, separated by the same comma as their
// parameters (RFC 7235 4.1). What is not understood is left out.
func parseChallenges(headers []string, proxy bool) []challenge {
	var out []challenge
	var cur *challenge
	for _, v := range headers {
		cur = nil
		for _, part := range wire.SplitList(v, ',') {
			scheme, rest, spaced := strings.Cut(part, " ")
			if spaced && !strings.Contains(scheme, "=") && wire.IsToken(scheme) {
				cur = nil
				part = strings.TrimSpace(rest)
				if strings.EqualFold(scheme, "Digest") {
					out = append(out, challenge{proxy: proxy})
					cur = &out[len(out)-1]
				}
			}
			if cur != nil {
				cur.set(part)
			}
		}
	}
	usable := out[:0]
	for _, c := range out {
		if c.usable() {
			usable = append(usable, c)
		}
	}
	return usable
}

func (c *challenge) set(part string) {
	name, v, _ := strings.Cut(part, "=")
	v = wire.Unquote(strings.TrimSpace(v))
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "realm":
		c.Realm = v
	case "nonce":
		c.Nonce = v
	case "opaque":
		c.Opaque = v
	case "algorithm":
		c.Algorithm = v
	case "stale":
		c.Stale = strings.EqualFold(v, "true")
	case "userhash":
		c.Userhash = strings.EqualFold(v, "true")
	case "qop":
		for q := range strings.SplitSeq(v, ",") {
			c.QOP = append(c.QOP, strings.ToLower(strings.TrimSpace(q)))
		}
	}
}

func (c *challenge) usable() bool {
	plain := func(s string) bool {
		return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '"' || r == '\\' }) < 0
	}
	return strength(c.Algorithm) > 0 && c.Nonce != "" && c.Realm != "" && rfc7616.CanDigest(&c.Challenge) &&
		plain(c.Realm) && plain(c.Nonce) && plain(c.Opaque)
}

// strongest picks per realm the strongest algorithm among the challenges of
// one response; RFC 8760 2.4 lets the client choose.
func strongest(all []challenge) []challenge {
	var out []challenge
next:
	for _, c := range all {
		for i, o := range out {
			if o.Realm == c.Realm && o.proxy == c.proxy {
				if strength(c.Algorithm) > strength(o.Algorithm) {
					out[i] = c
				}
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}
