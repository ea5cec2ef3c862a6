package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/muesli/cancelreader"
)

// errNothingWritten is the end of a set-up that a person gave up.
var errNothingWritten = errors.New("nothing was written")

// talk asks a person questions in plain text, one line each, so that it works
// on any terminal and with any screen reader. end it.
type talk struct {
	ctx    context.Context
	in     *bufio.Reader
	out    io.Writer
	hide   func() (show func(), err error) // nil: what is typed cannot be hidden
	cancel func() bool                     // stops waiting for ctx
	source cancelreader.CancelReader
}

// newTalk begins to ask. The end of ctx ends a question that waits.
func (p *program) newTalk(ctx context.Context) (*talk, error) {
	source, err := cancelreader.NewReader(p.stdin)
	if err != nil {
		return nil, fmt.Errorf("the terminal cannot be read: %w", err)
	}
	t := &talk{ctx: ctx, in: bufio.NewReader(source), out: p.stdout, hide: p.hide, source: source}
	t.cancel = context.AfterFunc(ctx, func() { source.Cancel() })
	return t, nil
}

func (t *talk) end() {
	if t.cancel() { // else the cancelling may be under way, and the process ends anyhow
		_ = t.source.Close()
	}
}

func (t *talk) say(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

// ask returns the answer to a question, otherwise where it is empty.
func (t *talk) ask(question, otherwise string) (string, error) {
	t.say("%s", question)
	if otherwise != "" {
		t.say(" [%s]", otherwise)
	}
	t.say(": ")
	line, err := t.in.ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", t.broken(err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return otherwise, nil
	}
	return line, nil
}

// yes asks a question that Enter answers with yes.
func (t *talk) yes(question string) (bool, error) {
	for {
		answer, err := t.ask(question, "y")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		t.say("Please answer y or n.\n")
	}
}

// option is one answer to choose, by its first letter.
type option struct{ key, text string }

// choose returns the key of one of the options.
func (t *talk) choose(options []option, otherwise string) (string, error) {
	keys := make([]string, 0, len(options))
	for _, o := range options {
		t.say("  %s  %s\n", o.key, o.text)
		keys = append(keys, o.key)
	}
	for {
		answer, err := t.ask("Your choice", otherwise)
		if err != nil {
			return "", err
		}
		for _, key := range keys {
			if strings.EqualFold(answer, key) {
				return key, nil
			}
		}
		t.say("Please answer with one of %s.\n", strings.Join(keys, ", "))
	}
}

// secret asks for something that is not shown while it is typed.
func (t *talk) secret(question string) (string, error) {
	t.say("%s: ", question)
	if t.hide == nil {
		line, err := t.in.ReadString('\n')
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			return "", t.broken(err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	show, err := t.hide()
	if err != nil {
		return "", fmt.Errorf("the terminal goes on showing what is typed: %w", err)
	}
	line, err := hidden(t.in)
	show()
	t.say("\n")
	if err != nil {
		return "", t.broken(err)
	}
	return line, nil
}

// broken is why there is no answer: a signal, or the end of the input.
func (t *talk) broken(err error) error {
	if cause := context.Cause(t.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, io.EOF) {
		err = errNothingWritten
	}
	t.say("\n")
	return err
}

// hidden reads a line from a terminal in raw mode, where control characters
// come as they are typed.
func hidden(in *bufio.Reader) (string, error) {
	const ctrlC, ctrlD, ctrlU, backspace, escape, del = 3, 4, 21, 8, 27, 127
	var line []rune
	for {
		r, _, err := in.ReadRune()
		switch {
		case err != nil:
			return "", err
		case r == '\r', r == '\n':
			return string(line), nil
		case r == ctrlC:
			return "", interrupted{os.Interrupt}
		case r == ctrlD && len(line) == 0:
			return "", io.EOF
		case r == ctrlU:
			line = nil
		case r == backspace, r == del:
			line = line[:max(0, len(line)-1)]
		case r == escape:
			skipSequence(in)
		case r >= ' ':
			line = append(line, r)
		}
	}
}

// skipSequence drops what an arrow or function key sends after its escape, as
// far as it came at once.
func skipSequence(in *bufio.Reader) {
	for first := true; in.Buffered() > 0; first = false {
		r, _, err := in.ReadRune()
		if err != nil || !first && r >= '@' && r <= '~' || first && r != '[' && r != 'O' {
			return
		}
	}
}

// hideOn switches a terminal to hidden typing, nil where in and out are not
// both terminals: then nobody is there to be asked.
func hideOn(in, out *os.File) func() (show func(), err error) {
	if !term.IsTerminal(in.Fd()) || !term.IsTerminal(out.Fd()) {
		return nil
	}
	return func() (func(), error) {
		before, err := term.MakeRaw(in.Fd())
		if err != nil {
			return nil, err
		}
		return func() { _ = term.Restore(in.Fd(), before) }, nil
	}
}
