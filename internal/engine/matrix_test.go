package engine_test

import (
	"context"
	"flag"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/proof/soak"
	"ramble/sip/locate"
)

func TestMatrix(t *testing.T) {
	for _, transport := range []locate.Transport{locate.UDP, locate.TCP, locate.TLS} {
		t.Run(transport.String(), func(t *testing.T) {
			var tally soak.Tally
			synctest.Test(t, func(t *testing.T) { tally = matrixIn(t, transport) })
			t.Logf("\n%s", tally.Short())
			if n := tally.Count(soak.Lost) + tally.Count(soak.Stuck); n > 0 {
				t.Errorf("%d calls were lost or stuck\n%s", n, tally.Failures(3))
			}
		})
	}
}

var (
	matrixRounds = flag.Int("matrix.rounds", 0, "rounds of each phone, of nine calls each; 0: 7, and 28 in continuous integration")
	matrixSeed   = flag.Uint64("matrix.seed", 1, "seed of the first phone's rounds")
	matrixPlain  = flag.Bool("matrix.noreplaces", false, "the peer does not know Replaces (RFC 3891)")
	matrixWire   = flag.Bool("matrix.wire", false, "print what the server saw last where a call was lost or stuck")
)

func rounds() int {
	switch {
	case *matrixRounds > 0:
		return *matrixRounds
	case os.Getenv("CI") == "true":
		return 28
	}
	return 7
}

// matrixPhones are side by side.
const matrixPhones = 3

// matrixIn plays the rounds over one transport, inside a bubble.
func matrixIn(t *testing.T, transport locate.Transport) (tally soak.Tally) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newMatrixWorld(ctx, t, transport, matrixPhones)
	var phones []*matrixPhone
	for n := range matrixPhones {
		phones = append(phones, w.phone(ctx, n))
	}
	for _, m := range phones {
		if err := m.Phone.Until(ctx, func() bool { return m.Phone.Contact() != "" }); err != nil {
			t.Fatal(err)
		}
	}
	before := atRest(ctx)
	var mu sync.Mutex
	var all sync.WaitGroup
	for n, m := range phones {
		all.Go(func() {
			for _, r := range soak.Plan(*matrixSeed+uint64(n), rounds(), soak.Variants()) {
				list, err := m.Play(ctx, r)
				mu.Lock()
				for i := range list {
					list[i].Transport = transport.String()
				}
				tally.Results = append(tally.Results, list...)
				mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v\n%s", phoneName(n), err, m.Phone.Story())
					return
				}
			}
		})
	}
	all.Wait()
	if after := atRest(ctx); after != before {
		t.Errorf("the phones have %d goroutines after the rounds, %d before", after, before)
	}
	t.Logf("the phones' goroutines: %d before and after", before)
	if *matrixWire && tally.Count(soak.Lost)+tally.Count(soak.Stuck) > 0 {
		t.Log(w.wire.text())
	}
	cancel()
	for _, m := range phones {
		m.all.Wait()
	}
	w.close()
	return tally
}

// atRest is how many goroutines the phones have a while later: old sockets are
// read on for a little, transactions end by themselves. The server's and the
// talker's are not counted: theirs are about connections that are no more.
func atRest(ctx context.Context) (n int) {
	_ = wait(ctx, 2*time.Minute)
	synctest.Wait()
	buf := make([]byte, 8<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "synctest bubble") && !strings.Contains(g, "/sip/siptest.") && !strings.Contains(g, "internal/app/voice.(*Voice)") {
			n++
		}
	}
	return n
}
