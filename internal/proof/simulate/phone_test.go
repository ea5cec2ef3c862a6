package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ramble/audio/desk"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/internal/proof/soak"
	"ramble/netwatch"
	"ramble/netwatch/netwatchtest"
	"ramble/sip"
	"ramble/sip/locate"
)

// expires is short, so that bindings that nobody renews are gone within a calm.
const expires = 10 * time.Minute

type lockedDice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (d *lockedDice) Float64() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.Float64()
}

// place is where a phone is plugged in.
type place struct {
	iface, network string
	addr           netip.Prefix
}

// handset is a phone of ours: the real engine on a host of its own.
type handset struct {
	w      *world
	n      int
	line   Line
	host   *netwatchtest.Host
	e      *engine.Engine
	at     place  // where it is, or was before it went offline
	before string // interface that is still plugged in beside it
	moves  int
	offAt  time.Time     // zero: it has a network
	away   time.Duration // longest time without a network in this episode
	rough  bool          // this episode's network or server did more than move
	shaken bool          // something at all happened to its network or server

	mu     sync.Mutex
	state  phone.State
	gaps   []time.Duration // of roams that ended well, since the last calm
	digits map[rune]int    // heard
	sent   map[rune]int
}

func (w *world) phone(n int, l Line) *handset {
	h := &handset{w: w, n: n, line: l, host: w.net.Host(l.Phone), digits: map[rune]int{}, sent: map[rune]int{}}
	for _, other := range []string{"server", "talker", "grump"} {
		w.net.Delay(l.Phone, other, l.Delay)
	}
	h.plug(h.next("wlan0"))
	var sockets engine.Sockets = rough{h.host, &lockedDice{r: rand.New(rand.NewPCG(w.script.Seed, uint64(n)))}, l}
	transport := map[string]locate.Transport{"udp": locate.UDP, "tcp": locate.TCP, "tls": locate.TLS}[l.Transport]
	if w.serve.TLS != nil && transport == locate.TCP {
		transport = locate.TLS
	}
	h.e = engine.New(engine.Parts{
		Accounts: []engine.Account{{
			Name: l.Phone, Enabled: true, Register: true, Codecs: []string{"pcmu"},
			SIP: sip.Account{
				AOR:        sip.URI{Scheme: "sip", User: l.Phone, Host: realm},
				Registrar:  sip.URI{Scheme: "sip", Host: realm, Port: serverAddr().Port()},
				Password:   func() (string, error) { return "secret", nil },
				Transport:  transport,
				TLS:        locate.TLSPolicy{Roots: w.roots},
				InstanceID: fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", n),
				Expires:    expires,
			},
			Policy: roam.Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true},
		}},
		Network: netwatch.Options{Source: h.host, Router: h.host, Hints: []netwatch.Hinter{h.host}},
		Sockets: sockets, Lookup: names{}, Desk: desk.New(desk.Options{}), Habits: engine.Habits{KeepAlive: 30 * time.Second},
	})
	updates := h.e.Subscribe()
	w.all.Go(func() { _ = h.e.Run(w.ctx) })
	w.all.Go(func() {
		for u := range updates {
			h.hear(u)
		}
	})
	return h
}

// names is the DNS of the world.
type names struct{}

func (names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{serverAddr().Addr()}, nil
}
func (names) LookupSRV(context.Context, string) ([]locate.SRV, error)     { return nil, nil }
func (names) LookupNAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }

func (h *handset) hear(u phone.Update) {
	h.mu.Lock()
	h.state = u.State
	h.mu.Unlock()
	for _, n := range u.Notices {
		switch x := n.What.(type) {
		case phone.CallChanged:
			h.w.tell("%s call %d %s %s, held by %s, %d %s", h.line.Phone, x.Call.ID, x.Call.Peer, x.Call.State, x.Call.Held, x.Call.Code, words.End(x.Call).Text)
		case phone.RegistrationChanged:
			h.w.tell("%s %s %s %s", h.line.Phone, x.Account.State, x.Account.Contact, words.Fault(x.Account.Fault))
		case phone.RoamChanged:
			h.roamed(x)
		case phone.DigitHeard:
			h.mu.Lock()
			h.digits[x.Digit]++
			h.mu.Unlock()
		case phone.Said:
			h.w.tell("%s says %s", h.line.Phone, words.Line(words.News(x.News)))
		}
	}
}

func (h *handset) roamed(x phone.RoamChanged) {
	if x.Step != nil {
		h.w.tell("%s roam %d %s %s", h.line.Phone, x.Roam.ID, x.Step.Name, words.Step(*x.Step))
		return
	}
	h.w.tell("%s roam %d %s %s", h.line.Phone, x.Roam.ID, x.Roam.Phase, words.Facts(x.Roam.Failures))
	if x.Roam.Phase != phone.RoamDone {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range x.Roam.Calls {
		if c.Measured {
			h.gaps = append(h.gaps, c.GapIn, c.GapOut)
		}
	}
}

func (h *handset) now() phone.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// calls are those that have not ended and are as wanted.
func (h *handset) calls(ok func(phone.Call) bool) (list []phone.Call) {
	for _, c := range h.now().Calls {
		if c.State != phone.Ended && ok(c) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b phone.Call) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (h *handset) live() []phone.Call { return h.calls(func(phone.Call) bool { return true }) }

// nth is one of the calls; 0 where there is none.
func nth(list []phone.Call, arg string) phone.CallID {
	n, _ := strconv.Atoi(arg)
	if len(list) == 0 {
		return 0
	}
	return list[n%len(list)].ID
}

func up(c phone.Call) bool      { return c.State == phone.Up }
func ringing(c phone.Call) bool { return c.State == phone.Ringing && c.Direction == phone.Incoming }
func alive(phone.Call) bool     { return true }

// command gives one; a refusal is an answer like another.
func (h *handset) command(c phone.Command) error {
	_, err := h.e.Do(h.w.ctx, c)
	if _, refused := errors.AsType[*phone.Error](err); refused {
		return nil
	}
	return err
}

// with gives a command about a call, where there is such a call.
func (h *handset) with(ok func(phone.Call) bool, arg string, c func(phone.CallID) phone.Command) error {
	if id := nth(h.calls(ok), arg); id != 0 {
		return h.command(c(id))
	}
	return nil
}

// do is a step of a phone's; false: it knows no such verb.
func (h *handset) do(s Step) (known bool) {
	switch s.Verb {
	case "dial":
		h.dial(s.Arg)
	case "answer":
		_ = h.with(ringing, s.Arg, func(id phone.CallID) phone.Command { return phone.Answer{Call: id} })
	case "decline":
		_ = h.with(ringing, s.Arg, func(id phone.CallID) phone.Command { return phone.Decline{Call: id} })
	case "hangup":
		_ = h.with(alive, s.Arg, func(id phone.CallID) phone.Command { return phone.Hangup{Call: id} })
	case "hold":
		_ = h.with(up, s.Arg, func(id phone.CallID) phone.Command { return phone.HoldCall{Call: id} })
	case "resume":
		_ = h.with(up, s.Arg, func(id phone.CallID) phone.Command { return phone.ResumeCall{Call: id} })
	case "refresh":
		_ = h.with(up, s.Arg, func(id phone.CallID) phone.Command { return phone.Refresh{Call: id} })
	case "digits":
		call, digits, _ := strings.Cut(s.Arg, " ")
		_ = h.with(up, call, func(id phone.CallID) phone.Command {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, d := range digits {
				h.sent[d]++
			}
			return phone.SendDTMF{Call: id, Digits: digits}
		})
	case "register":
		_ = h.command(phone.Register{})
	case "sign":
		_ = h.command(phone.NetworkSign{})
	case "restart":
		h.shaken = true
		_ = h.command(phone.Restart{})
	case "swap":
		_ = h.command(phone.Swap{})
	default:
		return h.network(s)
	}
	return true
}

func (h *handset) dial(arg string) {
	to, how, _ := strings.Cut(arg, " ")
	switch to {
	case "talker":
		h.w.talker.Expect(h.line.Phone, map[string]soak.Order{"answer": soak.Answer, "ring": soak.Ring, "early": soak.Early}[how])
	case "grump":
		h.w.mu.Lock()
		h.w.code, _ = strconv.Atoi(how)
		h.w.mu.Unlock()
	}
	h.w.figures.Calls++
	_ = h.command(phone.Dial{Target: "sip:" + to + "@" + realm})
}

// network is a step of a phone's network.
func (h *handset) network(s Step) (known bool) {
	h.shaken = true
	h.w.figures.Moves++
	switch s.Verb {
	case "offline":
		h.offline()
	case "plug":
		old := h.at.iface
		h.plug(h.next(map[string]string{"wlan0": "usb0", "usb0": "wlan0"}[old]))
		h.before = old
	case "cut":
		if h.before != "" && h.before != h.at.iface {
			h.host.Unplug(h.before)
		}
	case "back":
		h.plug(h.at)
	case "renumber":
		to := h.next(h.at.iface)
		to.network = h.at.network
		h.plug(to)
	case "elsewhere":
		to := h.next(h.at.iface)
		to.addr = h.at.addr
		h.host.Unplug(h.at.iface)
		h.plug(to)
	case "stall":
		h.rough = true
		h.w.net.Stall(h.at.network)
	case "flow":
		h.w.net.Flow(h.at.network)
	case "loss":
		h.rough = true
		p, _ := strconv.ParseFloat(s.Arg, 64)
		h.w.net.Loss(h.at.network, p)
	default:
		return false
	}
	return true
}

func (h *handset) next(iface string) place {
	h.moves++
	addr := netip.AddrFrom4([4]byte{10, byte(h.n), byte(h.moves), 23})
	return place{iface, fmt.Sprintf("%s of %s, %d", iface, h.line.Phone, h.moves), netip.PrefixFrom(addr, 24)}
}

func (h *handset) plug(p place) {
	if !h.offAt.IsZero() {
		h.away = max(h.away, time.Since(h.offAt))
		h.offAt = time.Time{}
	}
	h.at = p
	h.host.Plug(p.iface, p.network, p.addr)
}

func (h *handset) offline() {
	h.host.Unplug("wlan0")
	h.host.Unplug("usb0")
	if h.offAt.IsZero() {
		h.offAt = time.Now()
	}
}

// mend gives a phone a network without faults.
func (h *handset) mend() {
	h.w.net.Flow(h.at.network)
	h.w.net.Loss(h.at.network, 0)
	if !h.offAt.IsZero() {
		h.plug(h.next(h.at.iface))
	}
	for _, iface := range []string{"wlan0", "usb0"} {
		if iface != h.at.iface {
			h.host.Unplug(iface)
		}
	}
}
