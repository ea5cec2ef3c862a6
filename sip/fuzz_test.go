package sip

import (
	"net"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/miekg/dns"
)

func FuzzReceive(f *testing.F) {
	a := &attacker{conn: udpLike{fixedConn{}}}
	f.Add([]byte(request("OPTIONS", a)))
	f.Add([]byte(request("INVITE", a)))
	f.Add([]byte(strings.Replace(request("BYE", a), "<sip:alice@example.test>", `"x\"<" <sip:alice@[::1]>;tag=";,="`, 1)))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte("OPTIONS sip:a SIP/2.0\r\nv:SIP / 2.0 /\r\n UDP h:1 ; branch = z9hG4bK1\r\nf:a:b;tag=1\r\nt:a:b\r\ni:1\r\nCSeq:1\tOPTIONS\r\n\r\n"))
	s := &Stack{parser: newParser()}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := scan(b)
		if err != nil {
			return
		}
		for _, datagram := range []bool{true, false} {
			if validate(m, datagram) != nil {
				continue
			}
			// What validate lets in, sipgo parses, with all that transactions need.
			tidy := m.bytes()
			msg, err := s.parse(tidy)
			if err != nil {
				t.Fatalf("%v\n%q", err, tidy)
			}
			if msg.Via() == nil || msg.From() == nil || msg.To() == nil || msg.CallID() == nil || msg.CSeq() == nil {
				t.Fatalf("headers are missing: %q", tidy)
			}
			if tag := tagOf(msg.From().Params); tag != m.tag("From") {
				t.Fatalf("From tag %q, was %q: %q", tag, m.tag("From"), tidy)
			}
			if _, err := sipgo.ServerTxKeyMake(msg); err != nil {
				t.Fatalf("%v: %q", err, tidy)
			}
			if req, ok := msg.(*sipgo.Request); ok {
				req.SetSource("192.0.2.1:5060")
				_ = buildResponse(req, 200, "OK", "t", nil).String()
			}
			again, err := scan(tidy)
			if err != nil || validate(again, datagram) != nil {
				t.Fatalf("tidied, it is no longer valid: %v %q", err, tidy)
			}
		}
	})
}

type fixedConn struct{ net.Conn }

func (fixedConn) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5060} }

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

func FuzzDNSAnswer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("example.test.", dns.TypeSRV)
	seed := new(dns.Msg)
	seed.SetReply(q)
	for _, text := range []string{"example.test. 0 IN CNAME b.test.", "b.test. 60 IN SRV 1 2 5060 sip.test.", "b.test. 60 IN A 127.0.0.1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		seed.Answer = append(seed.Answer, rr)
	}
	packed, err := seed.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, b []byte) {
		msg := new(dns.Msg)
		if msg.Unpack(b) != nil || !answers(msg, q) {
			return
		}
		list, ttl, err := records(msg, "example.test", dns.TypeSRV)
		if len(list) > maxRecords || ttl < 0 || ttl > longestTTL || (err != nil && list != nil) {
			t.Errorf("%d records for %v, %v", len(list), ttl, err)
		}
		for _, rr := range list {
			if s, ok := rr.(*dns.SRV); !ok || strings.ContainsAny(bareName(s.Target), "\x00 \r\n\x1b") {
				t.Errorf("%v", rr)
			}
		}
	})
}
