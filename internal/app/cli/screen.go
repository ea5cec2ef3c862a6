package cli

import (
	"os"
	"runtime"

	"github.com/charmbracelet/x/term"

	"ramble/internal/leaf/phone"
)

// withoutScreen is the way on for those who have no terminal for one.
const withoutScreen = "`ramble headless` is the phone without a screen, `ramble drill` shows what it can"

// fullScreen says why the full screen cannot be shown, nil where it can: whether
// there is a terminal for the keys and one for the screen, and TERM.
func fullScreen(keys, display bool, name string) error {
	text := ""
	switch {
	case !display:
		text = "the screen needs a terminal, and standard output is none"
	case name == "" && runtime.GOOS != "windows":
		text = "nobody says what this terminal can do: TERM is not set"
	case name == "dumb":
		text = "this terminal cannot show a full screen: TERM is dumb"
	case !keys:
		text = "the screen needs a terminal for its keys, and standard input is none"
	default:
		return nil
	}
	return &problem{Code: phone.ErrUsage, Text: text, Hint: withoutScreen}
}

// screenOn looks at the terminal of the process. Keys may come from the
// controlling one where standard input is none.
func screenOn(in, out *os.File, getenv func(string) string) error {
	return fullScreen(term.IsTerminal(in.Fd()) || controlling(), term.IsTerminal(out.Fd()), getenv("TERM"))
}

// controlling says whether the process has a terminal of its own.
func controlling() bool {
	name := "/dev/tty"
	if runtime.GOOS == "windows" {
		name = "CONIN$"
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}
