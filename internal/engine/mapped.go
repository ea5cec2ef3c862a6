package engine

import (
	"context"
	"net/netip"
	"time"

	"ramble/audio/path"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/dialog"
	"ramble/sip/locate"
)

// follows is the address of a stack whose Contact follows what others see;
// zero where it does not. Over TCP and TLS the port seen is that of a
// connection, at which nobody listens.
func (a *account) follows(st *stack) netip.AddrPort {
	if a.cfg.KeepContact || st.Transport() != locate.UDP {
		return netip.AddrPort{}
	}
	return st.Local()
}

// mapped hears where somebody outside sees a stack.
func (a *account) mapped(epoch roam.Epoch, ev sip.Mapped) {
	by := roam.ByServer
	if ev.STUN {
		by = roam.BySTUN
	}
	if st := a.stacks.At(epoch); st != nil {
		if st.seen[by].IsValid() {
			a.lookAtMappings()
		}
		st.seen[by] = ev.At
	}
	a.e.step(a, roam.Mapped{Epoch: epoch, By: by, At: ev.At})
}

// noteMedia has whatever the call's dialog says next say where its media are by
// now.
func (c *call) noteMedia() {
	if c.sock != nil && !c.over() {
		c.e.feed(c.sip, dialog.Want{Wish: c.wish()})
	}
}

// lookAtMappings asks about all calls at once: the mapping of the account's
// stack moved, so that those of its media will have moved with it. Repairs wait
// for the answers, which they are to tell.
func (a *account) lookAtMappings() {
	for _, c := range a.e.liveCalls() {
		if c.acct == a {
			c.lookAtMapping(time.Now())
			c.mapping.awaited = c.mapping.asked != nil && c.mapping.asked == c.sock
		}
	}
}

// planMapping has the STUN server asked with the next keep-alive.
func (c *call) planMapping(now time.Time) {
	if every := c.e.parts.KeepAlive; every > 0 && c.acct.followsMedia() {
		c.mapping.due = now.Add(every)
	}
}

// followsMedia reports whether descriptions follow what a STUN server sees.
func (a *account) followsMedia() bool { return !a.cfg.KeepContact && a.cfg.STUN.Host != "" }

// lookAtMapping asks the STUN server where the media of a call that is up are
// seen.
func (c *call) lookAtMapping(now time.Time) {
	e, m, sock := c.e, &c.mapping, c.sock
	c.planMapping(now)
	if !c.acct.followsMedia() || c.view.State != phone.Up || c.stream == nil || m.asked == sock {
		return
	}
	server := sameFamily(c.acct.stun, sock.RTP().Addr())
	if !server.IsValid() {
		return
	}
	m.asked, m.awaited = sock, false
	e.job("STUN for media", stunPatience, func(ctx context.Context) {
		seen, err := sock.Ask(ctx, server)
		e.post(func() { c.mappingSeen(sock, seen, err) })
	})
}

// mappingSeen hears the STUN server's answer.
func (c *call) mappingSeen(sock *path.Transport, seen path.Seen, err error) {
	e, m := c.e, &c.mapping
	if m.asked == sock {
		m.asked, m.awaited = nil, false
	}
	if c.over() {
		return
	}
	if err != nil {
		e.parts.Log.Info("STUN for media in use", "account", c.acct.cfg.Name, "err", err)
	} else {
		sock.Announce(seen)
		c.noteMedia()
	}
	if c.waiting && c.act != nil && !c.mapping.awaited {
		c.repair(*c.act)
	}
	if said := c.sip.Said().At.RTP; err == nil && sock == c.sock && seen.RTP != said {
		e.step(c.acct, roam.MediaMapped{Call: roam.CallID(c.view.ID), From: said, To: seen.RTP})
	}
}

// announce carries out roam.Announce.
func (a *account) announce(act roam.Announce) {
	st := a.stacks.At(act.Epoch)
	if st == nil {
		return
	}
	st.Announce(act.At)
	if act.At.IsValid() {
		a.say(phone.Info, phone.News{Kind: phone.ReachedAt, At: act.At})
	}
	if st.announced.IsValid() {
		a.lookAtMappings()
	}
	st.announced = act.At
}
