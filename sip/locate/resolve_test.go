package locate_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// names is a Lookup that knows addresses only.
type names map[string][]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func (names) LookupSRV(context.Context, string) ([]locate.SRV, error)     { return nil, nil }
func (names) LookupNAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, nil }

// zone is a Lookup that knows all kinds; a nil list is an error.
type zone struct {
	names
	srv   map[string][]locate.SRV
	naptr map[string][]locate.NAPTR
}

func (z zone) LookupSRV(_ context.Context, name string) ([]locate.SRV, error) {
	return z.srv[name], nil
}
func (z zone) LookupNAPTR(_ context.Context, name string) ([]locate.NAPTR, error) {
	return z.naptr[name], nil
}

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func inWords(list []locate.Server) string {
	var out []string
	for _, s := range list {
		w := fmt.Sprintf("%v %v", s.Transport, s.Addr)
		if s.Name != "" {
			w += " " + s.Name
		}
		out = append(out, w)
	}
	return strings.Join(out, ", ")
}

func TestResolve(t *testing.T) {
	z := zone{
		names: names{
			"plain.example": addrs("192.0.2.1", "2001:db8::1", "192.0.2.1"), "empty.example": {netip.IPv4Unspecified()},
			"a.example": addrs("192.0.2.10"), "b.example": addrs("192.0.2.11", "2001:db8::11"),
			"naptr.example": addrs("192.0.2.99"), "both.example": addrs("192.0.2.99"), "none.example": addrs("192.0.2.99"),
			"gone.example": addrs("192.0.2.99"),
		},
		srv: map[string][]locate.SRV{
			"_sip._udp.naptr.example":  {{"a.example", 5080, 1, 0}},
			"_sip._tcp.naptr.example":  {{"b.example", 5081, 1, 0}},
			"_sip._tcp.srv.example":    {{"a.example", 5070, 2, 0}, {"b.example", 5071, 1, 0}, {"lost.example", 5072, 0, 0}},
			"_sip._udp.both.example":   {{"a.example", 5060, 1, 0}},
			"_sips._tcp.both.example":  {{"b.example", 5061, 1, 0}},
			"_sip._udp.none.example":   {{"", 5060, 0, 0}},
			"_other._udp.far.example":  {{"a.example", 5090, 0, 0}},
			"_sips._tcp.gone.example":  {{"lost.example", 5061, 0, 0}},
			"_sip._udp.gone.example":   {{"a.example", 5060, 0, 0}},
			"_sips._tcp.order.example": {{"a.example", 5061, 0, 0}},
		},
		naptr: map[string][]locate.NAPTR{
			"naptr.example": {{20, 1, "S", "SIP+D2U", "_sip._udp.naptr.example"}, {10, 1, "s", "SIP+D2T", "_sip._tcp.naptr.example"},
				{5, 1, "s", "SIP+D2S", "_sip._sctp.naptr.example"}, {1, 1, "u", "E2U+sip", ""}},
			"far.example":   {{1, 1, "s", "SIP+D2U", "_other._udp.far.example"}},
			"order.example": {{1, 1, "s", "SIP+D2U", "_other._udp.far.example"}, {9, 9, "s", "SIPS+D2T", "_sips._tcp.order.example"}},
		},
	}
	for i := range 100 {
		z.names["many.example"] = append(z.names["many.example"], netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	for _, tc := range []struct {
		name, in string
		t        locate.Transport
		want     string
	}{
		{"a name without records has both families, over UDP", "sip:plain.example", locate.Auto, "udp 192.0.2.1:5060, udp [2001:db8::1]:5060"},
		{"a chosen transport stays", "sip:plain.example", locate.TCP, "tcp 192.0.2.1:5060, tcp [2001:db8::1]:5060"},
		{"TLS has a port of its own", "sip:plain.example", locate.TLS, "tls 192.0.2.1:5061, tls [2001:db8::1]:5061"},
		{"sips: is TLS, whatever else is said", "sips:plain.example;transport=udp", locate.UDP, "tls 192.0.2.1:5061, tls [2001:db8::1]:5061"},
		{"the URI's transport wins", "sip:a@192.0.2.9:5070;transport=TCP", locate.UDP, "tcp 192.0.2.9:5070"},
		{"a literal is asked about nowhere", "sip:192.0.2.9", locate.Auto, "udp 192.0.2.9:5060"},
		{"so is an IPv6 literal", "sip:[2001:db8::9]:5070", locate.TLS, "tls [2001:db8::9]:5070"},
		{"a port ends the search for services", "sip:both.example:5099", locate.Auto, "udp 192.0.2.99:5099"},
		{"the port of TLS means TLS", "sip:both.example:5061", locate.Auto, "tls 192.0.2.99:5061"},
		{"NAPTR says which transports and in which order", "sip:naptr.example", locate.Auto,
			"tcp 192.0.2.11:5081 b.example, tcp [2001:db8::11]:5081 b.example, udp 192.0.2.10:5080 a.example"},
		{"a chosen transport leaves NAPTR alone", "sip:naptr.example", locate.UDP, "udp 192.0.2.10:5080 a.example"},
		{"NAPTR may point anywhere", "sip:far.example", locate.Auto, "udp 192.0.2.10:5090 a.example"},
		{"SRV is in order of priority, and who has no address is left out", "sip:srv.example", locate.Auto,
			"tcp 192.0.2.11:5071 b.example, tcp [2001:db8::11]:5071 b.example, tcp 192.0.2.10:5070 a.example"},
		{"TLS, where it is offered, is all there is", "sip:both.example", locate.Auto, "tls 192.0.2.11:5061 b.example, tls [2001:db8::11]:5061 b.example"},
		{"whatever order NAPTR gives", "sip:order.example", locate.Auto, "tls 192.0.2.10:5061 a.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := wire.ParseURI(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := locate.Resolve(t.Context(), locate.Options{Lookup: z}, locate.For(u, tc.t))
			if s := inWords(got); err != nil || s != tc.want {
				t.Errorf("got  %s, %v\nwant %s", s, err, tc.want)
			}
			for _, s := range got {
				if s.Host != u.Host {
					t.Errorf("it would have to prove to be %s", s.Host)
				}
			}
		})
	}
	t.Run("an endless list is cut", func(t *testing.T) {
		got, err := locate.Resolve(t.Context(), locate.Options{Lookup: z}, locate.Query{Host: "many.example"})
		if err != nil || len(got) != 16 {
			t.Errorf("%d servers, %v", len(got), err)
		}
	})
	for _, tc := range []struct{ name, host, says string }{
		{"a name without usable addresses", "empty.example", "no address"},
		{"an unknown name", "unknown.example", "looking up"},
		{"a service that is decidedly not there", "none.example", "offers no such service"},
		{"TLS that leads nowhere, though there is UDP", "gone.example", "looking up"},
		{"a link-local address", "fe80::1", "link-local"},
	} {
		t.Run(tc.name+" is an error in words", func(t *testing.T) {
			_, err := locate.Resolve(t.Context(), locate.Options{Lookup: z}, locate.Query{Host: tc.host, Transport: locate.Auto})
			var re *locate.ResolveError
			if !errors.As(err, &re) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(re.Error(), tc.says) {
				t.Error(re)
			}
		})
	}
}
