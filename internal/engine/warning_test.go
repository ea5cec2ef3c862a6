package engine_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// lists has the phone's next REGISTERs answered 200 with these contacts and no
// others, up to the last of a number. It returns their count.
func (r *rig) lists(last int, contacts ...string) *atomic.Int32 {
	asked := &atomic.Int32{}
	r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
		if req.Method != sipgo.REGISTER || req.To().Address.User != demo.User || int(asked.Add(1)) > last {
			return nil
		}
		ok := &siptest.Reply{Code: 200, Headers: []sipgo.Header{sipgo.NewHeader("Expires", "600")}}
		for _, c := range contacts {
			ok.Headers = append(ok.Headers, sipgo.NewHeader("Contact", c))
		}
		return ok
	})
	return asked
}

// words are the notices of a level that contain a text.
func (r *rig) words(level phone.Level, text string) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.notices {
		if s, ok := n.What.(phone.Said); ok && s.Level == level {
			if said, hint := words.News(s.News); strings.Contains(said, text) {
				all = append(all, said+": "+hint)
			}
		}
	}
	return all
}

// TestARegistrarThatDoesNotListUs: it is said once and shown for as long as it
// is so, and asked again a few times at most.
func TestARegistrarThatDoesNotListUs(t *testing.T) {
	const another = "<sip:somebody@192.0.2.7>;expires=600"
	const halfHour = 30*time.Minute + time.Minute // refreshes are after nine minutes
	t.Run("but others", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			r.registered()
			asked := r.lists(100, another)
			r.do(phone.Register{})
			r.until("it is shown", func(s phone.State) bool {
				a := s.Accounts[0]
				return a.State == phone.Registered && a.Warnings.Unlisted
			})
			r.pass(halfHour)
			if n := asked.Load(); n != 1+3+3 {
				t.Errorf("%d REGISTERs, want one, three tries and three refreshes\n%s", n, r.story())
			}
			if w := r.words(phone.Warn, "does not list this phone"); len(w) != 1 || !strings.Contains(w[0], "incoming calls may not arrive: call yourself") {
				t.Errorf("said %q", w)
			}
			r.world.Registrar.Script(nil)
			r.do(phone.Register{})
			r.until("it is over", func(s phone.State) bool { return s.Accounts[0].Warnings == phone.Warnings{} })
			r.pass(time.Second)
			if n := len(r.words(phone.Info, "lists this phone now")); n != 1 {
				t.Errorf("its end was said %d times\n%s", n, r.story())
			}
			oneBinding(t, r, home().Addr())
		})
	})
	t.Run("as removed", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			r.registered()
			contact := strings.Trim(r.state1().Accounts[0].Contact, "<>")
			r.lists(100, "<"+contact+">;expires=0")
			r.do(phone.Register{})
			r.until("it is shown", func(s phone.State) bool { return s.Accounts[0].Warnings.Unlisted })
		})
	})
	t.Run("nor anybody", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			r.registered()
			asked := r.lists(100)
			r.do(phone.Register{})
			r.pass(halfHour)
			if n := asked.Load(); n != 1+3 {
				t.Errorf("%d REGISTERs, want one and three refreshes\n%s", n, r.story())
			}
			if n := len(r.words(phone.Info, "without listing it")); n != 1 || r.state1().Accounts[0].Warnings.Unlisted {
				t.Errorf("said %d times; %+v", n, r.state1().Accounts[0])
			}
		})
	})
	t.Run("when the old binding is removed in a roam", func(t *testing.T) {
		bubbles(t, func(t *testing.T, transport locate.Transport) {
			r := script{}.run(t, transport)
			id := r.call("melody")
			asked := r.lists(2, another) // with the removal, and added again
			r.walk()
			last := r.done()
			r.stateAfter(10*time.Second, "listed", func(s phone.State) bool {
				return asked.Load() > 2 && s.Accounts[0].Warnings == phone.Warnings{} && s.Accounts[0].State == phone.Registered
			})
			told := false
			for _, s := range last.Steps {
				told = told || s.Name == "register" && !s.OK && strings.Contains(words.Step(s), "this phone is not listed")
			}
			if !told {
				t.Errorf("not in the timeline\n%s", r.story())
			}
			r.talks(id, tether().Addr())
			if n := r.bindings(tether().Addr()); n != 1 {
				t.Errorf("%d bindings", n)
			}
			hangUp(t, r, id, true)
		})
	})
}

// TestARegistrarThatIsNeverContent answers 423 to every REGISTER and wants more
// each time. That is asked ever more rarely, and said in words.
func TestARegistrarThatIsNeverContent(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		r.registered()
		var asked atomic.Int32
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method != sipgo.REGISTER || req.To().Address.User != demo.User {
				return nil
			}
			wants := fmt.Sprint(3600 + 60*asked.Add(1))
			return &siptest.Reply{Code: 423, Headers: []sipgo.Header{sipgo.NewHeader("Min-Expires", wants)}}
		})
		r.do(phone.Register{})
		a := r.until("it is said", func(s phone.State) bool { return s.Accounts[0].State == phone.RegistrationFailed }).Accounts[0]
		if why, hint := words.Registration(a); a.Code != 423 || !strings.Contains(why, "wants longer registrations") || hint == "" {
			t.Errorf("%+v", a)
		}
		r.pass(10 * time.Minute)
		// Waits of half to all of 1, 2, 4, 8, 16 and then 30 s, with three REGISTERs each.
		if n := asked.Load(); n > 3*(6+600/15) {
			t.Errorf("%d REGISTERs", n)
		}
		r.world.Registrar.Script(nil)
		r.stateAfter(time.Minute, "registered again", func(s phone.State) bool { return s.Accounts[0].State == phone.Registered })
		oneBinding(t, r, home().Addr())
	})
}

// TestAWeakerLoginIsShown where the account is, for as long as it is so: MD5 after
// SHA-256. MD5 beside it is none.
func TestAWeakerLoginIsShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		r.registered()
		if a := r.state1().Accounts[0]; a.Warnings.WeakerLogin || a.Warnings.Unlisted || a.Warnings.Unverified {
			t.Errorf("warned of %+v", a.Warnings)
		}
		md5 := func(alone bool) {
			r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
				if req.Method != sipgo.REGISTER || !alone || req.GetHeader("Authorization") != nil && strings.Contains(req.GetHeader("Authorization").Value(), "weak") {
					return nil
				}
				return &siptest.Reply{Code: 401, Headers: []sipgo.Header{sipgo.NewHeader("WWW-Authenticate", `Digest realm="`+demo.Domain+`", nonce="weak", algorithm=MD5`)}}
			})
		}
		md5(true)
		r.do(phone.Register{})
		r.until("it is shown", func(s phone.State) bool { return s.Accounts[0].Warnings.WeakerLogin })
		md5(false)
		r.do(phone.Register{})
		r.until("it is shown no longer", func(s phone.State) bool { return s.Accounts[0].Warnings == phone.Warnings{} })
	})
}

// TestAGrantThatIsTooShort: a registrar that grants a second is asked every five, and
// why calls may not arrive is shown for as long as it is so.
func TestAGrantThatIsTooShort(t *testing.T) {
	world := demo.Options{Server: func(o *siptest.Options) { o.Quirks.MaxExpires = time.Second }}
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: world}.run(t, transport)
		r.registered()
		const shown = "lists this phone for 1 s at a time and is asked every 5 s: calls may not arrive in between"
		if got := words.Warnings(r.state1().Accounts[0].Warnings); !strings.HasSuffix(got, shown) {
			t.Errorf("shown: %q", got)
		}
		asked := r.lists(0)
		r.pass(time.Minute)
		if n := asked.Load(); n < 11 || n > 26 { // perhaps challenged each time
			t.Errorf("%d REGISTERs in a minute", n)
		}
		if a := r.state1().Accounts[0]; a.State == phone.Registered && a.Warnings.Granted != time.Second {
			t.Errorf("a minute later: %+v", a.Warnings)
		}
	})
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Server: func(o *siptest.Options) { o.Quirks.MaxExpires = 20 * time.Second }}}.run(t, transport)
		r.registered()
		if w := r.state1().Accounts[0].Warnings; w != (phone.Warnings{}) {
			t.Errorf("20 s are long enough, and it is said: %s", words.Warnings(w))
		}
	})
}
