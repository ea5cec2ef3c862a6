package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// nameServer is a DNS server on loopback that answers as the test says.
type nameServer struct {
	addr  netip.AddrPort
	asked atomic.Int64

	mu    sync.Mutex
	zone  []dns.RR
	serve func(w dns.ResponseWriter, q *dns.Msg) bool // true: dealt with
}

func newNameServer(t *testing.T, records ...string) *nameServer {
	t.Helper()
	s := &nameServer{}
	s.set(t, records...)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = netip.MustParseAddrPort(pc.LocalAddr().String())
	ln, err := net.Listen("tcp", s.addr.String())
	if err != nil {
		t.Skip("the port is taken for TCP")
	}
	var all sync.WaitGroup
	for _, srv := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: ln, Handler: s}} {
		up := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(up) }
		all.Go(func() { srv.ActivateAndServe() })
		<-up
		t.Cleanup(func() { srv.Shutdown() })
	}
	t.Cleanup(func() { pc.Close(); ln.Close(); all.Wait() })
	return s
}

func (s *nameServer) set(t *testing.T, records ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = nil
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		s.zone = append(s.zone, rr)
	}
}

func (s *nameServer) behave(fn func(w dns.ResponseWriter, q *dns.Msg) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = fn
}

func (s *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.asked.Add(1)
	s.mu.Lock()
	serve := s.serve
	s.mu.Unlock()
	if serve != nil && serve(w, q) {
		return
	}
	w.WriteMsg(s.reply(q))
}

// reply is what the zone has, aliases followed as a recursive server does.
func (s *nameServer) reply(q *dns.Msg) *dns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(q)
	owner, known := strings.ToLower(q.Question[0].Name), false
	for range 20 {
		next := ""
		for _, rr := range s.zone {
			if rr.Header().Name != owner {
				continue
			}
			known = true
			if rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				m.Answer, next = append(m.Answer, rr), c.Target
			}
		}
		if next == "" {
			break
		}
		owner = next
	}
	if !known {
		m.Rcode = dns.RcodeNameError
	}
	return m
}

// noSystem is a system that knows nobody.
type noSystem struct{ asked atomic.Int64 }

func (n *noSystem) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.asked.Add(1)
	if host == "printer" {
		return []netip.Addr{netip.MustParseAddr("192.168.1.77")}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (n *noSystem) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", []*net.SRV{{Target: "sys.example.", Port: 5070, Priority: 1, Weight: 2}}, nil
}

// newTestResolver asks these servers, which may have any port.
func newTestResolver(t *testing.T, servers ...*nameServer) (*Resolver, *noSystem) {
	t.Helper()
	dir := t.TempDir()
	conf, hosts := "", filepath.Join(dir, "hosts")
	at := map[string]string{}
	for i, s := range servers {
		name := fmt.Sprintf("192.0.2.%d", 53+i)
		conf += "nameserver " + name + "\n"
		at[name+":53"] = s.addr.String()
	}
	for name, text := range map[string]string{filepath.Join(dir, "resolv.conf"): conf, hosts: "127.0.0.1 localhost\n10.0.0.9 pbx.home pbx # ours\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sys := &noSystem{}
	return NewResolver(ResolverOptions{Conf: filepath.Join(dir, "resolv.conf"), Hosts: hosts, System: sys,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at[address])
		}}), sys
}

func silent(dns.ResponseWriter, *dns.Msg) bool { return true }

func TestResolver(t *testing.T) {
	world := []string{
		"example.test. 60 IN NAPTR 10 1 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.example.test.",
		"example.test. 60 IN NAPTR 20 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.test.",
		"_sips._tcp.example.test. 60 IN SRV 1 10 5061 sip1.example.test.",
		"_sips._tcp.example.test. 60 IN SRV 2 10 5061 sip2.example.test.",
		"_sip._udp.example.test. 60 IN SRV 1 10 5060 sip1.example.test.",
		"sip1.example.test. 60 IN A 203.0.113.1",
		"sip1.example.test. 60 IN AAAA 2001:db8::1",
		"sip2.example.test. 60 IN CNAME real.example.test.",
		"real.example.test. 60 IN A 203.0.113.2",
		"bad.example.test. 60 IN A 127.0.0.1",
		"bad.example.test. 60 IN AAAA fe80::1",
		"half.example.test. 60 IN A 0.0.0.0",
		"half.example.test. 60 IN A 203.0.113.3",
		"loop.example.test. 60 IN CNAME pool.example.test.",
		"pool.example.test. 60 IN CNAME loop.example.test.",
	}
	find := func(r *Resolver, host string) (string, error) {
		found, err := r.LookupNetIP(context.Background(), "ip", host)
		return strings.Trim(fmt.Sprint(found), "[]"), err
	}
	expect := func(t *testing.T, r *Resolver, host, want string) {
		t.Helper()
		if got, err := find(r, host); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", host, got, err, want)
		}
	}
	t.Run("finds a domain's servers all the way", func(t *testing.T) {
		s := newNameServer(t, world...)
		r, _ := newTestResolver(t, s)
		q := Query{Host: "example.test", Transport: Auto}
		got, err := Resolve(t.Context(), Options{Lookup: r}, q)
		var said []string
		for _, s := range got {
			said = append(said, fmt.Sprint(s.Transport, " ", s.Addr, " ", s.Name))
		}
		want := "tls 203.0.113.1:5061 sip1.example.test, tls [2001:db8::1]:5061 sip1.example.test, tls 203.0.113.2:5061 sip2.example.test"
		if strings.Join(said, ", ") != want || err != nil {
			t.Errorf("got %s, %v", said, err)
		}
		was := s.asked.Load()
		if _, err := Resolve(t.Context(), Options{Lookup: r}, q); err != nil || s.asked.Load() != was {
			t.Errorf("a second time: %v, %d questions", err, s.asked.Load()-was)
		}
	})
	t.Run("takes the hosts file's word, and the system's for names without a dot", func(t *testing.T) {
		s := newNameServer(t, "pbx.home. 60 IN A 203.0.113.1")
		r, _ := newTestResolver(t, s)
		expect(t, r, "PBX.home.", "10.0.0.9")
		expect(t, r, "localhost", "127.0.0.1")
		expect(t, r, "printer", "192.168.1.77")
		if n := s.asked.Load(); n != 0 {
			t.Errorf("%d questions", n)
		}
	})
	t.Run("asks the system where no server is named", func(t *testing.T) {
		r, sys := newTestResolver(t)
		if _, err := find(r, "example.test"); err != nil || sys.asked.Load() != 1 {
			t.Errorf("%v, asked %d times", err, sys.asked.Load())
		}
		srv, err := r.LookupSRV(t.Context(), "_sip._udp.example.test")
		if err != nil || len(srv) != 1 || srv[0] != (SRV{"sys.example", 5070, 1, 2}) {
			t.Errorf("%v, %v", srv, err)
		}
		if naptr, err := r.LookupNAPTR(t.Context(), "example.test"); err != nil || naptr != nil {
			t.Errorf("%v, %v", naptr, err)
		}
	})
	t.Run("refuses addresses that lead back here, without asking further", func(t *testing.T) {
		r, sys := newTestResolver(t, newNameServer(t, world...))
		if got, err := find(r, "bad.example.test"); !errors.Is(err, ErrOwn) || sys.asked.Load() != 0 {
			t.Errorf("%q, %v", got, err)
		}
		expect(t, r, "half.example.test", "203.0.113.3")
	})
	t.Run("ends a circle of aliases", func(t *testing.T) {
		r, _ := newTestResolver(t, newNameServer(t, world...))
		if got, err := find(r, "loop.example.test"); !errors.Is(err, ErrAliases) {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("asks again over TCP when an answer is cut, and bounds it", func(t *testing.T) {
		s := newNameServer(t)
		var records []string
		for i := range 200 {
			records = append(records, fmt.Sprintf("big.test. 60 IN A 203.0.113.%d", i))
		}
		s.set(t, records...)
		s.behave(func(w dns.ResponseWriter, q *dns.Msg) bool {
			if w.RemoteAddr().Network() != "udp" {
				return false
			}
			m := new(dns.Msg)
			m.SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
			return true
		})
		r, _ := newTestResolver(t, s)
		found, err := r.LookupNetIP(t.Context(), "ip", "big.test")
		if err != nil || len(found) != maxRecords {
			t.Errorf("%d, %v", len(found), err)
		}
	})
	t.Run("asks again without extensions where they are not understood", func(t *testing.T) {
		s := newNameServer(t, world...)
		s.behave(func(w dns.ResponseWriter, q *dns.Msg) bool {
			if q.IsEdns0() == nil {
				return false
			}
			m := new(dns.Msg)
			m.SetRcode(q, dns.RcodeFormatError)
			w.WriteMsg(m)
			return true
		})
		r, _ := newTestResolver(t, s)
		expect(t, r, "sip1.example.test", "203.0.113.1 2001:db8::1")
	})
	t.Run("does not believe an answer to another question", func(t *testing.T) {
		s := newNameServer(t, world...)
		s.behave(func(w dns.ResponseWriter, q *dns.Msg) bool {
			forged := s.reply(q)
			forged.Id++
			forged.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: 1, Ttl: 60}, A: net.IPv4(6, 6, 6, 6)}}
			w.WriteMsg(forged)
			other := forged.Copy()
			other.Id, other.Question[0].Name = q.Id, "other.test."
			w.WriteMsg(other)
			w.Write([]byte("junk"))
			return false
		})
		r, _ := newTestResolver(t, s)
		expect(t, r, "sip1.example.test", "203.0.113.1 2001:db8::1")
	})
}

func TestResolverInBadWeather(t *testing.T) {
	const name, record, there = "sip.test", "sip.test. %d IN A 203.0.113.1", "[203.0.113.1]"
	ask := func(r *Resolver, limit time.Duration) (string, time.Duration, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		start := time.Now()
		found, err := r.LookupNetIP(ctx, "ip", name)
		return fmt.Sprint(found), time.Since(start), err
	}
	t.Run("a silent first server costs less than a second", func(t *testing.T) {
		dead, good := newNameServer(t), newNameServer(t, fmt.Sprintf(record, 60))
		dead.behave(silent)
		r, _ := newTestResolver(t, dead, good)
		got, took, err := ask(r, patience)
		if err != nil || got != there || took > time.Second {
			t.Errorf("%s, %v after %v", got, err, took)
		}
		t.Logf("with a silent first server: %v", took)
	})
	t.Run("a server that fails is passed over at once", func(t *testing.T) {
		bad, good := newNameServer(t), newNameServer(t, fmt.Sprintf(record, 60))
		bad.behave(func(w dns.ResponseWriter, q *dns.Msg) bool {
			m := new(dns.Msg)
			m.SetRcode(q, dns.RcodeServerFailure)
			w.WriteMsg(m)
			return true
		})
		r, _ := newTestResolver(t, bad, good)
		if got, took, err := ask(r, patience); err != nil || got != there || took > hedge {
			t.Errorf("%s, %v after %v", got, err, took)
		}
	})
	t.Run("silence everywhere ends with the context", func(t *testing.T) {
		dead := newNameServer(t)
		dead.behave(silent)
		r, _ := newTestResolver(t, dead)
		if _, took, err := ask(r, 100*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
	t.Run("when DNS dies, an answer of before is used, and new ones replace it", func(t *testing.T) {
		s := newNameServer(t, fmt.Sprintf(record, 0))
		r, _ := newTestResolver(t, s)
		now := time.Now()
		r.o.Now = func() time.Time { return now }
		if got, _, err := ask(r, patience); got != there {
			t.Fatal(got, err)
		}
		was := s.asked.Load()
		if got, _, _ := ask(r, patience); got != there || s.asked.Load() != was {
			t.Errorf("a time to live of 0 makes us ask at once again: %d more", s.asked.Load()-was)
		}
		now = now.Add(time.Hour)
		s.behave(silent)
		if got, _, err := ask(r, 200*time.Millisecond); err != nil || got != there {
			t.Errorf("%s, %v", got, err)
		}
		s.behave(nil)
		s.set(t, "sip.test. 60 IN A 203.0.113.2")
		if got, _, err := ask(r, patience); err != nil || got != "[203.0.113.2]" {
			t.Errorf("%s, %v", got, err)
		}
		now = now.Add(2 * staleFor)
		s.behave(silent)
		if got, _, err := ask(r, 100*time.Millisecond); err == nil {
			t.Errorf("%s after two days", got)
		}
	})
	t.Run("a name that comes and goes is asked for at a bounded rate", func(t *testing.T) {
		s := newNameServer(t)
		var flap atomic.Int64
		s.behave(func(w dns.ResponseWriter, q *dns.Msg) bool {
			if flap.Add(1)%2 == 0 {
				s.set(t, fmt.Sprintf(record, 0))
			} else {
				s.set(t)
			}
			return false
		})
		r, _ := newTestResolver(t, s)
		for range 50 {
			ask(r, patience)
		}
		if n := s.asked.Load(); n > 2 {
			t.Errorf("%d questions", n)
		}
	})
	t.Run("what is remembered is bounded", func(t *testing.T) {
		s := newNameServer(t)
		r, _ := newTestResolver(t, s)
		for i := range 2*maxAnswers + 10 {
			r.LookupSRV(t.Context(), fmt.Sprintf("_sip._udp.n%d.test", i))
		}
		if len(r.fresh) > maxAnswers || len(r.last) > maxAnswers {
			t.Errorf("%d, %d", len(r.fresh), len(r.last))
		}
	})
}
