package engine_test

import (
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/sdp"
	"ramble/sip/siptest"
)

// What a dialog tells becomes of a call, where nothing moves.

// inDialog says whether a request is one within a dialog.
func inDialog(req *sipgo.Request) bool {
	_, tagged := req.To().Params.Get("tag")
	return tagged
}

// TestAHoldOfACallThatThePeerForgot: 481 or 408 outside a move says that the
// call is over at the peer (RFC 5057). It is over here too, said so, and a
// redial works.
func TestAHoldOfACallThatThePeerForgot(t *testing.T) {
	for _, code := range []int{481, 408} {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			id := r.call("melody")
			r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
				if req.Method == sipgo.INVITE && inDialog(req) {
					return &siptest.Reply{Code: code}
				}
				return nil
			})
			r.do(phone.HoldCall{Call: id})
			s := r.until("over, with a redial offered", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Ended && c.NeedsRedial
			})
			if c := find(s, id); c.End.Cause != phone.LostToPeer || c.End.Code != code || words.End(c).Text == "" {
				t.Errorf("it ended as %+v: %q", c.End, words.End(c).Text)
			}
			r.world.Registrar.Script(nil)
			again := r.do(phone.Redial{Call: id}).Call
			r.stateIs(again, phone.Up)
		})
	}
}

// TestAReplacementThatIsDeclined: a PBX answers 603 to an INVITE with Replaces
// for a dialog that it takes for over (RFC 3891 3). Nobody declined: the plain
// INVITE follows.
func TestAReplacementThatIsDeclined(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Ring: 4e9}}.run(t, transport)
		id := r.dial("melody")
		r.until("it rings", func(s phone.State) bool { return find(s, id).State >= phone.Ringing })
		declined := 0
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method == sipgo.INVITE && req.GetHeader("Replaces") != nil {
				declined++
				return &siptest.Reply{Code: 603}
			}
			return nil
		})
		r.offline()
		r.online()
		r.stateIs(id, phone.Up)
		r.talks(id, tether().Addr())
		if declined == 0 {
			t.Error("nothing was asked to be replaced")
		}
		if n := len(r.state1().Calls); n != 1 {
			t.Errorf("%d rows, want the same one", n)
		}
	})
}

// TestAnOfferWithoutACodecOfOurs never rings: 488 at once, and a row that says so.
func TestAnOfferWithoutACodecOfOurs(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Peer: func(o *siptest.PeerOptions) {
			o.Codecs = []sdp.Codec{{Name: "G729", ClockRate: 8000, PayloadType: 18}}
		}}}.run(t, transport)
		r.registered()
		if err := r.world.Ring(r.ctx); err == nil || !strings.Contains(err.Error(), "488") {
			t.Errorf("the caller hears %v", err)
		}
		s := r.until("a row", func(s phone.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == phone.Ended })
		if c := s.Calls[0]; c.Code != 488 || c.End.Cause != phone.Unusable || !strings.Contains(words.End(c).Text, "codec") {
			t.Errorf("it ended as %+v: %q", c.End, words.End(c).Text)
		}
	})
}
