package sip

import (
	"slices"
	"strings"
	"testing"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

func TestServiceRoute(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	reg := NewRegistration(ph.acct, ph.auth)
	done := job(func() (Registered, error) { return reg.Register(ctxOf(t), ph.st, RegisterOptions{}) })
	m := p.expect("REGISTER")
	m.reply(200, "OK", "x", "", "Contact: "+m.value("Contact"), "Path: <sip:edge.example.test;lr>, junk",
		"Service-Route: <sip:one.example.test;lr>,<sip:two.example.test;lr>", "Service-Route: <sip:three.example.test;lr>, <nonsense>")
	got, err := wait(t, done)
	if err != nil || !slices.Equal(got.Path, []string{"<sip:edge.example.test;lr>"}) || len(got.ServiceRoute) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	t.Run("is taken by new calls, to the server that gave it", func(t *testing.T) {
		c := newTalker(ph, bob())
		ans := job(func() (Answer, error) { return c.Invite(ctxOf(t), ph.st, nil) })
		m := p.expect("INVITE sip:bob@example.test")
		if got := strings.Join(m.All("Route"), " "); got != "<sip:one.example.test;lr> <sip:two.example.test;lr> <sip:three.example.test;lr>" {
			t.Error(got)
		}
		m.reply(486, "Busy Here", "x", "")
		wait(t, ans)
	})
	t.Run("does not name the outbound proxy twice", func(t *testing.T) {
		acct := account()
		acct.Proxy = wire.URI{Scheme: "sip", Host: "one.example.test"}
		if got := strings.Join(ph.st.preloaded(acct), " "); got != "<sip:one.example.test;lr> <sip:two.example.test;lr> <sip:three.example.test;lr>" {
			t.Error(got)
		}
	})
	t.Run("ends when the registrar gives none any more", func(t *testing.T) {
		done := job(func() (Registered, error) { return reg.Register(ctxOf(t), ph.st, RegisterOptions{}) })
		m := p.expect("REGISTER")
		m.reply(200, "OK", "x", "", "Contact: "+m.value("Contact"))
		if _, err := wait(t, done); err != nil || len(ph.st.preloaded(ph.acct)) != 0 {
			t.Errorf("%v, %v", ph.st.preloaded(ph.acct), err)
		}
	})
}

func TestAssertedIdentity(t *testing.T) {
	const header = `P-Asserted-Identity: "Mr. Boss" <sip:+442079460000@example.test;user=phone>, <tel:+442079460000>`
	t.Run("of the server counts more than the caller's own word", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		p.call(ph.st.Local()).send("INVITE", sdpB, header)
		c := event[incoming](ph).Call
		if uri, name := c.Peer(); uri != "sip:+442079460000@example.test" || name != "Mr. Boss" {
			t.Errorf("%q %q", name, uri)
		}
		c.Reject(486)
	})
	t.Run("of the server within the call says who was put through", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c, l := called(t, ph, p)
		for _, tt := range []struct{ method, body, header, uri, name string }{
			{"UPDATE", "", `P-Asserted-Identity: "Carol" <sip:carol@example.test>`, "sip:carol@example.test", "Carol"},
			{"UPDATE", "", `P-Asserted-Identity: <sip:dave@example.test>`, "sip:dave@example.test", ""},
			{"INVITE", sdpB, `Remote-Party-ID: "Erin" <sip:erin@example.test>;party=called`, "sip:erin@example.test", "Erin"},
		} {
			l.send(tt.method, tt.body, tt.header)
			p.expect("SIP/2.0 200", tt.method)
			l.send("ACK", "")
			who := ask(c, func() [2]string { uri, name := c.Peer(); return [2]string{uri, name} })
			if who != [2]string{tt.uri, tt.name} {
				t.Errorf("%s: %q", tt.header, who)
			}
		}
	})
	t.Run("in From does too, and is in To from then on", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server())
		c, l := called(t, ph, p)
		_, tag, _ := strings.Cut(l.local, ";tag=")
		for _, tt := range []struct{ from, uri, name string }{
			{`"Carol" <sip:carol@example.test>`, "sip:carol@example.test", "Carol"},
			{`<sip:carol@192.0.2.7>`, "sip:carol@example.test", "Carol"}, // the server's own host
			{`<sip:dave@example.test>`, "sip:dave@example.test", ""},
		} {
			l.local = tt.from + ";tag=" + tag
			l.send("UPDATE", "")
			p.expect("SIP/2.0 200", "UPDATE")
			who := ask(c, func() [2]string { uri, name := c.Peer(); return [2]string{uri, name} })
			if who != [2]string{tt.uri, tt.name} {
				t.Errorf("%s: %q", tt.from, who)
			}
		}
		bye := errJob(func() error { return c.Bye(ctxOf(t)) })
		m := p.expect("BYE")
		if to := m.value("To"); !strings.Contains(to, "sip:dave@example.test") || m.Tag("To") != tag {
			t.Errorf("To is %q", to)
		}
		m.reply(200, "OK", "", "")
		if _, err := wait(t, bye); err != nil {
			t.Error(err)
		}
	})
	t.Run("in From of anybody else is not heard", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		c, l := called(t, ph, p)
		l.local = strings.Replace(l.local, "sip:peer@", "sip:carol@", 1)
		l.send("UPDATE", "")
		p.expect("SIP/2.0 200", "UPDATE")
		if uri := ask(c, func() string { uri, _ := c.Peer(); return uri }); uri != "sip:peer@example.test" {
			t.Errorf("it is %q", uri)
		}
	})
	t.Run("of anybody else is not heard", func(t *testing.T) {
		acct := account()
		acct.AllowAny = true
		ph := open(t, acct, nowhere())
		a := newAttacker(t, ph.st.Local())
		a.send(request("INVITE", a, header))
		c := event[incoming](ph).Call
		if uri, _ := c.Peer(); uri != "sip:mallory@example.test" {
			t.Error(uri)
		}
		c.Reject(486)
	})
}
