package cli

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/app/config"
	"ramble/internal/leaf/phone"
	"ramble/sip/siptest"
)

func (s *stage) unwritten() {
	s.t.Helper()
	if _, err := os.Stat(s.configPathName()); !errors.Is(err, os.ErrNotExist) {
		s.t.Errorf("there is a configuration, or something like it: %v", err)
	}
	for _, dir := range []string{s.env["XDG_CONFIG_HOME"], s.env["XDG_STATE_HOME"]} {
		if _, err := os.Stat(dir); runtime.GOOS != "windows" && err == nil {
			s.t.Errorf("%s was made", dir)
		}
	}
}

// registrar serves alice on loopback.
func registrar(t *testing.T) *siptest.Registrar {
	t.Helper()
	r := siptest.NewRegistrar(siptest.Options{Users: map[string]string{"alice": "s3cret word"}})
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	<-r.Ready()
	return r
}

func TestSetup(t *testing.T) {
	t.Run("the first start leads to a registered account and the phone", func(t *testing.T) {
		r, s := registrar(t), newStage(t)
		at, ended := s.person()
		at.answers("Your choice [d]", "s")
		at.answers("Your SIP address", "sip:alice@ramble.test")
		at.answers("Your choice [f]", "")
		at.answers("nothing is shown", "s3cret word")
		at.answers("Server (registrar) [ramble.test]", r.Addr().String())
		at.answers("Transport", "")
		at.sees("Registered from 127.0.0.1")
		at.answers("Write it?", "")
		at.answers("Start the phone now?", "y")
		s.ends(at, ended, exitOK)
		if s.ran != "ui" || s.session.Passwords["alice@ramble.test"] != "s3cret word" {
			t.Errorf("ran %q with %v", s.ran, s.session)
		}
		if len(r.Bindings("alice")) > 0 || r.Count("REGISTER") < 3 {
			t.Errorf("the trial left %v behind, after %d REGISTERs", r.Bindings("alice"), r.Count("REGISTER"))
		}
		info, err := os.Stat(s.configPathName())
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Fatal(info, err)
		}
		data, _ := os.ReadFile(s.configPathName())
		for _, want := range []string{`uri = "sip:alice@ramble.test"`, `password = "s3cret word"`, `registrar = "sip:` + r.Addr().String() + `"`} {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s is missing in\n%s", want, data)
			}
		}
		if strings.Contains(at.all(), "s3cret") {
			t.Errorf("the password was shown:\n%s", at.all())
		}
	})
	t.Run("a wrong password is told, and can be corrected", func(t *testing.T) {
		r, s := registrar(t), newStage(t)
		at, ended := s.person("setup")
		at.answers("Your SIP address", "alice@"+r.Addr().String())
		at.answers("Your choice [f]", "f")
		at.answers("nothing is shown", "guess")
		at.answers("Server (registrar) ["+r.Addr().String()+"]", "")
		at.answers("Transport", "tcp")
		at.sees("does not accept the user name or the password")
		at.sees("Check auth_user and the password")
		at.answers("Your choice [p]", "")
		at.answers("Your choice [f]", "a")
		at.answers("nothing is shown", "s3cret word")
		at.sees("answered over tcp")
		at.answers("Write it?", "y")
		at.answers("Start the phone now?", "n")
		at.sees("Later: ramble")
		s.ends(at, ended, exitOK)
		c, err := config.Load(s.configPathName())
		if err != nil || c.Accounts[0].Password.Given() || c.Accounts[0].Transport != config.TransportTCP || !c.Accounts[0].Registrar.IsZero() {
			t.Errorf("%v: %+v", err, c)
		}
	})
	t.Run("a server that does not list the phone is told of", func(t *testing.T) {
		r, s := registrar(t), newStage(t)
		r.Script(func(*sipgo.Request) *siptest.Reply {
			return &siptest.Reply{Code: 200, Headers: []sipgo.Header{sipgo.NewHeader("Contact", "<sip:bob@192.0.2.7>;expires=60")}}
		})
		at, ended := s.person("setup")
		at.answers("Your SIP address", "alice@"+r.Addr().String())
		at.answers("Your choice [f]", "f")
		at.answers("nothing is shown", "s3cret word")
		at.answers("Server (registrar)", "")
		at.answers("Transport", "udp")
		at.sees("But the registrar does not list this phone: incoming calls may not arrive.")
		at.answers("Write it?", "n")
		s.ends(at, ended, exitFailure)
	})
	t.Run("an unreachable server is told, and can be written all the same", func(t *testing.T) {
		gone, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := gone.Addr().String()
		_ = gone.Close()
		s := newStage(t)
		at, ended := s.person("setup")
		at.answers("Your SIP address", "alice@example.com")
		at.answers("Your choice [f]", "c")
		at.answers("The command", "")
		at.answers("The command", either(runtime.GOOS == "windows", "cmd /c echo x", "echo x"))
		at.answers("Server (registrar)", "sip:"+server)
		at.answers("Transport", "tcp")
		at.sees("The server refuses the connection")
		at.answers("Your choice [s]", "w")
		at.answers("Write it?", "")
		at.answers("Start the phone now?", "n")
		s.ends(at, ended, exitOK)
		if c, err := config.Load(s.configPathName()); err != nil || c.Accounts[0].Registrar.String() != "sip:"+server {
			t.Error(c, err)
		}
	})
	t.Run("a file that appears meanwhile stays as it is", func(t *testing.T) {
		r, s := registrar(t), newStage(t)
		at, ended := s.person("setup")
		at.answers("Your SIP address", "alice@"+r.Addr().String())
		at.answers("Your choice [f]", "")
		at.answers("nothing is shown", "s3cret word")
		at.answers("Server", "")
		at.answers("Transport", "")
		at.sees("Registered")
		at.sees("Write it?")
		s.write("# mine")
		at.answers("", "y")
		at.sees("exists already and stays as it is")
		s.ends(at, ended, exitFailure)
		if data, _ := os.ReadFile(s.configPathName()); string(data) != "# mine" {
			t.Errorf("it became %q", data)
		}
	})
	t.Run("a file that is there is refused before the first question", func(t *testing.T) {
		s := newStage(t).write("# mine")
		at, ended := s.person("setup")
		at.sees("exists already and stays as it is")
		s.ends(at, ended, exitFailure)
		if strings.Contains(at.all(), "address") {
			t.Error(at.all())
		}
	})
}

func TestSetupGivenUp(t *testing.T) {
	steps := []struct{ question, answer string }{
		{"Your choice [d]", "s"},
		{"Your SIP address", "alice@example.com"},
		{"Your choice [f]", "f"},
		{"nothing is shown", "hunter2"},
		{"Server", ""},
		{"Transport", ""},
		{"Your choice [p]", "w"},
		{"Write it?", ""},
	}
	refused := func(context.Context, *Session) (phone.Account, error) {
		return phone.Account{}, &problem{Code: phone.ErrRefused, Text: "no"}
	}
	for i := range steps {
		begin := func(t *testing.T) (*stage, *screenful, chan int) {
			s := newStage(t)
			at, ended := s.personWith(refused)
			for _, step := range steps[:i] {
				at.answers(step.question, step.answer)
			}
			at.sees(steps[i].question)
			return s, at, ended
		}
		t.Run("an interrupt writes nothing at "+steps[i].question, func(t *testing.T) {
			s, at, ended := begin(t)
			s.life.signals <- os.Interrupt
			s.ends(at, ended, exitSignal+2)
			s.unwritten()
		})
		t.Run("the end of the input writes nothing at "+steps[i].question, func(t *testing.T) {
			s, at, ended := begin(t)
			_ = at.keys.Close()
			s.ends(at, ended, either(i == 0, exitOK, exitFailure))
			s.unwritten()
		})
	}
}

func TestFirstStart(t *testing.T) {
	t.Run("Enter is the demo", func(t *testing.T) {
		s := newStage(t)
		at, ended := s.person()
		at.answers("Your choice", "x")
		at.answers("Please answer with one of d, s, q", "")
		at.sees("ramble setup")
		s.ends(at, ended, exitOK)
		if s.ran != "demo" {
			t.Errorf("ran %q", s.ran)
		}
		s.unwritten()
	})
	t.Run("q leaves", func(t *testing.T) {
		s := newStage(t)
		at, ended := s.person()
		at.answers("Your choice", "q")
		s.ends(at, ended, exitOK)
		if s.ran != "" {
			t.Errorf("ran %q", s.ran)
		}
	})
	t.Run("a named configuration that is missing is no first start", func(t *testing.T) {
		s := newStage(t)
		at, ended := s.person("-c", "/no/such.toml")
		at.sees("there is no configuration at /no/such.toml")
		s.ends(at, ended, exitConfig)
	})
	t.Run("without a terminal setup is refused", func(t *testing.T) {
		s := newStage(t)
		if code := s.do("setup"); code != exitUsage || !strings.Contains(s.errout.String(), "needs a terminal") {
			t.Errorf("exit %d: %s", code, s.errout.String())
		}
	})
}

func TestPatience(t *testing.T) {
	tests := []struct {
		name  string
		state phone.RegistrationState
		says  string
		after time.Duration
	}{
		{"a server that never answers is given up after a while", phone.Registering, "No answer from 192.0.2.1:5060 over udp", tryFor},
		{"no way to the server is told sooner", phone.NoNetwork, "no network", noPathFor},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				updates := make(chan phone.Update, 3)
				for range cap(updates) { // the same state again extends nothing
					updates <- phone.Update{State: phone.State{Accounts: []phone.Account{{State: tt.state, Way: phone.Way{Server: "192.0.2.1:5060", Transport: "udp"}}}}}
				}
				began := time.Now()
				_, err := verdict(t.Context(), updates)
				if err == nil || !strings.Contains(err.Error(), tt.says) || time.Since(began) != tt.after {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct{ said, is, guess string }{
		{"alice@example.com", "alice@example.com", ""},
		{" sip:alice@example.com ", "alice@example.com", ""},
		{"SIP:alice@example.com:5070", "alice@example.com:5070", ""},
		{"sip://alice@example.com", "alice@example.com", ""},
		{`"Alice" <sip:alice@example.com;transport=tcp>`, "alice@example.com", ""},
		{"alice@[2001:db8::1]", "alice@[2001:db8::1]", ""},
		{"alice@example,com", "", "alice@example.com"},
		{"alice@example..com", "", "alice@example.com"},
		{"alice at example.com", "", "alice@example.com"},
		{"alice@@example.com", "", "alice@example.com"},
		{"alice @ example.com", "", "alice@example.com"},
		{"alice@example.com/", "", "alice@example.com"},
		{"alice", "", ""},
		{"@example.com", "", ""},
		{"sips:alice@example.com", "sips:alice@example.com", ""},
		{"alice@exam\x00ple.com", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.said, func(t *testing.T) {
			is, guess := bare(tt.said), ""
			if wrongAddress(is) != "" {
				is, guess = "", meant(is)
			}
			if is != tt.is || guess != tt.guess {
				t.Errorf("is %q, guess %q, want %q, %q", is, guess, tt.is, tt.guess)
			}
		})
	}
}

func TestHiddenTyping(t *testing.T) {
	tests := []struct {
		name, typed, want string
		err               bool
	}{
		{"enter ends", "abc\rdef", "abc", false},
		{"a space belongs to it", " a b \r", " a b ", false},
		{"backspace takes a character back", "ab\x7fç\x7f\x08x\r", "x", false},
		{"control U takes all back", "abc\x15d\r", "d", false},
		{"arrow keys are not part of it", "a\x1b[D\x1bOPb\x1b[3~c\r", "abc", false},
		{"control C leaves", "abc\x03", "", true},
		{"control D on nothing leaves", "\x04", "", true},
		{"the end of the input leaves", "abc", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hidden(bufio.NewReader(strings.NewReader(tt.typed)))
			if got != tt.want || (err != nil) != tt.err {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestAnswersAreQuoted: whatever can be typed comes out of the file as it was.
func TestAnswersAreQuoted(t *testing.T) {
	for _, secret := range []string{`hunter2`, `"quoted"`, `back\slash`, "naïve ☃ 𝄞", "#comment", `'''`, " spaces ", "a\u00a0b\u200d"} {
		a := answers{address: "alice@example.com", keep: keepInFile, password: secret}
		c, err := a.config("x")
		if err != nil {
			t.Fatalf("%q: %v\n%s", secret, err, a.text(false))
		}
		if got, err := c.Accounts[0].Password.Read(t.Context(), nil); got != secret || err != nil {
			t.Errorf("%q became %q, %v", secret, got, err)
		}
		if strings.Contains(a.text(true), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

// TestSecureAddress: TLS that was asked for is never given up in silence.
func TestSecureAddress(t *testing.T) {
	a := answers{address: "sips:alice@example.com", server: "sips:sip.example.com"}
	c, err := a.config("x")
	if err != nil || !c.Accounts[0].URI.Secure || !c.Accounts[0].Registrar.Secure {
		t.Fatalf("%v\n%s", err, a.text(false))
	}
	if wrong := a.complaint("transport", "udp"); !strings.Contains(wrong, "contradicts sips:") {
		t.Errorf("UDP was taken: %q", wrong)
	}
}
