package lab

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ramble/internal/proof/soak"
)

var (
	repairs    = flag.Int("lab.repairs", 320, "how many call repairs the matrix has, about")
	matrixSeed = flag.Uint64("lab.seed", 1, "seed of the matrix")
)

// callsPerRound are those of one phone in one round.
const callsPerRound = 9

// most variants are played on uplinks of IPv4; going to IPv6 and back needs
// uplinks that have one family each.
func mostVariants() []soak.Variant {
	return slices.DeleteFunc(soak.Variants(), func(v soak.Variant) bool { return v == soak.FourToSix })
}

// TestMatrix: eight calls in different states on each of six phones, side by
// side, two for each transport; the phones move in every way, and each call is
// judged on both sides. -lab.repairs=1000 for the whole of it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	var tally soak.Tally
	rounds := (*repairs + callsPerRound - 1) / callsPerRound
	six := max(rounds/len(soak.Variants()), len(transports()))
	four := max(rounds-six, 2*len(transports()))
	t.Run("IPv4", func(t *testing.T) {
		tally.Results = append(tally.Results, voyage(t, Options{WLAN: Access{Family: OnlyIPv4}, WWAN: Access{Family: OnlyIPv4}}, 2, four, mostVariants())...)
	})
	t.Run("IPv4 to IPv6 and back", func(t *testing.T) {
		tally.Results = append(tally.Results, voyage(t, Options{WLAN: Access{Family: OnlyIPv4}, WWAN: Access{Family: OnlyIPv6}}, 1, six, []soak.Variant{soak.FourToSix})...)
	})
	t.Logf("seed %d\n%s\n%s", *matrixSeed, tally.Short(), tally.Table())
	for _, r := range tally.Results {
		if r.Outcome == soak.LetGo {
			t.Logf("let go: %s over %s, %s: %s", r.State, r.Transport, r.Round, r.Why)
		}
	}
	if n := tally.Count(soak.Lost) + tally.Count(soak.Stuck); n > 0 {
		t.Errorf("%d of %d calls were lost or stuck\n%s", n, len(tally.Results), tally.Failures(5))
	}
}

func transports() []string { return []string{"udp", "tcp", "tls"} }

// voyage plays so many rounds in a lab with some phones for each transport.
func voyage(t *testing.T, o Options, phones, rounds int, variants []soak.Variant) []soak.Result {
	ctx := within(t, 15*time.Minute)
	f := launch(t, ctx, o, slices.Repeat(transports(), phones))
	var mu sync.Mutex
	var all sync.WaitGroup
	var results []soak.Result
	for n, s := range f.ships {
		mine := rounds / len(f.ships)
		if n < rounds%len(f.ships) {
			mine++
		}
		plan := soak.Plan(*matrixSeed*100+uint64(n), mine, variants)
		all.Go(func() {
			if err := f.sail(ctx, s, plan, func(list []soak.Result) {
				mu.Lock()
				defer mu.Unlock()
				results = append(results, list...)
			}); err != nil {
				t.Errorf("%s over %s: %v\n%s", s.Phone.User, s.transport, err, s.Phone.Story())
			}
		})
	}
	all.Wait()
	f.end()
	return results
}

// sail plays the rounds of one phone. One round goes before all others, so that
// what a phone makes once and keeps is there when it is counted.
func (f *fleet) sail(ctx context.Context, s *ship, plan []soak.Round, done func([]soak.Result)) error {
	for i, r := range plan {
		list, err := s.Play(ctx, r)
		for i := range list {
			list[i].Transport = s.transport
		}
		done(list)
		if err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := wait(ctx, settles); err != nil {
			return err
		}
		if s.before, err = f.needs(ctx, s); err != nil {
			return err
		}
	}
	after, err := f.rest(ctx, s)
	f.t.Logf("%s over %s, %d rounds: goroutines %d before, %d after; descriptors %d before, %d after", s.Phone.User, s.transport,
		len(plan), s.before.Goroutines, after.Goroutines, s.before.Descriptors, after.Descriptors)
	if err != nil {
		return fmt.Errorf("after all rounds: %w", err)
	}
	return nil
}

// settles is how long a phone still reads the sockets of before.
const settles = 5 * time.Second
