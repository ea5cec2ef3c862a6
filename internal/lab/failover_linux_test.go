package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// names makes the host answer for the lab's domain, with these records, and
// the phone ask it after the servers that come first.
func (l *Lab) names(t *testing.T, host *Host, first []string, records ...string) {
	t.Helper()
	zone := map[dns.Question][]dns.RR{}
	for _, text := range records {
		rr := must[dns.RR](t)(dns.NewRR(text))
		q := dns.Question{Name: rr.Header().Name, Qtype: rr.Header().Rrtype, Qclass: dns.ClassINET}
		zone[q] = append(zone[q], rr)
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative, m.Answer = true, zone[q.Question[0]]
		_ = w.WriteMsg(m)
	})
	conn := must[*net.UDPConn](t)(host.ListenPacket(addrPort(host.IPv4, 53)))
	server := &dns.Server{PacketConn: conn, Handler: answer}
	up := make(chan struct{})
	server.NotifyStartedFunc = func() { close(up) }
	var all sync.WaitGroup
	all.Go(func() { _ = server.ActivateAndServe() })
	<-up
	t.Cleanup(func() { _ = server.Shutdown(); all.Wait() })
	var text strings.Builder
	for _, ip := range append(first, host.IPv4.String()) {
		fmt.Fprintf(&text, "nameserver %s\n", ip)
	}
	if err := os.WriteFile(l.Host(Phone).resolve, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFailover starts the phone where DNS names two servers, of which the
// preferred one is dead, and takes the time until the registrar has its contact.
func TestFailover(t *testing.T) {
	const nobody = "10.9.0.99" // the pbx's network has no such host
	for _, tt := range []struct {
		name, transport, service string
		dead                     string // address
		port                     uint16 // of the dead one
		dns                      []string
		limit                    time.Duration
	}{
		{"over UDP, the first target's host is gone", "auto", "_sip._udp", nobody, SIPPort, nil, 10 * time.Second},
		{"over UDP, nobody listens at the first target", "auto", "_sip._udp", "10.9.0.2", 5999, nil, 10 * time.Second},
		{"over TCP, the first target's host is gone", "auto", "_sip._tcp", nobody, SIPPort, nil, 10 * time.Second},
		{"over TCP, the first target refuses", "auto", "_sip._tcp", "10.9.0.2", 5999, nil, 3 * time.Second},
		{"over TLS, the first target's host is gone", "tls", "_sips._tcp", nobody, SIPSPort, nil, 10 * time.Second},
		{"over UDP, and the first name server is gone too", "auto", "_sip._udp", "10.9.0.2", 5999, []string{"10.9.0.98"}, 12 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := within(t, 30*time.Second)
			l := open(t, Options{})
			k, err := l.Kamailio(ctx, "alice")
			possible(t, err)
			pbx := l.Host(PBX)
			alive := uint16(SIPPort)
			if tt.transport == "tls" {
				alive = SIPSPort
			}
			l.names(t, pbx, tt.dns,
				fmt.Sprintf("%s.%s. 60 IN SRV 1 0 %d one.%s.", tt.service, Domain, tt.port, Domain),
				fmt.Sprintf("%s.%s. 60 IN SRV 2 0 %d two.%s.", tt.service, Domain, alive, Domain),
				fmt.Sprintf("one.%s. 60 IN A %s", Domain, tt.dead), fmt.Sprintf("two.%s. 60 IN A %s", Domain, pbx.IPv4))
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
			server := netip.AddrPortFrom(pbx.IPv4, alive).String()
			if !strings.Contains(e.Line, server) {
				t.Errorf("registered, and not at %s: %s", server, e.Line)
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
