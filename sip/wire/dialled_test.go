package wire

import (
	"strings"
	"testing"
)

func TestDialled(t *testing.T) {
	for in, want := range map[string]string{
		"100":                              "sip:100@example.test:5070",
		"alice":                            "sip:alice@example.test:5070",
		" bob@elsewhere.example ":          "sip:bob@elsewhere.example",
		"sip:bob@192.0.2.9;transport=tcp":  "sip:bob@192.0.2.9;transport=tcp",
		"SIPS:bob@h":                       "sips:bob@h",
		"sip:conference.example":           "sip:conference.example",
		"*#9240":                           "sip:*%239240@example.test:5070",
		"**21*0711#":                       "sip:**21*0711%23@example.test:5070",
		"sip:*#06#@h":                      "sip:*%2306%23@h",
		"jürgen":                           "sip:j%C3%BCrgen@example.test:5070",
		"jürgen@h":                         "sip:j%C3%BCrgen@h",
		"sip:j%C3%BCrgen@h":                "sip:j%C3%BCrgen@h",
		"100%":                             "sip:100%25@example.test:5070",
		"１２３＃":                             "sip:123%23@example.test:5070",
		"＋４９　３０":                           "sip:+4930@example.test:5070",
		"٠٣٠":                              "sip:030@example.test:5070",
		"030\u00a012\u202f34":              "sip:0301234@example.test:5070",
		"\u202a+49 30 1234\u202c":          "sip:+49301234@example.test:5070",
		"030\u201312":                      "sip:03012@example.test:5070",
		"030/12 34-5":                      "sip:03012345@example.test:5070",
		"+44 (0)20 7946 0958":              "sip:+442079460958@example.test:5070",
		"0044 (0)20 7946":                  "sip:0044207946@example.test:5070",
		"(020) 7946":                       "sip:0207946@example.test:5070",
		"(0)20 7946":                       "sip:0207946@example.test:5070",
		"tel:+49-30-1234":                  "sip:+49301234@example.test:5070",
		"TEL:+49301234;phone-context=x":    "sip:+49301234@example.test:5070",
		"tel:%2B49301234":                  "sip:+49301234@example.test:5070",
		"callto:+49301234":                 "sip:+49301234@example.test:5070",
		"callto://bob@h":                   "sip:bob@h",
		`"Bob" <sip:b@h>`:                  "sip:b@h",
		`"Bob <b> x" <sip:b@h;user=phone>`: "sip:b@h;user=phone",
		"Bob B <b@h>":                      "sip:b@h",
		"<tel:+1 212>":                     "sip:+1212@example.test:5070",
		"sip:+49 30 12":                    "sip:+493012@example.test:5070",
		"bob@[2001:db8::1]:5080":           "sip:bob@[2001:db8::1]:5080",
		"alice@home@h":                     "sip:alice%40home@h",
		"a;b/c@h":                          "sip:a;b/c@h",
	} {
		u, err := Dialled(in, "example.test:5070")
		if err != nil || u.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, u, err, want)
			continue
		}
		if again, err := Dialled(u.String(), "other.test"); err != nil || again != u {
			t.Errorf("%q, dialled again: %q, %v", u, again, err)
		}
	}
	for in, word := range map[string]string{
		"": "nothing", " \u200b": "nothing", "tel:": "nothing", "al ice": "spaces", "tel:+4930,,55#": "keypad", "sip:a:pw@h": "password",
		"@h": "before the @", "bob@": "domain", "mailto:x": "mailto", "bob@münchen.example": "domain name", `"Bob`: "quotes", "<sip:a@b": "no >",
	} {
		if u, err := Dialled(in, "example.test"); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %q, %v; want an error with %q", in, u, err, word)
		}
	}
}

// FuzzDialled holds that whatever is typed becomes a URI that can be sent and
// is the same when dialled again, or is refused.
func FuzzDialled(f *testing.F) {
	for _, s := range []string{"*#9240", `"Bob" <sip:b@h>`, "tel:+49,5", "jürgen@h", "+44 (0)20", "１２３", "callto://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Dialled(s, "example.test")
		if err != nil {
			return
		}
		if _, err := Target(u.String()); err != nil {
			t.Fatalf("%q became %q: %v", s, u, err)
		}
		if again, err := Dialled(u.String(), "other.test"); err != nil || again != u {
			t.Fatalf("%q became %q, then %q, %v", s, u, again, err)
		}
	})
}
