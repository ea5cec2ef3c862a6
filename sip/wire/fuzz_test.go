package wire

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
)

// request is a whole request of somebody's, over UDP.
func request(method string) string {
	return strings.Join([]string{
		method + " sip:alice@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport",
		"From: <sip:mallory@example.test>;tag=m", "To: <sip:alice@example.test>", "Call-ID: 1",
		"CSeq: 1 " + method, "Contact: <sip:mallory@192.0.2.7>", "Max-Forwards: 70", "Content-Length: 0", "", "",
	}, "\r\n")
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(request("OPTIONS")))
	f.Add([]byte(request("INVITE")))
	f.Add([]byte(strings.Replace(request("BYE"), "<sip:alice@example.test>", `"x\"<" <sip:alice@[::1]>;tag=";,="`, 1)))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nv:SIP / 2.0 /\r\n UDP h:1 ; branch = z9hG4bK1\r\nf:a:b;tag=1\r\nt:a:b\r\ni:1\r\nCSeq:1\tOPTIONS\r\n\r\n"))
	files, err := filepath.Glob("../testdata/*/*.sip")
	if err != nil || len(files) < 90 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	parser := NewParser()
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Scan(b)
		if err != nil {
			return
		}
		for _, datagram := range []bool{true, false} {
			if Validate(m, datagram) != nil {
				continue
			}
			// What Validate lets in, sipgo parses, with all that transactions need.
			tidy := m.Bytes()
			msg, err := parser.Parse(tidy)
			if err != nil {
				t.Fatalf("%v\n%q", err, tidy)
			}
			if msg.Via() == nil || msg.From() == nil || msg.To() == nil || msg.CallID() == nil || msg.CSeq() == nil {
				t.Fatalf("headers are missing: %q", tidy)
			}
			if tag := TagOf(msg.From().Params); tag != m.Tag("From") {
				t.Fatalf("From tag %q, was %q: %q", tag, m.Tag("From"), tidy)
			}
			if again, err := Scan(tidy); err != nil || again.ServerKey("X") != m.ServerKey("X") {
				t.Fatalf("%v, the key changed: %q", err, tidy)
			}
			_ = m.Reply(BadRequest("x"), netip.MustParseAddrPort("192.0.2.1:5060"), "t").Bytes()
			if req, ok := msg.(*sipgo.Request); ok {
				req.SetSource("192.0.2.1:5060")
				_ = NewResponse(req, 200, "OK", "t", nil).String()
			}
			again, err := Scan(tidy)
			if err != nil || Validate(again, datagram) != nil {
				t.Fatalf("tidied, it is no longer valid: %v %q", err, tidy)
			}
		}
	})
}

// FuzzURI holds a URI to its form: written and read again it is the same.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a@b:1;c=d", "alice@example.com", "<sips:[::1]>", "sip:a;b?c/d@e", "sip:a:b@c?d=e", "tel:+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, read := range []func(string) (URI, error){ParseURI, Target} {
			u, err := read(s)
			if err != nil {
				continue
			}
			if again, err := read(u.String()); err != nil || again != u {
				t.Fatalf("%q is %+v, again %+v, %v", s, u, again, err)
			}
			if strings.ContainsAny(u.String(), " \r\n<>\"\x00") {
				t.Fatalf("%q", u)
			}
		}
	})
}

// FuzzAddress holds what is read from From, To and Contact to its own form.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"a \"b\"" <sip:c@d>;tag=e;x="y;z"`, "sip:a@b;tag=c", "a b <sip:c@d>", "\"\\\x00\" <a:b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil || strings.ContainsAny(s, "\r\n") { // Scan leaves none
			return
		}
		again, err := ParseAddress(a.String())
		if err != nil || again.Name != a.Name || again.URI != a.URI {
			t.Fatalf("%q is %+v, again %+v, %v", s, a, again, err)
		}
	})
}
