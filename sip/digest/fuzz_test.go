package digest

import "testing"

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="a", nonce="b", qop="auth,auth-int", Basic realm="x", Digest realm=c,nonce=d,algorithm=SHA-256`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range parseChallenges([]string{s}, false) {
			if !c.usable() {
				t.Fatalf("%+v", c)
			}
		}
	})
}
