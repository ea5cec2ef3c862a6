package siptest

import (
	"net/netip"
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Binding is one Contact of an address of record.
type Binding struct {
	Contact   string // the URI as registered
	Transport Transport
	Received  netip.AddrPort // where the REGISTER came from
	Expires   time.Time
	CallID    string
	CSeq      uint32
	Instance  string // +sip.instance, without quotes and brackets; "" if not given
	RegID     string

	uri  sipgo.Uri
	flow flow
	seq  uint64 // grows with every registration: the highest is the latest
}

// location is the location service (RFC 3261 10.3, RFC 5626 6). It is a plain
// value store; its owner guards it.
type location struct {
	byUser map[string][]Binding
	seq    uint64
}

// registration is what a REGISTER asks for.
type registration struct {
	star     bool
	contacts []Binding // those with Expires not after now are removals
	callID   string
	cseq     uint32
}

// live is the bindings of a user that have not expired, the latest first.
func (l *location) live(user string, now time.Time) []Binding {
	var out []Binding
	for _, b := range l.byUser[user] {
		if b.Expires.After(now) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b Binding) int { return int(int64(b.seq) - int64(a.seq)) })
	return out
}

// apply carries a registration out whole or not at all. The code is 200, 403
// where there would be more than most contacts, 500 where it comes out of
// order. outbound lets instance and reg-id name a binding.
func (l *location) apply(user string, r registration, outbound bool, most int, now time.Time) int {
	list := l.live(user, now)
	for _, b := range list {
		if b.CallID == r.callID && b.CSeq >= r.cseq && (r.star || names(r.contacts, b, outbound)) {
			return 500 // RFC 3261 10.3 step 7
		}
	}
	if r.star {
		list = nil
	}
	for _, c := range r.contacts {
		list = slices.DeleteFunc(list, func(b Binding) bool { return same(c, b, outbound) })
		if c.Expires.After(now) {
			l.seq++
			c.seq, c.CallID, c.CSeq = l.seq, r.callID, r.cseq
			list = append(list, c)
		}
	}
	if most > 0 && len(list) > most {
		return 403
	}
	if l.byUser == nil {
		l.byUser = make(map[string][]Binding)
	}
	l.byUser[user] = list
	return 200
}

func names(contacts []Binding, b Binding, outbound bool) bool {
	return slices.ContainsFunc(contacts, func(c Binding) bool { return same(c, b, outbound) })
}

func same(a, b Binding, outbound bool) bool {
	if outbound && a.Instance != "" && a.RegID != "" && a.Instance == b.Instance && a.RegID == b.RegID {
		return true
	}
	return uriKey(&a.uri) == uriKey(&b.uri)
}
