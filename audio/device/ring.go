package device

import (
	"encoding/binary"
	"sync/atomic"
)

// ring carries samples from one goroutine to one other, without a lock.
type ring struct {
	buf  []int16       // a power of two
	head atomic.Uint64 // samples ever written
	tail atomic.Uint64 // samples ever taken
}

// newRing makes one that holds at least n samples.
func newRing(n int) *ring {
	size := 1
	for size < n {
		size *= 2
	}
	return &ring{buf: make([]int16, size)}
}

// level is how many samples are there to take.
func (r *ring) level() int { return int(r.head.Load() - r.tail.Load()) }

// write appends what there is room for; the rest is lost.
func (r *ring) write(src []int16) {
	head := r.head.Load()
	free := len(r.buf) - int(head-r.tail.Load())
	src = src[:min(free, len(src))]
	for i, s := range src {
		r.buf[(head+uint64(i))&uint64(len(r.buf)-1)] = s
	}
	r.head.Store(head + uint64(len(src)))
}

// writeBytes does the same with samples as 16 bits, little end first.
func (r *ring) writeBytes(src []byte) {
	head := r.head.Load()
	n := min(len(r.buf)-int(head-r.tail.Load()), len(src)/2)
	for i := range n {
		r.buf[(head+uint64(i))&uint64(len(r.buf)-1)] = int16(binary.LittleEndian.Uint16(src[2*i:]))
	}
	r.head.Store(head + uint64(n))
}

// take fills dst with the oldest samples. The caller knows that there are enough.
func (r *ring) take(dst []int16) {
	tail := r.tail.Load()
	for i := range dst {
		dst[i] = r.buf[(tail+uint64(i))&uint64(len(r.buf)-1)]
	}
	r.tail.Store(tail + uint64(len(dst)))
}

// drop throws the n oldest samples away. The caller knows that there are enough.
func (r *ring) drop(n int) { r.tail.Add(uint64(n)) }
