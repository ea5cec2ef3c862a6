package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ramble/audio"
)

// Rates that a device without hardware works at: each makes whole frames of
// 10 and 20 ms, and what telephony uses is among them.
const (
	telephone = 8000
	fullBand  = 48000
)

// Info describes a kind of device.
type Info struct {
	Name  string // to begin a name with
	About string
	Ready bool // in this build
}

// List is every kind of device there is, ready in this build or not.
func List() []Info {
	return []Info{
		{"auto", "the best this build has: " + autoNote, true},
		{"null", "silence, clocked", true},
		{"loop", "what is heard is said at once", true},
		{"file", "a WAV file is the microphone, what is heard is recorded: file:in=A.wav,out=B.wav", true},
		{"portaudio", missingPortAudio, false},
		{"pulse", missingPulse, false},
	}
}

const (
	autoNote         = "no sound card can be used in this build, so nothing is heard or said"
	missingPortAudio = `not in this build; it needs the PortAudio headers ("make deps") and the build tag portaudio ("make build" sets it)`
	missingPulse     = "not in this build; until it is, use a WAV file, loop or null"
)

// Device is a microphone, a loudspeaker and a clock, none of them hardware. It
// holds no file open before Run or after, and needs no closing. Run may be
// called again, but not twice at once.
type Device struct {
	backend string // "null", "loop", "file"
	note    string
	rate    int
	mic     *player   // nil: silence, or the loop
	ear     *recorder // nil: nobody listens
}

// Open makes the device of that name; the package's comment has the grammar.
// A file to be played is looked into now, one to be recorded is made by Run.
func Open(name string) (*Device, error) {
	d, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("sound device %q: %w", name, err)
	}
	return d, nil
}

func open(name string) (*Device, error) {
	kind, options, err := parse(strings.TrimSpace(name))
	if err != nil {
		return nil, err
	}
	d := &Device{backend: kind}
	switch kind {
	case "null", "loop", "file":
	case "auto", "":
		d.backend, d.note = "null", autoNote
	case "portaudio":
		return nil, errors.New(missingPortAudio)
	case "pulse":
		return nil, errors.New(missingPulse)
	default:
		return nil, errors.New("there is no such kind: it is auto, null, loop, file, portaudio or pulse")
	}
	again := false // loop=1, which may stand before in=
	for _, o := range options {
		if err := d.set(o, &again); err != nil {
			return nil, err
		}
	}
	return d, d.settle(again)
}

func (d *Device) set(o option, again *bool) error {
	switch {
	case o.key == "rate":
		rate, err := strconv.Atoi(o.value)
		if err != nil || !telephony(rate) {
			return fmt.Errorf("rate %q: it is 8000, 16000, 24000, 32000 or 48000", o.value)
		}
		d.rate = rate
	case d.backend != "file":
		return fmt.Errorf("there is no option %q: it is rate", o.key)
	case o.value == "":
		return fmt.Errorf("option %s is empty", o.key)
	case o.key == "in":
		d.mic = &player{path: o.value}
	case o.key == "out":
		d.ear = &recorder{path: o.value}
	case o.key == "loop":
		if o.value != "0" && o.value != "1" {
			return fmt.Errorf("loop %q: it is 1 or 0", o.value)
		}
		*again = o.value == "1"
	default:
		return fmt.Errorf("there is no option %q: it is in, out, loop or rate", o.key)
	}
	return nil
}

// settle checks the files and chooses the rate that was not given.
func (d *Device) settle(again bool) error {
	rate := telephone
	if d.backend == "file" && d.mic == nil && d.ear == nil {
		return errors.New("name a file to play or to record: file:in=A.wav,out=B.wav")
	}
	if d.mic != nil {
		d.mic.again = again
		fileRate, err := d.mic.probe()
		if err != nil {
			return err
		}
		if rate = fileRate; !telephony(rate) {
			rate = fullBand // loses nothing of any file
		}
	}
	if d.rate == 0 {
		d.rate = rate
	}
	if d.ear != nil {
		return d.ear.probe(d.mic)
	}
	return nil
}

func telephony(rate int) bool {
	switch rate {
	case 8000, 16000, 24000, 32000, 48000:
		return true
	}
	return false
}

// Rate is the samples per second.
func (d *Device) Rate() int { return d.rate }

// Backend is the kind of device that it is: "null", "loop" or "file".
func (d *Device) Backend() string { return d.backend }

// Note says what is lacking, for a person; empty when nothing is.
func (d *Device) Note() string { return d.note }

// Input is what sound comes from, for a person.
func (d *Device) Input() string {
	switch {
	case d.backend == "loop":
		return "what is heard"
	case d.mic != nil:
		return d.mic.path
	}
	return "silence"
}

// Output is where sound goes, for a person.
func (d *Device) Output() string {
	switch {
	case d.backend == "loop":
		return "what is said"
	case d.ear != nil:
		return d.ear.path
	}
	return "nowhere"
}

// String is a name that Open makes the same device of.
func (d *Device) String() string {
	var options []string
	if d.mic != nil {
		options = append(options, "in="+Quote(d.mic.path))
		if d.mic.again {
			options = append(options, "loop=1")
		}
	}
	if d.ear != nil {
		options = append(options, "out="+Quote(d.ear.path))
	}
	options = append(options, "rate="+strconv.Itoa(d.rate))
	return d.backend + ":" + strings.Join(options, ",")
}

// Run calls tick once a frame until the context ends, whose reason it returns,
// or a file fails. in and out hold Rate() x frame samples and are the
// device's own; for a loop they are the same memory.
func (d *Device) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) (err error) {
	format := audio.Format{Rate: d.rate, Frame: frame}
	if !format.Valid() {
		return fmt.Errorf("%s is no format to work in", format)
	}
	out := make([]int16, format.Samples())
	in := out
	if d.backend != "loop" {
		in = make([]int16, format.Samples())
	}
	if d.mic != nil {
		if err := d.mic.start(d.rate); err != nil {
			return err
		}
		defer d.mic.stop()
	}
	if d.ear != nil {
		if err := d.ear.start(d.rate); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.ear.stop()) }()
	}
	pace := audio.Pace{Frame: frame}
	return pace.Run(ctx, func() error {
		if d.mic != nil {
			if err := d.mic.fill(in); err != nil {
				return err
			}
		}
		tick(in, out)
		if d.ear != nil {
			return d.ear.take(out)
		}
		return nil
	})
}
