package desk

import (
	"fmt"
	"time"

	"ramble/audio"
)

// channel is a leg's place on the desk.
type channel struct {
	id          int
	leg         Leg
	own         Endpoint // the leg's own sound; nil: the device's
	muted, held bool
	hear, feed  audio.Gain
	rate        int // of the leg, which what follows was made for; 0: made for nothing

	toDevice, toLeg *audio.Resampler
	frame           []int16 // at the leg's rate
	voice           []int16 // what it played last, at the rate of the device or of its own sound, as it is in the mix: the mix without it is N-1
	heard, fed      *audio.Meter
}

func newChannel(id int, leg Leg, own Endpoint) *channel {
	c := &channel{id: id, leg: leg, own: own}
	c.hear.Jump(0) // glides in
	c.feed.Jump(0)
	c.route()
	return c
}

// route lets pass what is to pass; the gains glide there.
func (c *channel) route() {
	hear, feed := 1.0, 1.0
	if c.held {
		hear, feed = 0, 0
	}
	if c.muted {
		feed = 0
	}
	c.hear.Set(hear)
	c.feed.Set(feed)
}

// fit makes the channel ready for the leg's present rate, and reports whether
// there is sound to move. device is the rate of what it is heard on, where it
// has no sound of its own.
func (c *channel) fit(device, leg int, frame time.Duration) bool {
	if leg == c.rate {
		return leg != 0
	}
	format := audio.Format{Rate: leg, Frame: frame}
	if !format.Valid() {
		c.rate = 0
		return false
	}
	if c.own != nil {
		device = c.own.Rate()
	}
	c.rate = leg
	c.frame = make([]int16, format.Samples())
	c.voice = make([]int16, audio.Format{Rate: device, Frame: frame}.Samples())
	c.toDevice, c.toLeg = audio.NewResampler(leg, device), audio.NewResampler(device, leg)
	c.heard, c.fed = audio.NewMeter(device), audio.NewMeter(device)
	return true
}

// play takes the leg's next frame into the channel's voice, and reports whether
// anybody is to hear it. A held leg plays on, so that its time goes on, and that
// is all it costs.
func (c *channel) play() bool {
	c.leg.Play(c.frame)
	if c.hear.Silent() {
		c.heard.Skip(len(c.voice))
		return false
	}
	clear(c.voice[c.toDevice.Process(c.voice, c.frame):])
	c.hear.Apply(c.voice)
	c.heard.Add(c.voice)
	return true
}

// capture feeds the leg what the microphone took. voice is to scribble on.
func (c *channel) capture(mic, voice []int16) {
	if c.feed.Silent() {
		clear(c.frame)
		c.fed.Skip(len(mic))
		c.leg.Capture(c.frame)
		return
	}
	copy(voice, mic)
	c.feed.Apply(voice)
	c.fed.Add(voice)
	clear(c.frame[c.toLeg.Process(c.frame, voice):])
	c.leg.Capture(c.frame)
}

func (c *channel) String() string {
	s := fmt.Sprintf("leg %d at %d Hz", c.id, c.rate)
	if c.own != nil {
		s += " on " + c.own.String()
	}
	if c.held {
		s += " held"
	}
	if c.muted {
		s += " muted"
	}
	return s
}
