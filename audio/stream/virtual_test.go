package stream

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"ramble/audio/codec"
	"ramble/audio/path"
)

// The virtual rig plays a whole call through a real Stream in virtual time: a
// sender of any packet time, a network of any kind, a player whose tick stands
// at any phase to the packets. A second of speech costs a few milliseconds.

// world is one play of it.
type world struct {
	ptime, tick time.Duration
	phase       time.Duration // of the ticks after the first packet
	length      time.Duration
	network     func(i int, sent time.Duration, rng *rand.Rand) (delay time.Duration, lost bool)
	drift       float64 // of the sender's clock, in parts
	seed        uint64
}

// outcome of a world.
type verdict struct {
	stats      Stats
	late       uint64 // after the first second
	concealed  time.Duration
	alike      float64       // mean correlation of what was spoken with what was heard
	worst      float64       // of a window of 500 ms
	lag        time.Duration // of the first second or so, in samples
	lags       []time.Duration
	missing    time.Duration // of speech that no window of what was heard resembles
	heard      []int16
	loud, slip int
}

var spoken = map[int][]int16{}

// source is the speech at 8 kHz, as the codec leaves it.
func sourceSpeech(n int) []int16 {
	if len(spoken[n]) == 0 {
		pcm := speechLike(8000, n, 42)
		c, err := pcmu.Open()
		if err != nil {
			panic(err)
		}
		b := make([]byte, n)
		c.Encode(b, pcm)
		c.Decode(pcm, b)
		spoken[n] = pcm
	}
	return spoken[n]
}

// nowhere is a media socket of no network.
type nowhere struct{ at net.UDPAddr }

func (n *nowhere) ListenPacket(_ context.Context, local netip.AddrPort, _ string) (net.PacketConn, error) {
	at := *net.UDPAddrFromAddrPort(local)
	if at.Port == 0 {
		at.Port = 4000
	}
	return &deaf{at: &at}, nil
}

type deaf struct {
	net.PacketConn
	at *net.UDPAddr
}

func (d *deaf) LocalAddr() net.Addr                       { return d.at }
func (d *deaf) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (d *deaf) Close() error                              { return nil }
func (d *deaf) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}
func (d *deaf) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }

type arrival struct {
	at  time.Duration
	seq int
}

// schedule is when each packet arrives, in order of arrival.
func (w world) schedule() (list []arrival) {
	rng := rand.New(rand.NewPCG(w.seed, 7))
	for i := range int(w.length / w.ptime) {
		sent := time.Duration(float64(i) * float64(w.ptime) * (1 + w.drift))
		delay, lost := w.network(i, sent, rng)
		if !lost {
			list = append(list, arrival{sent + delay, i})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return list
}

func (w world) play(t testing.TB) verdict {
	t.Helper()
	if w.tick == 0 {
		w.tick = 20 * time.Millisecond
	}
	start := time.Unix(1_700_000_000, 0)
	c := &clock{now: start}
	sock, err := path.Open(context.Background(), &nowhere{}, loopback, "", path.Range{})
	if err != nil {
		t.Fatal(err)
	}
	peer := addr("192.0.2.9", 4000)
	s := New(Config{Negotiated: Negotiated{Format: pcmu, Remote: peer, Receive: true, PTime: 20 * time.Millisecond}, Now: c.Now}, sock)
	defer func() { _ = s.Close() }()
	source := sourceSpeech(samples(8000, w.length))
	per := samples(8000, w.ptime)
	coder, err := codec.Format.Open(pcmu)
	if err != nil {
		t.Fatal(err)
	}
	list := w.schedule()
	var p rtp.Packet
	out := make([]int16, samples(8000, w.tick))
	var v verdict
	before := Stats{}
	buf := make([]byte, 12+per)
	first := list[0].at
	for at := first + w.phase - 2*w.tick; at < w.length; at += w.tick {
		for len(list) > 0 && list[0].at <= at {
			a := list[0]
			list = list[1:]
			buf[0], buf[1] = 0x80, 0
			binary.BigEndian.PutUint16(buf[2:], uint16(a.seq))
			binary.BigEndian.PutUint32(buf[4:], uint32(a.seq*per))
			binary.BigEndian.PutUint32(buf[8:], 99)
			coder.Encode(buf[12:], source[a.seq*per:min((a.seq+1)*per, len(source))])
			c.set(start.Add(a.at))
			s.datagram(s.paths.legs[0], &p, buf, peer)
		}
		c.set(start.Add(at))
		s.Play(out)
		if at < first+time.Second {
			before = s.Stats()
		}
		if at >= 0 {
			if len(v.heard) == 0 { // what is heard begins with media time 0
				v.slip = samples(8000, at)
			}
			v.heard = append(v.heard, out...)
		}
	}
	v.stats = s.Stats()
	v.late = v.stats.Late - before.Late
	v.concealed = v.stats.Concealed
	v.judge(source)
	return v
}

// judge compares what was spoken with what was heard, by windows of 500 ms, each
// looked for around the lag of the one before.
func (v *verdict) judge(source []int16) {
	const window = 4000
	v.worst = 1
	lag, n := -1, 0
	for at := 8000; at+window+4000 < len(source); at += window {
		w := source[at : at+window]
		if power(w) < 200*200 {
			continue
		}
		low, high, step := max(0, lag-320), lag+320, 2
		if lag < 0 {
			low, high = 0, 4000
		}
		best, where := -1.0, lag
		try := func(l int) {
			from := at + l - v.slip
			if from < 0 || from+window > len(v.heard) {
				return
			}
			if like := likeness(w, v.heard[from:from+window]); like > best {
				best, where = like, l
			}
		}
		for l := low; l <= high; l += step {
			try(l)
		}
		try(where - 1)
		try(where + 1)
		if best > 0.8 {
			lag = where
			v.lags = append(v.lags, time.Duration(where)*time.Second/8000)
		} else {
			v.missing += 500 * time.Millisecond
		}
		v.alike += best
		v.worst = min(v.worst, best)
		n++
	}
	v.alike /= float64(max(n, 1))
	if len(v.lags) > 0 {
		v.lag = v.lags[0]
	}
}

func power(w []int16) float64 {
	sum := 0.0
	for _, s := range w {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(w))
}

// likeness is the normalized correlation.
func likeness(a, b []int16) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// networks are the impairments.

func clean(int, time.Duration, *rand.Rand) (time.Duration, bool) { return 0, false }

func gaussian(sigma time.Duration) func(int, time.Duration, *rand.Rand) (time.Duration, bool) {
	return func(_ int, _ time.Duration, rng *rand.Rand) (time.Duration, bool) {
		return max(0, 4*sigma+time.Duration(rng.NormFloat64()*float64(sigma))), false
	}
}

func random(share float64) func(int, time.Duration, *rand.Rand) (time.Duration, bool) {
	return func(i int, _ time.Duration, rng *rand.Rand) (time.Duration, bool) {
		return time.Duration(rng.Int64N(int64(time.Millisecond))), rng.Float64() < share && i > 10
	}
}

// bursts loses stretches of 60 ms, a tenth of the time.
func bursts(_ int, sent time.Duration, rng *rand.Rand) (time.Duration, bool) {
	return 0, sent > time.Second && sent%(600*time.Millisecond) < 60*time.Millisecond
}

// heldBack keeps what is sent in 300 ms of every 3 s until their end.
func heldBack(_ int, sent time.Duration, _ *rand.Rand) (time.Duration, bool) {
	if in := sent % (3 * time.Second); sent > time.Second && in < 300*time.Millisecond {
		return 300*time.Millisecond - in, false
	}
	return 0, false
}

// slower is a path that becomes slower by d after two seconds, with 2 ms of
// jitter.
func slower(d time.Duration) func(int, time.Duration, *rand.Rand) (time.Duration, bool) {
	return func(_ int, sent time.Duration, rng *rand.Rand) (time.Duration, bool) {
		delay := time.Duration(rng.Int64N(int64(2 * time.Millisecond)))
		if sent >= 2*time.Second {
			delay += d
		}
		return delay, false
	}
}

func ptimes() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 50 * ms, 60 * ms}
}

const phases = 23

func phaseOf(k int) time.Duration {
	return time.Duration(k)*20*time.Millisecond/phases + 300*time.Microsecond
}

// TestEveryPacketTimeAndPhaseIsClean: nothing is late and nothing is made up
// where nothing is wrong.
func TestEveryPacketTimeAndPhaseIsClean(t *testing.T) {
	for _, tick := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
		for _, ptime := range ptimes() {
			var lags []time.Duration
			bad := ""
			for k := range phases {
				v := world{ptime: ptime, tick: tick, phase: phaseOf(k), length: 4 * time.Second, network: clean}.play(t)
				if v.stats.Late+v.stats.Lost != 0 || v.concealed != 0 || v.worst < 0.999 {
					bad += fmt.Sprintf(" %d(late %d, made up %v, correlation %.3f)", k, v.stats.Late, v.concealed, v.worst)
				}
				lags = append(lags, v.lag)
			}
			slices.Sort(lags)
			t.Logf("ptime %v, tick %v: lag %v in the median, %v at worst", ptime, tick, lags[phases/2], lags[phases-1])
			if bad != "" {
				t.Errorf("ptime %v, tick %v: phases%s", ptime, tick, bad)
			}
			if ptime == 20*time.Millisecond && (lags[phases/2] > 20*time.Millisecond || lags[phases-1] > 26*time.Millisecond) {
				t.Errorf("ptime %v, tick %v: lag %v in the median, %v at worst", ptime, tick, lags[phases/2], lags[phases-1])
			}
		}
	}
}

// bound is what a network may cost.
type bound struct {
	name      string
	network   func(int, time.Duration, *rand.Rand) (time.Duration, bool)
	drift     float64
	late      float64       // packets after the first second, as a share
	concealed float64       // share of the time
	alike     float64       // mean correlation
	lag       time.Duration // in the last window
}

// TestEveryPacketTimeUnderImpairments: all packet times at six phases.
func TestEveryPacketTimeUnderImpairments(t *testing.T) {
	const ms = time.Millisecond
	for _, b := range []bound{
		{"sigma 15 ms", gaussian(15 * ms), 0, 0.03, 0.04, 0.90, 110 * ms},
		{"sigma 30 ms", gaussian(30 * ms), 0, 0.04, 0.06, 0.85, 200 * ms},
		{"3 % loss", random(0.03), 0, 0, 0.06, 0.94, 60 * ms},
		{"10 % loss", random(0.10), 0, 0, 0.16, 0.85, 60 * ms},
		{"bursts", bursts, 0, 0, 0.22, 0.85, 60 * ms},
		{"held-back bursts", heldBack, 0, 0.11, 0.14, 0.80, 330 * ms},
		{"drift", clean, 200e-6, 0, 0, 0.99, 60 * ms},
		{"a slower path", slower(20 * ms), 0, 0.02, 0.02, 0.95, 80 * ms},
	} {
		t.Run(b.name, func(t *testing.T) {
			for _, ptime := range ptimes() {
				worst := verdict{alike: 1}
				var late, concealed float64
				var lag time.Duration
				for k := 0; k < phases; k += 4 {
					w := world{ptime: ptime, phase: phaseOf(k), length: 8 * time.Second, network: b.network, drift: b.drift, seed: uint64(k)}
					v := w.play(t)
					late = max(late, float64(v.late)/float64((w.length-time.Second)/ptime))
					concealed = max(concealed, float64(v.concealed)/float64(w.length))
					worst.alike = min(worst.alike, v.alike)
					if len(v.lags) > 0 {
						lag = max(lag, v.lags[len(v.lags)-1])
					}
				}
				t.Logf("ptime %v: late %.3f, made up %.3f, correlation %.3f, lag %v", ptime, late, concealed, worst.alike, lag)
				if late > b.late || concealed > b.concealed || worst.alike < b.alike || lag > b.lag {
					t.Errorf("ptime %v: late %.3f (%.3f), made up %.3f (%.3f), correlation %.3f (%.3f), lag %v (%v)",
						ptime, late, b.late, concealed, b.concealed, worst.alike, b.alike, lag, b.lag)
				}
			}
		})
	}
}

// TestASlowerPathIsFollowedWithinASecond: whatever the step and the phase.
func TestASlowerPathIsFollowedWithinASecond(t *testing.T) {
	for shift := 14 * time.Millisecond; shift <= 26*time.Millisecond; shift += 2 * time.Millisecond {
		for k := range phases {
			w := world{ptime: 20 * time.Millisecond, phase: phaseOf(k), length: 8 * time.Second, network: slower(shift), seed: 1}
			v := w.play(t)
			// What was late within a second of the step, one or two packets, is
			// counted too: the bound is on all.
			if v.late > 6 {
				t.Errorf("slower by %v, phase %d: %d packets late", shift, k, v.late)
			}
		}
	}
}
