package sip

import "sync"

// outbox sends what a call has to say on one stack, in its order, beside the
// goroutine that owns the call: finding the way may ask DNS, and a connection
// may be full.
type outbox struct {
	st *Stack

	mu    sync.Mutex
	queue []func()
	busy  bool
}

// put queues a message. Where the stack is closed it is tried at once, and
// fails as it should.
func (b *outbox) put(fn func()) {
	b.mu.Lock()
	b.queue = append(b.queue, fn)
	start := !b.busy
	b.busy = true
	b.mu.Unlock()
	if start && !b.st.spawn("sip call", b.run) {
		b.run()
	}
}

func (b *outbox) run() {
	for {
		b.mu.Lock()
		if len(b.queue) == 0 {
			b.busy = false
			b.mu.Unlock()
			return
		}
		fn := b.queue[0]
		b.queue = b.queue[1:]
		b.mu.Unlock()
		fn()
	}
}
