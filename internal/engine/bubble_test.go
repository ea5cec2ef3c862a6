package engine_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/netwatch/netwatchtest"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// bubble runs a test in a time of its own. It may not make subtests in there.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}

// bubbles runs a test over UDP and TCP in a time of its own: everything is in
// memory, so that half a minute takes as long as the work in it.
func bubbles(t *testing.T, fn func(t *testing.T, transport locate.Transport)) {
	t.Helper()
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		t.Run(transport.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { fn(t, transport) })
		})
	}
}

// script shapes the world and the phone of one test.
type script struct {
	world demo.Options
	phone func(*engine.Parts)
}

func (s script) run(t *testing.T, transport locate.Transport) *rig {
	t.Helper()
	if s.phone == nil {
		s.phone = func(*engine.Parts) {}
	}
	return newRigWith(t, transport, 0, s.world, s.phone)
}

// once is something that happens one time, whoever asks.
type once struct {
	sync.Once
	armed chan struct{} // nil: from the start
}

func (o *once) fire(fn func()) {
	if o.armed != nil {
		select {
		case <-o.armed:
		default:
			return
		}
	}
	o.Do(fn)
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

// offline takes the network away; online brings another one.
func (r *rig) offline() { r.world.Phone.Unplug("wlan0") }
func (r *rig) online()  { r.world.Phone.Plug("usb0", "tethering", tether()) }

func (r *rig) dial(target string) phone.CallID {
	r.t.Helper()
	r.registered()
	return r.do(phone.Dial{Target: target}).Call
}

func (r *rig) stateIs(id phone.CallID, want phone.CallState) phone.Call {
	r.t.Helper()
	return find(r.until("it is "+want.String(), func(s phone.State) bool { return find(s, id).State == want }), id)
}

// talks waits for sound from now on, both ways, from the phone's new address.
func (r *rig) talks(id phone.CallID, to netip.Addr) {
	r.t.Helper()
	voices := r.world.Voices()
	audioBothWays(r.t, r, id, voices[len(voices)-1], to)
}

// done waits for the last roam to end well.
func (r *rig) done() phone.Roam {
	r.t.Helper()
	over := func(s phone.State) bool {
		n := len(s.Roams)
		return n > 0 && s.Roams[n-1].Phase != phone.RoamStarted && !s.Accounts[0].Roaming
	}
	r.stateAfter(2*time.Minute, "the roam is over", over)
	s := r.until("the roam is over", over)
	last := s.Roams[len(s.Roams)-1]
	if last.Phase != phone.RoamDone {
		r.t.Fatalf("the roam %s: %s\n%s", last.Phase, words.RoamFailure(last), r.story())
	}
	return last
}

// stateAfter is until with another patience, for times that only a bubble has.
func (r *rig) stateAfter(limit time.Duration, what string, ok func(phone.State) bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if ok(r.state1()) {
			return
		}
		r.pass(20 * time.Millisecond)
	}
	r.t.Fatalf("waited %s for: %s\n%s", limit, what, r.story())
}

// one is the only call that a peer has.
func (r *rig) one(name string) *siptest.PeerCall {
	r.t.Helper()
	calls := r.world.Peer(name).Calls()
	if len(calls) != 1 {
		r.t.Fatalf("%s has %d calls, want one\n%s", name, len(calls), r.story())
	}
	return calls[0]
}

// friend is a second phone of ours in the same world, with a user of its own.
func (r *rig) friend(transport locate.Transport, change func(*engine.Parts)) (*rig, *netwatchtest.Host) {
	r.t.Helper()
	host := r.world.Net.Host("friend")
	host.Plug("wlan0", "their home", netip.MustParsePrefix("192.168.7.7/24"))
	r.world.Net.Delay("friend", "server", 8*time.Millisecond)
	r.world.Net.Delay("friend", "phone", 12*time.Millisecond)
	r.world.Registrar.SetPassword("friend", demo.Password)
	f := &rig{t: r.t, ctx: r.ctx, world: r.world, news: make(chan struct{}, 1)}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(r.ctx)
	f.ctx = ctx
	f.start(&all, host, "friend", transport, 0, change)
	r.t.Cleanup(func() { cancel(); all.Wait() })
	return f, host
}

func isInviteTo(raw, user string) bool { return strings.HasPrefix(raw, "INVITE sip:"+user+"@") }

func isOKToInvite(raw string) bool {
	return strings.HasPrefix(raw, "SIP/2.0 200") && strings.Contains(raw, " INVITE\r\n")
}
