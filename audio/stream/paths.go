package stream

import (
	"net/netip"
	"slices"
	"time"

	"ramble/audio/path"
)

const (
	// linger is how long the old sockets are read after the first packet on the
	// new ones: what was sent before the peer moved is still on its way.
	linger = 2 * time.Second
	// maxLegs bounds the paths that are read at once, in a storm of roams.
	maxLegs = 4
)

// leg is one path of the stream.
type leg struct {
	sock       *path.Transport
	out        *source // of what is sent here
	generation uint64
	read       bool                                                  // its readers run, or the reactor looks
	take       func(b []byte, src netip.AddrPort, age time.Duration) // what the reactor finds
	heard      bool                                                  // a packet was accepted here
	sent       bool                                                  // a packet left here
	told       bool
	report     Heard
}

// paths are the legs from the oldest to the newest. All are read, one is sent
// on.
type paths struct {
	legs     []*leg
	sending  *leg
	lastIn   time.Time // accepted, on any path
	lastOut  time.Time // sent, on any path
	heardAt  time.Time // first packet on the newest
	moved    time.Time // last switch
	retireAt time.Time // zero: nothing to retire yet
	closed   bool
	outage   outage
}

// outage is the worst since Began: the longest pause each way and what was
// lost, on whatever path. Without it an address that comes back would hide the
// silence: the old socket hears a last packet just before the new one its
// first.
type outage struct {
	watched bool
	in, out time.Duration
	lost    uint64
}

func (p *paths) init(first *leg) {
	first.told = true // the first path is no change of path
	first.out = newSource()
	p.legs, p.sending = []*leg{first}, first
}

func (p *paths) newest() *leg { return p.legs[len(p.legs)-1] }

// Adopt takes a further pair of sockets, on a new path: both are read from now
// on, and the old one is sent on until Switch. The pair belongs to the stream.
func (s *Stream) Adopt(sock *path.Transport, generation uint64) {
	s.mu.Lock()
	old := s.paths.adopt(&leg{sock: sock, generation: generation})
	s.gate.freeze()
	s.mu.Unlock()
	closeAll(old)
	s.rouse()
}

func (p *paths) adopt(l *leg) (old []*leg) {
	if p.closed {
		return []*leg{l}
	}
	if l.out = p.newest().out; l.sock.Anew() {
		l.out = newSource()
	}
	p.legs = append(p.legs, l)
	p.heardAt, p.retireAt = time.Time{}, time.Time{}
	if len(p.legs) <= maxLegs {
		return nil
	}
	i := slices.IndexFunc(p.legs, func(l *leg) bool { return l != p.sending })
	old = []*leg{p.legs[i]}
	p.legs = slices.Delete(p.legs, i, i+1)
	return old
}

// Renew has the newest pair count as a path of its own from now on: the network
// is taken for another one, and the sockets stay. What is heard on it next is
// told with the new generation.
func (s *Stream) Renew(generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.paths.newest()
	l.generation, l.heard, l.sent, l.told, l.report = generation, false, false, false, Heard{}
	s.paths.heardAt, s.paths.retireAt = time.Time{}, time.Time{}
}

// Began says that a roam began: until the next Heard, the longest pause each
// way counts as its gap. Calling it again meanwhile changes nothing.
func (s *Stream) Began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := &s.paths.outage; !o.watched {
		*o = outage{watched: true}
	}
}

// retire takes out the old paths: all but the one that is sent on and the newest.
func (p *paths) retire() (old []*leg) {
	p.retireAt = time.Time{}
	if p.closed {
		return nil
	}
	keep := p.legs[:0:0]
	for _, l := range p.legs {
		if l == p.sending || l == p.newest() {
			keep = append(keep, l)
		} else {
			old = append(old, l)
		}
	}
	p.legs = keep
	return old
}

// plan sets when the old paths close: a while after the new one was both heard
// and sent on.
func (p *paths) plan() {
	if p.sending != p.newest() || p.heardAt.IsZero() || len(p.legs) < 2 {
		return
	}
	at := p.heardAt
	if p.moved.After(at) {
		at = p.moved
	}
	p.retireAt = at.Add(linger)
}

// arrived notes an accepted packet on l, missing many after the one before it.
// It returns a report where one is complete, and whether Run must look again.
func (p *paths) arrived(now time.Time, l *leg, missing uint64, sends bool) (h Heard, ok, look bool) {
	before := p.lastIn
	if now.After(before) { // paths are looked at one after the other
		p.lastIn = now
	}
	p.outage.in = max(p.outage.in, gap(before, now))
	p.outage.lost += missing
	if l.heard {
		return Heard{}, false, false
	}
	l.heard = true
	if l != p.newest() {
		l.told = true // overtaken by a later path before it was heard
		return Heard{}, false, false
	}
	l.report.Generation, l.report.At, l.report.LostIn = l.generation, now, missing
	l.report.GapIn = gap(before, now)
	p.heardAt = now
	p.plan()
	h, ok = p.complete(l, sends)
	return h, ok, true
}

// departed notes a packet that left on l.
func (p *paths) departed(now time.Time, l *leg) (h Heard, ok bool) {
	before := p.lastOut
	p.lastOut = now
	p.outage.out = max(p.outage.out, gap(before, now))
	if l.sent {
		return Heard{}, false
	}
	l.sent = true
	l.report.GapOut = gap(before, now)
	return p.complete(l, true)
}

// complete hands out the report once: when the new path was heard, and sent on
// where we send at all.
func (p *paths) complete(l *leg, sends bool) (Heard, bool) {
	if l.told || !l.heard || sends && !l.sent {
		return Heard{}, false
	}
	l.told = true
	if o := p.outage; o.watched {
		l.report.GapIn = max(l.report.GapIn, o.in)
		l.report.LostIn = max(l.report.LostIn, o.lost)
		if sends {
			l.report.GapOut = max(l.report.GapOut, o.out)
		}
	}
	p.outage = outage{}
	return l.report, true
}

// gap is never negative, and nothing where there was nothing before.
func gap(before, now time.Time) time.Duration {
	if before.IsZero() {
		return 0
	}
	return max(0, now.Sub(before))
}

// unread returns the legs whose readers do not run yet, once.
func (s *Stream) unread() (fresh []*leg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.paths.legs {
		if !l.read {
			l.read = true
			fresh = append(fresh, l)
		}
	}
	return fresh
}

func (p *paths) close() []*leg {
	if p.closed {
		return nil
	}
	p.closed = true
	return p.legs
}

func closeAll(legs []*leg) {
	for _, l := range legs {
		_ = l.sock.Close() // nothing can be done about it
	}
}

// Local is the address of the RTP socket that is sent from.
func (s *Stream) Local() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths.sending.sock.RTP()
}

func (s *Stream) tell(h Heard, ok bool) {
	if ok && s.cfg.OnHeard != nil {
		s.cfg.OnHeard(h)
	}
}
