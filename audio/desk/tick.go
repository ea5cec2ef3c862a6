package desk

import "ramble/audio"

// Tick moves one frame: out is filled with what is heard, in is fed to the
// legs. Both hold one frame at the device's rate and may be the same memory.
// It does not allocate, save in the frame in which a leg comes or changes its
// rate.
func (d *Desk) Tick(in, out []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tick(in, out)
}

func (d *Desk) tick(in, out []int16) {
	d.before()
	n := d.format.Samples()
	if len(in) < n || len(out) < n { // a device that breaks its contract
		clear(out)
		return
	}
	d.mix.Reset(n)
	for _, c := range d.channels {
		if !c.fit(d.format.Rate, c.leg.Rate(), d.frame) {
			continue
		}
		heard := c.play()
		switch {
		case c.own != nil:
			d.hearOwn(c, heard)
		case heard:
			d.mix.Add(c.voice)
		}
	}
	if d.bell.next(d.voice) {
		d.mix.Add(d.voice)
	}
	d.mix.All(out)
	clear(out[n:])
	for _, c := range d.channels {
		switch {
		case c.rate == 0:
		case c.own != nil:
			d.sayOwn(c)
		default:
			c.capture(in[:n], d.voice)
		}
	}
}

// bell is the tone that sounds, and how it ends.
type bell struct {
	kind    audio.ToneKind
	country string
	tone    *audio.Tone // nil: none
	gain    audio.Gain
}

func (b *bell) start(kind audio.ToneKind, country string, rate int) {
	if kind == b.kind {
		return
	}
	b.kind, b.country = kind, country
	if kind == audio.NoTone {
		b.gain.Set(0) // the next frame is its last
		return
	}
	b.tone = audio.NewTone(kind, country, rate)
	b.gain.Jump(1)
}

// tune goes on at another rate, from the start of the cadence.
func (b *bell) tune(rate int) {
	b.tone = nil
	if b.kind != audio.NoTone {
		b.tone = audio.NewTone(b.kind, b.country, rate)
	}
}

// next writes the tone's next frame and reports whether there is one.
func (b *bell) next(dst []int16) bool {
	if b.tone == nil {
		return false
	}
	b.tone.Next(dst)
	b.gain.Apply(dst)
	if b.kind == audio.NoTone {
		b.tone = nil
	}
	return true
}
