package config

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// passwordLimit is how long a password command may take. It may ask a person
// for a passphrase, so it is not short.
const passwordLimit = 10 * time.Second

// Password says where an account's secret is. It prints as a mark, so that a
// logged Config gives nothing away.
type Password struct{ sources []passwordSource }

type passwordSource struct {
	key   string // as in the file
	from  passwordFrom
	value string
}

type passwordFrom int

const (
	fromText passwordFrom = iota
	fromCommand
	fromEnv
	fromFile
)

// password is the key of one of the sources.
func password(name string, from passwordFrom) key[Account] {
	return key[Account]{
		name: name,
		read: func(a *Account, raw any) error {
			s, err := asText(raw)
			switch {
			case err != nil:
				return err
			case s == "" && from != fromText:
				return wrongf("remove the line, or say where the password is", "empty")
			}
			if from == fromCommand {
				if _, err := splitCommand(s); err != nil {
					return err
				}
			}
			a.Password.sources = append(a.Password.sources, passwordSource{name, from, s})
			return nil
		},
		show: func(a *Account) string {
			for _, s := range a.Password.sources {
				switch {
				case s.key != name:
				case from == fromText:
					return `"(set)"`
				default:
					return fmt.Sprintf("%q", s.value)
				}
			}
			return ""
		},
	}
}

// Given reports whether there is a source. Without one, a person is asked.
func (p Password) Given() bool { return len(p.sources) > 0 }

// Read fetches the secret. The error says what to do and never holds the
// secret. A command runs without a shell, at most 10 s; of its output, as of
// a file, the first line counts.
func (p Password) Read(ctx context.Context, getenv func(string) string) (string, error) {
	if !p.Given() {
		return "", errors.New("no password is configured")
	}
	s := p.sources[len(p.sources)-1]
	switch s.from {
	case fromText:
		return s.value, nil
	case fromCommand:
		return runPassword(ctx, s.value)
	case fromEnv:
		if v := getenv(s.value); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("%s: the environment variable %s is empty", s.key, s.value)
	case fromFile:
		return readPassword(s.value)
	}
	return "", fmt.Errorf("%s: no way to read it", s.key)
}

func (p Password) String() string {
	if !p.Given() {
		return "(none)"
	}
	return "(" + p.sources[len(p.sources)-1].key + ")"
}

// GoString keeps %#v from printing the fields.
func (p Password) GoString() string { return p.String() }

// LogValue keeps slog from printing the fields.
func (p Password) LogValue() slog.Value { return slog.StringValue(p.String()) }

func runPassword(ctx context.Context, command string) (string, error) {
	args, err := splitCommand(command)
	if err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, passwordLimit)
	defer cancel()
	cmd := exec.CommandContext(limited, args[0], args[1:]...)
	cmd.WaitDelay = time.Second // a grandchild may keep the pipe open
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		cmd.Stdin = os.Stdin // it may ask on the terminal; a pipe carries the phone's commands
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		return "", fmt.Errorf("password_command: %s took longer than %v", args[0], passwordLimit)
	case err != nil:
		return "", fmt.Errorf("password_command: %s: %w", args[0], err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("password_command: %s printed nothing", args[0])
	}
	return line, nil
}

func readPassword(name string) (string, error) {
	name = expandHome(name, os.Getenv)
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("password_file: others can read %s (mode %04o): chmod 600 %s", name, info.Mode().Perm(), quoteShell(name))
	}
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("password_file: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("password_file: the first line of %s is empty", name)
	}
	return line, nil
}

// splitCommand splits at spaces, with 'single' and "double" quotes and nothing
// else of a shell: no variables, no globs, no pipes.
func splitCommand(s string) ([]string, error) {
	var args []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t':
			if in {
				args = append(args, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, wrongf("close the quote", "a quote is open at the end of the command")
	}
	if in {
		args = append(args, word.String())
	}
	if len(args) == 0 || args[0] == "" {
		return nil, wrongf(`write a program and its arguments: "pass show sip/alice"`, "no command")
	}
	return args, nil
}
