package wire

import (
	"strings"
	"testing"
)

func TestParseURI(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"sip:alice@example.com:5060;transport=tcp", "sip:alice@example.com:5060;transport=tcp"},
		{"alice@Example.COM", "sip:alice@example.com"},
		{" <sips:bob@example.com> ", "sips:bob@example.com"},
		{"sip:[2001:db8::1]:5070;lr", "sip:[2001:db8::1]:5070;lr"},
		{"sip:192.0.2.1", "sip:192.0.2.1"},
		{"sip:+1-212-555;ext=3@gw.example", "sip:+1-212-555;ext=3@gw.example"},
		{"sip:a@b?Replaces=evil", "sip:a@b"},
		{"example.com:5062", "sip:example.com:5062"},
	} {
		u, err := ParseURI(tc.in)
		if err != nil || u.String() != tc.want {
			t.Errorf("%q: %q, %v", tc.in, u, err)
		}
		if again, err := ParseURI(u.String()); err != nil || again != u {
			t.Errorf("%q does not survive: %+v, %v", tc.in, again, err)
		}
	}
	for in, word := range map[string]string{
		"": "empty", "alice@": "domain", "@example.com": "before the @", "sip:a:pw@b": "password", "tel:+1": "tel",
		"sip:a@b:99999999": "port", "sip:a@b:0": "port", "sip:a@[::1": "]", "sip:a@[fe80::1%eth0]": "IPv6",
		"al ice@example.com": "position 3", "a@b\r\nTo: x": "character", "a@exa$mple": "domain", "a@b:": "port",
		"sip:a@[::1]x": "]",
	} {
		if u, err := ParseURI(in); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %q, %v; want an error with %q", in, u, err, word)
		}
	}
	u, _ := ParseURI("sip:a@b;transport=tcp;lr")
	if v, ok := u.Param("Transport"); !ok || v != "tcp" {
		t.Error("no transport")
	}
	if v, ok := u.Param("lr"); !ok || v != "" {
		t.Error("no lr")
	}
}

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct{ in, name, uri, tag string }{
		{`"Bob \"B\" <x>; y" <sip:bob@h;lr>;tag=1;x="a;b=c"`, `Bob "B" <x>; y`, "sip:bob@h;lr", "1"},
		{"sip:bob@h;tag=2", "", "sip:bob@h", "2"},
		{"Bob B <sip:b@h>", "Bob B", "sip:b@h", ""},
	} {
		a, err := ParseAddress(tc.in)
		tag, _ := a.Param("TAG")
		if err != nil || a.Name != tc.name || a.URI != tc.uri || tag != tc.tag {
			t.Errorf("%q: %+v, %v", tc.in, a, err)
		}
	}
	for _, in := range []string{`"open`, "<sip:x", "", `"n" sip:x@y`, "<>", "<sip:x@y> junk"} {
		if a, err := ParseAddress(in); err == nil {
			t.Errorf("%q: %+v", in, a)
		}
	}
}
