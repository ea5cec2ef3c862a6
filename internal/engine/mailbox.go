package engine

import "sync"

// mailbox holds what waits for the loop, in order. Putting never waits: who
// reports may hold a lock (of a transaction, of the sound's clock) that the
// loop is waiting for at that moment. It is the one lock of this room, and
// guards a queue, no state of the phone. Its length is bounded by those who
// report: streams a few times a second, stacks by their own limits, people.
type mailbox struct {
	mu     sync.Mutex
	queue  []func()
	closed bool
	filled chan struct{} // one token: there is something to take
}

func newMailbox() *mailbox { return &mailbox{filled: make(chan struct{}, 1)} }

// put reports whether the loop will see fn; false once it has ended.
func (m *mailbox) put(fn func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.queue = append(m.queue, fn)
	select {
	case m.filled <- struct{}{}:
	default:
	}
	return true
}

// take empties the box.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.queue
	m.queue = nil
	return all
}

// close refuses what comes from now on, and hands out the rest.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	all := m.queue
	m.queue = nil
	return all
}
