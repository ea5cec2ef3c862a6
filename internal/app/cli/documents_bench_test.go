package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReadmeFigures keeps the comparisons equal to docs/benchmarks.md, where
// `make bench-roam` writes what it measured: figures of different runs are not
// to be mixed. `make golden` writes them.
func TestReadmeFigures(t *testing.T) {
	data, err := os.ReadFile("../../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	b := readBench(string(data))
	if len(b.moves) < 5 || len(b.phones) < 2 || b.phones[0] != "ramble" || b.measured == "" || b.lossy == "" {
		t.Fatalf("the tables of docs/benchmarks.md are not understood: %+v", b)
	}
	documentBlock(t, "docs/comparison.md", "<!-- figures:", "<!-- /figures -->", b.table())
	short := []string{"other uplink at once", "other uplink after 5 s of nothing", "other uplink at once, 40 ms one way"}
	for _, move := range short {
		if !slices.Contains(b.moves, move) {
			t.Fatalf("%q is not among the moves measured: %q", move, b.moves)
		}
	}
	documentBlock(t, "README.md", "<!-- figures:", "<!-- /figures -->", b.rows(short))
}

// bench is what the README takes from the tables of docs/benchmarks.md.
type bench struct {
	measured string            // when and with what
	moves    []string          // in their order, those with a delay named so
	phones   []string          // in their order
	firstIn  map[string]string // by phone and move
	lived    map[string]share  // by phone, and likewise
	hungUp   map[string]share
	stale    map[string]int
	lossy    string // of ramble's moves with make before break, in words
}

// share is so many of so many.
type share struct{ of, all int }

var (
	ofAll   = regexp.MustCompile(`^(\d+) of (\d+)$`)
	numbers = regexp.MustCompile(`^in (\d+)$`)
)

func (s share) plus(text string) share {
	if m := ofAll.FindStringSubmatch(text); m != nil {
		of, _ := strconv.Atoi(m[1])
		all, _ := strconv.Atoi(m[2])
		return share{s.of + of, s.all + all}
	}
	return s
}

func readBench(text string) bench {
	b := bench{firstIn: map[string]string{}, lived: map[string]share{}, hungUp: map[string]share{}, stale: map[string]int{}}
	delay := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			delay = map[bool]string{true: "", false: ", " + heading}[heading == "No delay"]
		}
		if said, ok := strings.CutPrefix(line, "Measured "); ok && b.measured == "" {
			b.measured, _, _ = strings.Cut(said, " (Debian)")
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) == 5 && strings.HasPrefix(cells[0], "make before break") && strings.HasSuffix(cells[0], "lost a packet") {
			b.lossy = cells[2]
		}
		if len(cells) != 9 || cells[0] == "phone" {
			continue
		}
		phone, move := cells[0], cells[1]+delay
		if !slices.Contains(b.phones, phone) {
			b.phones = append(b.phones, phone)
		}
		if !slices.Contains(b.moves, move) {
			b.moves = append(b.moves, move)
		}
		b.firstIn[phone+move] = cells[4]
		b.lived[phone] = b.lived[phone].plus(cells[5])
		b.hungUp[phone] = b.hungUp[phone].plus(cells[6])
		if m := numbers.FindStringSubmatch(cells[7]); m != nil {
			n, _ := strconv.Atoi(m[1])
			b.stale[phone] += n
		}
	}
	return b
}

// row is one line of a table, with a cell for each phone.
func (b bench) row(name string, cell func(phone string) string) string {
	out := "| " + name + " |"
	for _, phone := range b.phones {
		out += " " + cell(phone) + " |"
	}
	return out + "\n"
}

// rows is the table of some moves.
func (b bench) rows(moves []string) string {
	out := b.row("*first in*, ms", func(phone string) string { return phone })
	out += strings.Repeat("|---", len(b.phones)+1) + "|\n"
	for _, move := range moves {
		out += b.row(move, func(phone string) string {
			if at, ok := b.firstIn[phone+move]; ok {
				return at
			}
			return "–"
		})
	}
	return out
}

// table is all that was measured, and how it ended.
func (b bench) table() string {
	out := &strings.Builder{}
	out.WriteString(b.rows(b.moves))
	row := func(name string, cell func(phone string) string) { out.WriteString(b.row(name, cell)) }
	of := func(s share) string { return fmt.Sprintf("%d of %d", s.of, s.all) }
	row("calls that lived", func(phone string) string { return of(b.lived[phone]) })
	row("hang-ups that arrived", func(phone string) string { return of(b.hungUp[phone]) })
	row("moves that left a stale binding", func(phone string) string { return strconv.Itoa(b.stale[phone]) })
	fmt.Fprintf(out, "\nMeasured %s. With make before break ramble lost a packet in %s.\n", b.measured, b.lossy)
	return out.String()
}
