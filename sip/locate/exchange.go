package locate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// One question to one server, and what is taken of its answer.

// errTruncated says that the answer did not fit into a datagram.
var errTruncated = errors.New("the answer was cut")

// try asks one server: over UDP, over TCP where the answer does not fit, and
// without extensions where the server does not know them (RFC 6891 7).
func (r *Resolver) try(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	network, edns := "udp", true
	var err error
	for range 3 {
		q := new(dns.Msg)
		q.SetQuestion(dns.Fqdn(name), kind)
		if edns {
			q.SetEdns0(ednsSize, false)
		}
		var msg *dns.Msg
		if msg, err = r.once(ctx, network, server, q); err == nil {
			switch {
			case msg.Rcode == dns.RcodeSuccess, msg.Rcode == dns.RcodeNameError:
				return msg, nil
			case edns && (msg.Rcode == dns.RcodeFormatError || msg.Rcode == dns.RcodeNotImplemented):
				edns = false
				continue
			}
			return nil, fmt.Errorf("%s says %s", server, dns.RcodeToString[msg.Rcode])
		}
		if !errors.Is(err, errTruncated) || network == "tcp" {
			return nil, err
		}
		network = "tcp"
	}
	return nil, err
}

// once is one question on a socket of its own, whose random port is half of
// what a forger has to guess (RFC 5452 9.2).
func (r *Resolver) once(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	c, err := r.o.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	conn := &dns.Conn{Conn: c, UDPSize: ednsSize}
	if err := conn.WriteMsg(q); err != nil {
		return nil, cut(ctx, err)
	}
	for range 100 { // a flood of forgeries ends it
		msg, err := conn.ReadMsg()
		if err != nil && (msg == nil || network == "tcp") {
			if msg == nil && isParse(err) {
				continue // not even a header: not from a DNS server
			}
			return nil, cut(ctx, err)
		}
		switch {
		case msg.Id != q.Id || !msg.Response || !answers(msg, q):
			continue
		case msg.Truncated || err != nil: // what cannot be read to its end may be a cut, too
			return nil, errTruncated
		}
		return msg, nil
	}
	return nil, errors.New("too many answers to other questions")
}

func isParse(err error) bool {
	var parse *dns.Error
	return errors.As(err, &parse)
}

// cut names the context's end where that is why a socket failed.
func cut(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// answers says whether a message repeats the question (RFC 5452 9.1).
func answers(msg, q *dns.Msg) bool {
	return len(msg.Question) == 1 && msg.Question[0].Qtype == q.Question[0].Qtype &&
		strings.EqualFold(msg.Question[0].Name, q.Question[0].Name)
}

// records takes from a message what answers a question, through aliases, and
// for how long that may be believed.
func records(msg *dns.Msg, name string, kind uint16) ([]dns.RR, time.Duration, error) {
	owner := dns.Fqdn(name)
	ttl := longestTTL
	for range maxAliases {
		var found []dns.RR
		alias := ""
		for _, rr := range msg.Answer {
			h := rr.Header()
			if !strings.EqualFold(h.Name, owner) {
				continue
			}
			seen := time.Duration(h.Ttl) * time.Second
			if c, ok := rr.(*dns.CNAME); ok && alias == "" {
				alias, ttl = c.Target, min(ttl, seen)
			}
			if h.Rrtype == kind && len(found) < maxRecords {
				found, ttl = append(found, rr), min(ttl, seen)
			}
		}
		switch {
		case len(found) > 0:
			return found, max(ttl, shortestTTL), nil
		case alias == "":
			return nil, negativeTTL, nil
		}
		owner = alias
	}
	return nil, 0, ErrAliases
}
