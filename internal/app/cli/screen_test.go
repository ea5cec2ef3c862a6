package cli

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// TestTheScreenIsRefusedWhereItCannotBe: with a sentence that names the way on,
// before anything starts.
func TestTheScreenIsRefusedWhereItCannotBe(t *testing.T) {
	for name, tc := range map[string]struct {
		keys, display bool
		term, says    string
	}{
		"a terminal":         {true, true, "xterm-256color", ""},
		"no terminal at all": {false, false, "xterm", "standard output is none"},
		"output to a file":   {true, false, "xterm", "standard output is none"},
		"no keys":            {false, true, "xterm", "standard input is none"},
		"a dumb terminal":    {true, true, "dumb", "TERM is dumb"},
		"no TERM":            {true, true, "", "TERM is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.term == "" && runtime.GOOS == "windows" {
				tc.says = "" // Windows has none
			}
			err := fullScreen(tc.keys, tc.display, tc.term)
			if tc.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, args := range [][]string{{}, {"demo"}, {"headless"}, {"drill"}} {
				s := newStage(t).write(account)
				s.screen = func() error { return err }
				code := s.do(args...)
				full := len(args) == 0 || args[0] == "demo"
				if refused := code == exitUsage && s.ran == "" && strings.Contains(s.errout.String(), tc.says) &&
					strings.Contains(s.errout.String(), "`ramble headless`"); refused != full {
					t.Errorf("%v: exit code %d, ran %q: %s", args, code, s.ran, s.errout.String())
				}
			}
			if _, is := errors.AsType[*problem](err); !is {
				t.Errorf("%T", err)
			}
		})
	}
}
