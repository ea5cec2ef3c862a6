package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// contactInDialog is the Contact that a call of the stack would say.
func contactInDialog(ph *phone) string {
	return newTalker(ph, bob()).capabilities(ph.st)[0].Value
}

func TestTheContactOfDialogsIsTheRegisteredOne(t *testing.T) {
	r := newRegistrar()
	ph, _, reg := registering(t, locate.UDP, r)
	for _, at := range []string{"", "203.0.113.9:40112", "203.0.113.9:51000", ""} {
		addr, _ := netip.ParseAddrPort(at)
		ph.st.Announce(addr)
		got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if c := contactInDialog(ph); c != "<"+got.Contact+">" || !strings.Contains(c, at) {
			t.Errorf("announced %q: registered %s, in dialogs %s", at, got.Contact, c)
		}
	}
}

func TestOBIsAskedForWhereTheServerCannotComeToUs(t *testing.T) {
	for _, tc := range []struct {
		name     string
		outbound bool
		announce string
		want     bool
	}{
		{"not without outbound", false, "203.0.113.9:40112", false},
		{"not where the server sees what we say", true, "", false},
		{"where it sees us elsewhere", true, "203.0.113.9:40112", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRegistrar()
			if tc.outbound {
				r.extra = []string{"Require: outbound"}
			}
			ph, _, reg := registering(t, locate.UDP, r)
			if tc.announce != "" {
				ph.st.Announce(netip.MustParseAddrPort(tc.announce))
			}
			if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
				t.Fatal(err)
			}
			if c := contactInDialog(ph); strings.Contains(c, ";ob") != tc.want {
				t.Error(c)
			}
			if strings.Contains(ph.st.Contact(ph.acct), ";ob") {
				t.Error("in the REGISTER, where it has no place:", ph.st.Contact(ph.acct))
			}
		})
	}
	if s := (&Stack{transport: locate.TLS}); s.reachable() {
		t.Error("nobody listens for TLS")
	}
}

func TestGRUU(t *testing.T) {
	const good = "sip:alice@example.test;gr=urn:uuid:00000000-0000-4000-8000-000000000001"
	for _, tc := range []struct {
		name  string
		wants bool
		given string
		takes bool
	}{
		{"is used in dialogs where it is wanted", true, good, true},
		{"is not asked for otherwise, nor taken", false, good, false},
		{"of somebody else is not taken", true, "sip:mallory@example.test;gr=x", false},
		{"of another domain is not taken", true, "sip:alice@evil.test;gr=x", false},
		{"without gr is none", true, "sip:alice@example.test", false},
		{"of another scheme is not taken", true, "tel:+15551234", false},
		{"that is no URI is not taken", true, "<>;", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRegistrar()
			r.list = func(contacts []string) []string {
				return []string{contacts[0] + `;pub-gruu="` + tc.given + `"`}
			}
			p := newPeer(t, locate.UDP)
			asked := make(chan string, 10)
			p.setAuto(func(m *message) bool { asked <- m.value("Supported"); return r.serve(m) })
			acct := account()
			acct.GRUU = tc.wants
			ph := open(t, acct, p.server())
			got, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
			if err != nil || !got.Listed {
				t.Fatal(got, err)
			}
			if s := <-asked; strings.Contains(s, "gruu") != tc.wants || !strings.Contains(s, "outbound, path") {
				t.Errorf("Supported: %s", s)
			}
			if c := contactInDialog(ph); (c == "<"+good+">") != tc.takes || !tc.takes && c != "<"+got.Contact+">" {
				t.Error(c)
			}
			if got.Contact != ph.st.Contact(ph.acct) || strings.Contains(got.Contact, "gr=") {
				t.Errorf("registered %s", got.Contact)
			}
		})
	}
}

// rewriting is Asterisk with rewrite_contact: every Contact of a request
// becomes its source, so that a removal hits the new binding.
func rewriting(t *testing.T, list map[string]bool) func(m *message) bool {
	return func(m *message) bool {
		if m.Method() != "REGISTER" {
			return false
		}
		for _, c := range m.All("Contact") {
			a, err := wire.ParseAddress(c)
			if err != nil {
				t.Error(err)
			}
			e, _ := a.Param("expires")
			if at := fmt.Sprintf("sip:alice@%v", m.from); e == "0" {
				delete(list, at)
			} else {
				list[at] = true
			}
		}
		var hs []string
		for at := range list {
			hs = append(hs, "Contact: <"+at+">;expires=600")
		}
		m.reply(200, "OK", "reg", "", hs...)
		return true
	}
}

func TestAServerThatRewritesContacts(t *testing.T) {
	p := newPeer(t, locate.UDP)
	list := map[string]bool{}
	p.setAuto(rewriting(t, list))
	first := open(t, account(), p.server())
	reg := NewRegistration(first.acct, first.auth)
	if _, err := reg.Register(ctxOf(t), first.st, RegisterOptions{}); err != nil {
		t.Fatal(err)
	}
	contact := first.st.Contact(first.acct)
	first.close()
	for i, wantMore := range []int{2, 1, 1} { // it learns
		ph := open(t, first.acct, p.server())
		was := p.count("REGISTER")
		got, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{Remove: []string{contact}})
		if err != nil || !got.Listed {
			t.Fatalf("move %d: %+v, %v", i, got, err)
		}
		if n := p.count("REGISTER") - was; n != wantMore {
			t.Errorf("move %d: %d REGISTERs, want %d", i, n, wantMore)
		}
		contact = got.Contact
		ph.close()
	}
}

// TestABindingRewrittenToAnAddressThatNobodyTells: the registrar has us under an
// address that its Via does not name. The only binding of our user with the whole
// time before it is ours; one that has less may be, and its time counts.
func TestABindingRewrittenToAnAddressThatNobodyTells(t *testing.T) {
	const hidden, other = "sip:alice@203.0.113.9:1024", "sip:alice@192.0.2.7"
	for _, tc := range []struct {
		name, header string
		list         []string
		stored       string
		expires      time.Duration
	}{
		{"all the time of the header", "Expires: 120", []string{hidden + ">;expires=120"}, hidden, 2 * time.Minute},
		{"all the time that was asked for", "", []string{hidden + ">;expires=600"}, hidden, 10 * time.Minute},
		{"beside an older one", "", []string{other + ">;expires=77", hidden + ">;expires=600"}, hidden, 10 * time.Minute},
		{"less than anybody said", "", []string{hidden + ">;expires=77"}, "", 77 * time.Second},
		{"two that may be ours", "", []string{other + ">;expires=600", hidden + ">;expires=600"}, "", 10 * time.Minute},
		{"of somebody else", "", []string{"sip:bob@203.0.113.9:1024>;expires=600"}, "", 10 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPeer(t, locate.UDP)
			p.setAuto(func(m *message) bool {
				hs := []string{tc.header}
				if tc.header == "" {
					hs = nil
				}
				for _, c := range tc.list {
					hs = append(hs, "Contact: <"+c)
				}
				m.reply(200, "OK", "reg", "", hs...)
				return m.Method() == "REGISTER"
			})
			ph := open(t, account(), p.server())
			got, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
			if err != nil || got.Stored != tc.stored || got.Expires != tc.expires || got.Listed != (tc.stored != "") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestRemovesWhatTheServerStored: a server that rewrites the first Contact of a
// REGISTER only, as Asterisk does, is asked to remove the binding as it listed it.
func TestRemovesWhatTheServerStored(t *testing.T) {
	p := newPeer(t, locate.TCP)
	list := map[string]bool{}
	p.setAuto(func(m *message) bool {
		var hs []string
		for i, c := range m.All("Contact") {
			a, _ := wire.ParseAddress(c)
			if i == 0 {
				a.URI = fmt.Sprintf("sip:alice@%v;transport=tcp", m.from)
			}
			if e, _ := a.Param("expires"); e == "0" {
				delete(list, a.URI)
			} else {
				list[a.URI] = true
			}
		}
		for at := range list {
			hs = append(hs, "Contact: <"+at+">;expires=600")
		}
		m.reply(200, "OK", "reg", "", hs...)
		return true
	})
	acct := account()
	acct.Transport = locate.TCP
	var reg *Registration
	stored := ""
	for i := range 3 {
		ph := open(t, acct, p.server())
		if reg == nil {
			reg = NewRegistration(ph.acct, ph.auth)
		}
		was := p.count("REGISTER")
		o := RegisterOptions{}
		if stored != "" {
			o.Remove = []string{stored}
		}
		got, err := reg.Register(ctxOf(t), ph.st, o)
		if err != nil || !got.Listed || len(got.Bindings) != 1 || got.Stored == stored || p.count("REGISTER")-was != 1 {
			t.Fatalf("move %d: %+v, %v", i, got, err)
		}
		stored = got.Stored
		ph.close()
	}
	last := open(t, acct, p.server())
	if err := reg.Unregister(ctxOf(t), last.st); err != nil || len(list) != 0 {
		t.Errorf("%v are left, %v", list, err)
	}
}

func TestAnswersWithoutOurBinding(t *testing.T) {
	for _, tc := range []struct {
		name   string
		list   []string
		remove bool
		most   int
	}{
		{"none is listed", nil, false, 1},
		{"another is", []string{"<sip:alice@192.0.2.7>;expires=60"}, false, 1},
		{"none is listed after a removal", nil, true, 2},
		{"another is after a removal", []string{"<sip:alice@192.0.2.7>;expires=60"}, true, 2},
		{"ours is, as removed", []string{"<ours>;expires=0"}, false, 1},
		{"rubbish is", []string{"<mailto:a@b>;expires=60", "<sip:alice@192.0.2.9>;expires=-1"}, true, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRegistrar()
			r.list = func(contacts []string) (list []string) {
				for _, c := range tc.list {
					uri, _, _ := strings.Cut(contacts[0], ";")
					list = append(list, strings.Replace(c, "<ours>", uri, 1))
				}
				return list
			}
			ph, p, reg := registering(t, locate.UDP, r)
			var o RegisterOptions
			if tc.remove {
				o.Remove = []string{"sip:alice@192.0.2.99"}
			}
			got, err := reg.Register(ctxOf(t), ph.st, o)
			if err != nil || got.Listed || got.RefreshIn <= 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			if got.Missing() != (len(got.Bindings) > 0) {
				t.Errorf("missing: %v of %+v", got.Missing(), got.Bindings)
			}
			if n := p.count("REGISTER"); n != tc.most {
				t.Errorf("%d REGISTERs", n)
			}
		})
	}
	t.Run("a server that never lists any is asked once per move", func(t *testing.T) {
		r := newRegistrar()
		r.list = func([]string) []string { return nil }
		ph, p, reg := registering(t, locate.UDP, r)
		for range 2 {
			if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{Remove: []string{"sip:alice@192.0.2.99"}}); err != nil {
			t.Fatal(err)
		}
		if n := p.count("REGISTER"); n != 3 {
			t.Errorf("%d REGISTERs", n)
		}
	})
}

func TestEndless423(t *testing.T) {
	for name, minimum := range map[string]func(n int) string{
		"with the same minimum":      func(int) string { return "1800" },
		"with a greater one each":    func(n int) string { return fmt.Sprint(1800 * (n + 1)) },
		"with an absurd one":         func(int) string { return "4294967295" },
		"with less than was asked":   func(int) string { return "1" },
		"without one":                func(int) string { return "" },
		"with one that is no number": func(int) string { return "soon" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, locate.UDP)
			n := 0
			p.setAuto(func(m *message) bool {
				m.reply(423, "Interval Too Brief", "x", "", "Min-Expires: "+minimum(n))
				n++
				return true
			})
			ph := open(t, account(), p.server())
			reg := NewRegistration(ph.acct, ph.auth)
			_, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{})
			if res, ok := errors.AsType[*ResponseError](err); !ok || res.Code != 423 {
				t.Fatalf("got %v", err)
			}
			if got := p.count("REGISTER"); got > 3 {
				t.Errorf("%d REGISTERs", got)
			}
			if reg.expires > maxExpires || reg.expires < 10*time.Minute {
				t.Errorf("it asks for %v now", reg.expires)
			}
		})
	}
}
