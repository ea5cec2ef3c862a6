package sip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

// This file reads what a registrar grants, and which of the bindings that it
// lists are ours.

// Binding is one contact that the registrar knows for the account.
type Binding struct {
	URI     string
	Expires time.Duration // 0: listed as removed
	Mine    bool          // this instance's, at the present address or another
}

// Missing reports that the registrar lists others and not us. One that lists
// nobody says nothing about it: RFC 3261 10.3 wants the list, and there are
// servers that leave it out.
func (r Registered) Missing() bool { return !r.Listed && len(r.Bindings) > 0 }

// read takes in a 2xx.
func (r *Registration) read(got *Registered, res *sipgo.Response) {
	got.Expires = seconds(wire.Value(res, "Expires"), r.expires)
	r.readBindings(got, res)
	got.RefreshIn = refreshIn(got.Expires)
	got.FlowTimer = seconds(wire.Value(res, "Flow-Timer"), 0)
	got.ServiceRoute, got.Path = routesIn(res, "Service-Route"), routesIn(res, "Path")
	for i := range got.Path {
		got.Path[i] = clean.Text(got.Path[i])
	}
	got.ServerDoesOutbound = false
	for _, v := range wire.Values(res, "Require") {
		for _, option := range wire.SplitList(v, ',') {
			got.ServerDoesOutbound = got.ServerDoesOutbound || strings.EqualFold(option, "outbound")
		}
	}
}

// listedBinding is one that a 2xx lists, and what tells whose it is.
type listedBinding struct {
	Binding
	uri   wire.URI
	gruu  string
	gone  bool // listed as removed
	whole bool // it has all of the time that this answer grants
}

// readBindings reads what the registrar lists (RFC 3261 10.3), and finds ours.
func (r *Registration) readBindings(got *Registered, res *sipgo.Response) {
	ours, _ := wire.ParseURI(got.Contact)
	list := r.listed(got.Expires, res)
	at := find(list, ours, got.Received, func(uri string) bool {
		return got.Contact != r.last.contact && slices.Contains(r.last.listed, uri)
	})
	r.last.contact, r.last.listed = got.Contact, nil
	got.Bindings, got.Listed, got.Stored, got.GRUU = nil, at >= 0, "", ""
	for i, b := range list {
		b.Mine = b.Mine || i == at || b.uri.SameAddress(ours) || isSeen(b.uri, ours, got.Received)
		got.Bindings = append(got.Bindings, b.Binding)
		r.last.listed = append(r.last.listed, b.URI)
	}
	switch {
	case at < 0 && len(list) == 1 && !list[0].gone && list[0].uri.User == ours.User:
		got.Expires = min(got.Expires, list[0].Expires) // it may be ours all the same: to refresh too soon costs little
	case at >= 0:
		got.Stored, got.Expires, got.GRUU = list[at].URI, list[at].Expires, list[at].gruu
	}
}

// find finds the binding that a REGISTER has just made: it has the Contact that was
// sent; else the address at which the server saw it; else, where a server rewrote
// the Contact to one that it does not tell, it is the only one of our user with the
// whole time before it that was not there under another Contact. -1: there is none.
func find(list []listedBinding, ours wire.URI, received netip.AddrPort, before func(uri string) bool) int {
	for _, is := range []func(listedBinding) bool{
		func(b listedBinding) bool { return b.uri.SameAddress(ours) },
		func(b listedBinding) bool { return isSeen(b.uri, ours, received) },
	} {
		if i := slices.IndexFunc(list, func(b listedBinding) bool { return !b.gone && is(b) }); i >= 0 {
			return i
		}
	}
	only := -1
	for i, b := range list {
		switch {
		case b.gone || !b.whole || b.uri.User != ours.User || before(b.URI):
		case only >= 0:
			return -1
		default:
			only = i
		}
	}
	return only
}

// isSeen says whether a Contact is ours with the address that the server sees.
func isSeen(u, ours wire.URI, received netip.AddrPort) bool {
	return received.IsValid() && u.User == ours.User && u.Host == received.Addr().String() && u.PortOrDefault() == received.Port()
}

// listed are the bindings in a 2xx, which granted so long by its Expires header, or as
// it was asked for.
func (r *Registration) listed(granted time.Duration, res *sipgo.Response) (list []listedBinding) {
	for _, v := range wire.Values(res, "Contact") {
		a, err := wire.ParseAddress(v)
		if err != nil {
			continue
		}
		u, err := wire.ParseURI(a.URI)
		if err != nil {
			continue
		}
		b := listedBinding{Binding: Binding{URI: a.URI, Expires: granted}, uri: u, whole: true}
		if v, own := a.Param("expires"); own { // wins over the header (RFC 3261 10.2.4)
			b.Expires = seconds(v, granted)
			_, bad := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
			b.whole = bad == nil && (b.Expires == granted || b.Expires == r.expires)
			if b.gone = strings.TrimSpace(v) == "0"; b.gone {
				b.Expires = 0
			}
		}
		instance, _ := a.Param("+sip.instance")
		b.Mine = r.acct.InstanceID != "" && strings.EqualFold(instance, "<"+r.acct.InstanceID+">")
		b.gruu, _ = a.Param("pub-gruu")
		list = append(list, b)
	}
	return list
}

// maxRoutes bounds a route set that a registrar gives us.
const maxRoutes = 8

// routesIn reads a list of route values, without those that are none.
func routesIn(res *sipgo.Response, name string) (out []string) {
	for _, v := range wire.Values(res, name) {
		for _, one := range wire.SplitList(v, ',') {
			a, err := wire.ParseAddress(one)
			if err != nil || len(out) == maxRoutes {
				continue
			}
			if _, err := wire.ParseURI(a.URI); err == nil && wire.ValidAnyURI(a.URI) {
				out = append(out, a.String())
			}
		}
	}
	return out
}

// seconds reads a delta-seconds; other is taken for what is no number, or 0.
func seconds(v string, other time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
	if err != nil || n == 0 {
		return other
	}
	return min(time.Duration(n)*time.Second, maxExpires)
}
