package engine_test

import (
	"sync/atomic"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// TestQuitRemovesWhatMayBeBound: a refresh that failed leaves the account shown
// as failed, and its binding at the server. Quit takes it away all the same.
func TestQuitRemovesWhatMayBeBound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		r.registered()
		r.bound("one contact", func(b []siptest.Binding) bool { return len(b) == 1 })
		var once atomic.Bool
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method == sipgo.REGISTER && once.CompareAndSwap(false, true) {
				return &siptest.Reply{Code: 500, Reason: "Server Internal Error"}
			}
			return nil
		})
		r.do(phone.Register{})
		r.until("it is shown as failed", func(s phone.State) bool { return s.Accounts[0].State == phone.RegistrationFailed })
		r.quit()
		if b := r.world.Registrar.Bindings("sip:" + demo.User + "@" + demo.Domain); len(b) != 0 {
			t.Errorf("%v is left", b)
		}
	})
}

// TestWhoForgotTheCallMayHaveForgottenUs: 481 to a call is followed by REGISTER
// at once: a server that was restarted knows neither.
func TestWhoForgotTheCallMayHaveForgottenUs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		id := r.call("melody")
		r.world.Registrar.Script(func(req *sipgo.Request) *siptest.Reply {
			if req.Method == sipgo.INVITE || req.Method == sipgo.UPDATE {
				r.world.Registrar.Forget()
				return &siptest.Reply{Code: 481, Reason: "Call/Transaction Does Not Exist"}
			}
			return nil
		})
		r.do(phone.NetworkSign{})
		r.stateIs(id, phone.Ended)
		r.bound("the phone again", func(b []siptest.Binding) bool { return len(b) == 1 })
	})
}
