package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// bound waits for what the server lists.
func (r *rig) bound(what string, ok func([]siptest.Binding) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := r.world.Registrar.WaitBindings(ctx, demo.User, ok); err != nil {
		r.t.Fatalf("the server never listed %s: %v\n%s", what, err, r.story())
	}
}

// TestARegisterThatComesLate: the slow network's REGISTER reaches the server after
// that of the network that took over, and binds an address that is gone. The
// next look at what the server lists takes it away.
func TestARegisterThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // over TCP what is late has no connection any more
		// A server that asks for no password does not see that the request is an old one.
		open := demo.Options{Server: func(o *siptest.Options) { o.Users[demo.User] = "" }}
		r := script{world: open}.run(t, locate.UDP)
		r.registered()
		r.world.Net.NetworkDelay("tethering", 400*time.Millisecond)
		r.walk()
		r.pass(20 * time.Millisecond) // the REGISTER is under way
		r.world.Phone.Unplug("usb0")
		r.world.Phone.Plug("wlan0", "cafe", home())
		r.done()
		oneBinding(t, r, home().Addr())
		r.bound("what came late", func(list []siptest.Binding) bool { return len(list) == 2 })
		asked := r.world.Registrar.Count("REGISTER")
		r.do(phone.Register{})
		r.pass(time.Second)
		oneBinding(t, r, home().Addr())
		r.pass(time.Minute)
		if n := r.world.Registrar.Count("REGISTER") - asked; n != 2 {
			t.Errorf("%d REGISTERs", n)
		}
	})
}

// TestNothingIsLeftAtTheEnd: a phone that is closed while a roam's REGISTER is
// unanswered leaves no binding, neither that one nor the one before.
func TestNothingIsLeftAtTheEnd(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{}.run(t, transport)
		r.registered()
		r.walk()
		r.bound("the new address", func([]siptest.Binding) bool { return r.bindings(tether().Addr()) == 1 })
		r.world.Phone.Unplug("usb0") // the 2xx finds nobody
		r.world.Phone.Plug("wlan0", "cafe", home())
		r.do(phone.Unregister{})
		r.bound("nothing", func(list []siptest.Binding) bool { return len(list) == 0 })
		r.pass(time.Minute)
		if list := r.world.Registrar.Bindings(demo.User); len(list) != 0 {
			t.Errorf("left: %+v", list)
		}
	})
}
