package engine

import (
	"net/netip"
	"time"

	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
)

// This file asks for the network path to whom a call or an account talks to.

// pathTo is the path towards peer; invalid when there is none or the family
// is not wanted.
func (e *Engine) pathTo(peer netip.Addr) netwatch.Path {
	p, err := e.watcher.PathTo(peer)
	if err != nil || (e.parts.Family == IPv4 && !p.Source.Unmap().Is4()) || (e.parts.Family == IPv6 && p.Source.Unmap().Is4()) {
		return netwatch.Path{}
	}
	return p
}

// alive reports whether a path that is no longer the first choice still
// carries packets, as far as the system can tell.
func (e *Engine) alive(p netwatch.Path) bool {
	return e.watcher.Alive(p)
}

// watched are the servers to which paths matter: the chosen one, or all where
// none leads there. Then the first that comes counts, whatever its family.
func (a *account) watched() (addrs []netip.Addr) {
	switch {
	case !a.cfg.Enabled:
	case a.path.Valid():
		addrs = append(addrs, a.chosen.Addr.Addr())
	default:
		for _, s := range a.servers.List() {
			addrs = append(addrs, s.Addr.Addr())
		}
	}
	return addrs
}

// watchPeers names the addresses whose paths matter.
func (e *Engine) watchPeers() {
	var peers []netip.Addr
	for _, a := range e.accounts {
		peers = append(peers, a.watched()...)
	}
	for _, c := range e.liveCalls() {
		if c.view.RemoteMedia.IsValid() {
			peers = append(peers, c.view.RemoteMedia.Addr())
		}
	}
	e.watcher.SetPeers(peers)
}

// lookAtMediaPath notices when only the way to this call's media peer moved.
func (c *call) lookAtMediaPath(why []phone.Fact, since time.Time) {
	remote := c.view.RemoteMedia.Addr()
	if c.stream == nil || !remote.IsValid() {
		return
	}
	now := c.e.pathTo(remote)
	old := c.mediaPath
	c.mediaPath = now
	if !old.Valid() || now == old || c.acct.roam != nil || !now.Valid() {
		return // the account's own roam takes the call along
	}
	c.e.step(c.acct, roam.MediaPathChanged{
		Call: roam.CallID(c.view.ID), Path: roam.Path(now), OldAlive: c.e.alive(old), Since: since, Why: why,
	})
}
