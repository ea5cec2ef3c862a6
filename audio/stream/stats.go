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

// Media is the condition of the sound, in the words of the phone's vocabulary.
// Counters are cumulative over the call, across paths.
type Media struct {
	Packets
	Quality             // over the last 10 s
	Call        Quality // over the call
	Jitter      time.Duration
	RTT         time.Duration
	Delay       time.Duration // one way, estimated; 0 while the round trip is unknown
	Buffer      time.Duration
	Concealed   time.Duration
	Sending     bool
	LevelIn     float64
	LevelOut    float64
	Silence     time.Duration
	JitterTrail []time.Duration
}

// Packets are counted each once.
type Packets struct {
	TxPackets, RxPackets uint64
	Lost                 uint64
	Late                 uint64
	Refused              uint64
	Duplicates           uint64
	Unsent               uint64 // of ours that the system did not take
}

// Quality is the share that was not heard in time, and the E-model's estimate.
type Quality struct{ Loss, MOS float64 }

// Stats is Media and what only an expert asks for.
type Stats struct {
	Media
	Target     time.Duration // of the jitter buffer
	Skipped    uint64        // packets left out to lower the delay
	Strange    uint64        // packets of strangers, RTP and RTCP: dropped
	Garbage    uint64        // datagrams that are neither
	Unknown    uint64        // packets of the peer that mean nothing to us
	Reports    uint64        // RTCP packets accepted
	ReadErrors uint64
	LossOut    float64        // fraction that the peer missed of ours, by its last report
	Source     netip.AddrPort // who is listened to; zero: nobody yet
	SendsTo    netip.AddrPort // where our packets go
}

// counters are what the parts do not count themselves.
type counters struct {
	strange, garbage, unknown uint64
	foreign                   uint64    // packets of sound in a format never agreed on
	foreignAt                 time.Time // the last of them
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
	late, duplicates, lost, skipped, refused uint64
	madeUp                                   time.Duration
}

func (p *past) add(s jitter.Stats) {
	p.late += s.Late
	p.duplicates += s.Duplicates
	p.lost += s.Lost
	p.skipped += s.Skipped
	p.refused += s.Refused
	p.madeUp += s.MadeUp
}

// packets are the counts that all show: the screen, JSON, the history and, by way
// of unheard, RTCP.
func (s *Stream) packets() Packets {
	c, b := &s.count, s.rx.stats()
	return Packets{
		TxPackets: s.tx.packets, RxPackets: s.rx.from.totalPackets,
		Lost: c.buffers.lost + b.Lost, Late: c.buffers.late + b.Late,
		Refused:    c.foreign + c.buffers.refused + b.Refused + b.Skipped + c.buffers.skipped,
		Duplicates: c.buffers.duplicates + b.Duplicates,
		Unsent:     c.sendErrors,
	}
}

func (s *Stream) unplayed() unplayed {
	p := s.packets()
	return unplayed{lost: p.Lost, discarded: p.Late + p.Refused}
}

// delay estimates how long a sound is on its way from the other side's microphone
// to what is heard here: half of the round trip, as if both ways took the same, what the
// playout waits, and a packet's time to be filled. The sound cards at both ends come to it.
func (s *Stream) delay() time.Duration {
	return s.count.rtt/2 + s.rx.stats().Delay + s.media.PTime
}

// Stats returns the present figures.
func (s *Stream) Stats() Stats {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c, b := &s.count, s.rx.stats()
	st := Stats{
		Media: Media{
			Packets: s.packets(),
			Jitter:  b.Jitter, RTT: c.rtt, Buffer: b.Delay,
			Concealed:   c.buffers.madeUp + b.MadeUp,
			LevelIn:     c.in.Level(),
			LevelOut:    c.out.Level(),
			JitterTrail: s.trail.copy(),
		},
		Target: b.Target, Skipped: c.buffers.skipped + b.Skipped,
		Strange: c.strange, Garbage: c.garbage, Unknown: c.unknown, Reports: c.controlIn,
		ReadErrors: c.readErrors, LossOut: c.lossOut,
		Source: s.gate.source(), SendsTo: s.gate.target(),
	}
	if last := s.paths.lastIn; s.media.Receive && !last.IsZero() && now.Sub(last) >= flowing {
		st.Silence = now.Sub(last)
	}
	delay := s.delay()
	if c.rtt > 0 {
		st.Delay = delay
	}
	st.Quality = Quality{c.quality.loss, c.quality.mos(delay)}
	st.Call = Quality{c.quality.whole(), c.quality.mosOfCall(delay)}
	last := s.paths.lastOut
	st.Sending = s.sends() && s.tx.failed == "" && !last.IsZero() && now.Sub(last) < max(flowing, 3*s.media.PTime)
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
func (q *quality) hear(st jitter.Stats) {
	played, made := st.Played-q.played, st.MadeUp-q.made
	q.played, q.made = st.Played, st.MadeUp
	if played >= 0 && made >= 0 { // else it is another buffer
		q.add(played, made)
	}
}

// add notes sound that was heard, and sound that was due and was not.
func (q *quality) add(played, made time.Duration) {
	if played+made == 0 {
		return
	}
	q.allPlayed += played
	q.allMade += made
	q.n++
	q.loss += (float64(made)/float64(played+made) - q.loss) / float64(min(q.n, recent))
}

// whole is the share over the call.
func (q *quality) whole() float64 {
	if q.n == 0 {
		return 0
	}
	return float64(q.allMade) / float64(q.allPlayed+q.allMade)
}

// mos is the estimate over the last ten seconds, mosOfCall that over the call; 0
// until a second was heard.
func (q *quality) mos(delay time.Duration) float64       { return q.estimate(q.loss, delay) }
func (q *quality) mosOfCall(delay time.Duration) float64 { return q.estimate(q.whole(), delay) }

// estimate is that of the E-model (ITU-T G.107, default values, in the
// simplified form for VoIP): R = 93.2 - Id(delay) - Ie,eff(loss), with Ie = 0
// and Bpl = 25.1, which G.113 appendix I gives for G.711 with concealment.
func (q *quality) estimate(share float64, delay time.Duration) float64 {
	if q.n < 50 {
		return 0
	}
	const bpl = 25.1
	d := delay.Seconds() * 1000
	r := 93.2 - 0.024*d
	if d > 177.3 {
		r -= 0.11 * (d - 177.3)
	}
	loss := 100 * share
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
