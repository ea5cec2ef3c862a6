package digest

import (
	"strings"
	"testing"
)

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b", qop="auth,auth-int", Basic realm="x", Digest realm=c,nonce=d,algorithm=SHA-256`)
	f.Add("Digest\trealm=\"a \\\"b\\\" \\\\\", nonce=\"n\", qop=\"\", opaque=\"\\\\\", algorithm=MD5-sess")
	f.Fuzz(func(t *testing.T, s string) {
		all := parseChallenges([]string{s}, false)
		for _, c := range strongest(all) {
			c.cnonce = "c"
			v := answerTo(&c, "u", "a1", 1, "REGISTER", "sip:a@b", nil)
			again := parseChallenges([]string{v}, false)
			if len(again) != 1 || again[0].realm != c.realm || again[0].nonce != c.nonce || again[0].opaque != c.opaque {
				t.Fatalf("%q was answered %q", s, v)
			}
			if strings.ContainsAny(v, "\r\n") {
				t.Fatalf("%q", v)
			}
		}
		_ = wishes(all)
	})
}
