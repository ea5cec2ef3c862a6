package voice

import (
	"net/netip"
	"slices"
	"time"

	"ramble/sip/sdp"
)

// Heard counts the packets that came from one source.
type Heard struct {
	From        netip.AddrPort
	Packets     int
	First, Last time.Time
}

// Sound is what became of a call's audio.
type Sound struct {
	To        netip.AddrPort // where the description says to send
	Direction sdp.Direction  // the voice's
	Sent      uint64         // packets since To was said
	Heard     Heard          // of the source of the last packet; zero: nothing was heard
	Pause     time.Duration  // the longest between two packets, whatever their sources, that ended since Mark
}

// tally is what was heard.
type tally struct {
	sources []Heard // in the order of appearance
	newest  int     // of them, the one that was heard last
	seq     uint16  // the newest heard
	counted bool    // seq was heard
	missing int
	pause   time.Duration
}

func (t *tally) add(now time.Time, from netip.AddrPort, seq uint16, counts bool) {
	if len(t.sources) > 0 {
		t.pause = max(t.pause, now.Sub(t.sources[t.newest].Last))
	}
	if counts {
		t.count(seq)
	}
	t.newest = slices.IndexFunc(t.sources, func(h Heard) bool { return h.From == from })
	if t.newest < 0 {
		t.newest = len(t.sources)
		t.sources = append(t.sources, Heard{From: from, First: now})
	}
	t.sources[t.newest].Packets++
	t.sources[t.newest].Last = now
}

// count follows the sequence numbers.
func (t *tally) count(seq uint16) {
	step := int16(seq - t.seq)
	switch {
	case !t.counted:
		t.seq, t.counted = seq, true
	case step > 0:
		t.missing += int(step) - 1
		t.seq = seq
	case step < 0:
		t.missing-- // late
	}
}

// Sound is how things are.
func (v *Voice) Sound() Sound {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := Sound{To: v.remote.Remote.RTP, Direction: v.remote.Direction, Sent: v.sent, Pause: v.heard.pause}
	if len(v.heard.sources) > 0 {
		s.Heard = v.heard.sources[v.heard.newest]
	}
	return s
}

// Heard returns what was received, by source in the order of appearance.
func (v *Voice) Heard() []Heard {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.heard.sources)
}

// Missing is how many packets, of whatever address, never came between the
// first and the newest.
func (v *Voice) Missing() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.heard.missing
}

// Mark begins to measure Sound's Pause.
func (v *Voice) Mark() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heard.pause = 0
}
