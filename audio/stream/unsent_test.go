package stream

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestTheFirstPacketDoesNotWait: what leaves when a path takes over, before the
// sound's clock comes with the next frame.
func TestTheFirstPacketDoesNotWait(t *testing.T) {
	tests := []struct {
		name    string
		failing time.Duration // every send fails, after a second of good ones
		pause   time.Duration // between the last frame and the new path
		dead    bool
		want    []int // sequence numbers, counted from the next frame's
	}{
		{"the old path lives: the next frame is the first", 0, 0, false, nil},
		{"the old path is dead: the last frame goes out again", 0, 0, true, []int{-1}},
		{"one frame did not leave", 20 * time.Millisecond, 0, true, []int{-1}},
		{"three did not", 60 * time.Millisecond, 0, true, []int{-3, -2, -1}},
		{"of many only the last are of use", 2 * time.Second, 0, true, []int{-3, -2, -1}},
		{"an old path that was thought alive sends nothing: neither is lost", 40 * time.Millisecond, 0, false, []int{-2, -1}},
		{"what is too late to be heard stays", 2 * time.Second, 30 * time.Millisecond, true, []int{-2, -1}},
		{"the machine slept", 40 * time.Millisecond, time.Minute, true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.run(time.Second)
			remote := r.a.media.Remote
			if tt.failing > 0 {
				r.a.follow(addr("::1", 9))
				for range tt.failing / tickLength {
					r.a.speak()
					r.pass(tickLength)
				}
				r.a.follow(remote)
			}
			r.pass(tt.pause)
			next := openPath(t)
			r.a.Adopt(next, 2)
			if tt.dead {
				r.a.TakeOver()
			} else {
				r.a.Switch()
			}
			header := r.a.header()
			packets := r.b.take(len(tt.want))
			for i, p := range packets {
				if p.SSRC != header.SSRC || int16(p.SequenceNumber-header.SequenceNumber) != int16(tt.want[i]) ||
					int32(p.Timestamp-header.Timestamp) != int32(160*tt.want[i]) {
					t.Errorf("packet %d is %d (timestamp %d) from the next, want %d", i,
						int16(p.SequenceNumber-header.SequenceNumber), int32(p.Timestamp-header.Timestamp), tt.want[i])
				}
			}
			// The next frame follows, and nothing came between.
			if tt.pause < time.Second {
				r.a.speak()
				r.a.speak()
				if p := r.b.take(1)[0]; p.SequenceNumber != header.SequenceNumber || p.Timestamp != header.Timestamp {
					t.Errorf("the next frame is %d, timestamp %d, want %d, %d", p.SequenceNumber, p.Timestamp, header.SequenceNumber, header.Timestamp)
				}
			}
		})
	}
	t.Run("a call that sends nothing sends nothing", func(t *testing.T) {
		r := newRig(t, nil)
		r.run(time.Second)
		n := r.a.media
		n.Send = false
		r.a.Update(n)
		before := r.a.Stats().TxPackets
		r.a.Adopt(openPath(t), 2)
		r.a.TakeOver()
		if st := r.a.Stats(); st.TxPackets != before {
			t.Errorf("%d packets", st.TxPackets-before)
		}
	})
}

// take reads n packets that arrive at an end's first path from a new one.
func (e *end) take(n int) (out []rtp.Packet) {
	e.t.Helper()
	sock := e.leg(0).sock
	for range n {
		var p rtp.Packet
		buf := make([]byte, maxDatagram)
		size, _, err := sock.ReadFrom(buf)
		if err != nil {
			e.t.Fatal(err)
		}
		if err := p.Unmarshal(buf[:size]); err != nil {
			e.t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
