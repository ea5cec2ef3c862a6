package stream

import (
	"net/netip"
	"time"

	"ramble/audio"
	"ramble/audio/jitter"
)

const (
	// flowing is the pause between packets that still counts as flow.
	flowing = 100 * time.Millisecond
	// trailLength is how many seconds of jitter are kept for a drawing.
	trailLength = 60
	// recent is the number of frames over which quality is judged, 10 s.
	recent = 500
)

// Media is the condition of the sound, field by field that of the phone's
// vocabulary, so that one converts to the other. Counters are cumulative over
// the call, across paths.
type Media struct {
	TxPackets, RxPackets uint64
	Lost                 uint64
	Late                 uint64
	Duplicates           uint64
	Jitter               time.Duration
	RTT                  time.Duration
	Buffer               time.Duration
	Concealed            time.Duration
	MOS                  float64
	LevelIn, LevelOut    float64
	Silence              time.Duration
	JitterTrail          []time.Duration
}

// Stats is Media and what only an expert asks for.
type Stats struct {
	Media
	Target     time.Duration // of the jitter buffer
	Skipped    uint64        // packets left out to lower the delay
	Strange    uint64        // packets of strangers, RTP and RTCP: dropped
	Garbage    uint64        // datagrams that are neither
	Unknown    uint64        // packets of the peer that mean nothing to us
	Reports    uint64        // RTCP packets accepted
	SendErrors uint64
	ReadErrors uint64
	LossOut    float64        // fraction that the peer missed of ours, by its last report
	Source     netip.AddrPort // who is listened to; zero: nobody yet
	SendsTo    netip.AddrPort // where our packets go
}

// counters are what the parts do not count themselves.
type counters struct {
	strange, garbage, unknown uint64
	controlIn                 uint64
	sendErrors, readErrors    uint64
	buffers                   past
	quality                   quality
	rtt                       time.Duration
	lossOut                   float64
	in, out                   *audio.Meter
}

// past is what buffers of earlier codecs counted.
type past struct {
	late, duplicates, lost, skipped uint64
	madeUp                          time.Duration
}

func (p *past) add(s jitter.Stats) {
	p.late += s.Late
	p.duplicates += s.Duplicates
	p.lost += s.Lost
	p.skipped += s.Skipped
	p.madeUp += s.MadeUp
}

// Stats returns the present figures.
func (s *Stream) Stats() Stats {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c, b := &s.count, s.rx.stats()
	st := Stats{
		Media: Media{
			TxPackets: s.tx.packets, RxPackets: s.rx.from.totalPackets,
			Lost: c.buffers.lost + b.Lost, Late: c.buffers.late + b.Late,
			Duplicates: c.buffers.duplicates + b.Duplicates,
			Jitter:     b.Jitter, RTT: c.rtt, Buffer: b.Delay,
			Concealed:   c.buffers.madeUp + b.MadeUp,
			LevelIn:     c.in.Level(),
			LevelOut:    c.out.Level(),
			JitterTrail: s.trail.copy(),
		},
		Target: b.Target, Skipped: c.buffers.skipped + b.Skipped,
		Strange: c.strange, Garbage: c.garbage, Unknown: c.unknown, Reports: c.controlIn,
		SendErrors: c.sendErrors, ReadErrors: c.readErrors, LossOut: c.lossOut,
		Source: s.gate.source(), SendsTo: s.gate.target(),
	}
	if last := s.paths.lastIn; s.media.Receive && !last.IsZero() && now.Sub(last) >= flowing {
		st.Silence = now.Sub(last)
	}
	st.MOS = c.quality.mos(c.rtt/2 + b.Delay + s.media.PTime)
	return st
}

// quality follows the share of the sound that had to be made up, as an average
// that forgets within ten seconds and over the call.
type quality struct {
	n            uint64
	loss         float64
	played, made time.Duration // of the buffer, as seen last
	allPlayed    time.Duration
	allMade      time.Duration
}

// hear looks at what the buffer has played and made up since the last look.
func (q *quality) hear(b *jitter.Buffer) {
	st := b.Stats()
	played, made := st.Played-q.played, st.MadeUp-q.made
	q.played, q.made = st.Played, st.MadeUp
	if played < 0 || made < 0 || played+made == 0 { // another buffer, or a pause
		return
	}
	q.allPlayed += played
	q.allMade += made
	q.n++
	q.loss += (float64(made)/float64(played+made) - q.loss) / float64(min(q.n, recent))
}

// mos is the estimate of the E-model (ITU-T G.107, default values, in the
// simplified form for VoIP): R = 93.2 - Id(delay) - Ie,eff(loss), with Ie = 0
// and Bpl = 25.1, which G.113 appendix I gives for G.711 with concealment. 0
// until a second was heard.
func (q *quality) mos(delay time.Duration) float64 {
	if q.n < 50 {
		return 0
	}
	const bpl = 25.1
	d := delay.Seconds() * 1000
	r := 93.2 - 0.024*d
	if d > 177.3 {
		r -= 0.11 * (d - 177.3)
	}
	loss := 100 * q.loss
	r -= 95 * loss / (loss + bpl)
	if r <= 0 {
		return 1
	}
	return min(4.5, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}

// trail keeps the jitter of each of the last seconds.
type trail struct {
	ring  [trailLength]time.Duration
	n     int // seconds so far
	since int // samples in this second
}

func (t *trail) tick(n, rate int, jitter time.Duration) {
	if t.since += n; t.since >= rate {
		t.since -= rate
		t.ring[t.n%trailLength] = jitter
		t.n++
	}
}

// copy returns the trail from the oldest to the newest.
func (t *trail) copy() []time.Duration {
	k := min(t.n, trailLength)
	out := make([]time.Duration, 0, k)
	for i := t.n - k; i < t.n; i++ {
		out = append(out, t.ring[i%trailLength])
	}
	return out
}
