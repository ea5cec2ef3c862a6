package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// The benchmark is a test of this room, and no room of its own: it needs the
// scenes that the roaming tests play, and the same reading of the captures.

var (
	bench  = flag.String("lab.bench", "", "measure every phone and append each move to this `file`, a JSON object a line")
	report = flag.String("lab.report", "", "write the tables of what -lab.bench measured into this Markdown `file`")
)

// benchRuns is how many trustworthy runs make a median. On a machine that is
// not quiet, where the callee pauses for more than one packet and a half,
// twice as many are made, for the quietest of them.
const (
	benchRuns = 5
	quietly   = 30 * time.Millisecond
)

// measured is one move of the benchmark.
type measured struct {
	Date      time.Time     `json:"date"`
	Phone     string        `json:"phone"`
	Transport string        `json:"transport"` // udp, tcp, tls (1.3), tls1.2
	Delay     time.Duration `json:"delay"`     // one way; nanoseconds, like all that follow
	Move      string        `json:"move"`

	Detected   time.Duration `json:"detected"` // when the phone began to act; ramble alone says so
	Registered time.Duration `json:"registered"`
	FirstOut   time.Duration `json:"first_out"`
	FirstIn    time.Duration `json:"first_in"`
	PauseOut   time.Duration `json:"pause_out"`
	PauseIn    time.Duration `json:"pause_in"`
	PeerPause  time.Duration `json:"peer_pause"`
	LostOut    int           `json:"lost_out"`
	LostIn     int           `json:"lost_in"`

	Survived bool `json:"survived"`
	ByFar    bool `json:"by_far"` // the far end hung up
	HungUp   bool `json:"hung_up"`
	Stale    int  `json:"stale"`
}

// trustworthy: the callee's own pause is short, or short beside what is told:
// a tenth of what other phones take, which is seconds.
func (m measured) trustworthy() bool {
	if (Figures{PeerPause: m.PeerPause}).Trustworthy() {
		return true
	}
	return m.Phone != "ramble" && (m.FirstIn == Never || 10*m.PeerPause <= m.FirstIn)
}

// contender is a phone that the benchmark moves.
type contender struct {
	name       string
	transports []string
	far        bool // measured with a delay too
	start      func(ctx context.Context, s *scene, o PeerOptions) (caller, error)
}

// contenders are the phones beside ours, as Debian has them.
func contenders() []contender {
	return []contender{
		{"linphonec", []string{"udp", "tcp"}, true, func(ctx context.Context, s *scene, o PeerOptions) (caller, error) { return s.Linphone(ctx, o) }},
		{"baresip", []string{"udp", "tcp"}, false, func(ctx context.Context, s *scene, o PeerOptions) (caller, error) { return s.Baresip(ctx, o) }},
	}
}

// TestBenchRamble measures the phone under test: `make bench-roam`. One call
// after the other in one lab, so that nothing else runs meanwhile.
func TestBenchRamble(t *testing.T) {
	out := benchFile(t)
	for _, delay := range []time.Duration{near, distant} {
		for _, transport := range []string{"udp", "tcp", "tls", "tls1.2"} {
			moves := variants()
			if transport == "tls1.2" { // for its registration alone, which differs
				moves = moves[:1]
			}
			for _, v := range moves {
				t.Run(fmt.Sprintf("%s, %s one way, %s", transport, delay, v.name), func(t *testing.T) {
					ctx := within(t, 4*time.Minute)
					o := sceneOptions{transport: transport, lab: Options{Emulate: delay > 0}}
					if transport == "tls1.2" {
						o.transport, o.kamailio.TLS = "tls", "TLSv1.2"
					}
					s := play(t, ctx, o)
					s.Delay(delay)
					good := 0
					for run := 0; good < benchRuns && run < 2*benchRuns; run++ {
						m := benchMove(t, ctx, s, s.alice, v, run%2 == 1)
						m.Phone, m.Transport, m.Delay = "ramble", transport, delay
						out.add(t, m)
						if m.PeerPause <= quietly {
							good++
						}
					}
				})
			}
		}
	}
}

// TestBenchOthers measures the other phones: seconds pass there, not
// milliseconds, so several labs run at once. Each run has a lab of its own: a
// call that died stays in the way.
func TestBenchOthers(t *testing.T) {
	out := benchFile(t)
	for _, c := range contenders() {
		for _, delay := range []time.Duration{near, distant} {
			if delay > 0 && !c.far {
				continue
			}
			for _, transport := range c.transports {
				for _, v := range variants() {
					for run := range benchRuns {
						t.Run(fmt.Sprintf("%s, %s, %s one way, %s, run %d", c.name, transport, delay, v.name, run+1), func(t *testing.T) {
							t.Parallel()
							m := benchOther(t, c, transport, delay, v, run%2 == 1)
							m.Phone, m.Transport, m.Delay = c.name, transport, delay
							out.add(t, m)
						})
					}
				}
			}
		}
	}
}

// TestBenchOutage measures 40 s without any network, for all phones at once.
func TestBenchOutage(t *testing.T) {
	out := benchFile(t)
	binary := ramble(t)
	ours := contender{"ramble", nil, false, func(ctx context.Context, s *scene, o PeerOptions) (caller, error) {
		return s.Ramble(ctx, RambleOptions{Binary: binary, User: o.User, Says: o.Says, Transport: o.Transport})
	}}
	for _, c := range append(contenders(), ours) {
		for run := range benchRuns {
			t.Run(fmt.Sprintf("%s, run %d", c.name, run+1), func(t *testing.T) {
				t.Parallel()
				m := benchOther(t, c, "udp", near, outage(), run%2 == 1)
				m.Phone, m.Transport, m.Delay = c.name, "udp", near
				out.add(t, m)
			})
		}
	}
}

func benchOther(t *testing.T, c contender, transport string, delay time.Duration, v variant, byFar bool) measured {
	ctx := within(t, 3*time.Minute)
	s := scene{Lab: open(t, Options{Emulate: delay > 0})}
	var err error
	s.k, err = s.Kamailio(ctx, "alice", "bob")
	possible(t, err)
	alice, bob := tonesFor(t, s.Lab)
	s.invite(t, ctx, sceneOptions{}, bob)
	x, err := c.start(ctx, &s, PeerOptions{Host: Phone, User: "alice", Says: alice, Transport: transport})
	possible(t, err)
	for user, part := range map[string]string{"alice": "10.1.0.2", "bob": "10.8.0.2"} {
		if err := s.k.AwaitBindings(ctx, user, part); err != nil {
			t.Fatal(err)
		}
	}
	s.Delay(delay)
	return benchMove(t, ctx, s, x, v, byFar)
}

// benchMove is one move. What goes wrong is a figure too, and fails nothing.
func benchMove(t *testing.T, ctx context.Context, s scene, phone caller, v variant, byFar bool) measured {
	at := 0
	r, ours := phone.(*Ramble)
	if ours {
		at = r.Output.Len()
	}
	began := time.Now()
	tried := oneMove(t, ctx, s, phone, v, byFar, func(what ...any) { t.Log(what...) })
	f := tried.Figures
	t.Log(f)
	m := measured{
		Date: began.UTC().Truncate(time.Second), Move: v.name, Detected: Never,
		Registered: f.Registered, FirstOut: f.FirstOut, FirstIn: f.FirstIn, PauseOut: f.PauseOut, PauseIn: f.PauseIn,
		PeerPause: f.PeerPause, LostOut: f.LostOut, LostIn: f.LostIn,
		Survived: tried.survived, ByFar: byFar, HungUp: tried.hungUp, Stale: tried.stale,
	}
	if ours {
		m.Detected = detected(r, at, tried.move)
	}
	return m
}

// detected is when the phone had a path to act on, after the network was
// there, by the time of the event in which it says so.
func detected(r *Ramble, from int, m Move) time.Duration {
	e, _, err := r.Expect(expired(), from, "the start of a roam", func(e Event) bool {
		return e.Type == "roam" && e.Step == "path" && e.At.After(m.T0.Add(-time.Millisecond))
	})
	if err != nil {
		return Never
	}
	return max(0, e.At.Sub(m.T0))
}

// benchLog is the file that the moves are appended to.
type benchLog struct {
	mu   sync.Mutex
	path string
}

func benchFile(t *testing.T) *benchLog {
	t.Helper()
	if *bench == "" {
		t.Skip("with -lab.bench only (make bench-roam)")
	}
	return &benchLog{path: *bench}
}

func (b *benchLog) add(t *testing.T, m measured) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	line, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(b.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

func readBench(path string) ([]measured, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var all []measured
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var m measured
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(all)+1, err)
		}
		all = append(all, m)
	}
	return all, nil
}
