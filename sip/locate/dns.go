package locate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ramble/internal/leaf/safego"
)

// ResolverOptions say whom a Resolver asks. The zero value asks whom the
// system asks.
type ResolverOptions struct {
	Conf   string // names the servers (resolv.conf(5)), read anew for each question; "": /etc/resolv.conf
	Hosts  string // names addresses without asking (hosts(5)); "": /etc/hosts
	System interface {
		LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
		LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
	} // for what is left: no Conf, mDNS, search lists; nil: net.DefaultResolver
	Dial  func(ctx context.Context, network, address string) (net.Conn, error) // nil: net.Dialer
	Guard *safego.Guard
	Log   *slog.Logger     // nil: discard
	Now   func() time.Time // nil: time.Now
}

// Resolver is a small stub resolver (RFC 1034 5.3.1) that knows NAPTR, which
// the standard library does not. It asks the next server soon when one is
// silent, as after a change of network half of them are, and it remembers:
// answers for their time to live, and the last good one for a day, for the
// times when DNS is dead. It is safe for concurrent use.
type Resolver struct {
	o   ResolverOptions
	log *slog.Logger

	mu    sync.Mutex
	fresh map[question]answer // by question and servers
	last  map[question]answer // by question alone
}

// question is what is asked. servers tells networks apart: they may give the
// same name different addresses.
type question struct {
	name    string
	kind    uint16
	servers string
}

// answer is a list of records; empty says that there are none.
type answer struct {
	records []dns.RR
	until   time.Time
}

// Bounds on questions and on what is believed of an answer.
const (
	hedge       = 700 * time.Millisecond // then the next server is asked beside
	tryTimeout  = 2 * time.Second
	askRounds   = 2
	maxAliases  = 8
	maxRecords  = 64
	maxAnswers  = 256 // remembered
	shortestTTL = 5 * time.Second
	longestTTL  = time.Hour
	negativeTTL = 10 * time.Second
	staleFor    = 24 * time.Hour
	ednsSize    = 1232 // fits every path unfragmented
)

var (
	errNoServers = errors.New("the system names no DNS server")
	ErrAliases   = errors.New("its aliases go in a circle")
	ErrOwn       = errors.New("DNS names only addresses that lead nowhere or back to this machine")
)

// NewResolver returns a Resolver that remembers nothing yet.
func NewResolver(o ResolverOptions) *Resolver {
	if o.Conf == "" {
		o.Conf = "/etc/resolv.conf"
	}
	if o.Hosts == "" {
		o.Hosts = "/etc/hosts"
	}
	if o.System == nil {
		o.System = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Resolver{o: o, log: o.Log, fresh: map[question]answer{}, last: map[question]answer{}}
}

var _ Lookup = (*Resolver)(nil)

// LookupNetIP finds addresses: in the hosts file, at the servers, at last with
// the system's own ways (search lists, mDNS). IPv4 comes first: a call by it
// reaches peers of either kind more often.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if found := r.inHosts(host); len(found) > 0 {
		return family(found, network), nil
	}
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".local") {
		return r.system(ctx, network, host)
	}
	kinds := []uint16{dns.TypeA, dns.TypeAAAA}
	answers, failed := make([][]dns.RR, 2), make([]error, 2)
	Options{Guard: r.o.Guard}.each(2, func(i int) { answers[i], failed[i] = r.ask(ctx, host, kinds[i]) })
	var found []netip.Addr
	odd := 0
	for _, rr := range append(answers[0], answers[1]...) {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if a, ok := netip.AddrFromSlice(ip); ok && leadsSomewhere(a.Unmap(), host) {
			found = append(found, a.Unmap())
		} else {
			odd++
		}
	}
	switch {
	case len(found) > 0:
		return family(found, network), nil
	case odd > 0:
		return nil, ErrOwn
	case failed[0] == nil && failed[1] == nil, errors.Is(failed[0], errNoServers):
		return r.system(ctx, network, host)
	}
	return nil, errors.Join(failed...)
}

// leadsSomewhere refuses addresses that no server for the public has, and that
// would have us talk to what listens on this machine.
func leadsSomewhere(a netip.Addr, host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	return !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast() && (a.Is4() || !a.IsLinkLocalUnicast()) &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func family(all []netip.Addr, network string) (out []netip.Addr) {
	for _, a := range all {
		if network == "ip" || (network == "ip4") == a.Is4() {
			out = append(out, a)
		}
	}
	return out
}

func (r *Resolver) system(ctx context.Context, network, host string) ([]netip.Addr, error) {
	found, err := r.o.System.LookupNetIP(ctx, network, host)
	var de *net.DNSError
	if errors.As(err, &de) && de.IsNotFound {
		return nil, nil
	}
	return found, err
}

// inHosts reads the hosts file.
func (r *Resolver) inHosts(host string) (found []netip.Addr) {
	text, err := os.ReadFile(r.o.Hosts)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for i, name := range fields {
			if i > 0 && strings.EqualFold(name, host) {
				if a, err := netip.ParseAddr(fields[0]); err == nil && a.Zone() == "" {
					found = append(found, a.Unmap())
				}
			}
		}
	}
	return found
}

// LookupSRV finds SRV records.
func (r *Resolver) LookupSRV(ctx context.Context, name string) (out []SRV, err error) {
	records, err := r.ask(ctx, name, dns.TypeSRV)
	if errors.Is(err, errNoServers) {
		_, list, err := r.o.System.LookupSRV(ctx, "", "", name)
		var de *net.DNSError
		if errors.As(err, &de) && de.IsNotFound {
			return nil, nil
		}
		for _, s := range list[:min(len(list), maxRecords)] {
			out = append(out, SRV{strings.TrimSuffix(s.Target, "."), s.Port, s.Priority, s.Weight})
		}
		return out, err
	}
	for _, rr := range records {
		if s, ok := rr.(*dns.SRV); ok {
			out = append(out, SRV{bareName(s.Target), s.Port, s.Priority, s.Weight})
		}
	}
	return out, err
}

// LookupNAPTR finds NAPTR records.
func (r *Resolver) LookupNAPTR(ctx context.Context, domain string) (out []NAPTR, err error) {
	records, err := r.ask(ctx, domain, dns.TypeNAPTR)
	if errors.Is(err, errNoServers) {
		return nil, nil
	}
	for _, rr := range records {
		if n, ok := rr.(*dns.NAPTR); ok {
			out = append(out, NAPTR{n.Order, n.Preference, n.Flags, n.Service, bareName(n.Replacement)})
		}
	}
	return out, err
}

// bareName is a name of DNS as a URI writes it; "" for the root, and for what
// no host is called.
func bareName(s string) string {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return ""
	}
	return s
}

// ask is a question with everything that is remembered.
func (r *Resolver) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	servers := r.servers()
	if len(servers) == 0 {
		return nil, errNoServers
	}
	q := question{name, kind, strings.Join(servers, " ")}
	bare := question{name: name, kind: kind}
	now := r.o.Now()
	r.mu.Lock()
	known, ok := r.fresh[q]
	r.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.records, nil
	}
	records, ttl, err := r.exchange(ctx, servers, name, kind)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if old, ok := r.last[bare]; ok && now.Before(old.until) {
			r.log.Info("DNS does not answer, an older answer is used", "name", name, "type", dns.TypeToString[kind], "err", err)
			return old.records, nil
		}
		return nil, err
	}
	remember(r.fresh, q, answer{records, now.Add(ttl)}, now)
	if len(records) > 0 {
		remember(r.last, bare, answer{records, now.Add(staleFor)}, now)
	}
	return records, nil
}

// remember bounds what is remembered.
func remember(m map[question]answer, q question, a answer, now time.Time) {
	if len(m) >= maxAnswers {
		for k, old := range m {
			if !now.Before(old.until) {
				delete(m, k)
			}
		}
	}
	if len(m) >= maxAnswers {
		clear(m)
	}
	m[q] = a
}

// servers are those of the moment: they change with the network.
func (r *Resolver) servers() (out []string) {
	conf, err := dns.ClientConfigFromFile(r.o.Conf)
	if err != nil {
		return nil
	}
	for _, s := range conf.Servers[:min(len(conf.Servers), 4)] {
		out = append(out, net.JoinHostPort(s, conf.Port))
	}
	return out
}

// exchange asks the servers one after the other, the next when one fails or is
// silent for a while, and takes the first answer.
func (r *Resolver) exchange(ctx context.Context, servers []string, name string, kind uint16) ([]dns.RR, time.Duration, error) {
	type result struct {
		msg *dns.Msg
		err error
	}
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	tries := len(servers) * askRounds
	results := make(chan result, tries)
	asked, open := 0, 0
	next := func() {
		if asked < tries {
			server := servers[asked%len(servers)]
			asked, open = asked+1, open+1
			all.Add(1)
			r.o.Guard.Go("dns", func() {
				defer all.Done()
				msg, err := r.try(ctx, server, name, kind)
				results <- result{msg, err}
			})
		}
	}
	next()
	tick := time.NewTicker(hedge)
	defer tick.Stop()
	var last error
	for open > 0 {
		select {
		case res := <-results:
			open--
			if res.err == nil {
				return records(res.msg, name, kind)
			}
			last = res.err
			next()
		case <-tick.C:
			next()
		case <-ctx.Done():
			if last == nil {
				last = context.Cause(ctx)
			}
			return nil, 0, fmt.Errorf("no DNS server answers: %w", last)
		}
	}
	return nil, 0, fmt.Errorf("no DNS server answers: %w", last)
}
