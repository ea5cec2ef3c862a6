package desk

import (
	"fmt"
	"sync"
	"time"

	"ramble/audio"
)

// Endpoint is the sound of one leg that has its own: a file, a loop, a pipe or a
// place on a bridge, in place of the desk's device. The desk calls it on the
// sound's clock: in each frame Hear of all, then Say of all. Neither may wait.
type Endpoint interface {
	String() string
	// Rate is the samples per second, constant.
	Rate() int
	// Hear takes a frame of what the other side says. It is the desk's own.
	Hear(frame []int16) error
	// Say fills a frame with what the other side is to hear.
	Say(frame []int16) error
	// Close ends it. The desk does so when the leg goes.
	Close() error
}

// AddOwn puts a call's leg on the desk with sound of its own, which belongs to the
// desk from now on. It needs no device: the leg hears and feeds own alone, and silence
// keeps its clock while no other leg wants the device.
// It takes the place of a leg with the same id, and of its mute and hold.
// An error means that nothing was added: own works at a rate that has no whole frames.
func (d *Desk) AddOwn(id int, leg Leg, own Endpoint) error {
	if format := (audio.Format{Rate: own.Rate(), Frame: d.frame}); !format.Valid() {
		return fmt.Errorf("sound %s: %s is no format to work in", own, format)
	}
	d.put(newChannel(id, leg, own))
	return nil
}

// OnOwnFailed sets who is told that a leg's own sound has failed, from which frame
// on the leg hears nothing and is fed silence; or could not be closed. fn runs on the
// sound's clock or in Remove, and must not wait or call the desk. Call it before Run.
func (d *Desk) OnOwnFailed(fn func(id int, err error)) { d.onOwnFailed = fn }

// hearOwn hands the leg's voice to its own sound.
func (d *Desk) hearOwn(c *channel, heard bool) {
	if !heard {
		clear(c.voice)
	}
	d.ownFailed(c, c.own.Hear(c.voice))
}

// sayOwn feeds the leg what its own sound says. The voice was heard by now, so
// that its room is free.
func (d *Desk) sayOwn(c *channel) {
	d.ownFailed(c, c.own.Say(c.voice))
	c.capture(c.voice, c.voice)
}

// ownFailed puts silence in the place of a sound that failed.
func (d *Desk) ownFailed(c *channel, err error) {
	if err == nil {
		return
	}
	err = fmt.Errorf("sound %s: %w", c.own, err)
	d.log.Error("a call's own sound failed", "leg", c.id, "error", err)
	_ = c.own.Close() // it has failed, which was said
	c.own = mute{c.own.Rate()}
	d.onOwnFailed(c.id, err)
}

// mute is silence in the place of a sound that failed.
type mute struct{ rate int }

func (mute) String() string      { return "silence" }
func (m mute) Rate() int         { return m.rate }
func (mute) Hear([]int16) error  { return nil }
func (mute) Say(f []int16) error { clear(f); return nil }
func (mute) Close() error        { return nil }

// Bridge joins legs that hear each other and nobody else: what all say is summed,
// and each hears the sum without itself. It needs no device and adds no delay.
// Its seats are on one desk.
type Bridge struct {
	name string
	rate int
	size int // samples of a frame

	mu     sync.Mutex // seats come and go on one goroutine, sound passes on another
	mix    audio.Mix
	saying bool // this frame's sum is whole
	seats  int
}

// NewBridge returns an empty bridge that works at a rate, in frames of a desk with
// that frame; 0: DefaultFrame.
func NewBridge(name string, rate int, frame time.Duration) *Bridge {
	if frame <= 0 {
		frame = DefaultFrame
	}
	return &Bridge{name: name, rate: rate, size: audio.Format{Rate: rate, Frame: frame}.Samples()}
}

// Seat returns a new place on the bridge. It is left by Close.
func (b *Bridge) Seat() Endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seats++
	return &seat{bridge: b, voice: make([]int16, b.size)}
}

// Seats is how many places are taken.
func (b *Bridge) Seats() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seats
}

type seat struct {
	bridge *Bridge
	voice  []int16 // as it is in the sum
	in     bool    // it is in this frame's sum
	left   bool
}

func (s *seat) String() string { return "bridge:" + s.bridge.name }
func (s *seat) Rate() int      { return s.bridge.rate }

func (s *seat) Hear(frame []int16) error {
	b := s.bridge
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.saying || s.in { // a new frame begins
		b.saying = false
		b.mix.Reset(b.size)
	}
	s.in = true
	clear(s.voice[copy(s.voice, frame):])
	b.mix.Add(s.voice)
	return nil
}

func (s *seat) Say(frame []int16) error {
	b := s.bridge
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saying = true
	if !s.in { // it came in the midst of a frame
		clear(frame)
		return nil
	}
	s.in = false
	b.mix.Without(frame, s.voice)
	return nil
}

func (s *seat) Close() error {
	b := s.bridge
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.left {
		s.left = true
		b.seats--
	}
	return nil
}
