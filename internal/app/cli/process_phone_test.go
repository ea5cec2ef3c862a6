package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/proof/event"
	"ramble/sip/siptest"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// house is a registrar and the phones around it: processes of the real
// program, on the loopback interface.
type house struct {
	t      *testing.T // of the scenario, which may have subtests
	binary string
	over   string // "udp" or "tcp"
	server *siptest.Registrar
	began  time.Time

	mu    sync.Mutex
	story []string // everything that was said by and to the phones
}

// newHouse opens a house and, where anything fails, shows its story at the end.
func newHouse(t *testing.T, binary, over string, o siptest.Options) *house {
	t.Helper()
	h := &house{t: t, binary: binary, over: over, began: time.Now()}
	if o.Users == nil {
		o.Users = map[string]string{"alice": "secret of alice", "bob": "secret of bob", "carol": "secret of carol"}
	}
	h.server = serve(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			h.mu.Lock()
			defer h.mu.Unlock()
			t.Logf("the story:\n%s", strings.Join(h.story, "\n"))
		}
	})
	return h
}

// serve runs a registrar until the test ends.
func serve(t *testing.T, o siptest.Options) *siptest.Registrar {
	t.Helper()
	r := siptest.NewRegistrar(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("registrar: %v", err)
		}
	})
	select {
	case <-r.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatalf("registrar: %v", err)
	}
	return r
}

func (h *house) tell(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.story = append(h.story, fmt.Sprintf("%8.3f %s", time.Since(h.began).Seconds(), fmt.Sprintf(format, args...)))
}

// line is one object of a phone's standard output, the fields that the tests
// look at.
type line struct {
	event.Event
	Call int
}

func (l line) is(kind, state string) bool { return l.Type == kind && l.State == state }

// handset is one `ramble headless`. One goroutine at a time may use it.
type handset struct {
	h      *house
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr strings.Builder
	ended  chan struct{} // closed when the process is gone and all is read
	dir    string        // its home
	heard  string        // the recording of what it hears
	hz     float64       // its voice

	asked int
	next  int // the first line that no wait has passed
	mu    sync.Mutex
	lines []line
	news  chan struct{}
}

// setup varies how a phone is started.
type setup struct {
	user, password string // of the account; "" is the phone's name, and its right password
	secret         string // the line of the configuration instead of the password
	registrar      string // "" is the house's, over its transport
	network        string // lines of [network]
	args           []string
	home           string  // "" is one of its own
	heard          string  // the recording of what it hears
	hz             float64 // its voice
}

// start starts a phone in a home of its own and waits for its ready.
func (h *house) start(t *testing.T, name string, s setup) *handset {
	t.Helper()
	if s.user == "" {
		s.user = name
	}
	if s.password == "" {
		s.password = "secret of " + s.user
	}
	if s.secret == "" {
		s.secret = fmt.Sprintf("password = %q", s.password)
	}
	if s.registrar == "" {
		s.registrar = "sip:" + h.server.Addr().String()
	}
	if s.home == "" {
		s.home = t.TempDir()
	}
	p := &handset{h: h, name: name, dir: s.home, heard: s.heard, hz: s.hz, ended: make(chan struct{}), news: make(chan struct{}, 1)}
	file := filepath.Join(p.dir, "config.toml")
	text := fmt.Sprintf("[[account]]\nname = \"home\"\nuri = \"sip:%s@ramble.test\"\n%s\nregistrar = %q\ntransport = %q\n[network]\n%s\n",
		s.user, s.secret, s.registrar, h.over, s.network)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = command(h.binary, p.dir, append([]string{"headless", "-c", file}, s.args...)...)
	p.cmd.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	h.t.Cleanup(p.close)
	p.until(t, "ready", func(l line) bool { return l.Type == "ready" })
	return p
}

// command is the program in an environment that holds nothing of the user's.
func command(binary, home string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"PULSE_SERVER=unix:" + filepath.Join(home, "nobody"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "PATH=" + os.Getenv("PATH"),
		"GORACE=atexit_sleep_ms=0"} // else each process under the race detector ends a second late
	if runtime.GOOS == "windows" {
		cmd.Env = append(cmd.Env, "USERPROFILE="+home, "APPDATA="+home, "LOCALAPPDATA="+home, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	cmd.WaitDelay = time.Second
	return cmd
}

// read takes in the phone's output to its end, then the process's.
func (p *handset) read(stdout io.Reader) {
	defer close(p.ended)
	scan := bufio.NewScanner(stdout)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		e, ok := event.Parse(scan.Text())
		if !ok || e.V != 1 || e.At.IsZero() {
			p.h.t.Errorf("%s said what is no event: %s", p.name, scan.Text())
		}
		l := line{e, int(e.Call)}
		p.h.tell("%s > %s", p.name, scan.Text())
		p.mu.Lock()
		p.lines = append(p.lines, l)
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
	err := p.cmd.Wait()
	p.h.tell("%s ended: %v", p.name, p.cmd.ProcessState)
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.h.t.Errorf("%s: %v", p.name, err)
	}
}

// close ends a phone that a failed test left behind, and holds every phone to
// its manners: one answer for each command, nothing on standard error.
func (p *handset) close() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	answers := map[string]int{}
	for _, l := range p.lines {
		if l.Type == "ok" || l.Type == "error" {
			answers[l.ID]++
		}
	}
	for n := range p.asked {
		if id := fmt.Sprint(n + 1); answers[id] != 1 && !p.h.t.Failed() {
			p.h.t.Errorf("%s answered @%s %d times", p.name, id, answers[id])
		}
	}
	if noise := p.stderr.String(); noise != "" {
		p.h.t.Errorf("%s on standard error:\n%s", p.name, noise)
	}
}

// until waits for the next line that fits and passes over those before it.
func (p *handset) until(t *testing.T, what string, fits func(line) bool) line {
	t.Helper()
	return p.within(t, patience, what, fits)
}

func (p *handset) within(t *testing.T, limit time.Duration, what string, fits func(line) bool) line {
	t.Helper()
	l, i := p.find(t, limit, what, p.next, fits)
	p.next = i + 1
	return l
}

// find waits for the first line from a place on that fits.
func (p *handset) find(t *testing.T, limit time.Duration, what string, from int, fits func(line) bool) (line, int) {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	ended := p.ended
	for {
		p.mu.Lock()
		fresh := p.lines[min(from, len(p.lines)):]
		i := slices.IndexFunc(fresh, fits)
		p.mu.Unlock()
		switch {
		case i >= 0:
			return fresh[i], from + i
		case ended == nil:
			t.Fatalf("%s ended (%v) without %s", p.name, p.cmd.ProcessState, what)
		}
		from += len(fresh)
		select {
		case <-p.news:
		case <-ended:
			ended = nil // one more look
		case <-late.C:
			t.Fatalf("%s: no %s within %v", p.name, what, limit)
		}
	}
}

// seen are the lines so far.
func (p *handset) seen() []line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[:len(p.lines):len(p.lines)]
}

func (p *handset) write(t *testing.T, text string) {
	t.Helper()
	p.h.tell("%s < %s", p.name, text)
	if _, err := fmt.Fprintln(p.stdin, text); err != nil {
		t.Fatalf("%s reads no commands: %v", p.name, err)
	}
}

// reply sends a command and returns its answer. Events before and after it
// are left to until.
func (p *handset) reply(t *testing.T, text string) line {
	t.Helper()
	p.asked++
	id := fmt.Sprint(p.asked)
	from := len(p.seen())
	p.write(t, "@"+id+" "+text)
	l, _ := p.find(t, patience, "answer to "+text, from, func(l line) bool { return (l.Type == "ok" || l.Type == "error") && l.ID == id })
	return l
}

// ask sends a command that must be accepted; the result is the call meant.
func (p *handset) ask(t *testing.T, text string) int {
	t.Helper()
	l := p.reply(t, text)
	if l.Type != "ok" {
		t.Fatalf("%s refused %q: %s", p.name, text, l.Reason)
	}
	return l.Call
}

func (p *handset) registration(t *testing.T, state string) line {
	t.Helper()
	return p.until(t, "registration "+state, func(l line) bool { return l.is("registration", state) })
}

// call waits for a state of a call.
func (p *handset) call(t *testing.T, call int, state string) line {
	t.Helper()
	return p.until(t, fmt.Sprintf("call %d %s", call, state), func(l line) bool { return l.Call == call && l.is("call", state) })
}

// rings waits for an incoming call.
func (p *handset) rings(t *testing.T) line {
	t.Helper()
	return p.until(t, "ringing", func(l line) bool { return l.Direction == "in" && l.is("call", "ringing") })
}

func (p *handset) held(t *testing.T, call int, by string) {
	t.Helper()
	p.until(t, "held "+by, func(l line) bool { return l.Type == "call" && l.Call == call && l.Held == by })
}

// media waits for statistics of a call that fit.
func (p *handset) media(t *testing.T, call int, what string, fits func(line) bool) line {
	t.Helper()
	return p.until(t, what, func(l line) bool { return l.Type == "media" && l.Call == call && fits(l) })
}

// exit waits for the end of the process and returns its code.
func (p *handset) exit(t *testing.T) int {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-late.C:
		t.Fatalf("%s does not end", p.name)
		return -1
	}
}

// bindings waits until the registrar lists so many for a user.
func (h *house) bindings(t *testing.T, user string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.server.WaitBindings(ctx, user, func(l []siptest.Binding) bool { return len(l) == n }); err != nil {
		t.Fatalf("the registrar lists %v for %s, want %d", h.server.Bindings(user), user, n)
	}
}
