package engine_test

import (
	"runtime"
	"strings"
	"testing/synctest"
)

// goroutines is how many the bubble of the caller has. Those of other tests, which
// run beside this one, do not count.
func goroutines() (n int) {
	synctest.Wait()
	buf := make([]byte, 1<<20)
	for used := runtime.Stack(buf, true); used == len(buf); used = runtime.Stack(buf, true) {
		buf = make([]byte, 2*len(buf))
	}
	buf = buf[:runtime.Stack(buf, true)]
	all := strings.Split(string(buf), "\n\n")
	mine := bubbleOf(all[0]) // the caller comes first
	for _, g := range all {
		if bubbleOf(g) == mine {
			n++
		}
	}
	return n
}

// bubbleOf is the bubble that a goroutine's trace names: "synctest bubble 7".
func bubbleOf(trace string) string {
	head, _, _ := strings.Cut(trace, ":\n")
	_, bubble, _ := strings.Cut(head, "synctest bubble ")
	bubble, _, _ = strings.Cut(strings.TrimSuffix(bubble, "]"), ",")
	return bubble
}
