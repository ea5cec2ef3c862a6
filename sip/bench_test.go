package sip

import (
	"context"
	"testing"
)

func BenchmarkRegister(b *testing.B) {
	for _, transport := range []Transport{UDP, TCP} {
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
	for _, transport := range []Transport{UDP, TCP} {
		for _, method := range []Method{Reinvite, Update} {
			b.Run(transport.String()+"/"+method.String(), func(b *testing.B) {
				p := newPeer(b, transport)
				p.setAuto(func(m *message) bool {
					if m.method() == "INVITE" || m.method() == "UPDATE" {
						m.reply(200, "OK", "bobtag", sdpB, p.contact())
					}
					return true
				})
				ph := open(b, account(), p.server())
				c := NewCall(ph.acct, ph.auth, URI{Scheme: "sip", User: "bob", Host: "example.test"})
				if _, err := c.Invite(context.Background(), ph.st, []byte(sdpA), nil); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := c.Modify(context.Background(), method, []byte(sdpA)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCall(b *testing.B) {
	p := newPeer(b, UDP)
	p.setAuto(func(m *message) bool {
		switch m.method() {
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
		c := NewCall(ph.acct, ph.auth, URI{Scheme: "sip", User: "bob", Host: "example.test"})
		if _, err := c.Invite(context.Background(), ph.st, []byte(sdpA), nil); err != nil {
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
