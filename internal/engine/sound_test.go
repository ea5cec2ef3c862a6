package engine

import (
	"sync"
	"testing"
)

// TestSoundReportsNeverWaitForTheLoop: the sound clock holds the desk's lock
// while a stream reports, and the loop may be waiting for that lock.
func TestSoundReportsNeverWaitForTheLoop(t *testing.T) {
	e := &Engine{mailbox: make(chan func()), sound: make(chan func(), soundBacklog), stopped: make(chan struct{})}
	var desk sync.Mutex
	desk.Lock()
	reported := make(chan int, soundBacklog+1)
	for i := range soundBacklog { // nobody reads: the loop hangs on the desk
		e.postSound(func() { reported <- i })
	}
	desk.Unlock()
	for i := range soundBacklog {
		(<-e.sound)()
		if got := <-reported; got != i {
			t.Fatalf("report %d came as number %d", got, i)
		}
	}
	for range soundBacklog {
		e.postSound(func() {})
	}
	e.postSound(func() { reported <- -1 }) // one too many still does not wait
	(<-e.mailbox)()
	if got := <-reported; got != -1 {
		t.Fatalf("got report %d", got)
	}
}
