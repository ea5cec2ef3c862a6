package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Endpoint is the sound of one call in place of the shared device: a loop, a file,
// a pipe, or nothing. It has no clock and never waits. It is used by one goroutine
// at a time.
type Endpoint struct {
	kind    string
	options string
	rate    int
	back    []int16   // of a loop: what was heard, to be said
	mic     *player   // nil: silence, the loop or the pipe
	ear     *recorder // nil: nobody listens, the loop or the pipe
	pipe    *pipe     // nil: none
	started bool
}

// OpenEndpoint makes the endpoint of that name:
//
//	null[:rate=R]                        silence, heard by nobody
//	loop[:rate=R]                        says what it hears, a frame late by nothing
//	file:[in=A.wav][,out=B.wav][,loop=1][,rate=R]
//	pipe:[in=FIFO][,out=FIFO][,rate=R]   raw samples: 16 bits, signed, little end first, one channel
//
// Files are looked into now, and opened by the first frame. A pipe whose other end
// is slow loses what there is no room for, and gives silence for what is not there.
func OpenEndpoint(name string) (*Endpoint, error) {
	kind, rest, _ := strings.Cut(strings.TrimSpace(name), ":")
	e := &Endpoint{kind: kind, options: rest}
	var err error
	switch kind {
	case "null", "loop", "file":
		var d *Device
		if d, err = open(name); err == nil {
			e.rate, e.mic, e.ear = d.rate, d.mic, d.ear
		}
	case "pipe":
		err = e.openPipe(name)
	default:
		err = errors.New("there is no such kind: it is null, loop, file, pipe or bridge")
	}
	if err != nil {
		return nil, fmt.Errorf("sound of a call %q: %w", name, err)
	}
	return e, nil
}

func (e *Endpoint) openPipe(name string) error {
	_, options, err := parse(name)
	if err != nil {
		return err
	}
	e.rate, e.pipe = telephone, &pipe{}
	for _, o := range options {
		switch o.key {
		case "in":
			e.pipe.in = o.value
		case "out":
			e.pipe.out = o.value
		case "rate":
			if e.rate, err = strconv.Atoi(o.value); err != nil || !telephony(e.rate) {
				return fmt.Errorf("rate %q: it is 8000, 16000, 24000, 32000 or 48000", o.value)
			}
		default:
			return fmt.Errorf("there is no option %q: it is in, out or rate", o.key)
		}
	}
	return e.pipe.probe()
}

// String is a name that OpenEndpoint makes the same endpoint of.
func (e *Endpoint) String() string {
	if e.options == "" {
		return e.kind
	}
	return e.kind + ":" + e.options
}

// Rate is the samples per second.
func (e *Endpoint) Rate() int { return e.rate }

func (e *Endpoint) start() error {
	e.started = true
	if e.mic != nil {
		if err := e.mic.start(e.rate); err != nil {
			e.mic = nil
			return err
		}
	}
	if e.ear != nil {
		if err := e.ear.start(e.rate); err != nil {
			e.ear = nil
			return err
		}
	}
	if e.pipe != nil {
		return e.pipe.open()
	}
	return nil
}

// Hear takes a frame of what the other side says.
func (e *Endpoint) Hear(frame []int16) error {
	if !e.started {
		if err := e.start(); err != nil {
			return err
		}
	}
	switch {
	case e.ear != nil:
		return e.ear.take(frame)
	case e.pipe != nil:
		return e.pipe.write(frame)
	case e.kind == "loop":
		e.back = append(e.back[:0], frame...)
	}
	return nil
}

// Say fills a frame with what the other side is to hear.
func (e *Endpoint) Say(frame []int16) error {
	switch {
	case e.mic != nil && e.mic.file != nil:
		return e.mic.fill(frame)
	case e.pipe != nil:
		return e.pipe.read(frame)
	}
	clear(frame[copy(frame, e.back):])
	return nil
}

// Close ends it: what was recorded is whole from then on.
func (e *Endpoint) Close() error {
	var err error
	if e.mic != nil && e.mic.file != nil {
		e.mic.stop()
	}
	if e.ear != nil && e.ear.file != nil {
		err = e.ear.stop()
		e.ear.file = nil
	}
	if e.pipe != nil {
		err = errors.Join(err, e.pipe.close())
	}
	return err
}
