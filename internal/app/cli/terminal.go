package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/x/term"
	"github.com/muesli/cancelreader"
)

// terminal remembers how the terminal was, for the case that the screen does
// not come to restore it.
type terminal struct {
	in    *os.File
	out   *os.File
	state *term.State // nil: not a terminal
	aside *aside      // of descriptor 2; nil: nothing is put aside
}

func saveTerminal(in, out *os.File) *terminal {
	t := &terminal{in: in, out: out, aside: &aside{}}
	if term.IsTerminal(in.Fd()) && term.IsTerminal(out.Fd()) {
		t.state, _ = term.GetState(in.Fd())
	}
	return t
}

// leaveScreen undoes what a full-screen program switches on: mouse reports,
// focus reports, bracketed paste, kitty keys, a hidden cursor, the alternate
// screen, colours. Undoing what is not on does nothing.
const leaveScreen = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?25h\x1b[?1049l\x1b[0m\r"

func (t *terminal) restore() {
	if t == nil {
		return
	}
	t.aside.undo()
	if t.state == nil {
		return
	}
	_, _ = t.out.WriteString(leaveScreen)
	_ = term.Restore(t.in.Fd(), t.state)
}

// askTerminal returns a function that asks a person for a password, nil when
// in is no terminal.
func askTerminal(in *os.File, out io.Writer) func(string) (string, error) {
	if !term.IsTerminal(in.Fd()) {
		return nil
	}
	return func(prompt string) (string, error) {
		fmt.Fprint(out, prompt)
		secret, err := term.ReadPassword(in.Fd())
		fmt.Fprintln(out)
		return string(secret), err
	}
}

// cancellable makes reading from a file or a terminal stoppable: Close ends a
// Read in progress, or says that it cannot.
func cancellable(r io.Reader) io.Reader {
	c, err := cancelreader.NewReader(r)
	if err != nil {
		return r
	}
	return commands{c}
}

type commands struct{ cancelreader.CancelReader }

func (c commands) Read(p []byte) (int, error) {
	n, err := c.CancelReader.Read(p)
	if errors.Is(err, cancelreader.ErrCanceled) {
		err = io.EOF
	}
	return n, err
}

// Close cancels. The descriptors of the reader go with the process: closing
// them under a Read would be a race.
func (c commands) Close() error {
	if !c.Cancel() {
		return errors.New("this input cannot be interrupted")
	}
	return nil
}
