package netwatch

import (
	"net/netip"
	"slices"
)

// book remembers between looks what a snapshot cannot tell: how often each
// source went away, and which link address stood behind a next hop. It is
// pure; the watcher owns it.
type book struct {
	lost  map[source]uint64
	links map[hop]link
}

// source is an address on an interface.
type source struct {
	index int
	name  string
	addr  netip.Addr
}

type hop struct {
	source
	next netip.Addr
}

// link is the link address of a next hop: the one shown in paths, and the one
// known by now.
type link struct{ shown, known string }

func newBook() book {
	return book{lost: map[source]uint64{}, links: map[hop]link{}}
}

// observe notes the sources that are gone, and those that went away and came
// back between two looks, which only the signs can tell. A sign counts only for
// a source that the last look still saw: an older loss is counted already.
func (b book) observe(was, is []Interface, signs []Reason) {
	now := usable(is)
	for s := range usable(was) {
		if now[s] && !signalled(signs, s) {
			continue
		}
		b.lost[s]++
		for h := range b.links {
			if h.source == s {
				delete(b.links, h)
			}
		}
	}
}

// stamp completes a path with what the book knows. The link address of an
// unchanged next hop that merely becomes known, or is forgotten by the system
// for a while, changes nothing; another one does.
func (b book) stamp(p Path) Path {
	if !p.Valid() {
		return Path{}
	}
	s := source{p.Index, p.Interface, p.Source}
	p.Lost = b.lost[s]
	h := hop{s, p.NextHop}
	l, seen := b.links[h]
	switch {
	case !seen:
		l = link{p.NextHopLink, p.NextHopLink}
	case p.NextHopLink == "" || p.NextHopLink == l.known:
	case l.known == "":
		l.known = p.NextHopLink
	default:
		l = link{p.NextHopLink, p.NextHopLink}
	}
	b.links[h] = l
	p.NextHopLink = l.shown
	return p
}

func usable(in []Interface) map[source]bool {
	out := map[source]bool{}
	for _, i := range in {
		for _, a := range i.Addrs {
			if i.Up && !a.Tentative {
				out[source{i.Index, i.Name, a.Prefix.Addr()}] = true
			}
		}
	}
	return out
}

// link is the link address last known of a path's next hop; "" when there is
// none.
func (b book) link(p Path) string {
	return b.links[hop{source{p.Index, p.Interface, p.Source}, p.NextHop}].known
}

// signalled reports whether a sign tells the loss of s.
func signalled(signs []Reason, s source) bool {
	return slices.ContainsFunc(signs, func(r Reason) bool {
		switch r.Kind {
		case AddressLost:
			return r.Interface == s.name && r.Addr == s.addr
		case InterfaceDown, InterfaceGone:
			return r.Interface == s.name
		default:
			return false
		}
	})
}
