package desk

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ramble/audio"
	"ramble/internal/leaf/safego"
)

const (
	// DefaultFrame is one packet of telephony (RFC 3551 section 4.2).
	DefaultFrame = 20 * time.Millisecond
	// defaultRate is used as long as no device says another.
	defaultRate = 8000
)

// Leg is one call's end of the sound. The desk calls it from one goroutine at
// a time, never again once Remove has returned, and wants it to return within
// a fraction of a frame. A leg must not call the desk.
type Leg interface {
	// Rate is the samples per second that Play and Capture deal in. It may
	// change between frames; 0 means that the leg has no sound yet.
	Rate() int
	// Play fills dst with the next frame to be heard.
	Play(dst []int16)
	// Capture takes a frame to be sent. src is the desk's own.
	Capture(src []int16)
}

// Device is a microphone and a loudspeaker with a clock.
type Device interface {
	String() string
	// Rate is the samples per second, constant and known before Run.
	Rate() int
	// Run calls tick once a frame until the context ends or the device
	// fails. in is what was captured, out is to be filled; both hold
	// Rate() x frame samples. They may be the same memory: out is written
	// before in is read, so such a device returns at once what is played.
	//
	// An error with a method Afresh() bool that says true is no trouble: the
	// device wants to be run again, for what it runs on has changed.
	Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error
}

// Options of a Desk. The zero value is a desk without device, clocked.
type Options struct {
	Device  Device
	Frame   time.Duration // 0: DefaultFrame
	Country string        // of the tones: "eu", "us" or "uk"; "" is "eu"
	Log     *slog.Logger
	Guard   *safego.Guard
}

// Change is what happened to the device.
type Change struct {
	Device string
	Err    error // it failed and silence took over; nil: it has the clock
}

// Desk mixes. Its methods may be called from any goroutine.
type Desk struct {
	frame    time.Duration
	country  string
	log      *slog.Logger
	guard    *safego.Guard
	onChange func(Change)
	before   func()

	onOwnFailed func(id int, err error)
	changed     chan struct{} // capacity 1: a device, a call or a tone is new or gone

	mu sync.Mutex // guards all that follows; Tick holds it for a fraction of a frame
	choice
	format   audio.Format
	channels []*channel
	bell     bell
	mix      audio.Mix
	voice    []int16 // scratch: a frame at the device's rate
}

// choice is which device was wanted, and which has the clock.
type choice struct {
	wanted  Device // nil: none
	wish    int    // counts what was wanted
	running string // name of the device that has the clock
	shifts  int    // counts the runs of devices
	turn    int    // the shift whose ticks count; 0: nobody's
	next    int    // the shift that may take the clock with its first tick
	ticks   int    // of this turn since the last look
}

// New returns a desk that stands still until Run.
func New(o Options) *Desk {
	d := &Desk{
		frame: o.Frame, country: o.Country, log: o.Log, guard: o.Guard,
		changed: make(chan struct{}, 1), choice: choice{wanted: o.Device}, onChange: func(Change) {}, before: func() {},
		onOwnFailed: func(int, error) {},
	}
	if d.frame <= 0 {
		d.frame = DefaultFrame
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.tune(defaultRate)
	if o.Device != nil && (audio.Format{Rate: o.Device.Rate(), Frame: d.frame}).Valid() {
		d.tune(o.Device.Rate())
	}
	return d
}

// OnChange sets who is told when the device fails, comes back or is another.
// Run calls it, and waits for it. Call it before Run.
func (d *Desk) OnChange(fn func(Change)) { d.onChange = fn }

// Before sets what is done right before each frame, on the sound's clock: the
// place to fetch what has come for the legs. It must not call the desk. Call it
// before Run.
func (d *Desk) Before(fn func()) { d.before = fn }

func (d *Desk) tell(c Change) { d.onChange(c) }

// rouse makes Run look at what is wanted.
func (d *Desk) rouse() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// tune sets the desk to a device's rate. The caller holds mu or is New.
func (d *Desk) tune(rate int) {
	if d.format.Rate == rate {
		return
	}
	d.format = audio.Format{Rate: rate, Frame: d.frame}
	d.voice = make([]int16, d.format.Samples())
	d.mix.Reset(len(d.voice))
	d.bell.tune(rate)
	for _, c := range d.channels {
		if c.own == nil {
			c.rate = 0 // fitted again by the next tick
		}
	}
}

// Add puts a call's leg on the desk, heard and fed. It takes the place of a
// leg with the same id, and of its mute and hold.
func (d *Desk) Add(id int, leg Leg) { d.put(newChannel(id, leg, nil)) }

func (d *Desk) put(c *channel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.rouse()
	for i, old := range d.channels {
		if old.id == c.id {
			d.channels[i] = c
			d.let(old)
			return
		}
	}
	d.channels = append(d.channels, c)
}

// let ends the own sound of a leg that goes.
func (d *Desk) let(c *channel) {
	if c.own == nil {
		return
	}
	if err := c.own.Close(); err != nil {
		d.onOwnFailed(c.id, fmt.Errorf("sound %s: %w", c.own, err))
	}
}

// Remove takes a leg off. When it returns, the desk is not using it.
func (d *Desk) Remove(id int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.rouse()
	for i, c := range d.channels {
		if c.id == id {
			d.channels = append(d.channels[:i:i], d.channels[i+1:]...)
			d.let(c)
			return
		}
	}
}

// Mute feeds the leg silence instead of the microphone, or no longer.
func (d *Desk) Mute(id int, mute bool) {
	d.with(id, func(c *channel) { c.muted = mute; c.route() })
}

// Hold makes a leg neither heard nor fed, or both again. Its clock goes on:
// what it plays is dropped, what it captures is silence.
func (d *Desk) Hold(id int, hold bool) {
	d.with(id, func(c *channel) { c.held = hold; c.route() })
}

// Levels are the levels of the last 100 ms in dBFS: in is what is heard of
// the leg, out what it is fed. No such leg: silence.
func (d *Desk) Levels(id int) (in, out float64) {
	in, out = audio.Silence, audio.Silence
	d.with(id, func(c *channel) {
		if c.rate > 0 {
			in, out = c.heard.Level(), c.fed.Level()
		}
	})
	return in, out
}

func (d *Desk) with(id int, do func(*channel)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.channels {
		if c.id == id {
			do(c)
			return
		}
	}
}

// Tone plays a tone into the output, and there only: no call is fed it. It
// takes the place of another; the same one plays on undisturbed.
func (d *Desk) Tone(kind audio.ToneKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bell.start(kind, d.country, d.format.Rate)
	d.rouse()
}

// StopTone ends the tone, gently.
func (d *Desk) StopTone() { d.Tone(audio.NoTone) }

// Use makes dev the device from now on, in a call too; nil is none. It
// returns at once: Run makes the change, and tells of trouble.
func (d *Desk) Use(dev Device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = dev
	d.wish++
	d.rouse()
}

// Device is the name of the device that has the clock; empty when nothing
// needs one.
func (d *Desk) Device() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// String draws the desk: device, tone and legs with their rates.
func (d *Desk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := fmt.Sprintf("%s (%s)", d.running, d.format)
	if d.bell.kind != audio.NoTone {
		s += ", tone " + d.bell.kind.String()
	}
	for _, c := range d.channels {
		s += ", " + c.String()
	}
	return s
}
