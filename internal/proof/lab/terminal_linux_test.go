package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// terminal is the phone's own screen in a tmux of the test's, on a host of the lab.
type terminal struct {
	t      *testing.T
	socket string
}

// openTerminal starts the program with its screen. What it says in the end is lost.
func openTerminal(t *testing.T, ctx context.Context, l *Lab, o RambleOptions, w, h int) *terminal {
	t.Helper()
	dir := filepath.Join(l.Dir, "terminal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte(l.rambleFile(o)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &terminal{t: t, socket: filepath.Join(dir, "tmux")}
	_, err := l.Exec(o.Host, Command{Path: "tmux", Args: []string{"-S", s.socket, "-f", "/dev/null", "-D"}})
	possible(t, err)
	for { // until the server listens
		if _, err := os.Stat(s.socket); err == nil {
			break
		}
		s.pause(ctx, "tmux")
	}
	s.tmux("new-session", "-d", "-x", fmt.Sprint(w), "-y", fmt.Sprint(h), "env", "HOME="+dir, "XDG_STATE_HOME="+dir, "LANG=C.UTF-8", "COLORTERM=truecolor",
		"TERM=xterm-256color", o.Binary, "--config", config, "--audio", cmp.Or(o.Sound, "loop"))
	return s
}

func (s *terminal) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

// text is what stands on the screen.
func (s *terminal) text() string { return s.tmux("capture-pane", "-p") }

// colours is the same with its colours, for a picture.
func (s *terminal) colours() string { return s.tmux("capture-pane", "-p", "-e") }

// press presses keys by their names in tmux.
func (s *terminal) press(keys ...string) { s.tmux(append([]string{"send-keys"}, keys...)...) }

// dial types into the dial line.
func (s *terminal) dial(ctx context.Context, target string) {
	s.t.Helper()
	s.press("d")
	s.sees(ctx, `dial|Dial`)
	s.tmux("send-keys", "-l", target)
	s.sees(ctx, regexp.QuoteMeta(target))
	s.press("Enter")
}

// sees waits until the screen fits the pattern.
func (s *terminal) sees(ctx context.Context, pattern string) string {
	s.t.Helper()
	want := regexp.MustCompile(pattern)
	for {
		text := s.text()
		if want.MatchString(text) {
			return text
		}
		s.pause(ctx, fmt.Sprintf("%q on the screen:\n%s", pattern, strings.TrimRight(text, "\n")))
	}
}

// pause lets a moment pass before the next look: a screen tells nobody that it has changed.
func (s *terminal) pause(ctx context.Context, what string) {
	s.t.Helper()
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
		s.t.Fatalf("waited in vain for %s", what)
	}
}
