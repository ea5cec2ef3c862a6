package engine

import (
	"context"
	"net/netip"
	"time"

	"ramble/audio/path"
	"ramble/audio/stream"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip/dialog"
	"ramble/sip/sdp"
)

// This file is the only place where a dialog and a stream touch: through SDP
// values.

// openMedia opens the socket pair of one call on one path.
func (e *Engine) openMedia(ctx context.Context, source netip.Addr, iface string, stun netip.AddrPort) (*path.Transport, error) {
	sock, err := path.Open(ctx, e.parts.Sockets, source, iface, e.parts.Media.Ports)
	if err != nil || !stun.IsValid() {
		return sock, err
	}
	ask, cancel := context.WithTimeout(ctx, stunPatience)
	defer cancel()
	if err := sock.Discover(ask, stun); err != nil {
		e.parts.Log.Info("STUN for media", "server", stun, "error", err)
	}
	return sock, nil
}

// negotiated takes over what an offer and an answer agreed on: it starts the
// stream or moves the one that runs.
func (c *call) negotiated(n sdp.Negotiated) {
	if n.Host != "" {
		if there, err := n.At(c.host.at); c.host.wanted == n.Host && err == nil {
			n = there
		} else {
			c.findHost(n.Host)
		}
	}
	if was := c.view.RemoteMedia.Addr(); was.IsValid() && was != n.Remote.RTP.Addr() && c.view.State == phone.Up {
		c.e.then(c.placed)
	}
	c.view.RemoteMedia = n.Remote.RTP
	c.view.Codec = n.Codec.String()
	c.remoteHold = n.Held
	c.agreed, c.terms = n.Direction, n
	c.showHold()
	if m := c.mediaTerms(n); c.stream != nil {
		c.stream.Update(m)
		if to := c.stream.Stats().SendsTo; to.IsValid() { // where a refresh moves nothing, a latch stays
			c.view.RemoteMedia = to
		}
	} else {
		c.startStream(m)
	}
	c.e.parts.Desk.Hold(int(c.view.ID), c.view.Held == phone.HeldLocal || c.view.Held == phone.HeldBoth)
	c.e.turn.peers = true
	c.changed()
}

// hostPatience bounds the look-up of such a name. The call goes on meanwhile, and
// nothing is sent.
const hostPatience = 2 * time.Second

// findHost looks a media host up, once.
func (c *call) findHost(name string) {
	if c.host.wanted == name {
		return
	}
	c.host = mediaHost{wanted: name, sought: true}
	e := c.e
	e.job("media host", hostPatience, func(ctx context.Context) {
		list, err := e.parts.Lookup.LookupNetIP(ctx, "ip", name)
		e.post(func() { c.hostFound(name, list, err) })
	})
}

// hostFound hears of it, see hostMissing.
func (c *call) hostFound(name string, list []netip.Addr, err error) {
	if c.over() || c.host.wanted != name {
		return
	}
	c.host.sought = false
	for _, at := range list {
		like := c.host.at.IsValid() && c.host.at.Unmap().Is4() == c.acct.path.Source.Unmap().Is4()
		if _, bad := (sdp.Negotiated{Host: name, Port: 9}).At(at); bad == nil && !like {
			c.host.at = at
		}
	}
	if c.host.missing = !c.host.at.IsValid(); c.host.missing {
		c.e.parts.Log.Warn("media host", "host", name, "error", err)
		return
	}
	if c.terms.Host == name {
		c.negotiated(c.terms)
		c.followFamily()
	}
	c.accept()
}

// mediaTerms is what was negotiated, in the words of the stream.
func (c *call) mediaTerms(n sdp.Negotiated) stream.Negotiated {
	hears := make([]stream.Payload, 0, len(n.Hears))
	for _, f := range n.Hears {
		hears = append(hears, stream.Payload{Type: f.PayloadType, Format: format(f)})
	}
	return stream.Negotiated{
		Format: format(n.Codec), SendPT: n.SendPT, EventSendPT: n.EventsSend, Hears: hears,
		Remote: n.Remote.RTP, RemoteRTCP: n.Remote.RTCP, Mux: n.Remote.Mux,
		Signalling: c.sip.RemoteSignalling().Addr(),
		Send:       n.Direction.Sends(), Receive: n.Direction.Receives(),
		PTime: n.PTime,
	}
}

// startStream begins the call's sound on the sockets it has.
func (c *call) startStream(n stream.Negotiated) {
	if c.sock == nil {
		return
	}
	e, id := c.e, c.view.ID
	c.stream = stream.New(stream.Config{
		Negotiated: n, JitterMin: e.parts.Media.JitterMin, JitterMax: e.parts.Media.JitterMax,
		OnDigit: func(r rune, d time.Duration) {
			e.post(func() { e.tell(phone.DigitHeard{Call: id, Digit: r, Duration: d, Method: "rtp"}) })
		},
		OnHeard:   func(h stream.Heard) { e.post(func() { c.heard(h) }) },
		OnMoved:   func(to netip.AddrPort) { e.post(func() { c.mediaPeerMoved(to) }) },
		OnForeign: func(pt uint8) { e.post(func() { c.foreign(pt) }) },
		NoLatch:   e.parts.Media.NoLatch, Reactor: e.reactor,
		Log: e.parts.Log, Guard: e.parts.Guard,
	}, c.sock)
	run, cancel := context.WithCancel(e.ctx)
	c.stopStream = cancel
	s := c.stream
	e.jobs.Add(1)
	e.parts.Guard.Go("media stream", func() {
		defer e.jobs.Done()
		_ = s.Run(run)
	})
	c.sit(c.acct.cfg.Sound)
	c.lookAt = time.Now()
	c.planMapping(time.Now())
}

// endMedia stops the sound at once; the final statistics are told.
func (c *call) endMedia() {
	if c.stream == nil {
		if c.sock != nil {
			_ = c.sock.Close()
			c.sock = nil
		}
		return
	}
	c.measure(time.Now())
	c.e.parts.Desk.Remove(int(c.view.ID))
	c.stopStream()
	c.stream = nil
	c.sock = nil // the stream owns it and closes it
	c.e.tell(phone.MediaReport{Call: c.view.ID, Media: c.view.Media, Final: true})
}

// measure reads the stream's statistics and the meters.
func (c *call) measure(now time.Time) {
	c.lookAt = now.Add(c.e.parts.LookEvery)
	c.view.Media = condition(c.stream.Stats().Media)
	in, out := c.e.parts.Desk.Levels(int(c.view.ID))
	c.view.Media.LevelIn = min(in, c.view.Media.LevelIn) // what is made up has none
	c.view.Media.LevelOut = min(out, c.view.Media.LevelOut)
	if every := c.e.parts.StatsEvery; every > 0 && now.Sub(c.reported) >= every {
		c.reported = now
		c.e.tell(phone.MediaReport{Call: c.view.ID, Media: c.view.Media})
	}
	c.e.dirty = true
}

// mediaMoved takes the sockets of a new path.
func (c *call) mediaMoved(act roam.MoveMedia, sock *path.Transport, err error) {
	e := c.e
	if c.over() || act.Epoch < c.mediaEpoch {
		if sock != nil {
			_ = sock.Close()
		}
		return
	}
	if err != nil {
		e.step(c.acct, roam.MediaMoveFailed{Epoch: act.Epoch, Call: act.Call, Failure: roam.Failure{Kind: roam.Transport, Fault: phone.Fault{Kind: phone.FaultTransport, Text: err.Error()}}})
		return
	}
	c.mediaEpoch = act.Epoch
	c.view.LocalMedia = sock.RTP()
	if c.stream == nil {
		if c.sock != nil {
			_ = c.sock.Close()
		}
	} else {
		c.stream.Adopt(sock, uint64(act.Epoch))
		if act.Switch {
			c.stream.TakeOver()
		}
	}
	c.sock, c.mapping.awaited = sock, false
	c.noteMedia()
	c.changed()
	e.step(c.acct, roam.MediaMoved{Epoch: act.Epoch, Call: act.Call, Detail: "RTP " + sock.RTP().String()})
}

// sits reports whether the call's sockets are on that address and interface, so
// that they serve where no others are to be had: a small range of ports is used
// up by the calls of before.
func (c *call) sits(source netip.Addr, iface string) bool {
	return c.stream != nil && c.sock != nil && c.sock.RTP().Addr() == source.Unmap() && c.sock.Interface() == iface
}

// mediaStay moves the media of a call to another epoch on the sockets that they
// have.
func (c *call) mediaStay(act roam.MoveMedia) {
	if c.over() || act.Epoch < c.mediaEpoch {
		return
	}
	c.mediaEpoch = act.Epoch
	c.stream.Renew(uint64(act.Epoch))
	c.e.step(c.acct, roam.MediaMoved{Epoch: act.Epoch, Call: act.Call, Detail: "media stay at " + c.sock.RTP().String()})
}

func (c *call) switchMedia() {
	if c.stream != nil {
		c.stream.Switch()
	}
}

// heard: audio arrived on the path of an epoch.
func (c *call) heard(h stream.Heard) {
	c.e.step(c.acct, roam.Heard{
		Epoch: roam.Epoch(h.Generation), Call: roam.CallID(c.view.ID),
		GapIn: h.GapIn, GapOut: h.GapOut, LostIn: h.LostIn,
	})
}

// mediaPeerMoved: the other side's audio comes from elsewhere than it said, or
// from there again, and ours goes there.
func (c *call) mediaPeerMoved(to netip.AddrPort) {
	if c.over() || c.view.RemoteMedia == to {
		return
	}
	if was := c.view.RemoteMedia; was.IsValid() {
		c.say(phone.Info, phone.News{Kind: phone.AudioMoved, At: to, Was: was})
	}
	c.view.RemoteMedia = to
	c.e.turn.peers = true
	c.changed()
}

// foreign: the other side sends sound that nobody agreed on.
func (c *call) foreign(payloadType uint8) {
	if c.over() {
		return
	}
	c.say(phone.Warn, phone.News{Kind: phone.AudioForeign, Payload: payloadType})
}

// followFamily moves the call's media to the address family of the peer's,
// which cannot reach what we answered with: it called from a network of the
// other family, or roamed to one. A roam that is under way looked at the peer
// before that.
func (c *call) followFamily() {
	remote := c.view.RemoteMedia.Addr().Unmap()
	if c.over() || c.sock == nil || !remote.IsValid() || remote.IsUnspecified() || remote.Is4() == c.sock.RTP().Addr().Unmap().Is4() {
		return
	}
	now := c.e.pathTo(remote)
	if !now.Valid() {
		return // no such family here
	}
	c.mediaPath = now
	c.e.step(c.acct, roam.MediaPathChanged{
		Call: roam.CallID(c.view.ID), Path: roam.Path(now), OldAlive: true, Since: time.Now(),
		Why: []phone.Fact{{Kind: phone.PeerMovedTo, At: netip.AddrPortFrom(remote, 0)}},
	})
}

// mediaJobLimit bounds opening a pair of sockets, which waits for nothing.
const mediaJobLimit = 5 * time.Second

// moveMedia carries out roam.MoveMedia.
func (c *call) moveMedia(act roam.MoveMedia) {
	e := c.e
	source, iface := act.Path.Source, act.Path.Interface
	c.homely = ""
	if p, here := c.mediaWay(); p.Valid() {
		source, iface = p.Source, p.Interface
		if here {
			c.homely = iface
		}
	}
	stun := sameFamily(c.acct.stun, source)
	e.job("open media", mediaJobLimit, func(ctx context.Context) {
		sock, err := e.openMedia(ctx, source, iface, stun)
		if !e.post(func() {
			if err != nil && c.sits(source, iface) {
				c.mediaStay(act)
				return
			}
			c.mediaMoved(act, sock, err)
		}) && sock != nil {
			_ = sock.Close()
		}
	})
}

// hostMissing refuses a call, or ends it, whose media host nobody knows: it would
// be one of silence.
func (c *call) hostMissing() {
	if c.over() || !c.host.missing {
		return
	}
	c.host.missing = false
	c.say(phone.Warn, phone.News{Kind: phone.NoMediaHost, Name: c.host.wanted})
	err := &sdp.Error{Code: 488, Text: "the media host " + c.host.wanted + " was not found"}
	how := failedBy(phone.Unusable, 488, err)
	if c.view.Direction == phone.Incoming && c.view.State != phone.Up && c.sip.State() != dialog.Accepted {
		c.reject(how, err)
		return
	}
	c.hangup(how)
}
