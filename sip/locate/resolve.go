package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ramble/internal/leaf/safego"
	"ramble/sip/wire"
)

// Lookup answers questions about names, which have no dot at their end. That
// there is no such record is no error but an empty list. A Resolver is one.
type Lookup interface {
	// LookupNetIP finds addresses, the best first. network is "ip", "ip4" or "ip6".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, name string) ([]SRV, error)
	LookupNAPTR(ctx context.Context, domain string) ([]NAPTR, error)
}

// SRV is where a service is offered (RFC 2782). The target "" says: nowhere.
type SRV struct {
	Target                 string
	Port, Priority, Weight uint16
}

// NAPTR is how a service is offered, as far as SIP uses it (RFC 3263 4.1).
type NAPTR struct {
	Order, Preference uint16
	Flags, Service    string
	Replacement       string // the name of SRV records
}

// Bounds on finding a server. The records that say how (NAPTR, SRV) may not
// eat up the time for the addresses.
const (
	resolveTimeout = 5 * time.Second
	recordsTimeout = 3 * time.Second
	maxCandidates  = 8
	maxServerAddrs = 16 // more is an attack or a mistake
)

// ResolveError says that a name has no address, or that asking failed.
type ResolveError struct {
	Host string
	Err  error // nil: the answer was empty
}

func (e *ResolveError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s has no address", e.Host)
	}
	return fmt.Sprintf("looking up %s: %v", e.Host, e.Err)
}

func (e *ResolveError) Unwrap() error { return e.Err }

// Why a name leads nowhere although DNS answered.
var (
	ErrNoFamily   = errors.New("it has no address of this path's family")
	ErrLinkLocal  = errors.New("an IPv6 link-local address (fe80::...) means something only together with an interface; use a global or a private (fd...) one")
	ErrNotOffered = errors.New("its DNS says that it offers no such service")
)

// Options is what Resolve asks and throws dice with.
type Options struct {
	Lookup Lookup          // nil: literal addresses only
	Rand   func(n int) int // from 0 to n-1; nil: math/rand
	Guard  *safego.Guard
}

// Query is what a SIP URI says about where it leads.
type Query struct {
	Host      string // a name or a literal address, without brackets
	Port      uint16 // 0: none written
	Transport Transport
	Secure    bool // sips: (RFC 3261 26.2.2): TLS, whatever Transport says
}

// For is the query of a URI that is to be reached over t. A transport in the
// URI wins over t.
func For(u wire.URI, t Transport) Query {
	if named, ok := u.Param("transport"); ok {
		if p, err := ParseTransport(strings.ToLower(named)); err == nil {
			t = p
		}
	}
	return Query{Host: u.Host, Port: u.Port, Transport: t, Secure: u.Scheme == "sips"}
}

// Resolve finds the servers behind q in the order in which to try them
// (RFC 3263 4). A literal address asks nobody, and neither an explicit port nor
// a literal is looked up as a service.
//
// Auto takes what DNS offers: NAPTR, else SRV, else addresses with UDP. Where
// TLS is among it, it is the only thing: a server that cannot be reached
// encrypted must never be reached otherwise instead. (RFC 3263 4.1 would have
// us follow the domain's order.) Auto at port 5061 is TLS too, by its
// registration. It takes 5 s at most.
//
// Errors: *ResolveError.
func Resolve(ctx context.Context, o Options, q Query) ([]Server, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	if q.Secure || (q.Transport == Auto && q.Port == 5061) {
		q.Transport = TLS
	}
	list, err := o.candidates(ctx, q)
	if err != nil {
		return nil, err
	}
	found, failed := make([][]netip.Addr, len(list)), make([]error, len(list))
	o.each(len(list), func(i int) { found[i], failed[i] = addresses(ctx, o.Lookup, list[i].host) })
	var out []Server
	for i, c := range list {
		for _, a := range found[i] {
			s := Server{Transport: c.transport, Addr: netip.AddrPortFrom(a, c.port), Host: q.Host}
			if !strings.EqualFold(c.host, q.Host) {
				s.Name = c.host
			}
			if !slices.ContainsFunc(out, func(o Server) bool { return o.Addr == s.Addr && o.Transport == s.Transport }) {
				out = append(out, s)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.Join(failed...)
	}
	return out[:min(len(out), maxServerAddrs)], nil
}

// candidate is a host, port and transport to try (an SRV record, or what was
// asked for).
type candidate struct {
	host      string
	port      uint16
	transport Transport
}

// candidates are the hosts behind a query, the best first.
func (o Options) candidates(ctx context.Context, q Query) ([]candidate, error) {
	_, err := netip.ParseAddr(q.Host)
	if isName := err != nil; isName && q.Port == 0 && o.Lookup != nil {
		ctx, cancel := context.WithTimeout(ctx, recordsTimeout)
		defer cancel()
		list, err := o.services(ctx, q.Host, q.Transport)
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	t := q.Transport
	if t == Auto {
		t = UDP
	}
	return []candidate{{q.Host, cmp.Or(q.Port, t.Port()), t}}, nil
}

// service is a transport that DNS has a record for.
type service struct {
	transport Transport
	naptr     string // the service field of its NAPTR (RFC 3263 4.1)
	prefix    string // of its SRV (RFC 3263 4.1)
}

// services are those we know, the best first.
func knownServices() []service {
	return []service{{TLS, "SIPS+D2T", "_sips._tcp."}, {UDP, "SIP+D2U", "_sip._udp."}, {TCP, "SIP+D2T", "_sip._tcp."}}
}

// services finds what a domain offers; empty: it says nothing about that.
func (o Options) services(ctx context.Context, domain string, t Transport) ([]candidate, error) {
	known := slices.DeleteFunc(knownServices(), func(s service) bool { return t != Auto && s.transport != t })
	var naptr []NAPTR
	answers := make([][]SRV, len(known))
	o.each(len(known)+1, func(i int) {
		// What cannot be asked is not offered: routers that know only A records
		// are common. Who must not lose TLS by that keeps the servers of before.
		switch {
		case i < len(known):
			answers[i], _ = o.Lookup.LookupSRV(ctx, known[i].prefix+domain)
		case t == Auto: // a transport that was chosen needs no NAPTR (RFC 3263 4.1)
			naptr, _ = o.Lookup.LookupNAPTR(ctx, domain)
		}
	})
	offers := make([]offer, 0, len(known))
	if naptr = usable(naptr, known); len(naptr) > 0 {
		for _, n := range naptr {
			i := slices.IndexFunc(known, func(s service) bool { return strings.EqualFold(s.naptr, n.Service) })
			list := answers[i]
			if !strings.EqualFold(n.Replacement, known[i].prefix+domain) {
				list, _ = o.Lookup.LookupSRV(ctx, n.Replacement)
			}
			offers = append(offers, offer{known[i].transport, list})
		}
	} else {
		for i, list := range answers {
			offers = append(offers, offer{known[i].transport, list})
		}
	}
	return o.choose(domain, offers)
}

// offer is a service with its SRV records.
type offer struct {
	transport Transport
	records   []SRV
}

// choose orders what is offered, and leaves everything else out where TLS is.
func (o Options) choose(domain string, offers []offer) ([]candidate, error) {
	secure := slices.ContainsFunc(offers, func(f offer) bool { return f.transport == TLS && len(f.records) > 0 })
	var out []candidate
	refused := false
	for _, f := range offers {
		if secure && f.transport != TLS {
			continue
		}
		for _, r := range byPriority(f.records, o.Rand) {
			if r.Target == "" || r.Port == 0 {
				refused = true // RFC 2782: decidedly not available
				continue
			}
			out = append(out, candidate{r.Target, r.Port, f.transport})
		}
	}
	if len(out) == 0 && refused {
		return nil, &ResolveError{Host: domain, Err: ErrNotOffered}
	}
	return out[:min(len(out), maxCandidates)], nil
}

// usable are the NAPTR records of services that we know, in their order; TLS
// goes before all else.
func usable(list []NAPTR, known []service) []NAPTR {
	rank := func(n NAPTR) int {
		return slices.IndexFunc(known, func(s service) bool {
			return strings.EqualFold(s.naptr, n.Service) && strings.EqualFold(n.Flags, "s") && n.Replacement != ""
		})
	}
	list = slices.DeleteFunc(slices.Clone(list), func(n NAPTR) bool { return rank(n) < 0 })
	slices.SortStableFunc(list, func(a, b NAPTR) int {
		plain := func(n NAPTR) int { return min(rank(n), 1) }
		return cmp.Or(plain(a)-plain(b), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	return list[:min(len(list), maxCandidates)]
}

// byPriority orders SRV records by priority, those of one priority by dice
// that know their weights (RFC 2782).
func byPriority(list []SRV, dice func(int) int) []SRV {
	if dice == nil {
		dice = rand.IntN
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b SRV) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Weight, b.Weight)) // weight 0 first, as it says
	})
	out := make([]SRV, 0, len(list))
	for len(list) > 0 {
		n, sum := 0, 0
		for n < len(list) && list[n].Priority == list[0].Priority {
			sum += int(list[n].Weight)
			n++
		}
		for ; n > 0; n-- {
			at, left := 0, dice(sum+1)
			for at < n-1 && left > int(list[at].Weight) {
				left -= int(list[at].Weight)
				at++
			}
			sum -= int(list[at].Weight)
			out = append(out, list[at])
			list = slices.Delete(list, at, at+1)
		}
	}
	return out
}

// each runs fn for 0 to n-1 at once and waits for all.
func (o Options) each(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		o.Guard.Go("resolve", func() {
			defer all.Done()
			fn(i)
		})
	}
	all.Wait()
}

// addresses finds a host's.
func addresses(ctx context.Context, r Lookup, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		if a = a.Unmap(); a.Is6() && a.IsLinkLocalUnicast() {
			return nil, &ResolveError{Host: host, Err: ErrLinkLocal}
		}
		return []netip.Addr{a}, nil
	}
	if r == nil {
		return nil, &ResolveError{Host: host}
	}
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, &ResolveError{Host: host, Err: err}
	}
	var out []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, &ResolveError{Host: host}
	}
	return out, nil
}
