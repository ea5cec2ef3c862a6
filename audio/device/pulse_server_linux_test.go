package device

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := env[k]; return v, ok }
}

func TestPulseAddresses(t *testing.T) {
	host, _ := os.Hostname()
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{}, "unix /run/user/7/pulse/native"},
		{map[string]string{"XDG_RUNTIME_DIR": "/r"}, "unix /r/pulse/native"},
		{map[string]string{"XDG_RUNTIME_DIR": "/r", "PULSE_RUNTIME_PATH": "/p"}, "unix /p/native, unix /r/pulse/native"},
		{map[string]string{"XDG_RUNTIME_DIR": "/r", "PULSE_SERVER": ""}, "unix /r/pulse/native"},
		{map[string]string{"PULSE_SERVER": "unix:/s"}, "unix /s"},
		{map[string]string{"PULSE_SERVER": "/s tcp:h:1 tcp4:h tcp6:[::1] nonsense"}, "unix /s, tcp h:1, tcp4 h:4713, tcp6 [::1]:4713"},
		{map[string]string{"PULSE_SERVER": "{" + host + "}unix:/s {elsewhere}unix:/t {open"}, "unix /s"},
	} {
		var got []string
		for _, a := range pulseAddresses(lookup(tc.env), 7) {
			got = append(got, a.network+" "+a.address)
		}
		if got := strings.Join(got, ", "); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.env, got, tc.want)
		}
	}
}

func TestPulseCookie(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b byte, n int) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{b}, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": dir}
	for _, step := range []struct {
		write string
		n     int
		want  byte
	}{{"", 0, 0}, {".pulse-cookie", 256, 1}, {".config/pulse/cookie", 256, 2}, {".config/pulse/cookie", 3, 1}} {
		if step.write != "" {
			write(step.write, step.want, step.n)
			if step.n != 256 {
				write(step.write, 9, step.n)
			}
		}
		if c := pulseCookie(lookup(env)); len(c) != 256 || c[0] != step.want {
			t.Errorf("after %s: %d bytes of %d", step.write, len(c), c[0])
		}
	}
	write("named", 5, 256)
	env["PULSE_COOKIE"] = filepath.Join(dir, "named")
	if c := pulseCookie(lookup(env)); c[0] != 5 {
		t.Error("the named cookie is not taken")
	}
}

// TestAServerThatDoesNotAnswer must not hang: a hung server must not stop the
// phone from starting.
func TestAServerThatDoesNotAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("PULSE_SERVER", "unix:"+path)
	began := time.Now()
	if _, err = Open("pulse"); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*pulsePatience {
		t.Errorf("it took %v", took)
	}
}
