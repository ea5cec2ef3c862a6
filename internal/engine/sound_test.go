package engine_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/sip/locate"
)

// fakeSound is a sound system with a loop for a device, which can be pulled.
type fakeSound struct {
	desk *desk.Desk

	mu     sync.Mutex
	output string
	pull   context.CancelFunc // of the run that there is
	gone   bool
}

func (s *fakeSound) String() string { return "fake" }
func (s *fakeSound) Rate() int      { return 8000 }

func (s *fakeSound) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	gone := s.gone
	s.pull = cancel
	s.mu.Unlock()
	if gone {
		return errors.New("no such card")
	}
	loop, err := device.Open("loop")
	if err != nil {
		return err
	}
	err = loop.Run(run, frame, tick)
	if ctx.Err() == nil {
		err = errors.New("the card was pulled")
	}
	return err
}

// plug pulls the card, or puts it back.
func (s *fakeSound) plug(in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = !in
	if !in {
		s.pull()
	}
}

func (s *fakeSound) Now() engine.AudioNote {
	s.mu.Lock()
	defer s.mu.Unlock()
	return engine.AudioNote{Backend: "fake", Input: "the mic", Output: s.output}
}

func (s *fakeSound) List() ([]phone.SoundDevice, error) {
	return []phone.SoundDevice{{Backend: "fake", Name: "the mic", InUse: true}, {Backend: "fake", Name: "horn", Output: true}}, nil
}

func (s *fakeSound) Use(output bool, name string) error {
	if !output || name == "trumpet" {
		return errors.New(`no speaker is called "trumpet"; there are: "horn"`)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output = name
	s.desk.Use(s)
	return nil
}

func newSoundRig(t *testing.T) (*rig, *fakeSound) {
	s := &fakeSound{output: "horn"}
	s.desk = desk.New(desk.Options{Device: s})
	r := newRigWith(t, locate.UDP, 0, demo.Options{}, func(p *engine.Parts) {
		p.Desk, p.Sound, p.Audio = s.desk, s, s.Now()
	})
	return r, s
}

// said waits for a line to a person that holds the words.
func (r *rig) said(sentence string) {
	r.t.Helper()
	r.until("the words "+sentence, func(phone.State) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, n := range r.notices {
			if s, ok := n.What.(phone.Said); ok {
				if text, _ := words.News(s.News); strings.Contains(text, sentence) {
					return true
				}
			}
		}
		return false
	})
}

func TestACallOutlivesItsSoundCard(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r, card := newSoundRig(t)
		id := r.call("melody")
		for range 2 {
			card.plug(false)
			r.said("the card was pulled")
			before := r.until("the note", func(s phone.State) bool { return strings.Contains(s.Audio.Note, "pulled") })
			sent := find(before, id).Media.TxPackets
			r.until("packets in silence", func(s phone.State) bool { return find(s, id).Media.TxPackets > sent+25 })
			card.plug(true)
			began := time.Now()
			r.until("the card", func(s phone.State) bool { return s.Audio.Note == "" && s.Audio.Output == "horn" })
			if took := time.Since(began); took > 3*time.Second { // told after a second of proof
				t.Errorf("told that sound is back after %v", took)
			}
			r.said("sound: microphone the mic, speaker horn")
		}
		if s := find(r.state1(), id).State; s != phone.Up {
			t.Errorf("the call is %v", s)
		}
	})
}

func TestAnotherSoundCardInACall(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r, _ := newSoundRig(t)
		id := r.call("melody")
		reply, err := r.e.Do(r.ctx, phone.ListAudio{})
		if err != nil || len(reply.Sound) != 2 || reply.Sound[1].Name != "horn" {
			t.Errorf("%+v, %v", reply, err)
		}
		_, err = r.e.Do(r.ctx, phone.UseAudio{Output: true, Name: "trumpet"})
		if e, ok := errors.AsType[*phone.Error](err); !ok || e.Code() != phone.ErrAudio || !strings.Contains(e.Text, `"horn"`) {
			t.Errorf("an unknown one: %v", err)
		}
		r.do(phone.UseAudio{Output: true, Name: "headset"})
		r.said("sound: microphone the mic, speaker headset")
		s := r.until("it in the state", func(s phone.State) bool { return s.Audio.Output == "headset" })
		sent := find(s, id).Media.TxPackets
		r.until("sound", func(s phone.State) bool { return find(s, id).Media.TxPackets > sent+25 })
	})
}

func TestWithoutASoundSystemNothingCanBeChosen(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		r := newRig(t, locate.UDP)
		if reply, err := r.e.Do(r.ctx, phone.ListAudio{}); err != nil || len(reply.Sound) != 0 {
			t.Errorf("%+v, %v", reply, err)
		}
		if _, err := r.e.Do(r.ctx, phone.UseAudio{Name: "x"}); err == nil {
			t.Error("it was accepted")
		}
	})
}
