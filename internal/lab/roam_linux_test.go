package lab

import (
	"context"
	"flag"
	"fmt"
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
	// compare is for TestLinphoneRoams.
	compare = flag.Bool("lab.compare", false, "measure linphone-cli beside it")
)

// variant is one way for the network to move under a call.
type variant struct {
	name string
	move func(context.Context, *Lab) (Move, error)
	lost int // packets that may be lost in each direction, where figures are taken; -1: any
}

func other(l *Lab) string { return l.Other() }

func variants() []variant {
	return []variant{
		{"other uplink at once", func(ctx context.Context, l *Lab) (Move, error) { return l.Roam(ctx, other(l), 0) }, -1},
		{"other uplink after 5 s of nothing", func(ctx context.Context, l *Lab) (Move, error) { return l.Roam(ctx, other(l), 5*time.Second) }, -1},
		{"renumbered", func(_ context.Context, l *Lab) (Move, error) { return l.Renumber() }, -1},
		{"same address back after 2 s", func(ctx context.Context, l *Lab) (Move, error) { return l.Blackout(ctx, 2*time.Second) }, -1},
		{"make before break, 0.3 s of both", func(ctx context.Context, l *Lab) (Move, error) {
			return l.MakeBeforeBreak(ctx, other(l), 300*time.Millisecond)
		}, 0},
	}
}

// caller is what the roaming test needs of a phone under test.
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

// oneMove makes a call, moves the phone under it, and hangs up: by bob or by the
// phone itself. What fails of the call is told
// to complain: for the phone under test that is t.Error.
func oneMove(t *testing.T, ctx context.Context, s scene, phone caller, v variant, byBob bool, complain func(...any)) Figures {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	captures := map[string]*Capture{Phone: nil, Callee: nil}
	for host := range captures {
		captures[host] = must[*Capture](t)(s.Capture(host))
		defer captures[host].Stop()
	}
	keep := func() {
		if *pcap == "" && !t.Failed() {
			return
		}
		dir := *pcap
		if dir == "" {
			dir = os.TempDir()
		}
		for host, c := range captures {
			path := filepath.Join(dir, strings.NewReplacer("/", "-", " ", "_").Replace(t.Name())+"-"+host+".pcap")
			t.Log("captured: ", path, c.WriteFile(path))
		}
	}
	defer keep()
	at := s.bob.Events.Len()
	if err := phone.call(ctx, "sip:bob@"+Domain); err != nil {
		complain(err)
		return Figures{Registered: Never, FirstOut: Never, FirstIn: Never}
	}
	own, _ := s.Address()
	if err := flowing(ctx, captures[Phone], own, time.Time{}, 50); err != nil {
		complain("before the move: ", err)
		return Figures{Registered: Never, FirstOut: Never, FirstIn: Never}
	}
	m, err := v.move(ctx, s.Lab)
	if err != nil {
		t.Fatal(err)
	}
	healed, cancelHealed := context.WithTimeout(ctx, 15*time.Second)
	defer cancelHealed()
	if err := flowing(healed, captures[Phone], m.To, later(m.T0, m.Lost), 75); err != nil {
		complain("after the move: ", err)
	}
	if err := s.k.AwaitBindings(healed, "alice", m.To.String()); err != nil {
		complain(err)
	}
	f := Measure(m, captures[Phone].Packets(), captures[Callee].Packets(), s.Host(Callee).IPv4)
	if r, ok := phone.(*Ramble); ok && f.Registered == Never {
		f.Registered = saidRegistered(healed, r, m)
	}
	if byBob {
		if err := s.bob.Do("hangup", ""); err != nil {
			complain(err)
		} else if err := phone.ended(healed); err != nil {
			complain("bob hung up: ", err)
		}
	} else {
		if err := phone.hangUp(healed); err != nil {
			complain(err)
		} else if _, _, err := s.bob.Expect(healed, at, "CALL_CLOSED"); err != nil {
			complain("the phone hung up: ", err)
		}
	}
	return f
}

// saidRegistered is T_reg by the phone's own word: TLS hides the REGISTER's
// answer from the capture.
func saidRegistered(ctx context.Context, r *Ramble, m Move) time.Duration {
	e, _, err := r.Expect(ctx, 0, "registration after the move", func(e Event) bool {
		return e.Type == "registration" && e.State == "registered" && e.At.After(m.T0) && strings.Contains(e.Contact, m.To.String())
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
	if testing.Short() {
		t.Skip("takes minutes")
	}
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
		f := oneMove(t, ctx, s, s.alice, v, run%2 == 1, t.Error)
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
