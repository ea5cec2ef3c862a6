package lab

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	runs  = flag.Int("lab.runs", 1, "how often each move is measured; figures are medians")
	far   = flag.Bool("lab.far", false, "measure with 40 ms one-way delay too")
	table = flag.String("lab.table", "", "append the tables to this `file`")
	pcap  = flag.String("lab.pcap", "", "keep captures in this `folder`")
)

// variant is one way for the network to move under a call.
type variant struct {
	name  string
	move  func(context.Context, *Lab) (Move, error)
	lost  int           // packets that may be lost in each direction, where figures are taken; -1: any
	takes time.Duration // how long the move itself lasts, beyond 5 s
}

// take is a move of one step or more, by their words.
func take(steps ...string) func(context.Context, *Lab) (Move, error) {
	return func(ctx context.Context, l *Lab) (m Move, err error) {
		for _, step := range steps {
			if m, err = l.Take(ctx, step); err != nil {
				return m, err
			}
		}
		return m, nil
	}
}

func variants() []variant {
	return []variant{
		{"other uplink at once", take("roam other"), -1, 0},
		{"other uplink after 5 s of nothing", take("roam other 5s"), -1, 0},
		{"renumbered", take("renumber"), -1, 0},
		{"same address back after 2 s", take("down 2s"), -1, 0},
		{"make before break, 0.3 s of both", take("overlap other 300ms"), 0, 0},
	}
}

// caller is what the roaming tests need of a phone, at either end.
type caller interface {
	call(ctx context.Context, target string) error
	hangUp(ctx context.Context) error
	ended(ctx context.Context) error
}

func (r *Ramble) call(ctx context.Context, target string) error {
	call, at, err := r.Do(ctx, "dial "+target)
	if err != nil {
		return err
	}
	_, _, err = r.CallState(ctx, at, call, "up")
	return err
}

func (r *Ramble) hangUp(ctx context.Context) error {
	if _, _, err := r.Do(ctx, "hangup"); err != nil {
		return err
	}
	return r.ended(ctx)
}

// ended waits until the last call that was up has ended.
func (r *Ramble) ended(ctx context.Context) error {
	e, _, err := r.lastUp(ctx)
	if err != nil {
		return err
	}
	_, _, err = r.CallState(ctx, 0, e.Call, "ended")
	return err
}

func (r *Ramble) lastUp(ctx context.Context) (Event, int, error) {
	last, at, err := r.CallState(ctx, 0, 0, "up")
	for err == nil {
		e, next, again := r.CallState(expired(), at, 0, "up")
		if again != nil {
			break
		}
		last, at = e, next
	}
	return last, at, err
}

// expired is a context for those who look and do not wait.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// flowing waits until RTP both left and reached the phone's address, some
// packets each after that time.
func flowing(ctx context.Context, c *Capture, own netip.Addr, since time.Time, packets int) error {
	for {
		in, out := 0, 0
		for _, p := range c.Packets() {
			if _, ok := p.RTP(); !ok || p.At.Before(since) {
				continue
			}
			if p.Out && p.Src.Addr() == own {
				out++
			} else if !p.Out && p.Dst.Addr() == own {
				in++
			}
		}
		if in >= packets && out >= packets {
			return nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("audio at %s: %d packets out, %d in, want %d of each", own, out, in, packets)
		}
	}
}

// trial is what one move under a call came to.
type trial struct {
	Figures
	survived bool // audio both ways after the move
	hungUp   bool // the hang-up arrived
	stale    int  // bindings of before that the registrar still has
	move     Move
}

// ownAddress is the address by which the call reaches the phone, of the two
// that it has.
func (s scene) ownAddress(v4, v6 netip.Addr) netip.Addr {
	if s.six && v6.IsValid() || !v4.IsValid() {
		return v6
	}
	return v4
}

// seen is the phone's address as others see it.
func (s scene) seen(own netip.Addr) netip.Addr {
	if outer := s.Outer(s.Uplink()); outer.IsValid() && own.Is4() {
		return outer
	}
	return own
}

// oneMove makes a call, moves the phone under it, and hangs up: by the other
// side or by the phone itself. What fails of the call is told to complain: for
// the phone under test that is t.Error.
func oneMove(t *testing.T, ctx context.Context, s scene, phone caller, v variant, byFar bool, complain func(...any)) trial {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second+v.takes)
	defer cancel()
	r := trial{Figures: Figures{Registered: Never, FirstOut: Never, FirstIn: Never}}
	captures, keep := s.captured(t)
	defer keep()
	if err := phone.call(ctx, s.target()); err != nil {
		complain(err)
		return r
	}
	before := s.ownAddress(s.Address())
	if err := flowing(ctx, captures[Phone], before, time.Time{}, 50); err != nil {
		complain("before the move: ", err)
		return r
	}
	// The move comes at any moment between two packets of the peer: first in is
	// the time until its next one.
	if err := wait(ctx, rand.N(20*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	m, err := v.move(ctx, s.Lab)
	if err != nil {
		t.Fatal(err)
	}
	r.move = m
	own := s.ownAddress(m.To, m.To6)
	healed, cancelHealed := context.WithTimeout(ctx, 15*time.Second)
	defer cancelHealed()
	if err := flowing(healed, captures[Phone], own, later(m.T0, m.Lost), 75); err != nil {
		complain("after the move: ", err)
	} else {
		r.survived = true
	}
	settled, cancelSettled := context.WithTimeout(ctx, 3*time.Second)
	defer cancelSettled()
	if err := s.k.AwaitBindings(settled, "alice", s.seen(own).String()); err != nil {
		complain(err)
		bindings, _ := s.k.Bindings(ctx, "alice")
		r.stale = stale(bindings, s.seen(own))
	}
	peer := s.farAddress(own.Is6())
	r.Figures = Measure(m, captures[Phone].Packets(), captures[s.farHost()].Packets(), peer)
	if x, ok := phone.(*Ramble); ok && r.Registered == Never {
		r.Registered = saidRegistered(settled, x, m, s.seen(own))
	}
	r.hungUp = hangUp(ctx, phone, s.farEnd(), byFar, complain)
	return r
}

// captured begins to capture at both ends of the call; keep ends that, and
// keeps the captures where that was asked for or the test failed.
func (s scene) captured(t *testing.T) (captures map[string]*Capture, keep func()) {
	captures = map[string]*Capture{Phone: nil, s.farHost(): nil}
	for host := range captures {
		captures[host] = must[*Capture](t)(s.Capture(host))
	}
	return captures, func() {
		dir := *pcap
		if dir == "" {
			dir = os.TempDir()
		}
		for host, c := range captures {
			c.Stop()
			if *pcap == "" && !t.Failed() {
				continue
			}
			path := filepath.Join(dir, strings.NewReplacer("/", "-", " ", "_").Replace(t.Name())+"-"+host+".pcap")
			t.Log("captured: ", path, c.WriteFile(path))
		}
	}
}

// hangUp ends the call at one end and reports whether the other end knows.
func hangUp(ctx context.Context, phone, far caller, byFar bool, complain func(...any)) bool {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	first, second, who := phone, far, "the phone hung up: "
	if byFar {
		first, second, who = far, phone, "the far end hung up: "
	}
	if err := first.hangUp(ctx); err != nil {
		complain(who, err)
	}
	if err := second.ended(ctx); err != nil {
		complain(who, err)
		return false
	}
	return true
}

// stale counts contacts that are not at an address.
func stale(contacts []string, own netip.Addr) int {
	n := 0
	for _, c := range contacts {
		if !mentions([]string{c}, own) {
			n++
		}
	}
	return n
}

// saidRegistered is T_reg by the phone's own word: TLS hides the REGISTER's
// answer from the capture.
func saidRegistered(ctx context.Context, r *Ramble, m Move, seen netip.Addr) time.Duration {
	e, _, err := r.Expect(ctx, 0, "registration after the move", func(e Event) bool {
		return e.Type == "registration" && e.State == "registered" && e.At.After(m.T0) && mentions([]string{e.Contact}, seen)
	})
	if err != nil {
		return Never
	}
	return e.At.Sub(m.T0)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// TestRoaming moves the network under calls in every way, hangs up from either
// side, and prints what it cost.
func TestRoaming(t *testing.T) {
	for _, delay := range delays() {
		for _, transport := range []string{"udp", "tcp", "tls"} {
			t.Run(fmt.Sprintf("%s, %s one way", transport, delay), func(t *testing.T) {
				for _, v := range variants() {
					t.Run(v.name, func(t *testing.T) { roamRamble(t, v, transport, delay) })
				}
			})
		}
	}
}

func delays() []time.Duration {
	if *far {
		return []time.Duration{0, 40 * time.Millisecond}
	}
	return []time.Duration{0}
}

func roamRamble(t *testing.T, v variant, transport string, delay time.Duration) {
	ctx := within(t, time.Duration(*runs)*2*time.Minute)
	s := play(t, ctx, sceneOptions{transport: transport, lab: Options{Emulate: delay > 0}})
	s.Delay(delay)
	var figures []Figures
	for run := range max(2, *runs) {
		f := oneMove(t, ctx, s, s.alice, v, run%2 == 1, t.Error).Figures
		if t.Failed() {
			return
		}
		t.Log(f)
		if f.Trustworthy() {
			figures = append(figures, f)
		}
		// TLS needs three round trips and the re-INVITE's one to the callee before
		// anything can move: more than 0.3 s at 80 ms each.
		tooSoon := transport == "tls" && delay > 0
		if v.lost >= 0 && !tooSoon && *runs > 1 && f.Trustworthy() && (f.LostIn > v.lost || f.LostOut > v.lost) {
			t.Errorf("lost %d packets out and %d in, want at most %d", f.LostOut, f.LostIn, v.lost)
		}
	}
	row(t, "ramble", transport, delay, v.name, figures)
	if err := s.alice.Quit(ctx); err != nil {
		t.Error(err)
	}
	if err := s.k.AwaitBindings(ctx, "alice"); err != nil {
		t.Error("after quit: ", err)
	}
	recording := must[string](t)(s.bob.Recording())
	if got := must[Sound](t)(ReadSound(recording)).Last(time.Second).Tone(aliceSays); got < 700*time.Millisecond {
		t.Errorf("of the last second after the move bob heard the phone for %s", got)
	}
	if got := must[Sound](t)(ReadSound(s.alice.Recording)).Tone(bobSays); got < time.Duration(max(2, *runs))*2*time.Second {
		t.Errorf("the phone played bob for %s", got)
	}
}

// row writes the medians of one kind of move.
func row(t *testing.T, phone, transport string, delay time.Duration, name string, figures []Figures) {
	t.Helper()
	if len(figures) == 0 {
		t.Log("the machine was too busy for figures")
		return
	}
	median := func(of func(Figures) time.Duration) string {
		var all []time.Duration
		for _, f := range figures {
			all = append(all, of(f))
		}
		slices.Sort(all)
		return show(all[len(all)/2])
	}
	worst := func(of func(Figures) int) int {
		n := 0
		for _, f := range figures {
			n = max(n, of(f))
		}
		return n
	}
	line := fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %d | %d | %d |", phone, transport, delay, name,
		median(func(f Figures) time.Duration { return f.Registered }), median(func(f Figures) time.Duration { return f.FirstOut }),
		median(func(f Figures) time.Duration { return f.FirstIn }), median(func(f Figures) time.Duration { return f.PauseOut }),
		median(func(f Figures) time.Duration { return f.PauseIn }), worst(func(f Figures) int { return f.LostOut }),
		worst(func(f Figures) int { return f.LostIn }), len(figures))
	t.Log(line)
	if *table == "" {
		return
	}
	file, err := os.OpenFile(*table, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		fmt.Fprintln(file, "| phone | transport | delay | move | T_reg | first out | first in | pause out | pause in | lost out | lost in | runs |")
		fmt.Fprintln(file, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	}
	fmt.Fprintln(file, line)
}
