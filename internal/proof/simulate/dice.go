package simulate

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// busy is how long things happen in an episode.
const busy = 2 * time.Minute

// Generate writes the script of a seed, with a number of episodes. The first
// episodes of a longer script are those of a shorter one.
func Generate(seed uint64, episodes int) Script {
	d := dice{rand.New(rand.NewPCG(seed, 0x51a))}
	s := Script{Seed: seed}
	for _, name := range []string{"alice", "bob", "carol"} {
		l := Line{Phone: name, Transport: d.of("udp", "udp", "tcp", "tls"), Delay: time.Duration(d.IntN(80)+1) * time.Millisecond}
		if d.IntN(2) == 0 {
			l.Twice, l.Late = 0.02, 0.03
		}
		s.Lines = append(s.Lines, l)
	}
	for range episodes {
		s.Episodes = append(s.Episodes, d.episode(s.Lines))
	}
	return s
}

// dice are what a script is drawn with.
type dice struct{ *rand.Rand }

func (d dice) of(list ...string) string { return list[d.IntN(len(list))] }

func (d dice) between(lo, hi time.Duration) time.Duration {
	return (lo + time.Duration(d.Int64N(int64(hi-lo)))).Round(time.Millisecond)
}

// writer collects the steps of an episode.
type writer struct {
	dice
	lines []Line
	steps []Step
}

func (w *writer) add(at time.Duration, who, verb, arg string) {
	w.steps = append(w.steps, Step{at, who, verb, arg})
}

func (d dice) episode(lines []Line) Episode {
	w := &writer{dice: d, lines: lines}
	for range 2 + d.IntN(4) {
		w.call(d.between(0, busy/2))
	}
	for range d.IntN(14) {
		w.within(d.between(5*time.Second, busy))
	}
	for range d.IntN(5) {
		w.move(d.between(3*time.Second, busy), lines[d.IntN(len(lines))].Phone)
	}
	if d.IntN(4) == 0 {
		w.server(d.between(0, busy))
	}
	slices.SortStableFunc(w.steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	after := d.between(time.Second, 5*time.Minute)
	if d.IntN(3) == 0 {
		after = d.between(10*time.Minute, 3*time.Hour) // registrations are renewed meanwhile
	}
	return Episode{After: after, Steps: w.steps}
}

// call makes one call.
func (w *writer) call(at time.Duration) {
	from := w.lines[w.IntN(len(w.lines))].Phone
	to := w.lines[w.IntN(len(w.lines))].Phone
	switch n := w.IntN(10); {
	case n < 4 && to != from:
		w.add(at, from, "dial", to)
		if w.IntN(5) > 0 {
			w.add(at+w.between(50*time.Millisecond, 8*time.Second), to, w.of("answer", "answer", "answer", "answer", "decline"), "0")
		}
	case n < 8:
		how := w.of("answer", "answer", "ring", "early")
		w.add(at, from, "dial", "talker "+how)
		if how != "answer" && w.IntN(3) > 0 {
			w.add(at+w.between(time.Second, 20*time.Second), "talker", "release", from)
		}
	case n < 9:
		w.add(at, "talker", "call", to)
		w.add(at+w.between(50*time.Millisecond, 8*time.Second), to, w.of("answer", "answer", "answer", "decline"), "0")
	default:
		w.add(at, from, "dial", w.of("grump 486", "grump 603", "grump 480", "nobody"))
	}
}

// within does something with a call that may be there.
func (w *writer) within(at time.Duration) {
	who, call := w.lines[w.IntN(len(w.lines))].Phone, fmt.Sprint(w.IntN(3))
	switch w.IntN(12) {
	case 0, 1:
		w.add(at, who, "hangup", call)
	case 2, 3:
		w.add(at, who, "hold", call)
		if w.IntN(3) > 0 {
			w.add(at+w.between(0, 20*time.Second), who, "resume", call)
		}
	case 4:
		w.add(at, who, "refresh", call)
	case 5:
		w.add(at, who, "digits", call+" "+w.of("1234567890", "42", "#", "*0*"))
	case 6:
		w.add(at, "talker", "late", fmt.Sprintf("%s %s", who, w.between(50*time.Millisecond, 8*time.Second)))
		w.add(at, who, "refresh", call)
	case 7:
		w.add(at, "talker", "hold", who)
		w.add(at+w.between(0, 20*time.Second), "talker", "resume", who)
	case 8:
		w.add(at, "talker", w.of("reinvite", "update"), who)
	case 9:
		w.add(at, "talker", "hangup", who)
	case 10:
		w.add(at, who, w.of("register", "sign", "restart", "swap"), "")
	default: // both at once
		w.add(at, who, "hold", call)
		w.add(at+w.between(0, 100*time.Millisecond), "talker", w.of("hold", "reinvite", "update", "hangup"), who)
	}
}

// move is what a network does to one phone.
func (w *writer) move(at time.Duration, who string) {
	switch w.IntN(10) {
	case 0, 1:
		w.add(at, who, "offline", "")
		w.add(at, who, "plug", "")
	case 2:
		w.add(at, who, "offline", "")
		w.add(at+w.between(100*time.Millisecond, 40*time.Second), who, "plug", "")
	case 3:
		w.add(at, who, "renumber", "")
	case 4:
		w.add(at, who, "offline", "")
		w.add(at+w.between(100*time.Millisecond, 10*time.Second), who, "back", "")
	case 5:
		w.add(at, who, "elsewhere", "")
	case 6, 7:
		w.add(at, who, "plug", "")
		w.add(at+w.between(30*time.Millisecond, 3*time.Second), who, "cut", "")
	case 8:
		w.add(at, who, "stall", "")
		w.add(at+w.between(time.Second, 15*time.Second), who, "flow", "")
	default:
		w.add(at, who, "loss", w.of("0.02", "0.1", "0.3"))
		w.add(at+w.between(5*time.Second, 40*time.Second), who, "loss", "0")
	}
}

// server is what a server does to all.
func (w *writer) server(at time.Duration) {
	switch w.IntN(3) {
	case 0:
		w.add(at, "server", "down", "")
		w.add(at+w.between(100*time.Millisecond, 20*time.Second), "server", "up", "")
	case 1:
		w.add(at, "server", "deaf", "")
		w.add(at+w.between(time.Second, 20*time.Second), "server", "hears", "")
	default:
		w.add(at, "server", "busy", "")
		w.add(at+w.between(time.Second, 20*time.Second), "server", "hears", "")
	}
}
