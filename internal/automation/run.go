package automation

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
)

// maxLine is the longest command line in bytes, without its end.
const maxLine = 64 << 10

// quitBudget is how long after `quit` events are still awaited: the two
// seconds in which calls end and bindings go, and a little for the way here.
const quitBudget = 2500 * time.Millisecond

// Options are the ends of a session. In, Out, Doer and Updates are required.
type Options struct {
	In      io.Reader // its end is a quit; an io.Closer is closed by Run, and must end a Read then or return an error
	Out     io.Writer // one Write per object
	Doer    phone.Doer
	Updates <-chan phone.Update // ends the session when closed
	Leave   func()              // ends Updates alone: the session joined a phone of somebody else's. nil: the end of the session is that of the phone
	Version string
	PID     int
	Stats   bool           // media events while calls run; without it only the last of each call
	Process func() Process // for snapshots; nil: they do not tell
	Trace   phone.Tracer   // the SIP messages, for `trace on`; nil: there are none
	Now     func() time.Time
	Log     *slog.Logger
	Guard   *safego.Guard
}

// Process is what the phone needs of its system. Descriptors are open files and
// sockets; 0 where the system does not tell.
type Process struct {
	Goroutines  int `json:"goroutines"`
	Descriptors int `json:"descriptors,omitempty"`
}

// Run serves one session: `ready` first, then answers and events, until quit,
// the end of the input, the end of the updates, or the end of ctx. In the
// first, second and last case it asks the engine to quit and passes on what
// still happens, for a little over two seconds at most; a session with Leave
// leaves instead, but for quit.
//
// A session that joins a phone which was ready before gets one snapshot right
// after `ready`: the whole state, of which the events before it told others.
//
// The engine's state must become Ready, without a network too: commands wait
// for it. The error is the first failure to write; the reader of the events is
// gone then, and the session has left or the engine was asked to quit.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	lines, stop, done := make(chan input), make(chan struct{}), make(chan struct{})
	o.Guard.Go("automation input", func() {
		defer close(done)
		defer close(lines)
		if err := readLines(o.In, lines, stop); err != nil {
			o.Log.Warn("reading commands", "error", err)
		}
	})
	s := &session{Options: o, encoder: newEncoder(o.Out)}
	s.loop(ctx, lines)
	s.tellTrace()
	close(stop)
	if c, ok := o.In.(io.Closer); ok && c.Close() == nil {
		<-done
	}
	return s.failed
}

type session struct {
	Options
	encoder *json.Encoder
	state   phone.State
	ready   bool
	held    []phone.Notice // what came before Ready
	over    bool           // the engine said Closed
	leaving <-chan time.Time
	failed  error
	traced  uint64          // the last message that was told
	more    <-chan struct{} // there are others; nil: the trace is off
}

func (s *session) loop(ctx context.Context, lines <-chan input) {
	interrupted := ctx.Done()
	for !s.over {
		commands := lines
		if !s.ready || s.leaving != nil {
			commands = nil
		}
		select {
		case u, open := <-s.Updates:
			if !open {
				s.flush()
				return
			}
			s.update(u)
		case line, open := <-commands:
			if !open {
				s.leave(ctx)
				continue
			}
			s.command(ctx, line)
		case <-interrupted:
			interrupted = nil
			s.leave(ctx)
		case <-s.more:
			s.tellTrace()
		case <-s.leaving:
			s.Log.Warn("the engine did not stop in time", "budget", quitBudget)
			return
		}
		if s.failed != nil {
			s.leave(ctx)
		}
	}
}

// leave asks the engine to quit, once.
func (s *session) leave(ctx context.Context) {
	if s.leaving != nil {
		return
	}
	s.leaving = time.After(quitBudget)
	if s.Leave != nil {
		s.Leave()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quitBudget)
	defer cancel()
	if _, err := s.Doer.Do(ctx, phone.Quit{}); err != nil {
		s.Log.Info("asking the engine to quit", "error", err)
	}
}

// update writes the notices of one update. Notices that come before the phone is
// ready wait for it.
func (s *session) update(u phone.Update) {
	s.state = u.State
	isReady := func(n phone.Notice) bool { _, is := n.What.(phone.Ready); return is }
	if !s.ready && u.State.Ready != nil && !slices.ContainsFunc(u.Notices, isReady) {
		s.ready = true // since before this session
		s.write(s.readyEvent(u.State.At, *u.State.Ready))
		s.flush()
		s.snapshot(u.State.At)
	}
	for _, n := range u.Notices {
		ready, isReady := n.What.(phone.Ready)
		switch {
		case isReady && !s.ready:
			s.ready = true
			s.write(s.readyEvent(n.At, ready))
			s.flush()
		case isReady:
		case s.ready:
			s.notice(n)
		default:
			s.held = append(s.held, n)
		}
	}
	if u.Dropped > 0 {
		text := fmt.Sprintf("%d events of low worth were left out: this reader is slow", u.Dropped)
		s.write(noticeEvent(u.State.At, phone.Warn, text, ""))
	}
}

func (s *session) flush() {
	held := s.held
	s.held = nil
	for _, n := range held {
		s.notice(n)
	}
}

func (s *session) notice(n phone.Notice) {
	if _, closed := n.What.(phone.Closed); closed {
		s.over = true
	}
	if report, ok := n.What.(phone.MediaReport); ok && !report.Final && !s.Stats {
		return
	}
	s.write(event(n))
}

func (s *session) command(ctx context.Context, line input) {
	if line.tooLong {
		s.write(refusal(s.Now(), request{}, fmt.Errorf("the line is longer than %d bytes", maxLine)))
		return
	}
	if strings.TrimSpace(line.text) == "" {
		return
	}
	r := parse(line.text)
	if r.err != nil {
		s.write(refusal(s.Now(), r, r.err))
		return
	}
	if r.snapshot {
		s.catchUp()
		s.write(acceptance(s.Now(), r, phone.Reply{}))
		s.snapshot(s.Now())
		return
	}
	if r.trace != "" {
		s.turnTrace(r)
		return
	}
	reply, err := s.Doer.Do(ctx, r.command)
	if err != nil {
		s.write(refusal(s.Now(), r, err))
		return
	}
	s.write(acceptance(s.Now(), r, reply))
	if _, quit := r.command.(phone.Quit); quit {
		s.leaving = time.After(quitBudget)
	}
}

// snapshot writes the whole state as last heard.
func (s *session) snapshot(at time.Time) {
	var process *Process
	if s.Process != nil {
		p := s.Process()
		process = &p
	}
	s.write(snapshotEvent(at, s.state, process))
}

// turnTrace begins with the next message, or ends the telling of them.
func (s *session) turnTrace(r request) {
	switch {
	case r.trace == "off":
		s.tellTrace()
		s.more = nil
	case s.Trace == nil:
		s.write(refusal(s.Now(), r, errors.New("this phone keeps no trace")))
		return
	case s.more == nil:
		now := s.Trace.Trace(^uint64(0))
		s.traced, s.more = now.Last, now.More
	}
	s.write(acceptance(s.Now(), r, phone.Reply{}))
}

// tellTrace writes the messages since the last one, if the trace is on.
func (s *session) tellTrace() {
	if s.more == nil {
		return
	}
	page := s.Trace.Trace(s.traced)
	for i, m := range page.Messages {
		missed := page.Missed
		if i > 0 {
			missed = 0
		}
		s.write(traceEvent(m, missed))
	}
	s.traced, s.more = page.Last, page.More
}

// catchUp takes the updates that are there already, so that a snapshot is no
// older than it must be.
func (s *session) catchUp() {
	for {
		select {
		case u, open := <-s.Updates:
			if !open {
				s.over = true
				return
			}
			s.update(u)
		default:
			return
		}
	}
}

func (s *session) write(object any) {
	if s.failed != nil || object == nil {
		return
	}
	if err := s.encoder.Encode(object); err != nil {
		s.failed = fmt.Errorf("writing events: %w", err)
	}
}

// input is one line, or the mark that one was too long.
type input struct {
	text    string
	tooLong bool
}

// readLines sends the lines of r until it ends or stop is closed.
func readLines(r io.Reader, lines chan<- input, stop <-chan struct{}) error {
	buffered := bufio.NewReader(r)
	for {
		line, err := readLine(buffered)
		if line.text != "" || line.tooLong || err == nil {
			select {
			case lines <- line:
			case <-stop:
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			select {
			case <-stop: // closed under the reader, as meant
				return nil
			default:
				return err
			}
		}
	}
}

// readLine never keeps more than maxLine bytes, however long the line is.
func readLine(r *bufio.Reader) (input, error) {
	var text []byte
	tooLong := false
	for {
		piece, err := r.ReadSlice('\n')
		end := err == nil
		if end {
			piece = piece[:len(piece)-1]
		}
		if tooLong = tooLong || len(text)+len(piece) > maxLine; !tooLong {
			text = append(text, piece...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if tooLong {
			return input{tooLong: true}, err
		}
		return input{text: strings.TrimSuffix(string(text), "\r")}, err
	}
}
