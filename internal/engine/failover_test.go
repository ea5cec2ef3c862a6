package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/audio/desk"
	"ramble/audio/device"
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

// directory is DNS as a test wants it.
type directory struct {
	mu   sync.Mutex
	srv  []locate.SRV // of _sip._udp, _sip._tcp or _sips._tcp, as service says
	name string
	host map[string][]netip.Addr
}

func (d *directory) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host[host], nil
}

func (d *directory) LookupSRV(_ context.Context, name string) ([]locate.SRV, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == d.name {
		return d.srv, nil
	}
	return nil, nil
}

func (*directory) LookupNAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }

// pair is a phone with two servers of one domain, of which DNS prefers the first.
type pair struct {
	*rig
	net    *netwatchtest.Network
	host   *netwatchtest.Host
	dns    *directory
	first  *siptest.Registrar // nil: nobody listens there
	second *siptest.Registrar
}

type pairOptions struct {
	transport locate.Transport // what DNS offers
	account   locate.Transport
	first     string // address of the first server; "": 203.0.113.1
	alive     bool   // the first one listens
	plugged   bool   // its host is there
	certified siptest.Certified
	unchecked bool
}

const domain = "failover.test"

func newPair(t *testing.T, o pairOptions) *pair {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &pair{net: netwatchtest.New(), dns: &directory{host: map[string][]netip.Addr{}}}
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait(); p.net.Close() })
	addr := func(s, otherwise string) netip.Addr {
		if s == "" {
			s = otherwise
		}
		return netip.MustParseAddr(s)
	}
	serve := func(name string, at netip.Addr, plugged, alive bool) *siptest.Registrar {
		port := uint16(5060)
		p.dns.srv = append(p.dns.srv, locate.SRV{Target: name + "." + domain, Port: port, Priority: uint16(len(p.dns.srv) + 1)})
		p.dns.host[name+"."+domain] = []netip.Addr{at}
		h := p.net.Host(name)
		if !plugged {
			return nil
		}
		bits := 24
		if at.Is6() {
			bits = 64
		}
		h.Plug("eth0", name+"'s network", netip.PrefixFrom(at, bits))
		p.net.Delay("phone", name, 8*time.Millisecond)
		if !alive {
			return nil
		}
		transports := []siptest.Transport{siptest.UDP, siptest.TCP}
		if o.transport == locate.TLS {
			transports[1] = siptest.TLS
		}
		r := siptest.NewRegistrar(siptest.Options{Addr: netip.AddrPortFrom(at, port), Realm: domain, Users: map[string]string{"you": "secret"},
			Transports: transports, TLS: o.certified.Server, Sockets: h})
		all.Go(func() { _ = r.Run(ctx) })
		<-r.Ready()
		return r
	}
	p.dns.name = map[locate.Transport]string{locate.UDP: "_sip._udp.", locate.TCP: "_sip._tcp.", locate.TLS: "_sips._tcp."}[o.transport] + domain
	p.first = serve("one", addr(o.first, "203.0.113.1"), o.plugged, o.alive)
	p.second = serve("two", addr("", "203.0.114.2"), true, true)
	p.host = p.net.Host("phone")
	p.host.Plug("wlan0", "home", netip.MustParsePrefix("192.168.1.23/24"), netip.MustParsePrefix("2001:db8:1::23/64"))
	dev, err := device.Open("null")
	if err != nil {
		t.Fatal(err)
	}
	p.rig = &rig{t: t, ctx: ctx, news: make(chan struct{}, 1)}
	p.e = engine.New(engine.Parts{
		Accounts: []engine.Account{{Name: "you", Enabled: true, Register: true, Codecs: []string{"pcmu"},
			SIP: sip.Account{AOR: sip.URI{Scheme: "sip", User: "you", Host: domain}, Transport: o.account, Expires: time.Hour,
				TLS: locate.TLSPolicy{Roots: o.certified.Roots, Unverified: o.unchecked}, Password: func() (string, error) { return "secret", nil },
				InstanceID: "urn:uuid:00000000-0000-4000-8000-000000000001"},
			Policy: roam.Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true}}},
		Network: netwatch.Options{Source: p.host, Router: p.host, Hints: []netwatch.Hinter{p.host}},
		Sockets: p.host, Lookup: p.dns, Desk: desk.New(desk.Options{Device: dev}),
	})
	updates := p.e.Subscribe()
	all.Go(func() { _ = p.e.Run(ctx) })
	all.Go(func() { p.follow(updates) })
	return p
}

// at waits until the account is registered at a server.
func (p *pair) at(server string) phone.Account {
	p.t.Helper()
	s := p.until("registered at "+server, func(s phone.State) bool {
		return len(s.Accounts) == 1 && s.Accounts[0].State == phone.Registered && s.Accounts[0].Server == server
	})
	return s.Accounts[0]
}

const secondServer = "203.0.114.2:5060"

func TestFailover(t *testing.T) {
	for _, tc := range []struct {
		name  string
		o     pairOptions
		limit time.Duration
	}{
		{"over UDP, where the first server says nothing", pairOptions{transport: locate.UDP, plugged: true}, 8 * time.Second},
		{"over UDP, where the first server is not there", pairOptions{transport: locate.UDP}, 8 * time.Second},
		{"over TCP, where the first server refuses", pairOptions{transport: locate.TCP, plugged: true}, 2 * time.Second},
		{"over TCP, where the first server is not there", pairOptions{transport: locate.TCP}, 8 * time.Second},
		{"over TCP, where the first server has IPv6 alone and is not there", pairOptions{transport: locate.TCP, first: "2001:db8:9::1"}, 8 * time.Second},
		{"over UDP, where the first server has IPv6 alone and says nothing", pairOptions{transport: locate.UDP, first: "2001:db8:9::1", plugged: true}, 8 * time.Second},
	} {
		t.Run("registers at the second server "+tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				start := time.Now()
				tc.o.account = locate.Auto
				p := newPair(t, tc.o)
				a := p.at(secondServer)
				took := time.Since(start)
				t.Logf("%s: %v", tc.name, took.Round(time.Millisecond))
				if took > tc.limit {
					t.Errorf("it took %v\n%s", took, p.story())
				}
				if a.Transport != tc.o.transport.String() {
					t.Errorf("by %s", a.Transport)
				}
			})
		})
	}
	t.Run("registers at the second server when the first says 503, and stays there when the network moves", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			p := newPair(t, pairOptions{transport: locate.UDP, account: locate.Auto, plugged: true, alive: true})
			p.first.Script(func(*sipgo.Request) *siptest.Reply { return &siptest.Reply{Code: 503} })
			start := time.Now()
			if p.at(secondServer); time.Since(start) > 3*time.Second {
				t.Errorf("it took %v\n%s", time.Since(start), p.story())
			}
			t.Logf("after a 503: %v", time.Since(start).Round(time.Millisecond))
			was := p.first.Count("REGISTER")
			p.host.Unplug("wlan0")
			p.host.Plug("usb0", "tether", netip.MustParsePrefix("172.20.10.4/28"))
			p.until("registered from the new address", func(s phone.State) bool {
				a := s.Accounts[0]
				return a.State == phone.Registered && strings.Contains(a.Contact, "172.20.10.4") && a.Server == secondServer
			})
			if n := p.first.Count("REGISTER"); n != was {
				t.Errorf("the first server was asked %d times more", n-was)
			}
		})
	})
	t.Run("goes to the second server when the first one dies under a registration", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			p := newPair(t, pairOptions{transport: locate.TCP, account: locate.TCP, plugged: true, alive: true})
			p.at("203.0.113.1:5060")
			p.first.Script(func(*sipgo.Request) *siptest.Reply { return &siptest.Reply{Silent: true} })
			start := time.Now()
			p.do(phone.Register{})
			p.at(secondServer)
			t.Logf("a server that falls silent: %v", time.Since(start).Round(time.Millisecond))
		})
	})
}

// certify makes a certificate of the bubble's own time.
func certify(t *testing.T, name string) siptest.Certified {
	t.Helper()
	c, err := siptest.Certify(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTLSRoams(t *testing.T) {
	t.Run("resumes its session on a new path, and nothing ever goes out unencrypted", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			p := newPair(t, pairOptions{transport: locate.TLS, account: locate.Auto, plugged: true, alive: true, certified: certify(t, domain)})
			p.at("203.0.113.1:5060")
			p.host.Unplug("wlan0")
			p.host.Plug("usb0", "tether", netip.MustParsePrefix("172.20.10.4/28"))
			r := p.roamed(1)
			opened := ""
			for _, s := range r.Steps {
				if s.Name == phone.StepName("open") {
					opened = fmt.Sprintf("%s %v", words.Step(s), s.Duration.Round(time.Millisecond))
				}
			}
			if r.Phase != phone.RoamDone || !strings.Contains(opened, "TLS 1.3 resumed, connected to 203.0.113.1:5060") {
				t.Errorf("%v %q\n%s", r.Phase, opened, p.story())
			}
			t.Logf("%s; the whole roam %v", opened, r.Total.Round(time.Millisecond))
		})
	})
	t.Run("stays with the encrypted servers when another network's DNS names none", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			p := newPair(t, pairOptions{transport: locate.TLS, account: locate.Auto, plugged: true, alive: true, certified: certify(t, domain)})
			p.at("203.0.113.1:5060")
			p.dns.mu.Lock()
			p.dns.name = "_sip._udp." + domain
			p.dns.mu.Unlock()
			p.host.Unplug("wlan0")
			p.host.Plug("usb0", "tether", netip.MustParsePrefix("172.20.10.4/28"))
			p.until("registered from the new address", func(s phone.State) bool {
				a := s.Accounts[0]
				return a.State == phone.Registered && strings.Contains(a.Contact, "172.20.10.4") && a.Transport == "tls"
			})
			p.told("names no encrypted server")
		})
	})
	t.Run("shows a certificate that is not the domain's, in words, and registers nowhere", func(t *testing.T) {
		t.Parallel()
		bubble(t, func(t *testing.T) {
			p := newPair(t, pairOptions{transport: locate.TLS, account: locate.Auto, plugged: true, alive: true, certified: certify(t, "wifi.hotel.test")})
			s := p.until("the reason is shown", func(s phone.State) bool {
				return len(s.Accounts) == 1 && s.Accounts[0].State == phone.RegistrationFailed
			})
			if why, hint := words.Registration(s.Accounts[0]); !strings.Contains(why, "not for failover.test. It is for wifi.hotel.test") || hint == "" {
				t.Errorf("%q, %q", why, hint)
			}
			if n := p.first.Count("REGISTER") + p.second.Count("REGISTER"); n != 0 {
				t.Errorf("%d REGISTERs", n)
			}
		})
	})
}

func TestUncheckedCertificatesAreShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPair(t, pairOptions{transport: locate.TLS, account: locate.TLS, plugged: true, alive: true, certified: certify(t, "anybody.test"), unchecked: true})
		if a := p.at("203.0.113.1:5060"); !a.Warnings.Unverified {
			t.Errorf("%+v", a)
		}
		p.told("anybody could be the server")
	})
}

// told waits for a sentence.
func (p *pair) told(sentence string) {
	p.t.Helper()
	p.until("it is said that "+sentence, func(phone.State) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, n := range p.notices {
			if s, ok := n.What.(phone.Said); ok {
				if text, _ := words.News(s.News); strings.Contains(text, sentence) {
					return true
				}
			}
		}
		return false
	})
}
