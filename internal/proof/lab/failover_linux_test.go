package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// twoServers makes DNS name two servers for a service of the domain, of which
// the first is preferred.
func (l *Lab) twoServers(t *testing.T, ctx context.Context, service string, one, two netip.AddrPort) {
	t.Helper()
	possible(t, l.DNS(ctx,
		fmt.Sprintf("--srv-host=%s.%s,one.%[2]s,%d,1", service, Domain, one.Port()),
		fmt.Sprintf("--srv-host=%s.%s,two.%[2]s,%d,2", service, Domain, two.Port()),
		fmt.Sprintf("--host-record=one.%s,%s", Domain, one.Addr()), fmt.Sprintf("--host-record=two.%s,%s", Domain, two.Addr())))
}

// TestFailover starts the phone where DNS names two servers, of which the
// preferred one is dead, and takes the time until the registrar has its contact.
func TestFailover(t *testing.T) {
	const nobody = "10.9.0.99" // the pbx's network has no such host
	for _, tt := range []struct {
		name, transport, service string
		dead                     string // address
		port                     uint16 // of the dead one
		dns                      string // first name server, a dead one
		limit                    time.Duration
	}{
		{"over UDP, the first target's host is gone", "auto", "_sip._udp", nobody, SIPPort, "", 10 * time.Second},
		{"over UDP, nobody listens at the first target", "auto", "_sip._udp", "10.9.0.2", 5999, "", 10 * time.Second},
		{"over TCP, the first target's host is gone", "auto", "_sip._tcp", nobody, SIPPort, "", 10 * time.Second},
		{"over TCP, the first target refuses", "auto", "_sip._tcp", "10.9.0.2", 5999, "", 3 * time.Second},
		{"over TLS, the first target's host is gone", "tls", "_sips._tcp", nobody, SIPSPort, "", 10 * time.Second},
		{"over UDP, and the first name server is gone too", "auto", "_sip._udp", "10.9.0.2", 5999, "10.9.0.98", 12 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			l := open(t, Options{})
			k, err := l.Kamailio(ctx, "alice")
			possible(t, err)
			alive := addrPort(l.Host(PBX).IPv4, SIPPort)
			if tt.transport == "tls" {
				alive = addrPort(l.Host(PBX).IPv4, SIPSPort)
			}
			l.twoServers(t, ctx, tt.service, addrPort(netip.MustParseAddr(tt.dead), tt.port), alive)
			if resolve := l.Host(Phone).resolve; tt.dns != "" {
				text := must[[]byte](t)(os.ReadFile(resolve))
				if err := os.WriteFile(resolve, append([]byte("nameserver "+tt.dns+"\n"), text...), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			binary := ramble(t)
			start := time.Now()
			r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: binary, User: "alice", ByDNS: true, Transport: tt.transport, CA: k.CA}))
			e := must[Event](t)(r.Registered(ctx, 0, "10.1.0.2"))
			took := e.At.Sub(start)
			t.Logf("%s: registered at the second after %s", tt.name, took.Round(time.Millisecond))
			if took > tt.limit {
				t.Errorf("it took %s, at most %s is fine", took, tt.limit)
			}
			if err := k.AwaitBindings(ctx, "alice", "10.1.0.2"); err != nil {
				t.Error(err)
			}
			if !strings.Contains(e.Line, alive.String()) {
				t.Errorf("registered, and not at %s: %s", alive, e.Line)
			}
		})
	}
}

// TestNoNameServerIsSaid starts the phone where nobody answers its questions.
func TestNoNameServerIsSaid(t *testing.T) {
	ctx := within(t, 40*time.Second)
	l := open(t, Options{})
	if err := os.WriteFile(l.Host(Phone).resolve, []byte("nameserver 10.9.0.98\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", ByDNS: true}))
	e, _, err := r.Expect(ctx, 0, "the reason", func(e Event) bool { return e.Type == "registration" && e.State == "failed" })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(e.Line)
	if !strings.Contains(e.Line, Domain) || !strings.Contains(e.Line, "DNS") {
		t.Errorf("it does not say what failed: %s", e.Line)
	}
}
