package device

const (
	// A microphone brings its samples in pieces, and the loudspeaker's clock
	// takes them in frames. spare is what is to remain in the ring after each
	// frame: a piece. Where two clocks drift, the moment comes when a piece
	// that used to be there just before the frame comes just after it.
	spareMillis = 10
	// lookTakes is for how many frames the least remainder is watched before
	// the speed is set again.
	lookTakes = 25
	// A stall leaves more than this behind; it is dropped at once, for slowing
	// down by single samples would take a minute.
	heapMillis = 60
)

// intake is a microphone's samples on their way to another clock. One sample
// more or less in a frame, spread over all of it, keeps the two together: up to
// 1000 ppm at 20 ms and 48 kHz, where sound cards differ by 200 at most. What
// is lacking is silence.
type intake struct {
	ring  *ring
	spare int // samples that are to remain
	heap  int
	whole []int16 // a frame before it is stretched, one sample longer
	clock bool    // frames are taken as they come, nothing is to be kept together

	flowing bool
	settled bool // since sound began to flow, the surplus was dropped
	takes   int
	least   int // remainder since the last look
	step    int // samples more (or less) to take in each frame
	lost    int // frames that were not there
}

// newIntake makes one for frames of n samples at a rate.
func newIntake(rate, n int) *intake {
	t := &intake{spare: rate * spareMillis / 1000, heap: rate*heapMillis/1000 + n, whole: make([]int16, n+1)}
	t.ring = newRing(rate / 2)
	t.least = len(t.ring.buf)
	return t
}

// fill takes the next frame, as long as those that the intake was made for.
func (t *intake) fill(dst []int16) {
	n := len(dst)
	if level := t.ring.level(); level > t.heap {
		t.ring.drop(level - n - t.spare)
	}
	level := t.ring.level()
	if !t.flowing && level < n+t.spare {
		clear(dst)
		return
	}
	t.flowing = true
	want := n + t.step
	if level < want {
		want = n
	}
	if level < want { // what is there waits, to be whole with what comes
		t.flowing, t.settled = false, false
		t.lost++
		clear(dst)
		return
	}
	frame := t.whole[:want]
	t.ring.take(frame)
	stretch(dst, frame)
	t.least = min(t.least, level-want)
	if t.takes++; t.takes >= lookTakes {
		t.steer()
	}
}

// ready reports whether a frame is there, where the microphone is the clock.
func (t *intake) ready() bool { return t.ring.level() >= len(t.whole)-1+t.spare }

// steer sets the speed by what remained at worst.
func (t *intake) steer() {
	switch {
	case t.clock:
	case !t.settled: // the heap of the start goes at once
		t.ring.drop(max(t.least-t.spare, 0))
		t.settled = true
	case t.least > t.spare*3/2:
		t.step = 1
	case t.least < t.spare:
		t.step = -1
	case t.step > 0 && t.least <= t.spare*5/4, t.step < 0:
		t.step = 0
	}
	t.takes, t.least = 0, len(t.ring.buf)
}

// stretch fits src into dst, which is a sample shorter or longer or the same,
// by linear interpolation.
func stretch(dst, src []int16) {
	if len(dst) == len(src) {
		copy(dst, src)
		return
	}
	scale := len(dst) - 1
	for i := range dst {
		at := i * (len(src) - 1)
		j, part := at/scale, at%scale
		s := int(src[j])
		if part > 0 {
			s += (int(src[j+1]) - s) * part / scale
		}
		dst[i] = int16(s)
	}
}
