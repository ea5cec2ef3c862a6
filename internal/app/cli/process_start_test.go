package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ramble/sip/siptest"
)

// goodbye is how long a phone may take to say it, and a little for the machine.
const goodbye = 2*time.Second + 500*time.Millisecond

// testFarewell: however a phone ends, its calls and its binding do too.
func testFarewell(t *testing.T, binary, over string) {
	ends := []struct {
		name string
		end  func(t *testing.T, p *handset)
		code int
	}{
		{"quit in a call says goodbye", func(t *testing.T, p *handset) { p.ask(t, "quit") }, 0},
		{"the end of the input is a quit", func(_ *testing.T, p *handset) { _ = p.stdin.Close() }, 0},
		{"SIGTERM in a call says goodbye and gives its number in the exit code", by(syscall.SIGTERM), 128 + 15},
		{"an interrupt does too", by(os.Interrupt), 128 + 2},
	}
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			if e.code > 0 && runtime.GOOS == "windows" {
				t.Skip("Windows has no signals")
			}
			h := newHouse(t, binary, over, siptest.Options{})
			alice, bob := h.start(t, "alice", setup{}), h.start(t, "bob", setup{})
			alice.registration(t, "registered")
			bob.registration(t, "registered")
			alice.ask(t, "dial bob")
			bob.rings(t)
			bob.ask(t, "answer")
			bob.call(t, 1, "up")
			alice.call(t, 1, "up")
			began := time.Now()
			e.end(t, alice)
			bob.call(t, 1, "ended")
			heard := time.Since(began)
			h.bindings(t, "alice", 0)
			removed := time.Since(began)
			if code := alice.exit(t); code != e.code {
				t.Errorf("exit code %d, want %d", code, e.code)
			}
			gone := time.Since(began)
			t.Logf("BYE heard after %v, binding removed after %v, gone after %v", heard.Round(100*time.Microsecond), removed.Round(100*time.Microsecond), gone.Round(time.Millisecond))
			if max(heard, removed, gone) > goodbye {
				t.Errorf("that took longer than %v", goodbye)
			}
			for _, p := range []*handset{alice, bob} {
				if n := p.count(func(l line) bool { return l.Type == "media" }); n != 1 {
					t.Errorf("%s told the statistics of the call %d times, want once at its end", p.name, n)
				}
			}
			if n := alice.count(func(l line) bool { return l.is("call", "ended") }); n != 1 {
				t.Errorf("alice told the end of the call %d times", n)
			}
			bob.leaves(t)
		})
	}
}

func by(s os.Signal) func(*testing.T, *handset) {
	return func(t *testing.T, p *handset) {
		p.h.tell("%s < %v", p.name, s)
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *handset) count(fits func(line) bool) (n int) {
	for _, l := range p.seen() {
		if fits(l) {
			n++
		}
	}
	return n
}

// testAnswers: one answer a command, whatever the command is.
func testAnswers(t *testing.T, binary string) {
	h := newHouse(t, binary, "udp", siptest.Options{})
	p := h.start(t, "alice", setup{})
	p.registration(t, "registered")
	for _, c := range []struct{ line, reason, echo string }{
		{"frobnicate 12", "unknown command", "frobnicate **"},
		{"", "a command is missing after the mark", ""},
		{"dial", "usage: dial TARGET [ACCOUNT]", "dial"},
		{"dial bob nowhere", "there is no account “nowhere”: accounts: home", "dial bob nowhere"},
		{"dial sips:bob@ramble.test", "encryption", "dial sips:bob@ramble.test"},
		{"dtmf 1 12", "there is no call 1", "dtmf 1 **"},
		{"answer", "there is no call", "answer"},
		{"hold 7", "there is no call 7", "hold 7"},
		{"transfer 1 bob", "not available in this version", "transfer 1 bob"},
		{`dial "bob`, "a double quote is open", `dial "bob`},
	} {
		l := p.reply(t, c.line)
		if l.Type != "error" || !strings.Contains(l.Reason, c.reason) || l.Command != c.echo {
			t.Errorf("%q was answered %+v", c.line, l)
		}
	}
	p.write(t, "no such command") // without a mark
	p.until(t, "an answer without a mark", func(l line) bool { return l.Type == "error" && l.ID == "" && l.Reason == "unknown command" })
	t.Run("a password command does not swallow the commands of the phone", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("needs sh")
		}
		eater := h.start(t, "bob", setup{secret: `password_command = "sh -c 'cat; echo secret of bob'"`})
		eater.registration(t, "registered")
		eater.leaves(t)
	})
	t.Run("a snapshot has the shapes of the events", func(t *testing.T) { p.snapshot(t) })
	p.leaves(t)
}

// snapshot compares the snapshot of an idle phone field by field.
func (p *handset) snapshot(t *testing.T) {
	p.ask(t, "snapshot")
	l := p.until(t, "snapshot", func(l line) bool { return l.Type == "snapshot" })
	var state struct {
		Accounts []map[string]any
		Calls    []map[string]any
		Roams    []map[string]any
		Network  struct {
			Interfaces []struct {
				Name      string
				Addresses []string
				Up        bool
			}
			Path map[string]struct{ Interface, Source string }
		}
	}
	if err := json.Unmarshal(l.Whole, &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Accounts) != 1 || state.Calls == nil || len(state.Calls) != 0 || state.Roams == nil || len(state.Roams) != 0 {
		t.Fatalf("the snapshot is %s", l.Whole)
	}
	want := map[string]any{"account": "home", "state": "registered", "expires": 3600.0, "code": 200.0, "reason": "OK", "server": p.h.server.Addr().String(), "transport": "udp"}
	got := state.Accounts[0]
	if contact, _ := got["contact"].(string); !strings.HasPrefix(contact, "sip:alice@127.0.0.1:") {
		t.Errorf("the contact is %v", got["contact"])
	}
	delete(got, "contact")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the account is %v, want %v", got, want)
	}
	path := state.Network.Path["home"]
	if path.Source != "127.0.0.1" || path.Interface == "" || len(state.Network.Interfaces) == 0 {
		t.Errorf("the network is %+v", state.Network)
	}
	told := p.count(func(l line) bool { return l.Type == "network" && strings.Contains(string(l.Path), path.Interface) })
	if told == 0 {
		t.Error("no network event named the path that the snapshot has")
	}
}

// testStarts: what a phone says that cannot start, and with which code.
func testStarts(t *testing.T, binary string) {
	const account = "[[account]]\nname = \"home\"\nuri = \"sip:alice@127.0.0.1:9\"\npassword = \"hunter2\"\n"
	for _, s := range []struct {
		name, text string
		mode       os.FileMode
		args       []string
		code       int
		says       []string
	}{
		{"an unknown key is named with its line and a suggestion", account + "pasword = 1\n", 0o600, nil, exitConfig, []string{"config.toml:5: account[0].pasword: unknown key", `did you mean "password"?`}},
		{"a configuration that is not there is named with the way out", "", 0, nil, exitConfig, []string{"there is no configuration at ", "ramble config example --write"}},
		{"a password that others can read is refused with the remedy", account, 0o644, nil, exitConfig, []string{"account[0].password: others can read this file (mode 0644)", "chmod 600 "}},
		{"a sound file that is not there is an audio failure", account, 0o600, []string{"--audio", "file:in=/no/such.wav"}, exitAudio, []string{"/no/such.wav"}},
		{"a misspelt flag is a usage error", account, 0o600, []string{"--odio", "null"}, exitUsage, []string{"unknown flag: --odio", "ramble headless --help"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			if s.mode == 0o644 && runtime.GOOS == "windows" {
				t.Skip("Windows has no file modes")
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "config.toml")
			if s.mode != 0 {
				if err := os.WriteFile(file, []byte(s.text), s.mode); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(file, s.mode); err != nil { // whatever the umask
					t.Fatal(err)
				}
			}
			cmd := command(binary, dir, append([]string{"headless", "-c", file}, s.args...)...)
			var out, errout strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &errout
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != s.code {
				t.Errorf("exit code %d (%v), want %d", code, err, s.code)
			}
			for _, part := range s.says {
				if !strings.Contains(errout.String(), part) {
					t.Errorf("%q is missing in:\n%s", part, errout.String())
				}
			}
			if out.Len() > 0 || strings.Contains(errout.String(), "hunter2") {
				t.Errorf("said on standard output: %s\non standard error: %s", out.String(), errout.String())
			}
		})
	}
	t.Run("an account that has no password where one is needed names it", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "config.toml")
		text := strings.Replace(account, "password = \"hunter2\"", "password_env = \"NO_SUCH_PASSWORD\"", 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := command(binary, dir, "headless", "-c", file).CombinedOutput()
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != exitConfig || !strings.Contains(string(out), "NO_SUCH_PASSWORD is empty") {
			t.Errorf("%v: %s", err, out)
		}
	})
}
