package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ramble/internal/app/config"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
)

const account = "[[account]]\nname = \"work\"\nuri = \"sip:alice@example.com\"\npassword = \"hunter2\"\n"

// stage is a home of its own, with a phone whose faces record what they got.
type stage struct {
	program
	t        *testing.T
	env      map[string]string
	out      strings.Builder
	errout   shared
	ran      string
	session  *Session
	headless Headless
	drill    Drill
	fails    error
	during   func(context.Context)
	ports    []soundPorts
	life     *life
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, env: map[string]string{"HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "c"), "XDG_STATE_HOME": filepath.Join(dir, "s")}}
	if runtime.GOOS == "windows" {
		s.env = map[string]string{"USERPROFILE": dir, "APPDATA": filepath.Join(dir, "c"), "LOCALAPPDATA": filepath.Join(dir, "s")}
	}
	example, err := os.ReadFile("../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	face := func(name string) func(context.Context, *Session) error {
		return func(ctx context.Context, session *Session) error {
			s.ran, s.session = name, session
			session.Log.Info("hello from " + name)
			if s.during != nil {
				s.during(ctx)
			}
			return s.fails
		}
	}
	s.program = program{
		example: string(example), getenv: func(k string) string { return s.env[k] },
		stdin: strings.NewReader(""), stdout: &s.out, stderr: &s.errout,
		apps: apps{
			ui: face("ui"), demo: face("demo"),
			private: func() (int, bool, error) { return 0, false, errors.New("a test has none") },
			drill: func(ctx context.Context, session *Session, d Drill) error {
				s.drill = d
				return face("drill")(ctx, session)
			},
			headless: func(ctx context.Context, session *Session, h Headless) error {
				s.headless = h
				return face("headless")(ctx, session)
			},
			keyTable: func() string { return "q  quit\n" },
			check:    func(*config.Config) error { return nil },
			backends: func() []string { return []string{"null", "loop"} },
			devices: func(backend string) []soundPorts {
				s.ran = "devices of " + backend
				return s.ports
			},
			tryDevice: func(_ context.Context, _ io.Writer, name string) error { s.ran = "try " + name; return s.fails },
		},
	}
	return s
}

func (s *stage) configPathName() string {
	p, err := config.FindPaths(s.getenv)
	if err != nil {
		s.t.Fatal(err)
	}
	return p.Config
}

func (s *stage) write(text string) *stage {
	s.t.Helper()
	if err := config.WriteNew(s.configPathName(), []byte(text)); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// do runs one command line, as a fresh process would.
func (s *stage) do(args ...string) int {
	s.t.Helper()
	s.out.Reset()
	s.errout.Reset()
	s.ran, s.session = "", nil
	p := s.program
	s.life = begin(s.t.Context(), nil, &s.errout)
	s.life.exit = func(int) {} // a machine that is slow to end the phone is no reason to end the tests
	defer s.life.end()
	return p.run(s.life, args)
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name, file string
		args       string
		code       int
		ran        string
		says       []string // on either stream
	}{
		{"without a configuration the way out is told", "", "", exitConfig, "", []string{"ramble setup", "config example --write", "ramble demo", "config.toml"}},
		{"headless without a configuration too", "", "headless", exitConfig, "", []string{"config example --write"}},
		{"a named configuration that is missing is named", "", "-c /no/such.toml", exitConfig, "", []string{"/no/such.toml"}},
		{"the bare program is the screen", account, "", exitOK, "ui", nil},
		{"headless is the phone without one", account, "headless --stats 1s --no-register", exitOK, "headless", nil},
		{"the demo needs no configuration", "", "demo", exitOK, "demo", nil},
		{"every mistake of a configuration is printed", account + "colour = 1\nexpires = 2", "", exitConfig, "", []string{":5: account[0].colour: unknown key", ":6: account[0].expires"}},
		{"an unknown command is a usage error with a suggestion", account, "demmo", exitUsage, "", []string{`did you mean "demo"?`, "ramble --help"}},
		{"an unknown flag is a usage error", account, "--colour", exitUsage, "", []string{"unknown flag", "ramble --help"}},
		{"a stray argument is a usage error", account, "headless now", exitUsage, "", []string{`"now"`, "ramble headless --help"}},
		{"a negative interval is a usage error", account, "headless --stats -1s", exitUsage, "", []string{"--stats"}},
		{"a wrong sound system on the command line is a usage error", account, "--audio nul", exitUsage, "", []string{"--audio", `did you mean "null"?`}},
		{"a wrong level on the command line is a usage error", account, "demo --log-level loud", exitUsage, "", []string{"--log-level"}},
		{"an unknown account is a usage error that lists them", account, "-a home", exitUsage, "", []string{`"home"`, "work"}},
		{"the screen does not log to its own terminal", account, "--log-file -", exitUsage, "", []string{"log to a file"}},
		{"config path prints places", account, "config path", exitOK, "", []string{"config.toml", "ramble.log"}},
		{"config path works without a file", "", "config path", exitOK, "", []string{"config.toml"}},
		{"config check says what it found", account, "config check", exitOK, "", []string{"in order", "work: sip:alice@example.com"}},
		{"config check fails on mistakes", "x = 1", "config check", exitConfig, "", []string{":1: x: unknown key"}},
		{"config show names origins", account, "config show", exitOK, "", []string{`account[0].uri`, "# line 3", "# default"}},
		{"config example prints the example", "", "config example", exitOK, "", []string{"[network.roaming]"}},
		{"config alone explains itself", "", "config", exitOK, "", []string{"check"}},
		{"config nonsense is a usage error", "", "config nonsense", exitUsage, "", []string{"nonsense"}},
		{"devices without a card say so", "", "devices", exitAudio, "devices of auto", []string{"no sound card here"}},
		{"devices of one kind", account, "devices --audio pulse", exitAudio, "devices of pulse", nil},
		{"devices of the configuration", account + "[audio]\nbackend = \"portaudio\"", "devices", exitAudio, "devices of portaudio", nil},
		{"a device is tried by its configured name", account + "[audio]\nmicrophone = \"Jabra\"", "devices --test", exitOK, "try auto:in=Jabra", nil},
		{"a try is no list", "", "devices --test --json", exitUsage, "", []string{"do not go together"}},
		{"devices of a wrong kind", "", "devices --audio nul", exitUsage, "", []string{`did you mean "null"?`}},
		{"version says which build", "", "version", exitOK, "", []string{"ramble " + versionNumber, "audio=null,loop", runtime.GOOS}},
		{"the flag does too", "", "--version", exitOK, "", []string{"ramble " + versionNumber}},
		{"help keys prints the keys", "", "help keys", exitOK, "", []string{"q  quit"}},
		{"help about a command", "", "help headless", exitOK, "", []string{"--no-register"}},
		{"help about nothing is a usage error", "", "help nonsense", exitUsage, "", []string{"nonsense"}},
		{"help lists the commands", "", "--help", exitOK, "", []string{"headless", "demo", "config", "version"}},
		{"completions exist", "", "completion bash", exitOK, "", []string{"bash completion"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t)
			if tt.file != "" {
				s.write(tt.file)
			}
			code := s.do(strings.Fields(tt.args)...)
			both := s.out.String() + s.errout.String()
			if code != tt.code || s.ran != tt.ran {
				t.Fatalf("exit %d, ran %q, want %d, %q:\n%s", code, s.ran, tt.code, tt.ran, both)
			}
			for _, part := range tt.says {
				if !strings.Contains(both, part) {
					t.Errorf("%q is missing in:\n%s", part, both)
				}
			}
			if strings.Contains(both, "hunter2") {
				t.Errorf("the password is printed:\n%s", both)
			}
		})
	}
}

func TestSession(t *testing.T) {
	two := account + "[[account]]\nname = \"home\"\nuri = \"sip:a@example.net\"\nenabled = false\n"
	t.Run("flags win over the environment, which wins over the file", func(t *testing.T) {
		s := newStage(t).write(two + "[log]\nlevel = \"error\"")
		s.env["RAMBLE_LOG_LEVEL"], s.env["RAMBLE_ASCII"], s.env["NO_COLOR"] = "debug", "1", "yes"
		if code := s.do("--audio", "loop", "--log-level", "warn"); code != exitOK {
			t.Fatal(s.errout.String())
		}
		c := s.session.Config
		if c.Log.Level.String() != "WARN" || c.UI.ASCII != config.SwitchOn || c.Audio.Backend != "loop" || !s.session.NoColor {
			t.Errorf("got %+v %+v %+v", c.Log, c.UI, c.Audio)
		}
	})
	t.Run("a chosen account comes first and is enabled", func(t *testing.T) {
		s := newStage(t).write(two)
		s.env["RAMBLE_ACCOUNT"] = "home"
		s.do("headless")
		if a := s.session.Config.Accounts; a[0].Name != "home" || !a[0].Enabled || a[1].Name != "work" {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("passwords, identity and headless options arrive", func(t *testing.T) {
		s := newStage(t).write(two)
		s.do("headless", "--stats", "250ms", "--no-register")
		if got := s.session.Passwords; len(got) != 1 || got["work"] != "hunter2" {
			t.Errorf("passwords %v", got)
		}
		if !strings.HasPrefix(s.session.Instance, "urn:uuid:") || s.headless != (Headless{250 * time.Millisecond, true}) {
			t.Errorf("instance %q, %+v", s.session.Instance, s.headless)
		}
	})
	t.Run("a person is asked where no password is configured", func(t *testing.T) {
		s := newStage(t).write("[[account]]\nuri = \"sip:alice@example.com\"")
		s.ask = func(prompt string) (string, error) { return "asked: " + prompt, nil }
		if code := s.do(); code != exitOK {
			t.Fatal(code, s.errout.String())
		}
		if got := s.session.Passwords["alice@example.com"]; !strings.Contains(got, "alice@example.com") {
			t.Errorf("got %q", got)
		}
		s.do("headless")
		if len(s.session.Passwords) != 0 {
			t.Errorf("headless asked on its command input: %v", s.session.Passwords)
		}
	})
	t.Run("a password that cannot be had names the account", func(t *testing.T) {
		s := newStage(t).write("[[account]]\nuri = \"sip:alice@example.com\"\npassword_env = \"NOT_SET\"")
		if code := s.do(); code != exitConfig || !strings.Contains(s.errout.String(), "NOT_SET") {
			t.Errorf("exit %d: %s", code, s.errout.String())
		}
	})
	t.Run("the log goes to its file", func(t *testing.T) {
		s := newStage(t).write(account)
		s.do()
		paths, _ := config.FindPaths(s.getenv)
		data, err := os.ReadFile(filepath.Join(paths.State, "ramble.log"))
		if err != nil || !strings.Contains(string(data), "hello from ui") || strings.Contains(string(data), "hunter2") || s.errout.Len() > 0 {
			t.Errorf("%v\n%s\n%s", err, data, s.errout.String())
		}
	})
	t.Run("headless logs to standard error when asked", func(t *testing.T) {
		s := newStage(t).write(account + "[log]\nformat = \"json\"")
		if s.do("headless", "--log-file", "-"); !strings.Contains(s.errout.String(), `"msg":"hello from headless"`) || s.out.Len() > 0 {
			t.Errorf("%s\n%s", s.errout.String(), s.out.String())
		}
	})
	t.Run("a state directory that cannot be written is no reason not to phone", func(t *testing.T) {
		s := newStage(t).write(account)
		paths, _ := config.FindPaths(s.getenv)
		if err := os.MkdirAll(filepath.Dir(paths.State), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(paths.State, nil, 0o600); err != nil { // a file where the directory belongs
			t.Fatal(err)
		}
		if code := s.do(); code != exitOK || s.session.Instance == "" || !strings.Contains(s.errout.String(), "nothing is logged") {
			t.Errorf("exit %d: %s", code, s.errout.String())
		}
	})
	t.Run("the demo touches no file", func(t *testing.T) {
		s := newStage(t)
		s.do("demo")
		if left, _ := os.ReadDir(s.env["HOME"]); len(left) > 0 && runtime.GOOS != "windows" {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("what the parts complain about is a configuration error", func(t *testing.T) {
		s := newStage(t).write(account + "[ui.keys]\nhangpu = \"b\"")
		s.apps.check = func(c *config.Config) error { return c.Complain("ui.keys", "no action \"hangpu\"", "ramble help keys") }
		if code := s.do("config", "check"); code != exitConfig || !strings.Contains(s.errout.String(), ":5: ui.keys: no action") {
			t.Errorf("exit %d: %s", code, s.errout.String())
		}
	})
}

func TestConfigExampleWrite(t *testing.T) {
	s := newStage(t)
	if code := s.do("config", "example", "--write"); code != exitOK {
		t.Fatal(s.errout.String())
	}
	data, err := os.ReadFile(s.configPathName())
	if err != nil || string(data) != s.example {
		t.Fatalf("%v: %d bytes", err, len(data))
	}
	if code := s.do("config", "check"); code != exitOK {
		t.Errorf("what was written is not valid: %s", s.errout.String())
	}
	if code := s.do("config", "example", "--write"); code != exitFailure || !strings.Contains(s.errout.String(), "exists already") {
		t.Errorf("a second time: exit %d, %s", code, s.errout.String())
	}
}

func TestVersionJSON(t *testing.T) {
	s := newStage(t)
	var b build
	if code := s.do("version", "--json"); code != exitOK || json.Unmarshal([]byte(s.out.String()), &b) != nil || b.Version != versionNumber || len(b.Audio) != 2 {
		t.Fatalf("exit %d: %s", code, s.out.String())
	}
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"success", nil, 0},
		{"any failure", errors.New("x"), 1},
		{"usage", &usageError{}, 2},
		{"usage in the phone", &phone.Error{Why: phone.TargetUnfit}, 2},
		{"configuration", config.Problems{{}}, 3},
		{"no configuration", &noConfig{}, 3},
		{"configuration of the phone", &problem{Code: phone.ErrConfig}, 3},
		{"an account that the configuration does not have", &phone.Error{Why: phone.NoSuchAccount}, 3},
		{"registration refused", &problem{Code: phone.ErrRefused}, 4},
		{"no sound device", fmt.Errorf("wrapped: %w", &problem{Code: phone.ErrAudio}), 6},
		{"no network", &phone.Error{Why: phone.NoPathTo}, 7},
		{"Ctrl-C", interrupted{os.Interrupt}, 130},
		{"SIGTERM", interrupted{syscall.SIGTERM}, 143},
		{"SIGHUP", interrupted{syscall.SIGHUP}, 129},
		{"a crash", crashed{}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	t.Run("a signal stops the phone gently and gives its code", func(t *testing.T) {
		s := newStage(t).write(account)
		s.fails = context.Canceled
		s.during = func(ctx context.Context) {
			s.life.signals <- syscall.SIGTERM
			<-ctx.Done()
		}
		if code := s.do("headless"); code != 143 || s.errout.Len() > 0 {
			t.Errorf("exit %d: %q", code, s.errout.String())
		}
	})
	t.Run("a second signal ends the process at once", func(t *testing.T) {
		s := newStage(t).write(account)
		codes := make(chan int, 1)
		s.during = func(context.Context) {
			s.life.exit = func(code int) { codes <- code }
			s.life.signals <- os.Interrupt
			s.life.signals <- os.Interrupt
			if code := <-codes; code != 130 {
				t.Errorf("exit %d", code)
			}
		}
		s.do("headless")
	})
	t.Run("a crash in any goroutine is reported and fails", func(t *testing.T) {
		s := newStage(t).write(account)
		s.during = func(ctx context.Context) {
			s.session.Guard.Go("jitter", func() { panic("boom") })
			<-ctx.Done()
		}
		code := s.do()
		if code != exitFailure || !strings.Contains(s.errout.String(), "crashed in jitter: boom") || !strings.Contains(s.errout.String(), "crash-") {
			t.Errorf("exit %d: %s", code, s.errout.String())
		}
	})
	t.Run("a screen that hangs after a crash is left soon", func(t *testing.T) {
		s := newStage(t).write(account)
		codes := make(chan int, 1)
		s.during = func(context.Context) {
			s.life.exit = func(code int) { codes <- code }
			began := time.Now()
			s.session.Guard.Go("jitter", func() { panic("boom") })
			if code := <-codes; code != exitFailure || time.Since(began) > 5*crashBudget {
				t.Errorf("exit %d after %v", code, time.Since(began))
			}
		}
		s.do()
	})
	t.Run("a failure of the phone with a hint shows both", func(t *testing.T) {
		s := newStage(t).write(account)
		s.fails = &problem{Code: phone.ErrAudio, Text: "no such device", Hint: "try --audio null"}
		if code := s.do(); code != exitAudio || s.errout.String() != "ramble: no such device\n    try --audio null\n" {
			t.Errorf("exit %d: %q", code, s.errout.String())
		}
	})
}

func TestCrashText(t *testing.T) {
	err := crashed{safego.Crash{Goroutine: "x", Value: "boom", Report: "/tmp/report"}}
	if got := message(err); !strings.Contains(got, "/tmp/report") {
		t.Error(got)
	}
}
