package locate

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func FuzzDNSAnswer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("example.test.", dns.TypeSRV)
	seed := new(dns.Msg)
	seed.SetReply(q)
	for _, text := range []string{"example.test. 0 IN CNAME b.test.", "b.test. 60 IN SRV 1 2 5060 sip.test.", "b.test. 60 IN A 127.0.0.1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		seed.Answer = append(seed.Answer, rr)
	}
	packed, err := seed.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, b []byte) {
		msg := new(dns.Msg)
		if msg.Unpack(b) != nil || !answers(msg, q) {
			return
		}
		list, ttl, err := records(msg, "example.test", dns.TypeSRV)
		if len(list) > maxRecords || ttl < 0 || ttl > longestTTL || (err != nil && list != nil) {
			t.Errorf("%d records for %v, %v", len(list), ttl, err)
		}
		for _, rr := range list {
			if s, ok := rr.(*dns.SRV); !ok || strings.ContainsAny(bareName(s.Target), "\x00 \r\n\x1b") {
				t.Errorf("%v", rr)
			}
		}
	})
}
