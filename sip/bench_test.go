package sip

import (
	"context"
	"crypto/tls"
	"fmt"
	"testing"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/sdp"
)

func BenchmarkRegister(b *testing.B) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		b.Run(transport.String(), func(b *testing.B) {
			p := newPeer(b, transport)
			p.setAuto(newRegistrar("SHA-256").serve)
			ph := open(b, account(), p.server())
			reg := NewRegistration(ph.acct, ph.auth)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := reg.Register(context.Background(), ph.st, RegisterOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkModify(b *testing.B) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		for _, method := range []dialog.Method{dialog.Reinvite, dialog.Update} {
			b.Run(transport.String()+"/"+method.String(), func(b *testing.B) {
				p := newPeer(b, transport)
				p.setAuto(func(m *message) bool {
					if m.Method() == "INVITE" || m.Method() == "UPDATE" {
						m.reply(200, "OK", "bobtag", sdpB, p.contact())
					}
					return true
				})
				ph := open(b, account(), p.server())
				c := newTalker(ph, bob())
				if _, err := c.Invite(context.Background(), ph.st, nil); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Modify(context.Background(), method, sdp.SendRecv); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCall(b *testing.B) {
	p := newPeer(b, locate.UDP)
	p.setAuto(func(m *message) bool {
		switch m.Method() {
		case "INVITE":
			m.reply(200, "OK", "bobtag", sdpB, p.contact())
		case "BYE":
			m.reply(200, "OK", "", "")
		}
		return true
	})
	ph := open(b, account(), p.server())
	b.ReportAllocs()
	for b.Loop() {
		c := newTalker(ph, bob())
		if _, err := c.Invite(context.Background(), ph.st, nil); err != nil {
			b.Fatal(err)
		}
		if err := c.Bye(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if clients, servers := ph.st.inProgress(); clients+servers > 0 {
		b.Errorf("%d and %d transactions are left", clients, servers)
	}
}

// BenchmarkHandshake is what a connection costs: nothing but arithmetic on
// loopback, a round trip less when resumed on a real path with TLS 1.2.
func BenchmarkHandshake(b *testing.B) {
	ca := newAuthority(b, "Bench CA")
	for _, resume := range []bool{false, true} {
		b.Run(fmt.Sprintf("resumed=%v", resume), func(b *testing.B) {
			p := newPeerAt(b, locate.TLS, "127.0.0.1:0", ca.server([]string{"example.test"}))
			p.setAuto(func(m *message) bool { m.reply(200, "OK", "x", ""); return true })
			acct := believing(ca)
			var sessions tls.ClientSessionCache
			if resume {
				sessions = tls.NewLRUClientSessionCache(1)
			}
			for b.Loop() {
				ph := open(b, acct, p.server(), func(o *StackOptions) { o.Sessions = sessions })
				b.StopTimer()
				if _, err := ph.st.Ping(b.Context()); err != nil { // brings the ticket
					b.Fatal(err)
				}
				ph.close()
				b.StartTimer()
			}
		})
	}
}
