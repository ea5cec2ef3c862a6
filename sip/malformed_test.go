package sip

import (
	"strings"
	"testing"

	"ramble/sip/locate"
)

func TestMalformed(t *testing.T) {
	for _, tc := range []struct {
		name, want string // "" is silence
		change     func(string) string
	}{
		{"well formed", "200", func(s string) string { return s }},
		{"SIP/9.9", "505", func(s string) string { return strings.Replace(s, "SIP/2.0\r\n", "SIP/9.9\r\n", 1) }},
		{"the CSeq names another method", "400", func(s string) string { return strings.Replace(s, "CSeq: 1 OPTIONS", "CSeq: 1 INVITE", 1) }},
		{"the CSeq is too large", "400", func(s string) string { return strings.Replace(s, "CSeq: 1 ", "CSeq: 4294967296 ", 1) }},
		{"unknown Require", "420", func(s string) string { return strings.Replace(s, "Max-", "Require: 100rel, precondition\r\nMax-", 1) }},
		{"unknown scheme", "416", func(s string) string { return strings.Replace(s, "sip:alice@127.0.0.1 ", "nobody:alice ", 1) }},
		{"two Content-Length", "400", func(s string) string { return strings.Replace(s, "Max-", "l: 0\r\nMax-", 1) }},
		{"two CSeq", "400", func(s string) string { return strings.Replace(s, "Max-", "CSeq: 2 OPTIONS\r\nMax-", 1) }},
		{"two Call-ID", "400", func(s string) string { return strings.Replace(s, "Max-", "i: x\r\nMax-", 1) }},
		{"two From", "400", func(s string) string { return strings.Replace(s, "Max-", "f: <sip:x@y>;tag=2\r\nMax-", 1) }},
		{"no To", "400", func(s string) string { return strings.Replace(s, "To:", "Tx:", 1) }},
		{"no From", "400", func(s string) string { return strings.Replace(s, "From:", "Frm:", 1) }},
		{"no Call-ID", "400", func(s string) string { return strings.Replace(s, "Call-ID:", "X:", 1) }},
		{"no CSeq", "400", func(s string) string { return strings.Replace(s, "CSeq:", "X:", 1) }},
		{"no Via", "", func(s string) string { return strings.Replace(s, "Via:", "X:", 1) }},
		{"a Via with a bad port", "", func(s string) string { return strings.Replace(s, ";branch", "9999;branch", 1) }},
		{"a Content-Length beyond the datagram", "400", func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: 4294967295", 1) }},
		{"a negative Content-Length", "400", func(s string) string { return strings.Replace(s, "Content-Length: 0", "Content-Length: -1", 1) }},
		{"no end of the headers", "", func(s string) string { return strings.TrimSuffix(s, "\r\n") }},
		{"a NUL in a name", "400", func(s string) string { return strings.Replace(s, "<sip:mallory", "\x00<sip:mallory", 1) }},
		{"a quoted name that does not end", "400", func(s string) string { return strings.Replace(s, "From: <", `From: "x <`, 1) }},
		{"port 99999999 in the Request-URI", "400", func(s string) string { return strings.Replace(s, "alice@127.0.0.1 ", "alice@127.0.0.1:99999999 ", 1) }},
		{"bad Max-Forwards", "400", func(s string) string { return strings.Replace(s, "Max-Forwards: 70", "Max-Forwards: 300", 1) }},
		{"an unknown method", "501", func(s string) string { return strings.ReplaceAll(s, "OPTIONS", "NEWMETHOD") }},
		{"legal: spaces around = and folded lines", "200", func(s string) string {
			s = strings.Replace(s, ";branch=", " ; branch = ", 1)
			s = strings.Replace(s, ";tag=m", " ;\r\n  tag = m", 1)
			return strings.Replace(s, "Via: SIP/2.0/UDP", "v:  SIP  / 2.0\r\n / UDP ", 1)
		}},
		{"legal: a long list of strange but harmless headers", "200", func(s string) string {
			return strings.Replace(s, "Max-", strings.Repeat("NewFangledHeader:   newfangled value\r\n continued ;;,,;;\r\n", 40)+"Max-", 1)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			acct := account()
			acct.AllowAny = true
			ph := open(t, acct, nowhere())
			a := newAttacker(t, ph.st.Local())
			a.send(tc.change(request("OPTIONS", a)))
			if tc.want != "" {
				if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 "+tc.want+" ") {
					t.Fatalf("answered %q, want %s", got, tc.want)
				}
			}
			// Whatever it was, the next one is answered.
			a.send(request("OPTIONS", a))
			if got := a.answer(); got != "SIP/2.0 200 OK" {
				t.Fatalf("the next OPTIONS was answered %q", got)
			}
		})
	}
	t.Run("spaces around = in tags and branches still match dialogs", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		_, l := dialled(t, ph, p)
		l.local = strings.Replace(l.local, ";tag=", " ; tag = ", 1)
		l.remote = strings.Replace(l.remote, ";tag=", " ;  tag= ", 1)
		l.send("BYE", "")
		p.expect("SIP/2.0 200", "BYE")
		event[ended](ph)
	})
	t.Run("a body that is no SDP hears 415", func(t *testing.T) {
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		a := newAttacker(t, ph.st.Local())
		a.send(strings.Replace(request("INVITE", a), "Content-Length: 0\r\n\r\n", "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi", 1))
		if got := a.answer(); !strings.HasPrefix(got, "SIP/2.0 415 ") {
			t.Errorf("answered %q", got)
		}
	})
}
