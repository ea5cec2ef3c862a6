package netwatchtest

import (
	"container/heap"
	"sync"
	"time"
)

// clock delivers what is in flight when its time has come: in order of due
// time, and of sending where that is the same. One timer serves all. Its
// methods are called, and call, with mu held.
type clock struct {
	mu      *sync.Mutex
	queue   queue
	seq     uint64
	timer   *time.Timer
	stopped bool
}

type event struct {
	due time.Time
	seq uint64
	run func()
}

// after runs fn, with mu held, after d; at once when d is not positive.
func (c *clock) after(d time.Duration, fn func()) {
	if c.stopped {
		return
	}
	if d <= 0 {
		fn()
		return
	}
	c.seq++
	heap.Push(&c.queue, event{due: time.Now().Add(d), seq: c.seq, run: fn})
	if c.queue[0].seq == c.seq {
		c.arm()
	}
}

func (c *clock) arm() {
	d := time.Until(c.queue[0].due)
	if c.timer == nil {
		c.timer = time.AfterFunc(d, c.fire)
		return
	}
	c.timer.Reset(d)
}

func (c *clock) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	now := time.Now()
	for len(c.queue) > 0 && !c.queue[0].due.After(now) {
		e, _ := heap.Pop(&c.queue).(event)
		e.run()
		if c.stopped {
			return
		}
	}
	if len(c.queue) > 0 {
		c.arm()
	}
}

func (c *clock) stop() {
	c.stopped = true
	c.queue = nil
	if c.timer != nil {
		c.timer.Stop()
	}
}

// queue is a heap of events.
type queue []event

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].seq < q[j].seq
	}
	return q[i].due.Before(q[j].due)
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) {
	if e, ok := x.(event); ok {
		*q = append(*q, e)
	}
}

func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// deadline is one direction's deadline of a socket. Its methods are called
// with mu held.
type deadline struct {
	timer  *time.Timer
	set    uint64 // counts settings, so that a late timer of an older one is known
	passed bool
}

// at sets the deadline; wake is called, with mu held, when it passes.
func (d *deadline) at(mu *sync.Mutex, t time.Time, wake func()) {
	d.stop()
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.passed = true
		wake()
		return
	}
	set := d.set
	d.timer = time.AfterFunc(left, func() {
		mu.Lock()
		defer mu.Unlock()
		if d.set == set {
			d.passed = true
			wake()
		}
	})
}

func (d *deadline) stop() {
	d.set++
	d.passed = false
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
