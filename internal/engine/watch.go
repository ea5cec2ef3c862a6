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

// mediaWay is the way of the call's audio to its peer; invalid: there is none. here:
// the peer is on this machine. Then the audio stays at the account's address,
// which is the one that both ends follow when the machine moves, and the interface
// is the one by which the machine reaches itself: to it no socket is tied.
func (c *call) mediaWay() (way netwatch.Path, here bool) {
	remote := c.view.RemoteMedia.Addr().Unmap()
	if !remote.IsValid() {
		return netwatch.Path{}, false
	}
	way = c.e.pathTo(remote)
	if !way.Valid() || way.Source.Unmap() != remote || remote.IsLoopback() {
		return way, false
	}
	if own := c.acct.path; own.Valid() && own.Source.Unmap().Is4() == remote.Is4() {
		way.Source = own.Source
	}
	return way, true
}

// lookAtPlace moves the sound of a call that stands where it cannot reach its
// peer: on another interface than the peer is behind, a bridge or a tunnel, or
// at an address from before while the peer is on this machine. A roam takes its
// calls along, so that this looks when there is none; each way is tried once.
func (c *call) lookAtPlace(since time.Time) {
	if c.stream == nil || c.sock == nil || c.over() || c.view.State != phone.Up || c.acct.roam != nil {
		return
	}
	if c.e.pathTo(c.acct.chosen.Addr.Addr()) != c.acct.path {
		return // a roam is about to begin
	}
	way, here := c.mediaWay()
	at, remote := c.sock.RTP().Addr().Unmap(), c.view.RemoteMedia.Addr().Unmap()
	switch {
	case !way.Valid(), way == c.settledOn:
		return
	case here && (at == remote || at == way.Source.Unmap() && c.sock.Interface() == way.Interface):
		return
	case !here && at.Is4() == remote.Is4() && (c.sock.Interface() == way.Interface || c.sock.Interface() == c.homely && at == way.Source.Unmap()):
		return
	}
	old := c.mediaPath
	c.mediaPath, c.settledOn = way, way
	c.e.parts.Log.Info("the audio is moved to where it reaches the other side", "call", c.view.ID, "from", at, "peer", remote, "by", way.Interface)
	c.e.step(c.acct, roam.MediaPathChanged{
		Call: roam.CallID(c.view.ID), Path: roam.Path(way), From: roam.Path(c.stands()), OldAlive: c.e.alive(old), Since: since,
		Why: []phone.Fact{{Kind: phone.PeerMovedTo, At: c.view.RemoteMedia}},
	})
}

// stands is where the call's sockets are, as far as they tell.
func (c *call) stands() netwatch.Path {
	return netwatch.Path{Source: c.sock.RTP().Addr().Unmap(), Interface: c.sock.Interface()}
}

// placed looks at the place of a call's audio once it is up, and when its peer is
// to be reached elsewhere.
func (c *call) placed() {
	if way, _ := c.mediaWay(); way.Valid() {
		c.mediaPath = way
	}
	c.lookAtPlace(time.Now())
}

// lookAtMediaPath notices when only the way to this call's media peer moved.
func (c *call) lookAtMediaPath(why []phone.Fact, since time.Time) {
	remote := c.view.RemoteMedia.Addr()
	if c.stream == nil || !remote.IsValid() {
		return
	}
	now, _ := c.mediaWay()
	if !now.Valid() {
		return // the one that comes is another than the one that went
	}
	old := c.mediaPath
	c.mediaPath = now
	if now == old {
		c.lookAtPlace(since)
		return
	}
	c.settledOn = netwatch.Path{}
	if !old.Valid() || c.acct.roam != nil {
		return // the account's own roam takes the call along
	}
	c.e.step(c.acct, roam.MediaPathChanged{
		Call: roam.CallID(c.view.ID), Path: roam.Path(now), From: roam.Path(old), OldAlive: c.e.alive(old), Since: since, Why: why,
	})
}
