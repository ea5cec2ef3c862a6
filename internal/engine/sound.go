package engine

import (
	"ramble/audio/desk"
	"ramble/internal/leaf/phone"
)

// Sound is the sound system behind the desk. Any goroutine may call it.
type Sound interface {
	// Now says what is in use. It returns at once.
	Now() AudioNote
	// List looks for the microphones and loudspeakers there are.
	List() ([]phone.SoundDevice, error)
	// Use makes the desk use another one from now on, by a part of its name,
	// "default" or "none". An error changes nothing.
	Use(output bool, name string) error
}

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
			return r, true, &phone.Error{Code: phone.ErrAudio, Text: "there is no other sound here"}
		}
		if err = e.parts.Sound.Use(cmd.Output, cmd.Name); err == nil {
			e.post(e.soundSeen)
		}
	default:
		return r, false, nil
	}
	if err != nil {
		err = &phone.Error{Code: phone.ErrAudio, Text: err.Error()}
	}
	return r, true, err
}

// soundChanged is what the desk reports: the device failed, or has the clock.
func (e *Engine) soundChanged(c desk.Change) {
	if c.Err != nil {
		e.soundless = c.Err.Error()
		e.say(phone.Failure, e.soundless, "calls go on; it is tried again by itself")
		e.audio.Note = e.soundless
		e.dirty = true
		return
	}
	if e.soundless != "" {
		e.soundless, e.audio = "", phone.Audio{} // tell of it although it is the same
	}
	e.soundSeen()
}

// soundSeen tells which microphone and loudspeaker are in use, if these are
// others than was told last.
func (e *Engine) soundSeen() {
	if e.parts.Sound == nil || e.soundless != "" {
		return
	}
	now := phone.Audio(e.parts.Sound.Now())
	if now == e.audio {
		return
	}
	e.audio = now
	e.say(phone.Info, "sound: microphone "+now.Input+", speaker "+now.Output, now.Note)
}
