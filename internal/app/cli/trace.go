package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ramble/internal/capture"
	"ramble/internal/leaf/clean"
)

// withTrace runs fn while every SIP message of its phones goes to the file of
// --trace; without the flag it only runs fn.
func (p *program) withTrace(s *Session, fn func(*Session) error) error {
	s.Trace = capture.NewRing()
	if p.traceFile == "" {
		return fn(s)
	}
	file, err := newFile(p.traceFile)
	if err != nil {
		return &usageError{fmt.Errorf("--trace: %w", err), "ramble"}
	}
	var w capture.Writer = capture.Text{W: file}
	if strings.EqualFold(filepath.Ext(p.traceFile), ".pcapng") {
		if w, err = capture.NewPcapng(file, "ramble "+s.Version); err != nil {
			return errors.Join(fmt.Errorf("--trace: %w", err), file.Close())
		}
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	s.Guard.Go("trace", func() { done <- writeTrace(s.Trace, w, stop) })
	err = fn(s)
	close(stop)
	if e := errors.Join(<-done, file.Close()); e != nil {
		p.warn("the trace is not whole", e)
	}
	return err
}

// newFile makes a file for its owner alone, empty. The folder must be there: a
// misspelt one, made by root, would be hard to find and to remove.
func newFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, noFolder(path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		err = f.Chmod(0o600)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

func noFolder(path string) error {
	return fmt.Errorf("there is no folder %s; make it, or name another file", clean.Text(filepath.Dir(path)))
}

// writeTrace writes what the ring gets, until stop and what came before it.
func writeTrace(ring *capture.Ring, w capture.Writer, stop <-chan struct{}) error {
	var last uint64
	for ended := false; ; {
		page := ring.Since(last)
		missed := page.Missed
		for _, m := range page.Messages {
			if err := w.Write(m, missed); err != nil {
				return err
			}
			missed = 0
		}
		last = page.Last
		if ended {
			return nil
		}
		select {
		case <-page.More:
		case <-stop:
			ended = true
		}
	}
}

// traceCommand is `ramble trace`.
func (p *program) traceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trace FILE",
		Short: "Print the SIP messages that --trace kept",
		Long: `The messages of a file that "--trace FILE" wrote, as text. The flag stands with
every command that phones; a file whose name ends with .pcapng is for Wireshark
and its kin, with what TLS carried in clear. Passwords and keys are masked in
both.`,
		Example: `  ramble --trace today.pcapng
  ramble headless --trace today.txt
  ramble trace today.pcapng | less`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(cmd, errors.New("name one file"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return printTrace(cmd.OutOrStdout(), args[0]) },
	}
}

// printTrace prints a trace of either kind. Text is made safe once more: the
// file may have come from anywhere.
func printTrace(out io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text := capture.Text{W: out}
	err = capture.ReadPcapng(f, text.Write)
	if !errors.Is(err, capture.ErrNotOurs) {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if !capture.IsText(f) {
		return fmt.Errorf("%s: %w", clean.Text(path), capture.ErrNotOurs)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return capture.CopyText(out, f)
}
