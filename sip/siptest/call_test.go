package siptest

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

func TestPeers_call_each_other_through_the_registrar(t *testing.T) {
	certified, err := Certify("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	secure := Options{Transports: []Transport{UDP, TLS}, TLS: certified.Server}
	for _, tt := range []struct {
		name       string
		alice, bob Transport
		o          Options
	}{
		{"over TLS", TLS, TLS, secure},
		{"from TLS to UDP", TLS, UDP, secure},
		{"over UDP", UDP, UDP, Options{}},
		{"over TCP", TCP, TCP, Options{}},
		{"from UDP to TCP", UDP, TCP, Options{}},
		{"from TCP to UDP", TCP, UDP, Options{}},
		{"with proxy authentication", UDP, UDP, Options{ProxyAuth: true, Algorithms: []string{"SHA-256", "MD5"}}},
		{"with proxy authentication in dialogs too", TCP, TCP, Options{ProxyAuth: true, Quirks: Quirks{AuthInDialog: true}}},
		{"with the proxy staying out of the dialog", UDP, UDP, Options{Quirks: Quirks{NoRecordRoute: true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startRegistrar(t, tt.o)
			mediaA, mediaB := newProbe("127.0.0.1:4000"), newProbe("127.0.0.1:5000")
			client := &tls.Config{RootCAs: certified.Roots, ServerName: "127.0.0.1"}
			alice := startPeer(t, r, PeerOptions{User: "alice", Transport: tt.alice, TLS: client, Media: func(*PeerCall) Media { return mediaA }})
			bob := startPeer(t, r, PeerOptions{User: "bob", Transport: tt.bob, TLS: client, Media: func(*PeerCall) Media { return mediaB }})
			a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
			b := theOther(t, bob)
			if n := mediaA.next(t); n.Remote.RTP != mediaB.at || n.Codec.Name != "PCMU" || n.Direction != sdp.SendRecv {
				t.Errorf("alice hears of %+v", n)
			}
			if n := mediaB.next(t); n.Remote.RTP != mediaA.at || n.EventsSend != 101 {
				t.Errorf("bob hears of %+v", n)
			}
			if err := b.Reinvite(within(t), nil); err != nil {
				t.Errorf("bob's re-INVITE: %v", err)
			}
			if err := a.Update(within(t), nil); err != nil {
				t.Errorf("alice's UPDATE: %v", err)
			}
			if err := b.Hangup(within(t)); err != nil {
				t.Errorf("bob's BYE: %v", err)
			}
			s, err := a.Wait(within(t), ended)
			if err != nil || !s.ByRemote || s.Code != 200 || s.Refreshes != 1 {
				t.Errorf("%+v %v", s, err)
			}
			<-mediaA.closed
			<-mediaB.closed
			if len(alice.Calls())+len(bob.Calls()) != 0 {
				t.Error("calls are left")
			}
		})
	}
}

func TestPeers_keep_talking_when_one_moves(t *testing.T) {
	for _, tt := range []struct {
		name      string
		transport Transport
		quirks    Quirks
	}{
		{"over UDP", UDP, Quirks{}}, {"over TCP", TCP, Quirks{}},
		{"without Record-Route", UDP, Quirks{NoRecordRoute: true}},
		{"over TCP without Record-Route", TCP, Quirks{NoRecordRoute: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startRegistrar(t, Options{Quirks: tt.quirks})
			mediaA, mediaB := newProbe("127.0.0.1:4000"), newProbe("127.0.0.1:5000")
			alice := startPeer(t, r, PeerOptions{User: "alice", Transport: tt.transport, Media: func(*PeerCall) Media { return mediaA }})
			bob := startPeer(t, r, PeerOptions{User: "bob", Transport: tt.transport, Media: func(*PeerCall) Media { return mediaB }})
			a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
			b := theOther(t, bob)
			mediaB.next(t)
			before := b.State()

			mediaA.at = netip.MustParseAddrPort("127.0.0.1:4444")
			if err := alice.Move(within(t), netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
				t.Fatal(err)
			}
			s := b.State()
			if s.Target == before.Target || s.Refreshes != 1 {
				t.Errorf("the target was %s and is %s", before.Target, s.Target)
			}
			if n := mediaB.next(t); n.Remote.RTP != mediaA.at {
				t.Errorf("bob sends to %v", n.Remote)
			}
			if list := r.Bindings("alice"); !strings.Contains(list[0].Contact, alice.Addr().String()) {
				t.Errorf("%+v", list)
			}
			if err := b.Hangup(within(t)); err != nil {
				t.Errorf("bob's BYE after the move: %v", err)
			}
			if s, err := a.Wait(within(t), ended); err != nil || !s.ByRemote {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
}

func TestPeers_both_move(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice := startPeer(t, r, PeerOptions{User: "alice"})
	bob := startPeer(t, r, PeerOptions{User: "bob", Transport: TCP})
	a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
	b := theOther(t, bob)
	for range 3 {
		for _, p := range []*Peer{alice, bob} {
			if err := p.Move(within(t), netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.Hangup(within(t)); err != nil {
		t.Error(err)
	}
	if s, err := b.Wait(within(t), ended); err != nil || s.Refreshes != 3 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestPeers_call_directly(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			alice := startPeer(t, nil, PeerOptions{User: "a", Transport: transport})
			bob := startPeer(t, nil, PeerOptions{User: "b", Transport: transport})
			a := must[*PeerCall](t)(alice.Call(within(t), bob.URI()))
			b := theOther(t, bob)
			if b.RemoteURI() != alice.URI() || a.CallID() != b.CallID() {
				t.Errorf("%s calls, it is %s", b.RemoteURI(), alice.URI())
			}
			if err := a.Hangup(within(t)); err != nil {
				t.Error(err)
			}
			if _, err := b.Wait(within(t), ended); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPeers_hold_and_resume(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice, bob := startPeer(t, r, PeerOptions{User: "alice"}), startPeer(t, r, PeerOptions{User: "bob"})
	a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
	b := theOther(t, bob)
	if err := a.Hold(within(t)); err != nil {
		t.Fatal(err)
	}
	if a.State().Media.Direction != sdp.SendOnly || !b.State().Media.Held || b.State().Media.Direction != sdp.RecvOnly {
		t.Errorf("held: %+v %+v", a.State().Media, b.State().Media)
	}
	if err := a.Resume(within(t)); err != nil {
		t.Fatal(err)
	}
	if b.State().Media.Held || b.State().Media.Direction != sdp.SendRecv {
		t.Errorf("resumed: %+v", b.State().Media)
	}
}

func TestPeer_answers_strangers_by_the_book(t *testing.T) {
	r := startRegistrar(t, Options{})
	startPeer(t, r, PeerOptions{User: "bob"})
	c := dialRaw(t, r, UDP)
	for i, tt := range []struct {
		method string
		code   int
	}{{"OPTIONS", 200}, {"BYE", 481}, {"MESSAGE", 200}, {"SUBSCRIBE", 405}, {"CANCEL", 481}} {
		c.send(c.request(tt.method, "sip:bob@ramble.test", i+1, tt.method))
		if res := c.response(); res.StatusCode != tt.code {
			t.Errorf("%s: %s", tt.method, res)
		}
	}
	bye := c.request("BYE", "sip:bob@ramble.test", 9, "forged")
	c.send(strings.Replace(bye, "To: <sip:bob@ramble.test>", "To: <sip:bob@ramble.test>;tag=guess", 1))
	if res := c.response(); res.StatusCode != 481 {
		t.Errorf("a forged BYE: %s", res)
	}
}

func TestPeer_offers_where_the_INVITE_does_not(t *testing.T) {
	r := startRegistrar(t, Options{})
	media := newProbe("127.0.0.1:5000")
	bob := startPeer(t, r, PeerOptions{User: "bob", Media: func(*PeerCall) Media { return media }})
	c := dialRaw(t, r, UDP)
	contact := "Contact: <sip:alice@" + c.conn.LocalAddr().String() + ">"
	c.send(c.request("INVITE", "sip:bob@ramble.test", 1, "delayed", contact))
	res := c.response()
	for res.StatusCode < 200 {
		res = c.response()
	}
	offer, err := sdp.Parse(res.Body())
	if err != nil || offer.Audio.RTP != media.at {
		t.Fatalf("%s", res)
	}
	l := sdp.NewLocal(netip.MustParseAddr("127.0.0.1"), 1, []sdp.Codec{{Name: "PCMA", ClockRate: 8000}})
	body, _, err := l.Answer(offer, sdp.Transport{RTP: netip.MustParseAddrPort("127.0.0.1:4000")}, sdp.SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	route := "Route: <sip:" + r.Addr().String() + ";lr>"
	ack := c.request("ACK", res.Contact().Address.String(), 1, "delayed-ack", route, "Content-Type: application/sdp", string(body))
	c.send(strings.Replace(ack, "To: <"+res.Contact().Address.String()+">", res.To().String(), 1))
	if n := media.next(t); n.Codec.Name != "PCMA" || n.Remote.RTP.Port() != 4000 {
		t.Errorf("%+v", n)
	}
	theOther(t, bob)
}

func TestPeer_ends_with_its_context_in_the_middle_of_everything(t *testing.T) {
	r := startRegistrar(t, Options{})
	media := newProbe("127.0.0.1:5000")
	bob := startPeer(t, r, PeerOptions{User: "bob", Media: func(*PeerCall) Media { return media }})
	ctx, cancel := context.WithCancel(within(t))
	alice := NewPeer(PeerOptions{User: "alice", Password: "wonder", Registrar: r.Addr()})
	done := make(chan error, 1)
	go func() { done <- alice.Run(ctx) }()
	<-alice.Ready()
	a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
	theOther(t, bob)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-a.Done()
	if _, err := alice.Call(within(t), "bob"); err == nil {
		t.Error("a stopped peer calls")
	}
	if err := alice.Move(within(t), netip.MustParseAddrPort("127.0.0.1:0")); err == nil {
		t.Error("a stopped peer moves")
	}
}

func TestPeer_unregisters(t *testing.T) {
	r := startRegistrar(t, Options{})
	bob := startPeer(t, r, PeerOptions{User: "bob"})
	if err := bob.Unregister(within(t)); err != nil || len(r.Bindings("bob")) != 0 {
		t.Errorf("%v %+v", err, r.Bindings("bob"))
	}
}

// A client behind NAT registers an address that leads nowhere; what is for it
// goes to where it was heard, also inside the dialog.
func TestRegistrar_reaches_a_client_behind_NAT(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			r := startRegistrar(t, Options{})
			bob := startPeer(t, r, PeerOptions{User: "bob"})
			c := dialRaw(t, r, transport)
			c.register(1, "Contact: <sip:alice@192.0.2.77:5060;transport="+strings.ToLower(transport.String())+">")
			a := must[*PeerCall](t)(bob.Dial(within(t), "alice"))
			text := c.read()
			if !strings.HasPrefix(text, "INVITE sip:alice@192.0.2.77:5060") {
				t.Fatalf("%s", text)
			}
			msg, err := sipgo.ParseMessage([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			req := msg.(*sipgo.Request)
			offer, err := sdp.Parse(req.Body())
			if err != nil {
				t.Fatal(err)
			}
			l := sdp.NewLocal(netip.MustParseAddr("192.0.2.77"), 1, []sdp.Codec{{Name: "PCMU", ClockRate: 8000}})
			body, _, _ := l.Answer(offer, sdp.Transport{RTP: netip.MustParseAddrPort("192.0.2.77:4000")}, sdp.SendRecv)
			contact := sipgo.NewHeader("Contact", "<sip:alice@192.0.2.77:5060;transport="+strings.ToLower(transport.String())+">")
			c.send(respond(req, 200, "", "tt", body, contact).String())
			if ack := c.read(); !strings.HasPrefix(ack, "ACK sip:alice@192.0.2.77:5060") {
				t.Errorf("%s", ack)
			}
			hung := make(chan error, 1)
			if _, err := a.Wait(within(t), up); err != nil {
				t.Fatal(err)
			}
			go func() { hung <- a.Hangup(within(t)) }()
			bye, err := sipgo.ParseMessage([]byte(c.read()))
			if err != nil || bye.CSeq().MethodName != sipgo.BYE {
				t.Fatalf("%v %v", bye, err)
			}
			c.send(respond(bye.(*sipgo.Request), 200, "", "", nil).String())
			if err := <-hung; err != nil {
				t.Error(err)
			}
		})
	}
}
