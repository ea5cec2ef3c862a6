package engine

import (
	"context"
	"net/netip"
	"time"

	"ramble/internal/leaf/phone"
)

// stunPatience bounds the wait for a STUN server's name, and for its answer to
// new media sockets: a description waits no longer for a better address.
const stunPatience = 500 * time.Millisecond

// findSTUN looks the account's STUN server up, where it is not known, and keeps
// what it finds. For jobs: the name may take a while, the first time.
func (a *account) findSTUN(ctx context.Context, known []netip.AddrPort) []netip.AddrPort {
	e, server := a.e, a.cfg.STUN
	if len(known) > 0 || server.Host == "" {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, stunPatience)
	defer cancel()
	addrs, err := []netip.Addr(nil), error(nil)
	if literal, bad := netip.ParseAddr(server.Host); bad == nil {
		addrs = []netip.Addr{literal}
	} else {
		addrs, err = e.parts.Lookup.LookupNetIP(ctx, "ip", server.Host)
	}
	var found []netip.AddrPort
	for _, at := range addrs {
		found = append(found, netip.AddrPortFrom(at.Unmap(), server.Port))
	}
	e.post(func() {
		if err != nil || len(found) == 0 {
			e.parts.Log.Warn("STUN server not found", "account", a.cfg.Name, "server", server.Host, "error", err)
			a.say(phone.Warn, phone.News{Kind: phone.NoSTUNServer, Name: server.Host})
			return
		}
		a.stun = found
	})
	return found
}

// sameFamily is the address of a STUN server that sockets at an address can reach;
// zero: none.
func sameFamily(list []netip.AddrPort, like netip.Addr) netip.AddrPort {
	for _, at := range list {
		if at.Addr().Is4() == like.Unmap().Is4() {
			return at
		}
	}
	return netip.AddrPort{}
}
