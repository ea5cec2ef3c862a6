package lab

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var endsPictures = flag.String("lab.ends", "", "write the screen after the twelve ends, with its colours, to files of this folder: ends-120x36, ends-80x24")

// TestTwelveEndsOnTheScreen: twelve calls of a phone that a person holds, with a real
// server and real phones, and each ends in another way. Recent has each in words.
func TestTwelveEndsOnTheScreen(t *testing.T) {
	t.Parallel()
	ctx := within(t, 2*time.Minute)
	w := newEnds(t, ctx)
	for i, end := range twelveEnds() {
		end.play(ctx, w)
		w.sees(ctx, end.said)
		if at := w.text(); !strings.Contains(at, "Recent") { // a panel may lie over it
			w.press("Escape")
		}
		w.sees(ctx, `Recent`)
		w.sees(ctx, end.said)
		t.Logf("%2d %s", i+1, end.name)
	}
	w.sees(ctx, `F5 Roam`) // the last end was one
	w.press("F5", "F5")    // to Roam, and on to Events
	w.sees(ctx, `(?s)Recent.*no answer.*busy.*declined.*declined.*missed.*cancelled.*F5 Events`)
	for _, size := range []string{"120x36", "80x24"} {
		x, y, _ := strings.Cut(size, "x")
		w.tmux("resize-window", "-x", x, "-y", y)
		w.sees(ctx, `(?s)Recent.*lost 2 s.*lost.*elsewhere.*unavailable.*no answer.*Events.*no network for`)
		if *endsPictures != "" {
			if err := os.WriteFile(filepath.Join(*endsPictures, "ends-"+size), []byte(w.colours()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.press("q")
}

// ends is alice at her screen, and who else is there.
type ends struct {
	*terminal
	l          *Lab
	bob, carol *Ramble // bob answers by himself, carol rings
}

func newEnds(t *testing.T, ctx context.Context) *ends {
	ramble(t) // is built before the time runs
	w := &ends{l: open(t, Options{Phones: 2})}
	possible(t, w.l.DNS(ctx))
	_, err := w.l.KamailioWith(ctx, KamailioOptions{Users: []string{"alice", "bob", "carol"}})
	possible(t, err)
	phone := func(o RambleOptions) *Ramble {
		o.Binary, o.Sound = ramble(t), "loop"
		r := must[*Ramble](t)(w.l.Ramble(ctx, o))
		must[Event](t)(r.Registered(ctx, 0, ""))
		return r
	}
	w.bob = phone(RambleOptions{Host: Callee, User: "bob", Account: `auto_answer = "always"`, Config: "[network]\nsip_port = 5070"})
	w.carol = phone(RambleOptions{Host: Callee, User: "carol"})
	w.terminal = openTerminal(t, ctx, w.l, RambleOptions{Host: Phone, Binary: ramble(t), User: "alice", Transport: "udp",
		Config: "[network.roaming]\nkeep_for = \"2s\""}, 120, 36)
	w.sees(ctx, "registered")
	return w
}

// rings has carol's phone ring, and tells its number of the call.
func (w *ends) rings(ctx context.Context) uint64 {
	w.t.Helper()
	from := w.carol.Output.Len()
	w.dial(ctx, "carol")
	e, _, err := w.carol.CallState(ctx, from, 0, "ringing")
	if err != nil {
		w.t.Fatal(err)
	}
	w.sees(ctx, "RINGING|ringing")
	return e.Call
}

// calls has a phone call alice.
func (w *ends) calls(ctx context.Context, r *Ramble) {
	w.t.Helper()
	w.asks(ctx, r, "dial alice")
	w.sees(ctx, `ringing [1-9]`) // keys of the first moment were meant for something else
}

func (w *ends) asks(ctx context.Context, r *Ramble, command string) {
	w.t.Helper()
	if _, _, err := r.Do(ctx, command); err != nil {
		w.t.Fatal(err)
	}
}

// talks has alice call bob, who answers.
func (w *ends) talks(ctx context.Context) {
	w.t.Helper()
	w.dial(ctx, "bob")
	w.sees(ctx, `IN CALL`)
}

type end struct {
	name string
	play func(ctx context.Context, w *ends)
	said string // on the screen, about the call
}

// Long: one entry for each end.
func twelveEnds() []end {
	return []end{
		{"hung up here", func(ctx context.Context, w *ends) { w.talks(ctx); w.press("b") }, `you hung up`},
		{"hung up there", func(ctx context.Context, w *ends) {
			w.calls(ctx, w.bob)
			w.press("a")
			w.sees(ctx, `IN CALL`)
			w.asks(ctx, w.bob, "hangup")
		}, `hung up`},
		{"cancelled here", func(ctx context.Context, w *ends) { w.rings(ctx); w.press("b") }, `cancel`},
		{"cancelled there", func(ctx context.Context, w *ends) { w.calls(ctx, w.carol); w.asks(ctx, w.carol, "hangup") }, `missed`},
		{"declined here", func(ctx context.Context, w *ends) { w.calls(ctx, w.carol); w.press("b") }, `declined`},
		{"declined there", func(ctx context.Context, w *ends) {
			w.asks(ctx, w.carol, fmt.Sprint("decline ", w.rings(ctx)))
		}, `declined`},
		{"busy there", func(ctx context.Context, w *ends) {
			w.asks(ctx, w.carol, fmt.Sprint("decline ", w.rings(ctx), " 486"))
		}, `busy`},
		{"not answered there", func(ctx context.Context, w *ends) {
			w.asks(ctx, w.carol, fmt.Sprint("decline ", w.rings(ctx), " 408"))
		}, `did not answer|not answered|no answer`},
		{"nobody there", func(ctx context.Context, w *ends) { w.dial(ctx, "nobody") }, `nobody|not registered|unknown`},
		{"answered elsewhere", func(ctx context.Context, w *ends) {
			desk, err := w.l.Ramble(ctx, RambleOptions{Host: w.l.Phone(2).HostName(), User: "alice", Binary: ramble(w.t), Sound: "loop"})
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := desk.Registered(ctx, 0, ""); err != nil {
				w.t.Fatal(err)
			}
			w.calls(ctx, w.carol)
			w.asks(ctx, desk, "answer")
			w.sees(ctx, "elsewhere|another phone")
			w.asks(ctx, desk, "hangup")
			if err := desk.Quit(ctx); err != nil {
				w.t.Fatal(err)
			}
		}, `elsewhere|another phone`},
		{"lost there", func(ctx context.Context, w *ends) {
			w.talks(ctx)
			w.bob.Kill()
			next, err := w.l.Ramble(ctx, RambleOptions{Host: Callee, User: "bob", Binary: ramble(w.t), Sound: "loop", Account: `auto_answer = "always"`,
				Config: "[network]\nsip_port = 5070", Env: []string{"XDG_STATE_HOME=" + w.t.TempDir()}})
			if err != nil {
				w.t.Fatal(err)
			}
			w.bob = next
			if _, err := next.Registered(ctx, 0, ""); err != nil {
				w.t.Fatal(err)
			}
			w.press("x")
		}, `lost|no longer|does not know`},
		{"no network", func(ctx context.Context, w *ends) {
			w.talks(ctx)
			for _, move := range []string{"down", "up"} {
				if _, err := w.l.Take(ctx, move); err != nil {
					w.t.Fatal(err)
				}
				if move == "down" {
					w.sees(ctx, `no network for`)
				}
			}
		}, `no network`},
	}
}
