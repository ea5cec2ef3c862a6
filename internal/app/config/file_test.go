package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	t.Run("a missing file is told apart from a wrong one", func(t *testing.T) {
		if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	})
	t.Run("a directory is named as such", func(t *testing.T) {
		if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "directory") {
			t.Fatal(err)
		}
	})
	t.Run("a huge file is refused", func(t *testing.T) {
		path := write(t, "c.toml", strings.Repeat("# x\n", maxFile/4+1), 0o600)
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "1 MiB") {
			t.Fatal(err)
		}
	})
	t.Run("a password in a file that others read is refused with the chmod", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("modes mean nothing here")
		}
		text := minimal + "password = \"hunter2\""
		path := write(t, "c.toml", text, 0o644)
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) || !strings.Contains(err.Error(), ":3:") {
			t.Fatal(err)
		}
		if _, err := Load(write(t, "c.toml", text, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(write(t, "c.toml", minimal, 0o644)); err != nil {
			t.Fatalf("a file without a password may be read by others: %v", err)
		}
	})
}

func TestPassword(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("uses printf, sleep and file modes")
	}
	secret := write(t, "secret", "from file\nsecond line\n", 0o600)
	open := write(t, "open", "from file\n", 0o640)
	env := func(k string) string { return map[string]string{"THE_PASSWORD": "from env"}[k] }
	tests := []struct{ name, line, want, fails string }{
		{"text is taken as it stands", `password = " s p "`, " s p ", ""},
		{"an empty text is a password that is empty", `password = ""`, "", ""},
		{"a command gives its first line", `password_command = "printf 'one %s\\ntwo' 'x y'"`, "one x y", ""},
		{"no shell expands a command", `password_command = "printf %s $HOME;id"`, "$HOME;id", ""},
		{"a command that fails says so", `password_command = "false"`, "", "false"},
		{"a command that is not there says so", `password_command = "no-such-program-here"`, "", "no-such-program-here"},
		{"a command that prints nothing says so", `password_command = "true"`, "", "printed nothing"},
		{"the environment gives its variable", `password_env = "THE_PASSWORD"`, "from env", ""},
		{"an empty variable says so", `password_env = "OTHER"`, "", "OTHER"},
		{"a file gives its first line", `password_file = "` + secret + `"`, "from file", ""},
		{"a file that others read is refused with the chmod", `password_file = "` + open + `"`, "", "chmod 600 " + open},
		{"a missing file says so", `password_file = "/no/such/file"`, "", "/no/such/file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("c.toml", []byte(minimal+tt.line))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Accounts[0].Password.Read(t.Context(), env)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Fatalf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	t.Run("a command stops with its context", func(t *testing.T) {
		c, err := Parse("c.toml", []byte(minimal+`password_command = "sleep 30"`))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Accounts[0].Password.Read(ctx, env); err == nil {
			t.Fatal("no error")
		}
	})
	t.Run("RAMBLE_PASSWORD wins for the first account", func(t *testing.T) {
		c, err := Parse("c.toml", []byte(minimal+`password_command = "false"`))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Environment(func(k string) string { return map[string]string{"RAMBLE_PASSWORD": "pw"}[k] }); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Accounts[0].Password.Read(t.Context(), env); err != nil || got != "pw" {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}

func TestPaths(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other variables")
	}
	tests := []struct {
		name string
		env  map[string]string
		want Paths
	}{
		{"without XDG variables the files are below HOME", map[string]string{"HOME": "/h"},
			Paths{"/h/.config/ramble/config.toml", "/h/.local/state/ramble"}},
		{"XDG variables move them", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"},
			Paths{"/c/ramble/config.toml", "/s/ramble"}},
		{"relative XDG variables are ignored", map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "c"},
			Paths{"/h/.config/ramble/config.toml", "/h/.local/state/ramble"}},
		{"RAMBLE_CONFIG names the file", map[string]string{"HOME": "/h", "RAMBLE_CONFIG": "~/x.toml"},
			Paths{"/h/x.toml", "/h/.local/state/ramble"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := FindPaths(func(k string) string { return tt.env[k] })
			if err != nil || got != tt.want {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
	t.Run("nowhere to go is an error", func(t *testing.T) {
		if _, err := FindPaths(func(string) string { return "" }); err == nil {
			t.Fatal("no error")
		}
	})
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "config.toml")
	if err := WriteNew(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := WriteNew(path, []byte("two")); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Fatalf("the second write says: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "one" {
		t.Fatalf("got %q, %v", data, err)
	}
	info, _ := os.Stat(path)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInstance(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	open := func() *Instance {
		t.Helper()
		i, err := OpenInstance(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { i.Close() })
		return i
	}
	first := open()
	if !strings.HasPrefix(first.URN, "urn:uuid:") || len(first.URN) != len("urn:uuid:")+36 {
		t.Fatalf("got %q", first.URN)
	}
	second := open()
	if second.URN == first.URN {
		t.Fatal("a second copy got the same identity")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(); again.URN != first.URN {
		t.Errorf("after a restart %q, was %q", again.URN, first.URN)
	}
	for range maxInstances {
		open()
	}
	if last := open(); last.URN == "" {
		t.Error("no identity when all are taken")
	}
}

func TestTornInstance(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "instance-1"), []byte("urn:uuid:1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := OpenInstance(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	data, err := os.ReadFile(filepath.Join(dir, "instance-1"))
	if err != nil || string(data) != i.URN+"\n" || len(i.URN) < 45 {
		t.Fatalf("file %q, identity %q, %v", data, i.URN, err)
	}
}
