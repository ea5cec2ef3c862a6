package simulate

import (
	"context"
	"flag"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ramble/internal/proof/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seed     = flag.Uint64("simulate.seed", 0, "first seed of worlds that nobody has played yet; 0: the fixed ones")
	lasting  = flag.Duration("simulate.for", 5*time.Minute, "no world is begun after this time")
	worlds   = flag.Int("simulate.worlds", 0, "how many worlds; 0: three of the fixed ones, all of them in continuous integration, and any number of new ones")
	episodes = flag.Int("simulate.episodes", 8, "episodes of each world")
	tries    = flag.Int("simulate.tries", 60, "how often a failing script is played again to make it smaller")
)

// fixed are the seeds that are always played, the first three in make test. They
// pass. A seed that failed joins them with its mending.
func fixed() []uint64 {
	return []uint64{1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 3, 4, 29, 30, 31, 1031, 1066, 1098, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44}
}

// number of worlds to play.
func number() int {
	switch {
	case *worlds > 0:
		return *worlds
	case *seed != 0:
		return math.MaxInt
	case needs.Everything():
		return len(fixed())
	}
	return 3
}

// run plays a script in a bubble of its own.
func run(t *testing.T, s Script) (b Broken, f Figures, tale string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := start(ctx, t, s)
		b = w.play()
		f, tale = w.figures, w.tale()
		f.Simulated = time.Since(w.began)
		cancel()
		w.tasks.Wait()
		w.all.Wait()
		w.net.Close()
	})
	return b, f, tale
}

// TestSimulate plays worlds. A seed that fails is shrunk and printed; new ones are
// played on.
func TestSimulate(t *testing.T) {
	var sum Figures
	failed := 0
	began := time.Now()
	for n := range number() {
		if time.Since(began) > *lasting || failed > maxFailed {
			break
		}
		s := *seed + uint64(n)
		if *seed == 0 {
			s = fixed()[n%len(fixed())]
		}
		at := time.Now()
		script := Generate(s, *episodes)
		t.Logf("seed %d", s)
		b, f, tale := run(t, script)
		f.Real = time.Since(at)
		sum.add(f)
		if b.Law != "" {
			failed++
			report(t, script, b, tale)
		}
	}
	t.Log(sum)
	if sum.Calls == 0 || sum.Checks == 0 {
		t.Error("nothing was played")
	}
}

// maxFailed bounds the reports of one run.
const maxFailed = 9

// report shrinks a script that failed and prints what is left of it.
func report(t *testing.T, s Script, b Broken, tale string) {
	t.Helper()
	t.Logf("seed %d breaks a law: %s: %s; it is played again to make it smaller", s.Seed, b.Law, b.What)
	small := Shrink(s, *tries, func(c Script) bool {
		got, _, told := run(t, c)
		if got.Law == b.Law {
			b, tale = got, told
		}
		return got.Law == b.Law
	})
	t.Errorf("%s: %s\n\n%s\n%s", b.Law, b.What, small, tale)
}

func TestFixedSeedsHaveSomethingOfAll(t *testing.T) {
	seen := map[string]int{}
	for n := range 3 { // those of make test
		for _, e := range Generate(fixed()[n], *episodes).Episodes {
			for _, st := range e.Steps {
				seen[st.Verb]++
			}
		}
	}
	for _, verb := range []string{"dial", "answer", "decline", "hangup", "hold", "resume", "refresh", "digits", "late", "call", "update", "offline", "plug", "cut", "back", "renumber", "elsewhere", "stall", "loss", "down", "deaf", "busy", "restart"} {
		if seen[verb] == 0 {
			t.Error(fmt.Sprint("no fixed seed has the step ", verb))
		}
	}
}
