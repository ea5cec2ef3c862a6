package siptest

import (
	"bufio"
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Whatever arrives, the proxy lives and stays bounded.
func FuzzProxy(f *testing.F) {
	c := func(method, uri string, headers ...string) []byte {
		text := method + " " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\n" +
			"From: <sip:alice@ramble.test>;tag=a\r\nTo: <sip:alice@ramble.test>\r\nCall-ID: a\r\nCSeq: 1 " + method + "\r\n"
		return []byte(text + strings.Join(headers, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
	}
	f.Add(c("REGISTER", "sip:ramble.test", `Contact: "A" <sip:alice@[2001:db8::1]:5062;transport=tcp>;expires=5;+sip.instance="<urn:x>";reg-id=1, *`))
	f.Add(c("INVITE", "sip:alice@ramble.test", "Route: <sip:203.0.113.5:5060;lr>", "Max-Forwards: 0", "Contact: <sip:a@192.0.2.1>"))
	f.Add(c("BYE", "sip:alice@192.0.2.9;transport=udp", "Route: <sip:203.0.113.5>, <sip:192.0.2.8;lr>"))
	f.Add(c("CANCEL", "sip:alice@ramble.test"))
	f.Add(c("ACK", "sip:alice@ramble.test"))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-px1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMemory()
		r := NewRegistrar(Options{Addr: netip.MustParseAddrPort("203.0.113.5:5060"), Users: map[string]string{"alice": ""}, Sockets: m})
		p := newProxy(r)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p.ctx = ctx
		if err := p.wire.open(ctx, r.o.Addr, []Transport{UDP}); err != nil {
			t.Fatal(err)
		}
		defer p.wire.shut()
		deliver := func(raw []byte) {
			if msg, err := sipgo.NewParser().ParseSIP(raw); err == nil {
				p.message(inbound{msg, flow{remote: netip.MustParseAddrPort("192.0.2.1:5060")}}, time.Now())
			}
		}
		deliver(c("REGISTER", "sip:ramble.test", "Contact: <sip:alice@192.0.2.1>"))
		deliver(b)
		deliver(bytes.ReplaceAll(b, []byte("INVITE"), []byte("CANCEL")))
		if raw, err := readMessage(bufio.NewReader(bytes.NewReader(b)), func() {}); err == nil && len(raw) > 2*maxMessage {
			t.Errorf("a message of %d bytes", len(raw))
		}
	})
}
