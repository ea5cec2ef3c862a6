package stream

import (
	"cmp"
	"context"
	"encoding/binary"
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
	network     func(i int, sent time.Duration, rng *rng) (delay time.Duration, lost bool)
	payload     func(i int) uint8 // type of each packet; nil: 0, PCMU; 8 is PCMA
	config      func(*Config)     // nil: as it is
	drift       float64           // of the sender's clock, in parts
	seed        uint64
}

type rng = rand.Rand

// outcome of a world.
type verdict struct {
	stats     Stats
	stream    *Stream   // as it was left
	end       time.Time // then
	late      uint64    // after the first second
	concealed time.Duration
	alike     float64       // mean correlation of what was spoken with what was heard
	worst     float64       // of a window of 500 ms
	lag       time.Duration // of the first second or so, in samples
	lags      []time.Duration
	at        []time.Duration // of each lag, in media time
	missing   time.Duration   // of speech that no window of what was heard resembles
	heard     []int16
	slip      int
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
type nowhere struct{}

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
	cfg := Config{Negotiated: Negotiated{Format: pcmu, Remote: peer, Send: true, Receive: true, PTime: 20 * time.Millisecond}, Now: c.Now}
	if w.config != nil {
		w.config(&cfg)
	}
	s := New(cfg, sock)
	defer func() { _ = s.Close() }()
	source := sourceSpeech(samples(8000, w.length))
	per := samples(8000, w.ptime)
	coder, err := codec.Format.Open(pcmu)
	if err != nil {
		t.Fatal(err)
	}
	second, err := codec.Format.Open(pcma)
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
	for at := first + w.phase - 2*w.tick; at < w.length/w.ptime*w.ptime; at += w.tick {
		for len(list) > 0 && list[0].at <= at {
			a := list[0]
			list = list[1:]
			buf[0], buf[1] = 0x80, 0
			binary.BigEndian.PutUint16(buf[2:], uint16(a.seq))
			binary.BigEndian.PutUint32(buf[4:], uint32(a.seq*per))
			binary.BigEndian.PutUint32(buf[8:], 99)
			say := coder
			if w.payload != nil {
				if buf[1] = w.payload(a.seq); buf[1] == 8 {
					say = second
				}
			}
			say.Encode(buf[12:], source[a.seq*per:min((a.seq+1)*per, len(source))])
			c.set(start.Add(a.at))
			s.datagram(s.cfg.Now(), s.paths.legs[0], &p, buf, peer)
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
	v.stats, v.stream, v.end = s.Stats(), s, s.cfg.Now()
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
		best, where := -1.0, lag
		try := func(l int) {
			from := at + l - v.slip
			if from < 0 || from+window > len(v.heard) {
				return
			}
			if like := likeness(w, v.heard[from:from+window], 5); like > best {
				best, where = like, l
			}
		}
		for _, reach := range []int{8, 160} { // most lags stay
			for l := max(0, lag-reach); lag >= 0 && best < 0.95 && l <= lag+reach; l++ {
				try(l)
			}
		}
		for l, anywhere := 0, best < 0.8; anywhere && l < 3600; l++ {
			try(l)
		}
		if where >= 0 {
			best = likeness(w, v.heard[at+where-v.slip:at+where-v.slip+window], 1)
		}
		if best > 0.8 {
			lag = where
			v.lags = append(v.lags, time.Duration(where)*time.Second/8000)
			v.at = append(v.at, time.Duration(at)*time.Second/8000)
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

// likeness is the normalized correlation, of every stride-th sample.
func likeness(a, b []int16, stride int) float64 {
	var ab, aa, bb int64
	for i := 0; i < len(a) && i < len(b); i += stride {
		x, y := int64(a[i]), int64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
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
