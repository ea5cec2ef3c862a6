package device

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"
)

// card is a sound system with real microphones and loudspeakers.
type card interface {
	String() string // a name that Open makes the same of
	Rate() int
	Status() Status
	// Run is as that of Device, and looks for its ports anew each time.
	Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error
}

// Status is what a device is doing, for people.
type Status struct {
	Input  string // what sound comes from
	Output string // where it goes
	Note   string // what is lacking; empty when nothing is
}

// wish is which ports are wanted: parts of names, Default or None.
type wish struct{ in, out string }

func (w wish) settled() wish {
	if w.in == "" {
		w.in = Default
	}
	if w.out == "" {
		w.out = Default
	}
	return w
}

func (w wish) options() string {
	s := ""
	for _, o := range []option{{"in", w.in}, {"out", w.out}} {
		if o.value != Default {
			s += o.key + "=" + Quote(o.value) + ","
		}
	}
	return s
}

// seats are the ports that a wish comes to.
type seats struct {
	mic, ear     Port
	noMic, noEar bool // silence, or nowhere
	status       Status
	lacks        bool // something wished for is not there
}

// seat finds the ports for a wish. Names that mean none, or several, are
// errors if it is strict; else the default ports stand in for them. No
// loudspeaker at all is an error, no microphone is silence.
func (w wish) seat(ports []Port, strict bool) (s seats, err error) {
	w = w.settled()
	var notes [2]string
	if s.mic, s.noMic, notes[0], err = seatOne(ports, false, w.in, strict); err != nil {
		return s, err
	}
	if s.ear, s.noEar, notes[1], err = seatOne(ports, true, w.out, strict); err != nil {
		return s, err
	}
	s.status = Status{Input: "silence", Output: "nowhere"}
	if !s.noMic {
		s.status.Input = s.mic.String()
	}
	if !s.noEar {
		s.status.Output = s.ear.String()
	}
	for _, n := range notes {
		switch {
		case n == "":
		case s.status.Note == "":
			s.status.Note = n
		default:
			s.status.Note += "; " + n
		}
	}
	s.lacks = s.status.Note != ""
	return s, nil
}

func seatOne(ports []Port, output bool, name string, strict bool) (p Port, none bool, note string, err error) {
	if name == None {
		return p, true, "", nil
	}
	if name != Default {
		p, err = pick(ports, output, name)
		if err == nil || strict {
			return p, false, "", err
		}
		note = strconv.Quote(name) + " is not there, "
	}
	p, ok := standard(ports, output)
	switch {
	case ok && !p.hidden && note != "":
		return p, false, note + p.String() + " takes its place", nil
	case ok && !p.hidden:
		return p, false, "", nil
	case output:
		return p, false, "", errors.New("there is no loudspeaker")
	case note != "":
		return p, true, note + "silence takes its place", nil
	}
	return p, true, "there is no microphone, silence is sent", nil
}

// better ends a run because the next will have other ports: a headset was
// plugged in.
type better struct{}

func (better) Error() string { return "what was wished for is back" }

// Afresh tells the desk that this is no trouble.
func (better) Afresh() bool { return true }

// live is a status that may be read while another goroutine changes it.
type live struct {
	mu     sync.Mutex
	status Status
}

func (l *live) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}

func (l *live) set(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status = s
}
