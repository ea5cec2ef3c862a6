package netwatch

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// teller decides what to tell and when. It is pure: states and times in,
// changes out; the watcher arms one timer for next.
type teller struct {
	settle settle
	told   State // as of the last change told
	last   State // as of the last look
	began  bool
	since  time.Time // first sign of what is not told yet
	due    time.Time // when the held change may be told; zero when none is held
	causes []Reason  // failures since the last change told, that may belong to the next
}

// observe takes the state of a look made at now. The first one is told with
// every reachable peer as moved. sign is when its first sign
// was seen; slept holds the reason when the machine slept before it.
func (t *teller) observe(now, sign time.Time, s State, slept []Reason) (Change, bool) {
	if !t.began {
		t.began, t.since = true, sign
		c := t.tell(s, []Reason{{Kind: Started}})
		for peer, p := range s.Paths {
			if p.Valid() {
				c.PathsMoved = append(c.PathsMoved, peer)
			}
		}
		slices.SortFunc(c.PathsMoved, netip.Addr.Compare)
		return c, true
	}
	step := movedPaths(t.last, s)
	t.last = s
	matter := Matter(Diff(t.told, s))
	if len(matter) == 0 && len(slept) == 0 {
		// Nothing happened, or everything is again as it was when last told.
		t.since, t.due, t.causes = time.Time{}, time.Time{}, nil
		t.settle.done()
		return Change{}, false
	}
	if t.since.IsZero() {
		t.since = sign
	}
	switch {
	case len(slept) > 0:
	case anyValid(s, step):
		if due := t.settle.usable(now); due.After(now) {
			t.due = due
			return Change{}, false
		}
	case len(step) > 0:
		// A loss is told at once: it makes nobody send anything.
	case !t.due.IsZero():
		return Change{}, false // goes with the change that is held
	}
	return t.tell(s, append(slept, matter...)), true
}

// blame notes failures that may belong to the next change told.
func (t *teller) blame(causes []Reason) {
	for _, r := range causes {
		if len(t.causes) < maxCauses && !slices.Contains(t.causes, r) {
			t.causes = append(t.causes, r)
		}
	}
}

// next is when the held change may be told; zero when none is held.
func (t *teller) next() time.Time { return t.due }

// release tells the held change if its time has come.
func (t *teller) release(now time.Time) (Change, bool) {
	if t.due.IsZero() || now.Before(t.due) {
		return Change{}, false
	}
	t.settle.done()
	return t.tell(t.last, Matter(Diff(t.told, t.last))), true
}

func (t *teller) tell(s State, reasons []Reason) Change {
	c := Change{Old: t.told, New: s, Reasons: append(t.causes, reasons...), PathsMoved: movedPaths(t.told, s), At: t.since}
	t.told, t.last = s, s
	t.since, t.due, t.causes = time.Time{}, time.Time{}, nil
	return c
}

// watch makes paths the watched ones. Peers already watched keep what was told
// about them; of the others the present path counts as told.
func (t *teller) watch(paths map[netip.Addr]Path) {
	if !t.began {
		return // the first look tells them all
	}
	told := maps.Clone(paths)
	for peer := range told {
		if p, known := t.told.Paths[peer]; known {
			told[peer] = p
		}
	}
	t.told.Paths = told
	t.last.Paths = paths
}

func anyValid(s State, peers []netip.Addr) bool {
	for _, p := range peers {
		if s.Paths[p].Valid() {
			return true
		}
	}
	return false
}
