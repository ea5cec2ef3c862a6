package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Arrows inside a room: file A has one to file B when A names what B declares.
// Files stand on floors, each above what it names. Where files name each other
// in a circle no order of floors is right, and some arrows run back up: fewer
// are better, for a file can then be read without the whole room in mind.

// upward is how many arrows may run back up, however the files are put on
// floors. They are types that know each other: an engine its accounts, these their
// engine, a call both; a stack its dialogs, these their stacks.
func upward() map[string]int {
	return map[string]int{"sip": 17, "internal/engine": 13}
}

func TestArrowsBackUpDoNotGrow(t *testing.T) {
	for room, most := range upward() {
		for _, breach := range backUp(room, arrowsIn(t, ".", room), most) {
			t.Error(breach)
		}
	}
}

// backUp says which arrows run back up where there are more than most.
func backUp(room string, graph arrows, most int) []string {
	list := back(graph, floors(graph))
	if len(list) <= most {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d of %d arrows between its files run back up, upward() in arch_arrows_test.go allows %d; as the floors stand: %s",
		room, len(list), graph.count(), most, strings.Join(list, ", "))}
}

// TestAnArrowBackUpIsFound shows the law biting, on a room of three floors.
func TestAnArrowBackUpIsFound(t *testing.T) {
	for _, tt := range []struct {
		name, ground string
		arrows, up   int
	}{
		{"all run down", "func lay() {}", 3, 0},
		{"a method of the roof is called from the ground", "var x interface{ rain() }\nfunc lay() { roof{}.rain() }", 4, 1},
		{"a type of the roof is named on the ground", "func lay() { _ = roof{} }", 4, 1},
		{"a local name is none of the room's", "func lay() { roof := 1; _ = roof }", 3, 0},
		{"a method of the same name is another", "type cloud struct{}\nfunc (cloud) rain() {}\nfunc lay() { cloud{}.rain() }", 3, 0},
	} {
		graph := arrowsIn(t, written(t, map[string]string{
			"roof.go":   "package sip\ntype roof struct{ w wall }\nfunc (r roof) rain() { r.w.stand(); lay() }",
			"wall.go":   "package sip\ntype wall struct{}\nfunc (wall) stand() { lay() }",
			"ground.go": "package sip\n" + tt.ground,
			"a_test.go": "package sip\nvar _ = roof{}",
		}), "room")
		if up := back(graph, floors(graph)); graph.count() != tt.arrows || len(up) != tt.up {
			t.Errorf("%s: %d arrows of which %v run back up, want %d and %d", tt.name, graph.count(), up, tt.arrows, tt.up)
		}
		if got := backUp("sip", graph, 0); (len(got) > 0) != (tt.up > 0) {
			t.Errorf("%s: the law says %v", tt.name, got)
		}
	}
}

// arrows are the nodes that each node names.
type arrows map[string]map[string]bool

func (a arrows) count() (n int) {
	for _, to := range a {
		n += len(to)
	}
	return n
}

// floors puts nodes in an order, the lowest first, in which few arrows run back
// up: from those that nobody stands on (Eades, Lin and Smyth 1993), and then
// each where it is best, until nothing gets better. The same for the same graph.
func floors(graph arrows) []string {
	left := maps.Clone(graph)
	var low, high []string
	take := func(name string) {
		delete(left, name)
		if ups, downs := degree(left, graph, name); ups >= downs {
			low = append(low, name) // more stand on it than it stands on
		} else {
			high = append(high, name)
		}
	}
	for len(left) > 0 {
		names := slices.Sorted(maps.Keys(left))
		take(slices.MaxFunc(names, func(a, b string) int { return leaning(left, graph, a) - leaning(left, graph, b) }))
	}
	slices.Reverse(high)
	order := append(low, high...)
	for better := true; better; {
		better = false
		for _, name := range slices.Sorted(maps.Keys(graph)) {
			better = improve(graph, order, name) || better
		}
	}
	return order
}

// degree counts who names a node among those left, and whom it names.
func degree(left, graph arrows, name string) (ups, downs int) {
	for other := range left {
		if other != name && graph[other][name] {
			ups++
		}
		if other != name && graph[name][other] {
			downs++
		}
	}
	return ups, downs
}

func leaning(left, graph arrows, name string) int {
	ups, downs := degree(left, graph, name)
	return max(ups-downs, downs-ups)
}

// improve moves a node to its best place and reports whether that is better.
func improve(graph arrows, order []string, name string) bool {
	at := slices.Index(order, name)
	rest := slices.Delete(slices.Clone(order), at, at+1)
	// At the bottom its arrows all run up; passing a node turns those between
	// the two round.
	ups := len(graph[name])
	best, bestAt, here := ups, 0, ups
	for i, other := range rest {
		if graph[name][other] {
			ups--
		}
		if graph[other][name] {
			ups++
		}
		if ups < best {
			best, bestAt = ups, i+1
		}
		if i+1 == at {
			here = ups
		}
	}
	if best >= here {
		return false
	}
	copy(order, slices.Insert(rest, bestAt, name))
	return true
}

// back are the arrows that run from a lower floor to a higher one.
func back(graph arrows, order []string) (list []string) {
	floor := map[string]int{}
	for i, name := range order {
		floor[name] = i
	}
	for _, from := range order {
		for to := range graph[from] {
			if floor[to] > floor[from] {
				list = append(list, fmt.Sprintf("%s -> %s", from, to))
			}
		}
	}
	slices.Sort(list)
	return list
}
