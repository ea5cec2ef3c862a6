package siptest

import (
	"context"
	"errors"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/sdp"
)

func TestPeer_refuses_as_told(t *testing.T) {
	for _, code := range []int{486, 603, 480} {
		r := startRegistrar(t, Options{})
		alice := startPeer(t, r, PeerOptions{User: "alice"})
		startPeer(t, r, PeerOptions{User: "bob", Script: Script{OnInvite: func(*PeerCall) Decision {
			return Decision{Ring: time.Millisecond, Code: code}
		}}})
		_, err := alice.Call(within(t), "bob")
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("got %v, want %d", err, code)
		}
	}
}

func TestPeer_hears_that_nobody_is_there(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice := startPeer(t, r, PeerOptions{User: "alice"})
	for target, code := range map[string]int{"bob": 480, "nobody": 404} {
		_, err := alice.Call(within(t), target)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestPeer_without_a_codec_in_common_is_refused_with_the_reason(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice := startPeer(t, r, PeerOptions{User: "alice", Codecs: []sdp.Codec{{Name: "G729", ClockRate: 8000}}})
	startPeer(t, r, PeerOptions{User: "bob"})
	_, err := alice.Call(within(t), "bob")
	var refused *Refused
	if !errors.As(err, &refused) || refused.Code != 488 {
		t.Errorf("%v", err)
	}
}

func TestPeer_with_a_wrong_password_is_told_so(t *testing.T) {
	r := startRegistrar(t, Options{})
	p := NewPeer(PeerOptions{User: "alice", Password: "guess", Registrar: r.Addr()})
	var refused *Refused
	if err := p.Run(within(t)); !errors.As(err, &refused) || refused.Code != 401 {
		t.Errorf("%v", err)
	}
	p = NewPeer(PeerOptions{User: "nobody", Password: "x", Registrar: r.Addr()})
	if err := p.Run(within(t)); !errors.As(err, &refused) || refused.Code != 404 {
		t.Errorf("%v", err)
	}
}

func TestPeer_cancels(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		for _, by := range []string{"Hangup", "context"} {
			t.Run(transport.String()+" by "+by, func(t *testing.T) {
				r := startRegistrar(t, Options{})
				ringing := make(chan *PeerCall, 1)
				alice := startPeer(t, r, PeerOptions{User: "alice", Transport: transport})
				startPeer(t, r, PeerOptions{User: "bob", Transport: transport, Script: Script{OnInvite: func(c *PeerCall) Decision {
					ringing <- c
					c.Ring()
					<-c.Done()
					return Decision{}
				}}})
				ctx, cancel := context.WithCancel(within(t))
				a := must[*PeerCall](t)(alice.Dial(ctx, "bob"))
				b := <-ringing
				if _, err := a.Wait(within(t), func(s CallState) bool { return s.Phase == Ringing }); err != nil {
					t.Fatal(err)
				}
				if by == "context" {
					cancel()
				} else if err := a.Hangup(within(t)); err != nil {
					t.Error(err)
				}
				if s, err := b.Wait(within(t), ended); err != nil || s.Code != 487 || !s.ByRemote {
					t.Errorf("bob: %+v %v", s, err)
				}
				if s, err := a.Wait(within(t), ended); err != nil || s.Code != 487 {
					t.Errorf("alice: %+v %v", s, err)
				}
				cancel()
			})
		}
	}
}

func TestPeer_declines_while_it_rings(t *testing.T) {
	r := startRegistrar(t, Options{})
	ringing := make(chan *PeerCall, 1)
	alice := startPeer(t, r, PeerOptions{User: "alice"})
	startPeer(t, r, PeerOptions{User: "bob", Script: Script{OnInvite: func(c *PeerCall) Decision {
		ringing <- c
		<-c.Done()
		return Decision{}
	}}})
	a := must[*PeerCall](t)(alice.Dial(within(t), "bob"))
	if err := (<-ringing).Hangup(within(t)); err != nil {
		t.Error(err)
	}
	if s, err := a.Wait(within(t), ended); err != nil || s.Code != 603 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestPeer_plays_the_stubborn_one_for_repair_tests(t *testing.T) {
	for _, tt := range []struct {
		code int
		over bool // the call is gone afterwards
	}{{488, false}, {491, false}, {503, false}, {481, true}} {
		r := startRegistrar(t, Options{})
		alice := startPeer(t, r, PeerOptions{User: "alice"})
		bob := startPeer(t, r, PeerOptions{User: "bob", Script: Script{OnRequest: func(_ *PeerCall, req *sipgo.Request) *Reply {
			if req.Method == sipgo.INVITE || req.Method == sipgo.UPDATE {
				return &Reply{Code: tt.code, Headers: []sipgo.Header{sipgo.NewHeader("Retry-After", "1")}}
			}
			return nil
		}}})
		a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
		theOther(t, bob)
		err := a.Reinvite(within(t), nil)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != tt.code {
			t.Errorf("%d: %v", tt.code, err)
		}
		if over := a.State().Phase == Ended; over != tt.over {
			t.Errorf("%d: ended %v", tt.code, over)
		}
		if err := a.Hangup(within(t)); err != nil {
			t.Errorf("%d: %v", tt.code, err)
		}
	}
}

func TestPeer_refuses_an_offer_that_does_not_suit_and_goes_on(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice, bob := startPeer(t, r, PeerOptions{User: "alice"}), startPeer(t, r, PeerOptions{User: "bob"})
	a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
	b := theOther(t, bob)
	for code, body := range map[int]string{
		400: "this is no description",
		488: "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 224.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
	} {
		err := a.Reinvite(within(t), []byte(body))
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("want %d, got %v", code, err)
		}
	}
	if err := a.Reinvite(within(t), nil); err != nil || b.State().Refreshes != 1 {
		t.Errorf("%v %+v", err, b.State())
	}
}

func TestPeers_survive_glare(t *testing.T) {
	r := startRegistrar(t, Options{})
	alice, bob := startPeer(t, r, PeerOptions{User: "alice"}), startPeer(t, r, PeerOptions{User: "bob"})
	a := must[*PeerCall](t)(alice.Call(within(t), "bob"))
	b := theOther(t, bob)
	for range 50 {
		errs := make(chan error, 2)
		for _, c := range []*PeerCall{a, b} {
			go func() { errs <- c.Reinvite(within(t), nil) }()
		}
		for range 2 {
			var refused *Refused
			if err := <-errs; err != nil && (!errors.As(err, &refused) || refused.Code != 491) {
				t.Fatal(err)
			}
		}
	}
	if err := a.Reinvite(within(t), nil); err != nil || a.State().Phase != Up || b.State().Phase != Up {
		t.Errorf("after glare: %v", err)
	}
}
