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

// Device is a microphone, a loudspeaker and a clock. It holds nothing open
// before Run or after, and needs no closing. Run may be called again, but not
// twice at once.
type Device struct {
	backend string // "null", "loop", "file", "pulse", "portaudio"
	card    card   // hardware; then there is nothing below but wish. nil: none
	wish    wish
	note    string
	why     string // behind the note
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
	if kind == "" {
		kind = "auto"
	}
	d := &Device{backend: kind}
	again := false // loop=1, which may stand before in=
	for _, o := range options {
		if err := d.set(o, &again); err != nil {
			return nil, err
		}
	}
	switch kind {
	case "null", "loop", "file":
		return d, d.choose(again)
	case "pulse", "portaudio":
		d.card, err = openCard(kind, d.wish, d.rate)
		return d, err
	case "auto":
		return d, d.auto()
	}
	return nil, errors.New("there is no such kind: it is auto, null, loop, file, portaudio or pulse")
}

func (d *Device) set(o option, again *bool) error {
	switch {
	case o.key == "rate":
		rate, err := strconv.Atoi(o.value)
		if err != nil || !telephony(rate) {
			return fmt.Errorf("rate %q: it is 8000, 16000, 24000, 32000 or 48000", o.value)
		}
		d.rate = rate
	case d.backend == "null", d.backend == "loop":
		return fmt.Errorf("there is no option %q: it is rate", o.key)
	case o.value == "":
		return fmt.Errorf("option %s is empty", o.key)
	case d.backend != "file" && o.key == "in":
		d.wish.in = o.value
	case d.backend != "file" && o.key == "out":
		d.wish.out = o.value
	case d.backend != "file":
		return fmt.Errorf("there is no option %q: it is in, out or rate", o.key)
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

// choose checks the files and chooses the rate that was not given.
func (d *Device) choose(again bool) error {
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
func (d *Device) Rate() int {
	if d.card != nil {
		return d.card.Rate()
	}
	return d.rate
}

// Backend is the kind of device that it is: "null", "loop", "file", "pulse" or
// "portaudio"; never "auto".
func (d *Device) Backend() string { return d.backend }

// Status says what sound comes from and goes to. With hardware it may change
// while the device runs. It may be called from any goroutine.
func (d *Device) Status() Status {
	if d.card != nil {
		return d.card.Status()
	}
	s := Status{Input: "silence", Output: "nowhere", Note: d.note}
	if d.backend == "loop" {
		return Status{Input: "what is heard", Output: "what is said"}
	}
	if d.mic != nil {
		s.Input = d.mic.path
	}
	if d.ear != nil {
		s.Output = d.ear.path
	}
	return s
}

// String is a name that Open makes the same device of.
func (d *Device) String() string {
	if d.card != nil {
		return d.card.String()
	}
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
// or a file or the hardware fails. in and out hold Rate() x frame samples and
// are the device's own; for a loop they are the same memory.
func (d *Device) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	if d.card != nil {
		return d.card.Run(ctx, frame, tick)
	}
	return d.runVirtual(ctx, frame, tick)
}

func (d *Device) runVirtual(ctx context.Context, frame time.Duration, tick func(in, out []int16)) (err error) {
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
