package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// hashOf is H of RFC 7616 3.3 over parts that are joined by colons.
func hashOf(base string, parts ...string) string {
	var h hash.Hash
	switch base {
	case "SHA-256":
		h = sha256.New()
	case "SHA-512-256":
		h = sha512.New512_256()
	default:
		h = md5.New()
	}
	h.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(h.Sum(nil))
}

// hashA1 is the part of a digest that needs the password (RFC 7616 3.4.2).
func hashA1(algorithm, user, realm, password string) string {
	base, _ := session(algorithm)
	return hashOf(base, user, realm, password)
}

// answerTo is the value of Authorization for a challenge (RFC 7616 3.4). a1 is
// hashA1's, nc counts the uses of the nonce.
func answerTo(c *challenge, user, a1 string, nc int, method, uri string, body []byte) string {
	base, sess := session(c.algorithm)
	if sess {
		a1 = hashOf(base, a1, c.nonce, c.cnonce)
	}
	qop, _ := c.quality()
	a2 := []string{method, uri}
	if qop == "auth-int" {
		a2 = append(a2, hashOf(base, string(body)))
	}
	count := fmt.Sprintf("%08x", nc)
	response := hashOf(base, a1, c.nonce, hashOf(base, a2...))
	if qop != "" {
		response = hashOf(base, a1, c.nonce, count, c.cnonce, qop, hashOf(base, a2...))
	}
	name := user
	if c.userhash {
		name = hashOf(base, user, c.realm)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri="%s", response="%s"`,
		wire.Quote(name), wire.Quote(c.realm), wire.Quote(c.nonce), uri, response)
	if c.algorithm != "" {
		b.WriteString(", algorithm=" + c.algorithm)
	}
	if c.opaque != "" {
		b.WriteString(", opaque=" + wire.Quote(c.opaque))
	}
	if qop != "" || sess {
		fmt.Fprintf(&b, `, cnonce="%s"`, c.cnonce)
	}
	if qop != "" {
		fmt.Fprintf(&b, ", qop=%s, nc=%s", qop, count)
	}
	if c.userhash {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

// answer computes one digest.
func (m *Memory) answer(req *sipgo.Request, ch *challenge) (string, error) {
	user := m.owner.User
	id := ch.realm + "\x00" + strings.ToUpper(ch.algorithm)
	if m.ha1[id] == "" {
		if m.owner.Password == nil {
			return "", errors.New("the server asks for a password and the account has none")
		}
		password, err := m.owner.Password()
		if err != nil {
			return "", fmt.Errorf("getting the password: %w", err)
		}
		m.ha1[id] = hashA1(ch.algorithm, user, ch.realm, password)
	}
	if len(m.count) >= maxNonces {
		m.prune()
	}
	m.count[ch.nonce]++
	return answerTo(ch, user, m.ha1[id], m.count[ch.nonce], string(req.Method), req.Recipient.String(), req.Body()), nil
}
