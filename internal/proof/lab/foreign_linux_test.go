package lab

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What other phones' users reported, played with the phones and the proxy that they
// have, where those can be brought to do it; the rest is played by SIPp (TestOdd...).

// foreign is alice, registered at Kamailio, and a baresip.
func foreign(t *testing.T, ctx context.Context, o PeerOptions) (*Lab, *Ramble, *Baresip) {
	t.Helper()
	ramble(t) // is built before the time runs
	l := open(t, Options{})
	k, err := l.Kamailio(ctx, "alice", "bob")
	possible(t, err)
	says, answers := tonesFor(t, l)
	o.User, o.Says = "bob", answers
	b, err := l.Baresip(ctx, o)
	possible(t, err)
	r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Says: says, Account: "allow_from = [\"any\"]"}))
	must[Event](t)(r.Registered(ctx, 0, ""))
	if err := k.AwaitBindings(ctx, "bob", "10.8.0.2"); err != nil {
		t.Fatal(err)
	}
	return l, r, b
}

// TestForeignCodecs: a baresip that has no codec of ours is refused with 488 at once,
// without a ring, and the call is told of.
func TestForeignCodecs(t *testing.T) {
	ctx := within(t, 30*time.Second)
	_, r, b := foreign(t, ctx, PeerOptions{Codecs: "l16/16000/1"})
	if err := b.Do("dial", "sip:alice@"+Domain); err != nil {
		t.Fatal(err)
	}
	e, _, err := b.Expect(ctx, 0, "CALL_CLOSED")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(e.Param, "488") {
		t.Errorf("baresip hears %+v", e)
	}
	ended, _, err := r.CallState(ctx, 0, 0, "ended")
	if err != nil {
		t.Fatal(err)
	}
	if ended.Code != 488 || ended.Reason == "" {
		t.Errorf("told as %s", ended.Line)
	}
	if rang, _, err := r.CallState(expired(), 0, 0, "ringing"); err == nil {
		t.Errorf("it rang: %s", rang.Line)
	}
}

// TestForeignNames: Kamailio and baresip carry a name that is spelt with a joiner, and
// an emoji of several parts.
func TestForeignNames(t *testing.T) {
	for name, want := range map[string]string{
		"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
		"\U0001f468\u200d\U0001f469\u200d\U0001f467":       "\ufffd",
	} {
		t.Run(want, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			_, r, b := foreign(t, ctx, PeerOptions{Name: name})
			if err := b.Do("dial", "sip:alice@"+Domain); err != nil {
				t.Fatal(err)
			}
			e, _, err := r.CallState(ctx, 0, 0, "ringing")
			if err != nil {
				t.Fatal(err)
			}
			var shown struct{ Name string }
			if err := json.Unmarshal([]byte(e.Line), &shown); err != nil || shown.Name != want {
				t.Errorf("%+q, want %+q", shown.Name, want)
			}
		})
	}
}

// TestForeignDigits: baresip and linphonec press keys, in RTP (RFC 4733), and none is
// lost and none heard twice.
func TestForeignDigits(t *testing.T) {
	const keys = "1223#*0"
	heard := func(t *testing.T, ctx context.Context, r *Ramble) {
		t.Helper()
		got, at := "", 0
		for len(got) < len(keys) {
			e, next, err := r.Expect(ctx, at, "a digit", func(e Event) bool { return e.Type == "dtmf" })
			if err != nil {
				t.Fatalf("heard %q: %v", got, err)
			}
			got, at = got+e.Digit, next
		}
		if got != keys {
			t.Errorf("heard %q, want %q", got, keys)
		}
	}
	t.Run("baresip", func(t *testing.T) {
		ctx := within(t, 40*time.Second)
		_, r, b := foreign(t, ctx, PeerOptions{AutoAnswer: true})
		if err := r.call(ctx, "bob"); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if err := b.Do("sndcode", string(key)); err != nil {
				t.Fatal(err)
			}
		}
		heard(t, ctx, r)
	})
	t.Run("linphonec", func(t *testing.T) {
		ctx := within(t, 40*time.Second)
		l := open(t, Options{})
		k, err := l.Kamailio(ctx, "alice", "carol")
		possible(t, err)
		says, answers := tonesFor(t, l)
		x, err := l.Linphone(ctx, PeerOptions{User: "carol", Says: answers, AutoAnswer: true})
		possible(t, err)
		r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Says: says}))
		must[Event](t)(r.Registered(ctx, 0, ""))
		if err := k.AwaitBindings(ctx, "carol", "10.8.0.2"); err != nil {
			t.Fatal(err)
		}
		if err := r.call(ctx, "sip:carol@"+Domain); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if err := x.Say(string(key)); err != nil {
				t.Fatal(err)
			}
			if err := wait(ctx, 400*time.Millisecond); err != nil { // it forgets those that come faster
				t.Fatal(err)
			}
		}
		heard(t, ctx, r)
	})
}

// TestForeignTargets: Kamailio, not SIPp, reads what was dialled. It finds nobody by
// that name and says so, and finds who has an odd one.
func TestForeignTargets(t *testing.T) {
	ctx := within(t, 60*time.Second)
	ramble(t) // is built before the time runs
	l := open(t, Options{})
	const star = "*21*0711"
	k, err := l.Kamailio(ctx, "alice", star)
	possible(t, err)
	says, answers := tonesFor(t, l)
	alice := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Says: says}))
	must[Event](t)(alice.Registered(ctx, 0, ""))
	for _, typed := range []string{`*#9240`, `jürgen`, `１２３`, `"+44 (0)20 7946 0018"`, `tel:+44-20-7946-0018`, `callto:12345`, `sip:100%25@` + Domain} {
		from := alice.Output.Len()
		if _, _, err := alice.Do(ctx, "dial "+typed); err != nil {
			t.Errorf("%s: %v", typed, err)
			continue
		}
		e, _, err := alice.CallState(ctx, from, 0, "ended")
		if err != nil {
			t.Fatal(err)
		}
		if e.Code != 480 {
			t.Errorf("%s: %s", typed, e.Line)
		}
	}
	_, err = l.Baresip(ctx, PeerOptions{User: star, Says: answers, AutoAnswer: true})
	possible(t, err)
	if err := k.AwaitBindings(ctx, star, "10.8.0.2"); err != nil {
		t.Fatal(err)
	}
	if err := alice.call(ctx, star); err != nil {
		t.Fatal(err)
	}
	if err := alice.hangUp(ctx); err != nil {
		t.Error(err)
	}
}

// TestForeignChallenges: Kamailio asks by another realm than its domain, without qop
// and by SHA-256, for REGISTER and INVITE. Its auth-int (5.6) refuses
// what RFC 7616 3.4.3 gives, so that SIPp plays that one (TestOddRegistrars).
func TestForeignChallenges(t *testing.T) {
	for name, challenge := range map[string]Challenge{
		"another realm":        {Realm: "asterisk"},
		"a realm with a blank": {Realm: "Büro, 2. Stock"},
		"no qop":               {QOP: "0"},
		"SHA-256":              {Algorithm: "SHA-256"},
		"SHA-256 without qop":  {Algorithm: "SHA-256", QOP: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			ramble(t)
			l := open(t, Options{})
			k, err := l.KamailioWith(ctx, KamailioOptions{Users: []string{"alice", "bob"}, Challenge: challenge})
			possible(t, err)
			alice, _ := twoOn(t, ctx, l, k, Phone, "udp", "")
			if err := alice.call(ctx, "bob"); err != nil {
				t.Fatal(err)
			}
			if err := alice.hangUp(ctx); err != nil {
				t.Error(err)
			}
			if err := alice.Quit(ctx); err != nil {
				t.Error(err)
			}
			if err := k.AwaitBindings(ctx, "alice"); err != nil {
				t.Error("after quit: ", err)
			}
		})
	}
}
