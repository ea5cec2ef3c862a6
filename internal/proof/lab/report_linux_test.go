package lab

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// near and distant are the two delays of the benchmark, one way.
const (
	near    = time.Duration(0)
	distant = 40 * time.Millisecond
)

// benched are moves of the benchmark, with the questions that tables ask.
type benched []measured

// of are the moves of one row. Empty texts mean any.
func (b benched) of(phone, transport string, delay time.Duration, moves ...string) benched {
	var out benched
	for _, m := range b {
		if m.Phone == phone && (transport == "" || m.Transport == transport) && m.Delay == delay && (len(moves) == 0 || slices.Contains(moves, m.Move)) {
			out = append(out, m)
		}
	}
	return out
}

// sound are the moves that count: of each kind the five in which the callee
// paused least, and none in which it paused for too long. What is chosen so
// does not depend on what was measured.
func (b benched) sound() benched {
	kinds := map[[3]string]int{}
	quietest := slices.SortedStableFunc(slices.Values(b), func(x, y measured) int { return cmp.Compare(x.PeerPause, y.PeerPause) })
	return slices.DeleteFunc(quietest, func(m measured) bool {
		kind := [3]string{m.Phone + m.Transport, m.Move, m.Delay.String()}
		kinds[kind]++
		return !m.trustworthy() || kinds[kind] > benchRuns
	})
}

// median of a figure over the trustworthy moves; Never where the median move
// never got there. False without any move.
func (b benched) median(figure func(measured) time.Duration) (time.Duration, bool) {
	var all []time.Duration
	for _, m := range b.sound() {
		d := figure(m)
		if d == Never {
			d = 1<<63 - 1
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	if d := all[len(all)/2]; d < 1<<63-1 {
		return d, true
	}
	return Never, true
}

// worst is the largest of the medians of the moves of its kind: over variants.
func (b benched) worst(figure func(measured) time.Duration) (time.Duration, bool) {
	worst, any := time.Duration(0), false
	for _, move := range b.moves() {
		d, ok := b.where(func(m measured) bool { return m.Move == move }).median(figure)
		if ok && d == Never {
			return Never, true
		}
		worst, any = max(worst, d), any || ok
	}
	return worst, any
}

func (b benched) where(match func(measured) bool) benched {
	return slices.DeleteFunc(slices.Clone(b), func(m measured) bool { return !match(m) })
}

func (b benched) count(match func(measured) bool) int { return len(b.where(match)) }

// moves are the kinds of move that occur, in the order of the variants.
func (b benched) moves() []string {
	var out []string
	for _, v := range append(variants(), outage()) {
		if b.count(func(m measured) bool { return m.Move == v.name }) > 0 {
			out = append(out, v.name)
		}
	}
	return out
}

func registered(m measured) time.Duration { return m.Registered }
func firstOut(m measured) time.Duration   { return m.FirstOut }
func firstIn(m measured) time.Duration    { return m.FirstIn }
func sensed(m measured) time.Duration     { return m.Detected }

func inMS(d time.Duration, ok bool) string {
	switch {
	case !ok:
		return "?"
	case d == Never:
		return "never"
	case d < 20*time.Millisecond:
		return fmt.Sprintf("%.1f", float64(d)/1e6)
	}
	return fmt.Sprintf("%.0f", float64(d)/1e6)
}

// peersTable has a row for each phone and move, with the figures of the
// transports beside each other.
func (b benched) peersTable(delay time.Duration) string {
	var text strings.Builder
	text.WriteString("| phone | move | T_reg, ms | first out, ms | first in, ms | calls that lived | hang-ups that arrived | stale bindings | runs |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, phone := range []struct{ name, transports string }{{"ramble", "udp tcp tls"}, {"linphonec", "udp tcp"}, {"baresip", "udp tcp"}} {
		for _, move := range b.moves() {
			rows := b.of(phone.name, "", delay, move).where(func(m measured) bool { return m.Transport != "tls1.2" })
			if len(rows) == 0 {
				continue
			}
			cells := func(figure func(measured) time.Duration) string {
				var out []string
				for _, transport := range strings.Fields(phone.transports) {
					out = append(out, inMS(rows.of(phone.name, transport, delay).median(figure)))
				}
				return strings.Join(out, " / ")
			}
			stale := rows.count(func(m measured) bool { return m.Stale > 0 })
			fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %d of %d | %d of %d | %s | %d |\n", phone.name, move,
				cells(registered), cells(firstOut), cells(firstIn),
				rows.count(func(m measured) bool { return m.Survived }), len(rows),
				rows.count(func(m measured) bool { return m.HungUp }), len(rows),
				map[bool]string{true: "none", false: fmt.Sprintf("in %d", stale)}[stale == 0], len(rows.sound()))
		}
	}
	return text.String()
}

// head says when, with what and on what.
func (b benched) head() string {
	var pauses []time.Duration
	from, to := b[0].Date, b[0].Date
	for _, m := range b {
		pauses = append(pauses, m.PeerPause)
		if m.Date.Before(from) {
			from = m.Date
		}
		to = later(to, m.Date)
	}
	slices.Sort(pauses)
	busy := b.count(func(m measured) bool { return !m.trustworthy() })
	return fmt.Sprintf("Measured %s to %s UTC with %s (Debian), Linux %s, Go %s, on a machine with %d cores that is shared with others.\n"+
		"The callee's own longest pause between packets, which tells how far a figure can be trusted: median %s, 9 of 10 below %s.\nIn %d of %d moves it was above 80 ms and above a tenth of *first in*: they count for nothing but the calls that lived.\n",
		from.Format("2006-01-02 15:04"), to.Format("15:04"), versions(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), runtime.NumCPU(),
		show(pauses[len(pauses)/2]), show(pauses[len(pauses)*9/10]), busy, len(b))
}

// versions are those of the programs, as Debian names them.
func versions() string {
	var out []string
	for _, p := range [][2]string{{"kamailio", "Kamailio"}, {"baresip-core", "baresip"}, {"linphone-cli", "linphone-cli"}} {
		text, err := exec.Command("dpkg-query", "-W", "-f=${Version}", p[0]).Output()
		if err != nil {
			text = []byte("of unknown version")
		}
		out = append(out, p[1]+" "+string(text))
	}
	return strings.Join(out, ", ")
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "of unknown version"
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return release
}

// The marks between which a benchmark writes into a document.
const (
	reportBegins = "<!-- bench-roam begins: written by `make bench-roam` -->"
	reportEnds   = "<!-- bench-roam ends -->"
)

// TestBenchReport writes the tables into the document.
func TestBenchReport(t *testing.T) {
	if *report == "" {
		t.Skip("with -lab.report and -lab.bench only (make bench-roam)")
	}
	b := benched(must[[]measured](t)(readBench(*bench)))
	if len(b) == 0 {
		t.Fatal("nothing was measured")
	}
	text := b.head() + "\n### No delay\n\nColumns with slashes: UDP / TCP / TLS 1.3; for the other phones UDP / TCP. A `?` had too few\nmoves on a quiet machine. T_reg is `never` where a phone keeps the registration that it has: with the same address back that is\nno mistake.\n\n" + b.peersTable(near)
	text += "\n### 40 ms one way\n\n80 ms round trip to the proxy, 160 ms from phone to callee by way of it.\n\n" + b.peersTable(distant)
	text += "\n## Targets\n\n" + b.targetsTable()
	old := must[[]byte](t)(os.ReadFile(*report))
	whole, err := between(string(old), text)
	if err != nil {
		t.Fatal(filepath.Base(*report), ": ", err)
	}
	if err := os.WriteFile(*report, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	fmt.Println(text)
}

// between puts text between the marks of a document.
func between(document, text string) (string, error) {
	before, rest, ok1 := strings.Cut(document, reportBegins)
	_, after, ok2 := strings.Cut(rest, reportEnds)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the marks %q and %q are missing", reportBegins, reportEnds)
	}
	return before + reportBegins + "\n" + text + reportEnds + after, nil
}
