package wire

import (
	"net/netip"
	"strings"
	"testing"
)

func scanned(t *testing.T, text string) *Message {
	t.Helper()
	m, err := Scan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestServerKey(t *testing.T) {
	old := strings.Replace(request("INVITE"), "z9hG4bK1", "1", 1)
	for name, text := range map[string]string{"new": request("INVITE"), "old": old, "none": strings.Replace(old, ";branch=1", "", 1),
		"bare": strings.Replace(old, "branch=1", "branch=z9hG4bK", 1)} {
		m := scanned(t, text)
		ack := scanned(t, strings.NewReplacer("INVITE", "ACK", "To: <sip:alice@example.test>", "To: <sip:alice@example.test>;tag=ours").Replace(text))
		cancel := scanned(t, strings.ReplaceAll(text, "INVITE", "CANCEL"))
		switch {
		case m.ServerKey("INVITE") != ack.ServerKey("ACK"):
			t.Errorf("%s: the ACK is not the INVITE's", name)
		case m.ServerKey("INVITE") != cancel.ServerKey("INVITE"):
			t.Errorf("%s: the CANCEL does not find its INVITE", name)
		case m.ServerKey("INVITE") == cancel.ServerKey("CANCEL"):
			t.Errorf("%s: the CANCEL is a transaction of its own", name)
		}
		for what, other := range map[string]string{
			"another CSeq":    strings.Replace(text, "CSeq: 1 ", "CSeq: 2 ", 1),
			"another Call-ID": strings.Replace(text, "Call-ID: 1", "Call-ID: 2", 1),
			"another sender":  strings.Replace(text, "192.0.2.7:5060", "192.0.2.8:5060", 1),
		} {
			same := m.ServerKey("INVITE") == scanned(t, other).ServerKey("INVITE")
			if by3261 := name == "new" && what != "another sender"; same != by3261 {
				t.Errorf("%s, %s: %v", name, what, same)
			}
		}
	}
}

func TestRefuseMethod(t *testing.T) {
	for method, code := range map[string]int{"REGISTER": 405, "REFER": 405, "INVITE": 405, "NEWMETHOD": 501, "invite": 501} {
		if f := RefuseMethod(method); f.Code != code || f.Headers[0].Name != "Allow" {
			t.Errorf("%s: %+v", method, f)
		}
	}
}

func TestReply(t *testing.T) {
	from := netip.MustParseAddrPort("198.51.100.7:4444")
	m := scanned(t, strings.Replace(request("OPTIONS"), "Max-Forwards", "Via: SIP/2.0/UDP a;branch=z9hG4bKa\r\nVia: nonsense\r\nMax-Forwards", 1))
	text := string(m.Reply(BadRequest("x"), from, "ours").Bytes())
	for _, want := range []string{"SIP/2.0 400 Bad Request: x\r\n", ";rport=4444", ";received=198.51.100.7", "To: <sip:alice@example.test>;tag=ours\r\n", "Via: SIP/2.0/UDP a;branch=z9hG4bKa\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "nonsense") {
		t.Error(text)
	}
	for via, want := range map[string]string{
		"SIP/2.0/UDP h:9;rport": "198.51.100.7:4444", "SIP/2.0/UDP h:9": "198.51.100.7:9", "SIP/2.0/UDP h": "198.51.100.7:5060",
		"SIP/2.0/UDP [2001:db8::1]:77;branch=x": "198.51.100.7:77",
	} {
		m := &Message{Headers: []Header{{"Via", via}}}
		if got := m.ReplyTo(from).String(); got != want {
			t.Errorf("%s: %s", via, got)
		}
	}
}

func TestTarget(t *testing.T) {
	for in, user := range map[string]string{
		"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com": "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
		"sip:user;par=u%40example.net@example.com": "user;par=u%40example.net", "sip:a:b@c": "a", "sip:c": "", "sip:a@[2001:db8::192.0.2.1]": "a",
	} {
		if u, err := Target(in); err != nil || u.User != user {
			t.Errorf("%q: %+v, %v", in, u, err)
		}
	}
	for _, in := range []string{"sip:user@@@@@elsewhere.example", "sip:a@b?c=d", "sip:@b", "sip::x@b", "sip:a@b:c", "sip:2001:db8::10", "sip:a@[2001:db8:::192.0.2.1]"} {
		if u, err := Target(in); err == nil {
			t.Errorf("%q: %+v", in, u)
		}
	}
	for _, pair := range [][2]string{{"alice", "%61lice"}, {"a%c3%a4", "a%C3%A4"}, {"Alice", "alice"}, {"100%", "100%"}} {
		if !SameUser(pair[0], pair[1]) {
			t.Error(pair)
		}
	}
	if SameUser("alice", "alic") {
		t.Error("alic is not alice")
	}
}
