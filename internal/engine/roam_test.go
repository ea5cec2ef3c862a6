package engine_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/internal/app/demo"
	"ramble/internal/app/voice"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; it is not a measure of anything.
const patience = 20 * time.Second

// rig is the real phone on the demo's internet, with nobody walking.
type rig struct {
	t     testing.TB
	world *demo.World
	e     *engine.Engine
	ctx   context.Context
	ended chan struct{} // closed when Run has returned

	mu      sync.Mutex
	state   phone.State
	notices []phone.Notice
	news    chan struct{}
}

func newRig(t testing.TB, transport locate.Transport) *rig {
	t.Helper()
	return newRigIn(t, transport, 0, demo.Options{})
}

// newRigIn is newRig with the settling of a flapping network (0: as the phone has
// it) and the world's options.
func newRigIn(t testing.TB, transport locate.Transport, settle time.Duration, o demo.Options) *rig {
	t.Helper()
	return newRigWith(t, transport, settle, o, func(*engine.Parts) {})
}

// newRigWith is newRigIn with a last word on the engine's parts.
func newRigWith(t testing.TB, transport locate.Transport, settle time.Duration, o demo.Options, change func(*engine.Parts)) *rig {
	t.Helper()
	r, all := newRigAlone(t, o)
	r.start(all, r.world.Phone, demo.User, transport, settle, change)
	return r
}

// newRigAlone is a world whose phone is not there yet. What the phone asks in its
// first moment must be there before it starts.
func newRigAlone(t testing.TB, o demo.Options) (*rig, *sync.WaitGroup) {
	t.Helper()
	o.Manual = true
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{t: t, ctx: ctx, world: demo.New(o), news: make(chan struct{}, 1)}
	all := &sync.WaitGroup{}
	all.Go(func() { _ = r.world.Run(ctx) })
	if err := r.world.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	return r, all
}

// start runs the phone of a user of the world's on a host.
func (r *rig) start(all *sync.WaitGroup, host *netwatchtest.Host, user string, transport locate.Transport, settle time.Duration, change func(*engine.Parts)) {
	r.t.Helper()
	dev, err := device.Open("loop")
	if err != nil {
		r.t.Fatal(err)
	}
	p := engine.Parts{
		Accounts: []engine.Account{{
			Name: "demo", Enabled: true, Register: true, Codecs: []string{"pcmu", "pcma"},
			SIP: sip.Account{
				AOR:        sip.URI{Scheme: "sip", User: user, Host: demo.Domain},
				Registrar:  sip.URI{Scheme: "sip", Host: r.world.Server().Addr().String(), Port: r.world.Server().Port()},
				Password:   func() (string, error) { return demo.Password, nil },
				Transport:  transport,
				InstanceID: "urn:uuid:00000000-0000-4000-8000-000000000001",
				Expires:    time.Hour,
			},
			Policy: roam.Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true},
		}},
		Network: netwatch.Options{Source: host, Router: host, Hints: []netwatch.Hinter{host}, Settle: settle},
		Sockets: host,
		Desk:    desk.New(desk.Options{Device: dev}),
		Habits:  engine.Habits{Tones: true},
	}
	change(&p)
	r.e = engine.New(p)
	updates := r.e.Subscribe()
	r.ended = make(chan struct{})
	all.Go(func() { defer close(r.ended); _ = r.e.Run(r.ctx) })
	all.Go(func() { r.follow(updates) })
}

// follow keeps what the phone tells.
func (r *rig) follow(updates <-chan phone.Update) {
	for u := range updates {
		r.mu.Lock()
		r.state = u.State
		r.notices = append(r.notices, u.Notices...)
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// until waits for the state to be as wanted.
func (r *rig) until(what string, ok func(phone.State) bool) phone.State {
	r.t.Helper()
	late := time.After(patience)
	for {
		r.mu.Lock()
		s := r.state
		r.mu.Unlock()
		if ok(s) {
			return s
		}
		select {
		case <-r.news:
		case <-late:
			r.t.Fatalf("waited %s for: %s\nstate: %+v\n%s", patience, what, s, r.story())
		}
	}
}

// story is what happened, for a failing test.
func (r *rig) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := ""
	for _, n := range r.notices {
		switch w := n.What.(type) {
		case phone.RoamChanged:
			if w.Step != nil {
				out += n.At.Format("05.000 ") + "step " + string(w.Step.Name) + " " + words.Step(*w.Step) + "\n"
			} else {
				out += n.At.Format("05.000 ") + "roam " + w.Roam.Phase.String() + " " + words.RoamFailure(w.Roam) + "\n"
			}
		case phone.CallChanged:
			out += n.At.Format("05.000 ") + "call " + w.Call.State.String() + " " + words.End(w.Call).Text + "\n"
		case phone.RegistrationChanged:
			out += n.At.Format("05.000 ") + "registration " + w.Account.State.String() + " " + words.Fault(w.Account.Fault) + "\n"
		case phone.Said:
			out += n.At.Format("05.000 ") + words.Line(words.News(w.News)) + "\n"
		}
	}
	return out
}

func (r *rig) do(c phone.Command) phone.Reply {
	r.t.Helper()
	reply, err := r.e.Do(r.ctx, c)
	if err != nil {
		r.t.Fatalf("%T: %v", c, err)
	}
	return reply
}

func (r *rig) registered() {
	r.t.Helper()
	r.until("registered", func(s phone.State) bool {
		return len(s.Accounts) == 1 && s.Accounts[0].State == phone.Registered
	})
}

// call dials and waits until sound flows both ways.
func (r *rig) call(target string) phone.CallID {
	r.t.Helper()
	r.registered()
	id := r.do(phone.Dial{Target: target}).Call
	r.until("the call is up with sound", func(s phone.State) bool {
		c := find(s, id)
		return c.State == phone.Up && c.Media.RxPackets > 10 && c.Media.TxPackets > 10
	})
	return id
}

func find(s phone.State, id phone.CallID) phone.Call {
	for _, c := range s.Calls {
		if c.ID == id {
			return c
		}
	}
	return phone.Call{}
}

// roamed waits for the newest roam to end and returns it.
func (r *rig) roamed(n int) phone.Roam {
	r.t.Helper()
	s := r.until("the roam is over", func(s phone.State) bool {
		return len(s.Roams) > 0 && int(s.Roams[len(s.Roams)-1].ID) >= n && s.Roams[len(s.Roams)-1].Phase != phone.RoamStarted
	})
	return s.Roams[len(s.Roams)-1]
}

// variant is one way for the network to move.
type variant struct {
	name string
	move func(w *demo.World, wait func(time.Duration))
	to   netip.Addr
	gap  time.Duration // nothing carried anything for that long
}

func variants() []variant {
	home := netip.MustParsePrefix("192.168.1.23/24")
	tether := netip.MustParsePrefix("172.20.10.4/28")
	return []variant{
		{"another uplink at once", func(w *demo.World, _ func(time.Duration)) {
			w.Phone.Unplug("wlan0")
			w.Phone.Plug("usb0", "tethering", tether)
		}, tether.Addr(), 0},
		{"another uplink after five seconds of nothing", func(w *demo.World, wait func(time.Duration)) {
			w.Phone.Unplug("wlan0")
			wait(5 * time.Second)
			w.Phone.Plug("usb0", "tethering", tether)
		}, tether.Addr(), 5 * time.Second},
		{"the same address on another network", func(w *demo.World, _ func(time.Duration)) {
			w.Phone.Unplug("wlan0")
			w.Phone.Plug("wlan0", "cafe", home)
		}, home.Addr(), 0},
		{"the same address back on the same network", func(w *demo.World, wait func(time.Duration)) {
			w.Phone.Unplug("wlan0")
			wait(time.Second)
			w.Phone.Plug("wlan0", "home", home)
		}, home.Addr(), time.Second},
		{"renumbered by a new lease", func(w *demo.World, _ func(time.Duration)) {
			w.Phone.Plug("wlan0", "home", netip.MustParsePrefix("192.168.1.99/24"))
		}, netip.MustParseAddr("192.168.1.99"), 0},
		{"make before break", func(w *demo.World, wait func(time.Duration)) {
			w.Phone.Plug("usb0", "tethering", tether)
			wait(time.Second)
			w.Phone.Unplug("wlan0")
		}, tether.Addr(), 0},
	}
}

func TestCallSurvives(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP} {
		for _, v := range variants() {
			for _, peerEnds := range []bool{false, true} {
				who := "we hang up"
				if peerEnds {
					who = "they hang up"
				}
				t.Run(transport.String()+"/"+v.name+"/"+who, func(t *testing.T) {
					t.Parallel()
					bubble(t, func(t *testing.T) {
						survives(t, transport, v, peerEnds)
					})
				})
			}
		}
	}
}

func survives(t *testing.T, transport locate.Transport, v variant, peerEnds bool) {
	r := newRig(t, transport)
	id := r.call("melody")
	peer := r.world.Voices()[0]
	peer.Mark()
	v.move(r.world, func(d time.Duration) {
		select {
		case <-time.After(d): // the network's own pace, not a wait for the phone
		case <-r.ctx.Done():
		}
	})
	roam := r.roamed(1)
	if roam.Phase != phone.RoamDone {
		t.Fatalf("the roam %s: %s\n%s", roam.Phase, words.RoamFailure(roam), r.story())
	}
	audioBothWays(t, r, id, peer, v.to)
	agrees(t, roam, peer, v)
	oneBinding(t, r, v.to)
	t.Logf("%s: %s", v.name, words.Step(roam.Steps[len(roam.Steps)-1]))
	hangUp(t, r, id, peerEnds)
}

// audioBothWays: packets go on arriving here, and there from the new address.
func audioBothWays(t testing.TB, r *rig, id phone.CallID, peer *voice.Voice, to netip.Addr) {
	t.Helper()
	before := find(r.state1(), id).Media.RxPackets
	heard := lastHeard(peer).Packets
	r.until("audio in both directions on the new path", func(s phone.State) bool {
		last := lastHeard(peer)
		return find(s, id).Media.RxPackets > before+25 && last.From.Addr() == to && last.Packets > heard+25
	})
}

func (r *rig) state1() phone.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func lastHeard(v *voice.Voice) voice.Heard {
	h := v.Heard()
	if len(h) == 0 {
		return voice.Heard{}
	}
	return h[len(h)-1]
}

// agrees compares the gap that the phone reports with the longest silence that
// the peer counted.
func agrees(t *testing.T, roam phone.Roam, peer *voice.Voice, v variant) {
	t.Helper()
	heard := peer.Heard()
	if len(heard) < 2 {
		t.Fatalf("the peer heard %d sources, want the old and the new: %+v", len(heard), heard)
	}
	if len(roam.Calls) != 1 || !roam.Calls[0].Measured {
		t.Fatalf("the roam measured nothing: %+v", roam)
	}
	// What the peer heard: the time between the two sources. Where the same address
	// comes back, the old socket may say one more word before the new one does,
	// and that ends the silence; then it is the longest of all.
	between := max(heard[len(heard)-1].First.Sub(heard[len(heard)-2].Last), 0)
	longest := peer.Sound().Pause
	off := func(peer time.Duration) time.Duration { return (peer - roam.Calls[0].GapOut).Abs() }
	// A busy machine delays single packets by a few frames at either end.
	if min(off(between), off(longest)) > 200*time.Millisecond {
		t.Errorf("gap out: the phone says %s, the peer counted %s, %s at the longest", roam.Calls[0].GapOut, between, longest)
	}
	if v.gap > 0 && roam.Calls[0].GapIn < v.gap-100*time.Millisecond {
		t.Errorf("gap in %s, but nothing could arrive for %s", roam.Calls[0].GapIn, v.gap)
	}
	t.Logf("gap out %s, counted by the peer %s; gap in %s", roam.Calls[0].GapOut, between, roam.Calls[0].GapIn)
}

func oneBinding(t *testing.T, r *rig, to netip.Addr) {
	t.Helper()
	list := r.world.Registrar.Bindings("sip:" + demo.User + "@" + demo.Domain)
	if len(list) != 1 {
		t.Fatalf("%d bindings left, want one: %+v", len(list), list)
	}
	u, err := sip.ParseURI(list[0].Contact)
	if err != nil || u.Host != to.String() {
		t.Fatalf("the binding is %s, want one at %s", list[0].Contact, to)
	}
}

func hangUp(t *testing.T, r *rig, id phone.CallID, peerEnds bool) {
	t.Helper()
	calls := r.world.Peer("melody").Calls()
	there := calls[len(calls)-1]
	if peerEnds {
		if err := there.Hangup(r.ctx); err != nil {
			t.Fatalf("the peer's BYE: %v", err)
		}
	} else {
		r.do(phone.Hangup{Call: id})
	}
	r.until("ended here", func(s phone.State) bool { return find(s, id).State == phone.Ended })
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if _, err := there.Wait(ctx, func(s siptest.CallState) bool { return s.Phase == siptest.Ended }); err != nil {
		t.Fatalf("the peer never heard of the end: %v", err)
	}
}

// TestACallWithANetworkIsNotShownWithoutOne: from the moment that there is a network
// again nothing says that there is none, also where the repair takes a while.
func TestACallWithANetworkIsNotShownWithoutOne(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{world: demo.Options{Peer: answers(siptest.Reply{Code: 491})}}.run(t, transport)
		id := r.call("melody")
		r.world.Phone.Unplug("wlan0")
		r.until("the call is kept", func(s phone.State) bool { return !find(s, id).KeepUntil.IsZero() })
		r.world.Phone.Plug("wlan0", "home", home())
		r.until("there is a network", func(s phone.State) bool { return s.Accounts[0].State == phone.Registered })
		if c := find(r.state1(), id); !c.KeepUntil.IsZero() || !c.Recovering {
			t.Errorf("kept until %v, recovering %v", c.KeepUntil, c.Recovering)
		}
		r.until("it is repaired", func(s phone.State) bool { return !find(s, id).Recovering })
	})
}
