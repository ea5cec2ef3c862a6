package stream

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestReceptionReportsWhatThePlayoutCounted (RFC 3550 6.4.1): of what was expected
// by the numbers, what the playout says never came.
func TestReceptionReportsWhatThePlayoutCounted(t *testing.T) {
	now := time.Unix(0, 0)
	for _, tc := range []struct {
		name    string
		seqs    []uint16
		counted unplayed
		want    block
	}{
		{"in order", []uint16{1, 2, 3, 4}, unplayed{}, block{highest: 4}},
		{"over the wrap", []uint16{65534, 65535, 0, 1}, unplayed{}, block{highest: 1<<16 + 1}},
		{"two of four lost", []uint16{10, 13}, unplayed{lost: 2}, block{loss: 128, lost: 2, highest: 13}},
		{"two of four late", []uint16{10, 13, 11, 12}, unplayed{discarded: 2}, block{discard: 128, highest: 13}},
		{"reordered", []uint16{1, 3, 2, 4}, unplayed{}, block{highest: 4}},
		{"a jump starts anew", []uint16{1, 2, 30000, 30001}, unplayed{}, block{highest: 30001}},
		{"a stretch of two minutes is a loss", []uint16{1, 2001}, unplayed{lost: 1999}, block{loss: 255, lost: 1999, highest: 2001}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r reception
			r.source(now, 1, unplayed{})
			for _, seq := range tc.seqs {
				r.packet(now, seq)
			}
			if b := r.block(tc.counted); b != tc.want {
				t.Fatalf("%+v, want %+v", b, tc.want)
			}
			if b := r.block(tc.counted); b.loss != 0 || b.discard != 0 || b.lost != tc.want.lost {
				t.Fatalf("an interval without packets: %+v", b)
			}
			r.source(now.Add(time.Second), 2, tc.counted)
			r.packet(now.Add(time.Second), 5)
			if b := r.block(tc.counted); b.lost != 0 {
				t.Fatalf("a new source is told what another lost: %+v", b)
			}
		})
	}
}

func TestTwoSourcesAtOnceAreNotMixed(t *testing.T) {
	var r reception
	now := time.Unix(0, 0)
	taken := map[uint32]int{}
	for range 50 {
		for _, ssrc := range []uint32{1, 2} {
			if take, _ := r.source(now, ssrc, unplayed{}); take {
				r.packet(now, 0)
				taken[ssrc]++
			}
			now = now.Add(10 * time.Millisecond)
		}
	}
	if taken[1] != 50 || taken[2] != 0 {
		t.Fatalf("%v", taken)
	}
	if take, fresh := r.source(now.Add(ssrcSilence), 2, unplayed{}); !take || !fresh {
		t.Fatal("the second is not believed when the first is silent")
	}
}

func TestMOS(t *testing.T) {
	for _, tc := range []struct {
		name     string
		loss     float64
		delay    time.Duration
		from, to float64
	}{
		{"a clean call", 0, 50 * time.Millisecond, 4.35, 4.45},
		{"half a second of delay hurts", 0, 500 * time.Millisecond, 2.3, 3.2},
		{"three percent lost", 0.03, 50 * time.Millisecond, 3.7, 4.2},
		{"ten percent lost", 0.1, 50 * time.Millisecond, 2.8, 3.5},
		{"all lost", 1, 50 * time.Millisecond, 1, 1.2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := quality{n: 100, loss: tc.loss}
			if m := q.mos(tc.delay); m < tc.from || m > tc.to || math.IsNaN(m) {
				t.Fatalf("%.2f", m)
			}
		})
	}
}

func TestCallbacksMayBeAbsent(t *testing.T) {
	s := New(Config{Negotiated: Negotiated{Receive: true}}, openPath(t))
	s.handOn(outcome{tell: true, moved: addr("192.0.2.1", 1), digits: [2]digit{{key: '1', units: 1}}, clock: 8000})
	if s.Rate() != 8000 {
		t.Fatal("the zero codec is PCMU")
	}
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff}, uint8(10))
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 0x8a, 3, 0x20}, uint8(0))
	f.Add([]byte{0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, uint8(3))
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1}, uint8(1))
	sock := openPath(f)
	peer := addr("127.0.0.1", 4000)
	f.Fuzz(func(t *testing.T, b []byte, ticks uint8) {
		c := &clock{now: time.Unix(1_700_000_000, 0)}
		s := New(Config{Negotiated: Negotiated{
			Remote: peer, Receive: true, EventSendPT: 101, Hears: []Payload{{0, pcmu}, {101, events}},
		}, Now: c.Now}, sock)
		var p rtp.Packet
		out := make([]int16, 80)
		l := s.paths.legs[0]
		for i := range int(ticks)%8 + 2 {
			s.datagram(s.cfg.Now(), l, &p, b, peer)
			if len(b) > 3 {
				b[3] += uint8(i)
			}
			s.Play(out)
			c.pass(tickLength)
		}
		s.compose(c.Now(), true)
		s.Stats()
	})
}
