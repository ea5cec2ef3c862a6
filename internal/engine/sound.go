package engine

import (
	"time"

	"ramble/audio"
	"ramble/audio/desk"
	"ramble/internal/leaf/phone"
)

// doSound carries out the commands that ask the sound system, which takes its
// time: on the caller's goroutine, beside the loop. It reports whether the
// command was one of these.
func (e *Engine) doSound(cmd phone.Command) (r phone.Reply, mine bool, err error) {
	switch cmd := cmd.(type) {
	case phone.ListAudio:
		if e.parts.Sound != nil {
			r.Sound, err = e.parts.Sound.List()
		}
	case phone.UseAudio:
		if e.parts.Sound == nil {
			return r, true, &phone.Error{Why: phone.NoOtherSound}
		}
		if err = e.parts.Sound.Use(cmd.Output, cmd.Name); err == nil {
			e.post(e.tellSound)
		}
	default:
		return r, false, nil
	}
	if err != nil {
		err = &phone.Error{Why: phone.SoundUnfit, Text: err.Error()}
	}
	return r, true, err
}

// soundChanged is what the desk reports: the device failed, or has the clock.
func (e *Engine) soundChanged(c desk.Change) {
	if c.Err != nil {
		e.soundless = c.Err.Error()
		e.say(phone.Failure, phone.News{Kind: phone.SoundLost, Text: e.soundless})
		e.audio.Note = e.soundless
		e.dirty = true
		return
	}
	if e.soundless != "" {
		e.soundless, e.audio = "", phone.Audio{} // tell of it although it is the same
	}
	e.tellSound()
}

// sit puts a call's stream on the desk: by the sound of that name, or by the desk's
// device where it is empty or cannot be had, which is said.
func (c *call) sit(name string) {
	e, id := c.e, c.view.ID
	if name != "" && e.parts.Own != nil {
		own, err := e.parts.Own(name, id)
		if err == nil {
			if err = e.parts.Desk.AddOwn(int(id), c.stream, own); err == nil {
				return
			}
			_ = own.Close() // nothing passed it
		}
		e.say(phone.Failure, phone.News{Kind: phone.OwnSoundMissing, Call: id, Text: err.Error()})
	}
	e.parts.Desk.Add(int(id), c.stream)
}

// ownSoundFailed is what the desk reports of a call's own sound.
func (e *Engine) ownSoundFailed(id phone.CallID, err error) {
	e.say(phone.Failure, phone.News{Kind: phone.OwnSoundLost, Call: id, Text: err.Error()})
}

// tellSound tells which microphone and loudspeaker are in use, if these are
// others than was told last.
func (e *Engine) tellSound() {
	if e.parts.Sound == nil || e.soundless != "" {
		return
	}
	now := phone.Audio(e.parts.Sound.Now())
	if now == e.audio {
		return
	}
	e.audio = now
	e.say(phone.Info, phone.News{Kind: phone.SoundIs, Name: now.Input, Others: now.Output, Text: now.Note})
}

func (e *Engine) busyTone() {
	e.tone.busy, e.tone.until = true, time.Now().Add(busyFor)
}

// retune makes the tone follow from the calls; it is level-triggered and runs
// after every turn of the loop.
func (e *Engine) retune() {
	if !e.tone.until.IsZero() && !time.Now().Before(e.tone.until) {
		e.tone.busy, e.tone.until = false, time.Time{}
	}
	kind := e.wantedTone()
	if kind == e.tone.now {
		return
	}
	e.tone.now = kind
	if kind == audio.NoTone {
		e.parts.Desk.StopTone()
	} else {
		e.parts.Desk.Tone(kind)
	}
}

func (e *Engine) wantedTone() audio.ToneKind {
	if !e.parts.Tones || e.quitting {
		return audio.NoTone
	}
	var talking, ringing, ringback, waiting bool
	for _, c := range e.liveCalls() {
		switch {
		case c.view.State == phone.Up && !c.view.KeepUntil.IsZero() && c.view.Held == phone.HeldByNone:
			waiting = true
		case c.view.State == phone.Up:
			talking = true
		case c.view.Direction == phone.Incoming && !c.silenced && !c.answering:
			ringing = true
		case c.view.Direction == phone.Outgoing && c.view.State == phone.Ringing:
			ringback = true
		}
	}
	switch {
	case ringing && (talking || waiting):
		return audio.CallWaiting
	case ringing:
		return audio.Ring
	case waiting:
		return audio.Comfort
	case ringback:
		return audio.Ringback
	case e.tone.busy && !talking:
		return audio.Busy
	}
	return audio.NoTone
}
