package soak

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is what became of a call.
type Outcome int

// The outcomes. LetGo is a call that the peer, or a server for it, had ended
// before it could be repaired, and the phone knows.
const (
	Survived Outcome = iota
	LetGo
	Lost
	Stuck
)

func (o Outcome) String() string {
	return [...]string{"survived", "let go by the peer", "lost", "stuck"}[o]
}

// Result is one call's.
type Result struct {
	Round     Round
	Transport string
	State     State
	Outcome   Outcome
	Replaced  bool          // it goes on in another dialog: replaced, or placed anew
	Why       string        // it did not survive
	Whole     time.Duration // from the new network to when all was well
	Gap       time.Duration // longest silence at the peer beyond the outage; -1: not measured
	Story     string        // of the phone, where the call did not survive
}

// Tally adds up results.
type Tally struct{ Results []Result }

// Count is how many had an outcome.
func (t *Tally) Count(o Outcome) (n int) {
	for _, r := range t.Results {
		if r.Outcome == o {
			n++
		}
	}
	return n
}

// Rate is the share of those that the peer still holds which survived, 0 to 1.
func (t *Tally) Rate() float64 {
	held := len(t.Results) - t.Count(LetGo)
	if held == 0 {
		return 0
	}
	return float64(t.Count(Survived)) / float64(held)
}

// Table is the whole matrix: a row for each state, variant and transport.
func (t *Tally) Table() string {
	type key struct {
		state     State
		variant   Variant
		transport string
	}
	rows := map[key][]Result{}
	var order []key
	for _, r := range t.Results {
		k := key{r.State, r.Round.Variant, r.Transport}
		if rows[k] == nil {
			order = append(order, k)
		}
		rows[k] = append(rows[k], r)
	}
	slices.SortFunc(order, func(a, b key) int {
		return strings.Compare(fmt.Sprintf("%02d %02d %s", a.state, a.variant, a.transport), fmt.Sprintf("%02d %02d %s", b.state, b.variant, b.transport))
	})
	var b strings.Builder
	b.WriteString("| state | variant | transport | repairs | survived | of these in a new dialog | let go | lost | stuck | gap med / max | whole med / max |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, k := range order {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", k.state, k.variant, k.transport, line(rows[k]))
	}
	fmt.Fprintf(&b, "| all | | | %s |\n", line(t.Results))
	return b.String()
}

// Short is the table by variant and transport alone.
func (t *Tally) Short() string {
	var b strings.Builder
	b.WriteString("| | repairs | survived | of these in a new dialog | let go | lost | stuck | gap med / max | whole med / max |\n|---|---|---|---|---|---|---|---|---|\n")
	by := func(title string, of func(Result) string) {
		groups := map[string][]Result{}
		var order []string
		for _, r := range t.Results {
			k := of(r)
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], r)
		}
		slices.Sort(order)
		for _, k := range order {
			fmt.Fprintf(&b, "| %s %s | %s |\n", title, k, line(groups[k]))
		}
	}
	by("state", func(r Result) string { return r.State.String() })
	by("variant", func(r Result) string { return r.Round.Variant.String() })
	by("over", func(r Result) string { return r.Transport })
	fmt.Fprintf(&b, "| **all** | %s |\n", line(t.Results))
	return b.String()
}

func line(list []Result) string {
	t := Tally{list}
	var gaps, wholes []time.Duration
	anew := 0
	for _, r := range list {
		if r.Outcome != Survived {
			continue
		}
		wholes = append(wholes, r.Whole)
		if r.Replaced {
			anew++
		}
		if r.Gap >= 0 {
			gaps = append(gaps, r.Gap)
		}
	}
	return fmt.Sprintf("%d | %d | %d | %d | %d | %d | %s | %s", len(list),
		t.Count(Survived), anew, t.Count(LetGo), t.Count(Lost), t.Count(Stuck), spread(gaps), spread(wholes))
}

func spread(list []time.Duration) string {
	if len(list) == 0 {
		return ""
	}
	slices.Sort(list)
	return fmt.Sprintf("%s / %s", short(list[len(list)/2]), short(list[len(list)-1]))
}

func short(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// Failures tells of the calls that were lost or stuck, at most n of them, with
// what is needed to play them again.
func (t *Tally) Failures(n int) string {
	var b strings.Builder
	for _, r := range t.Results {
		if r.Outcome != Lost && r.Outcome != Stuck {
			continue
		}
		if n--; n < 0 {
			break
		}
		fmt.Fprintf(&b, "%s over %s %s: %s\nround: %s\n%s\n\n", r.State, r.Transport, r.Outcome, r.Why, r.Round, r.Story)
	}
	return b.String()
}
