package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// hashA1 is the part of a digest that needs the password (RFC 7616 3.4.2).
func hashA1(algorithm, user, realm, password string) string {
	var h hash.Hash
	switch strings.ToUpper(algorithm) {
	case "SHA-256":
		h = sha256.New()
	case "SHA-512-256":
		h = sha512.New512_256()
	default:
		h = md5.New()
	}
	h.Write([]byte(user + ":" + realm + ":" + password))
	return hex.EncodeToString(h.Sum(nil))
}
