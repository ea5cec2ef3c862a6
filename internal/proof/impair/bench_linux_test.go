package impair

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/proof/needs"
)

var (
	benchFor   = flag.Duration("impair.bench", 0, "length of the speech of `make bench-media`; 0: do not")
	benchSeeds = flag.Int("impair.seeds", 2, "rounds in each network")
	benchLanes = flag.Int("impair.lanes", 3, "calls to each phone at once, each to a process of its own")
	benchMany  = flag.String("impair.many", "", "numbers of calls at once to measure, \"200 500\"; empty: do not")
	benchOut   = flag.String("impair.report", "", "write the tables into this document")
)

const (
	mayBeLate = 0.02 // share of packets; past it the round counts for nothing
	tries     = 3
)

// built builds the phone.
func built(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ramble")
	cmd := exec.Command("go", "build", "-o", name, "ramble")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

func talker(t *testing.T, at string) *Talker {
	t.Helper()
	talk := NewTalker(netip.MustParseAddr(at))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- talk.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-talk.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	return talk
}

// phones are a ramble and a baresip at ports of their own.
func phones(t *testing.T, program string, port uint16) []*Phone {
	t.Helper()
	here := netip.MustParseAddr("127.0.0.1")
	a, err := Ramble(t.Context(), program, t.TempDir(), netip.AddrPortFrom(here, port), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Stop)
	if _, err := exec.LookPath("baresip"); err != nil {
		needs.Missing(t, "baresip is not installed (scripts/lab-packages.sh)")
	}
	b, err := Baresip(t.Context(), t.TempDir(), netip.AddrPortFrom(here, port+1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return []*Phone{a, b}
}

// outcome is one round with one phone.
type outcome struct {
	phone string
	Figures
	cpu   float64 // share of a core
	wakes float64 // a second
	late  float64
}

// round plays a network to a phone, again where the carrier was late.
func round(ctx context.Context, talk *Talker, p *Phone, speech []int16, n Network, seed uint64) (o outcome, ok bool, err error) {
	length := time.Duration(len(speech)) * time.Second / rate
	for range tries {
		call, err := talk.Call(ctx, p.Target)
		if err != nil {
			return o, false, fmt.Errorf("%s: %w", p.Name, err)
		}
		before, err := p.Use()
		if err != nil {
			return o, false, err
		}
		r, err := call.Say(ctx, speech, n, Plan(n, length, seed))
		after, errUse := p.Use()
		_ = call.Hangup(ctx)
		if err != nil || errUse != nil {
			return o, false, fmt.Errorf("%w %w", err, errUse)
		}
		seconds := (length + time.Second).Seconds()
		f, heard := Score(speech, n, r)
		if !heard {
			return o, false, fmt.Errorf("%s: nothing to score of %d packets", p.Name, len(r.Back))
		}
		o = outcome{phone: p.Name, Figures: f, late: r.Late, cpu: (after.CPU - before.CPU).Seconds() / seconds, wakes: float64(after.Wakes-before.Wakes) / seconds}
		if r.Late <= mayBeLate {
			return o, true, nil
		}
	}
	return o, false, nil
}

// TestALoopedPhoneIsScored is a short run of what `make bench-media` does.
func TestALoopedPhoneIsScored(t *testing.T) {
	needs.TheWholeRun(t, "calls to two phones")
	talk := talker(t, "127.0.0.1")
	for _, p := range phones(t, built(t), 5571) {
		o, ok, err := round(t.Context(), talk, p, babble(3*time.Second), Network{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, in time: %v", p.Name, o, ok)
		if ok && p.Name == "ramble" && (o.Lag > 60*time.Millisecond || o.Silent > 100*time.Millisecond || o.Distance > 12) {
			t.Errorf("on a clean network: %+v", o)
		}
		if o.cpu <= 0 || o.wakes <= 0 {
			t.Errorf("%s used nothing: %+v", p.Name, o)
		}
	}
}

// TestBench is `make bench-media`.
func TestBench(t *testing.T) {
	if *benchFor == 0 {
		t.Skip("`make bench-media` plays it")
	}
	speech, err := Speech(*benchFor)
	if err != nil {
		needs.Missing(t, "speech to say: ", err, " (scripts/lab-packages.sh)")
	}
	program := built(t)
	idle := map[string]outcome{}
	results := map[string][]outcome{}
	var mu sync.Mutex
	jobs := make(chan func(talk *Talker, list []*Phone))
	var lanes sync.WaitGroup
	for i := range *benchLanes {
		talk, list := talker(t, "127.0.0.1"), phones(t, program, uint16(5571+2*i))
		if i == 0 {
			for _, p := range list {
				idle[p.Name] = rest(t, p)
			}
		}
		lanes.Go(func() {
			for job := range jobs {
				job(talk, list)
			}
		})
	}
	discarded := 0
	for _, n := range Networks() {
		for seed := range *benchSeeds {
			jobs <- func(talk *Talker, list []*Phone) {
				var both sync.WaitGroup
				for _, p := range list {
					both.Go(func() {
						o, ok, err := round(t.Context(), talk, p, speech, n, uint64(seed+1))
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err != nil:
							t.Errorf("%s: %v", n.Name, err)
						case !ok:
							discarded++
							t.Logf("%s, %s: the carrier was late with %.1f %% of the packets", p.Name, n.Name, 100*o.late)
						default:
							results[n.Name] = append(results[n.Name], o)
							t.Logf("%-28s %-8s lag %3.0f ms  silent %4d ms  distance %.2f dB  CPU %.2f %%  wakes %.0f/s", n.Name, p.Name,
								float64(o.Lag)/1e6, o.Silent.Milliseconds(), o.Distance, 100*o.cpu, o.wakes)
						}
					})
				}
				both.Wait()
			}
		}
	}
	close(jobs)
	lanes.Wait()
	text := table(results, idle, discarded, time.Duration(len(speech))*time.Second/rate)
	t.Log("\n" + text)
	insert(t, "media", text)
}

// rest measures a phone without a call.
func rest(t *testing.T, p *Phone) outcome {
	const d = 10 * time.Second
	before, err := p.Use()
	if err == nil {
		err = until(t.Context(), time.Now().Add(d))
	}
	after, errAfter := p.Use()
	if err != nil || errAfter != nil {
		t.Fatal(err, errAfter)
	}
	return outcome{phone: p.Name, cpu: (after.CPU - before.CPU).Seconds() / d.Seconds(), wakes: float64(after.Wakes-before.Wakes) / d.Seconds()}
}

// table has a row for each network and phone: the median of the rounds, and the
// worst behind it.
func table(results map[string][]outcome, idle map[string]outcome, discarded int, length time.Duration) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Measured %s UTC, Go %s, on a machine with %d cores that is shared with others; baresip %s. PCMU, %v of speech, on the loopback.\n",
		time.Now().UTC().Format("2006-01-02 15:04"), strings.TrimPrefix(runtime.Version(), "go"), runtime.NumCPU(), version("baresip-core"), length)
	fmt.Fprintf(&text, "Each figure is the median of the rounds, and the worst of them where it is another. %d rounds in which the carrier itself was late by %v with more than %.1f %% of the packets, %d times over, count for nothing.\n\n", discarded, tooLate, 100*mayBeLate, tries)
	text.WriteString("| network | phone | lag, ms | silent, ms | spectral distance, dB | CPU, % of a core | wake-ups a second | rounds |\n|---|---|---|---|---|---|---|---|\n")
	for _, n := range Networks() {
		for _, name := range []string{"ramble", "baresip"} {
			var rows []outcome
			for _, o := range results[n.Name] {
				if o.phone == name {
					rows = append(rows, o)
				}
			}
			if len(rows) == 0 {
				fmt.Fprintf(&text, "| %s | %s | ? | ? | ? | ? | ? | 0 |\n", n.Name, name)
				continue
			}
			cell := func(format string, figure func(outcome) float64) string {
				list := make([]float64, 0, len(rows))
				for _, o := range rows {
					list = append(list, figure(o))
				}
				slices.Sort(list)
				median, worst := fmt.Sprintf(format, list[(len(list)-1)/2]), fmt.Sprintf(format, list[len(list)-1])
				if median == worst {
					return median
				}
				return median + ", " + worst
			}
			fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | %s | %d |\n", n.Name, name,
				cell("%.0f", func(o outcome) float64 { return float64(o.Lag) / 1e6 }),
				cell("%.0f", func(o outcome) float64 { return float64(o.Silent) / 1e6 }),
				cell("%.1f", func(o outcome) float64 { return o.Distance }),
				cell("%.2f", func(o outcome) float64 { return 100 * o.cpu }),
				cell("%.0f", func(o outcome) float64 { return o.wakes }), len(rows))
		}
	}
	for _, name := range []string{"ramble", "baresip"} {
		fmt.Fprintf(&text, "| no call | %s | | | | %.2f | %.0f | 1 |\n", name, 100*idle[name].cpu, idle[name].wakes)
	}
	return text.String()
}

func version(pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f=${Version}", pkg).Output()
	if err != nil {
		return "of unknown version"
	}
	return string(out)
}

// insert writes a text between its marks in the report.
func insert(t *testing.T, name, text string) {
	t.Helper()
	if *benchOut == "" {
		return
	}
	b, err := os.ReadFile(*benchOut)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks %s", *benchOut, strings.TrimSpace(begin))
	}
	if err := os.WriteFile(*benchOut, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMany has many calls at once to one ramble, each with speech both ways.
func TestMany(t *testing.T) {
	if *benchMany == "" {
		t.Skip("`make bench-media` plays it")
	}
	var text strings.Builder
	text.WriteString("| calls at once | CPU, % of a core | CPU of a call, % | wake-ups a second | memory, MB | packets back of those sent | gaps of 30 ms and more | worst gap, ms |\n|---|---|---|---|---|---|---|---|\n")
	program := built(t)
	for f := range strings.FieldsSeq(*benchMany) {
		var n int
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		t.Run(f, func(t *testing.T) { text.WriteString(many(t, program, n)) })
	}
	t.Log("\n" + text.String())
	insert(t, "many calls", text.String())
}

func many(t *testing.T, program string, n int) string {
	here := netip.MustParseAddr("127.0.0.1")
	p, err := Ramble(t.Context(), program, t.TempDir(), netip.AddrPortFrom(here, 5591), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	talk := talker(t, "127.0.0.1")
	const length = 10 * time.Second
	calls := make([]*Call, n)
	for i := range calls {
		if calls[i], err = talk.Call(t.Context(), p.Target); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
	}
	speech := babble(length)
	plan := Plan(Network{}, length, 1)
	before, err := p.Use()
	if err != nil {
		t.Fatal(err)
	}
	rounds := make([]Round, n)
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { rounds[i], _ = c.Say(t.Context(), speech, Network{}, plan) })
	}
	all.Wait()
	after, err := p.Use()
	if err != nil {
		t.Fatal(err)
	}
	back, gaps, worst := 0, 0, 0.0
	for _, r := range rounds {
		back += len(r.Back)
		for i := 1; i < len(r.Back); i++ {
			gap := (r.Back[i].At - r.Back[i-1].At).Seconds() * 1000
			worst = math.Max(worst, gap)
			if gap >= 50 { // one packet of 20 ms, and 30 more
				gaps++
			}
		}
	}
	seconds := (length + time.Second).Seconds()
	cpu := 100 * (after.CPU - before.CPU).Seconds() / seconds
	row := fmt.Sprintf("| %d | %.0f | %.2f | %.0f | %d | %.1f %% | %d | %.0f |\n", n, cpu, cpu/float64(n), float64(after.Wakes-before.Wakes)/seconds,
		after.RSS/1024, 100*float64(back)/float64(n*int(seconds/0.02)), gaps, worst)
	t.Log(row)
	return row
}
