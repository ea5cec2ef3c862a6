package cli

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
)

// soundSystem is what the engine changes the microphone and the loudspeaker
// with.
type soundSystem struct {
	desk    *desk.Desk
	backend string // as configured

	mu      sync.Mutex // guards what follows
	in, out string     // as wished for
	dev     *device.Device
}

// Now implements engine.Sound.
func (s *soundSystem) Now() engine.AudioNote {
	s.mu.Lock()
	defer s.mu.Unlock()
	return audioNote(s.dev)
}

func audioNote(d *device.Device) engine.AudioNote {
	now := d.Status()
	return engine.AudioNote{Backend: d.Backend(), Input: now.Input, Output: now.Output, Note: now.Note}
}

// List implements engine.Sound.
func (s *soundSystem) List() ([]phone.SoundDevice, error) {
	now := s.Now()
	kind := now.Backend
	if kind != "pulse" && kind != "portaudio" {
		kind = "auto"
	}
	ports, err := device.List(kind)
	if err != nil {
		return nil, err
	}
	var list []phone.SoundDevice
	for _, p := range ports {
		d := phone.SoundDevice{Backend: p.Backend, Name: p.Name, About: p.About, Output: p.Output, Default: p.Default}
		d.InUse = p.Backend == now.Backend && (p.Output && p.String() == now.Output || !p.Output && p.String() == now.Input)
		list = append(list, d)
	}
	return list, nil
}

// Use implements engine.Sound.
func (s *soundSystem) Use(output bool, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, out := s.in, s.out
	if output {
		out = name
	} else {
		in = name
	}
	full := device.Name(s.backend, in, out)
	if full == s.backend && (in != device.Default || out != device.Default) {
		return fmt.Errorf("%s has no microphones and loudspeakers to choose from", s.backend)
	}
	dev, err := device.Open(full)
	if err != nil {
		return err
	}
	s.in, s.out, s.dev = in, out, dev
	s.desk.Use(dev)
	return nil
}

// ownSounds opens the sound of calls that have their own.
type ownSounds struct {
	frame time.Duration

	mu      sync.Mutex // guards bridges
	bridges map[string]*desk.Bridge
}

// bridgeRate is that of wide-band telephony: no codec that there is loses anything.
// nothing.
const bridgeRate = 16000

// open implements engine.OwnSound. "{call}" in a name stands for the call's number.
func (o *ownSounds) open(name string, call phone.CallID) (desk.Endpoint, error) {
	kind, room, _ := strings.Cut(name, ":")
	if kind != "bridge" {
		e, err := device.OpenEndpoint(strings.ReplaceAll(name, "{call}", strconv.Itoa(int(call))))
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.bridges, func(_ string, b *desk.Bridge) bool { return b.Seats() == 0 })
	b := o.bridges[room]
	if b == nil {
		if o.bridges == nil {
			o.bridges = map[string]*desk.Bridge{}
		}
		b = desk.NewBridge(room, bridgeRate, o.frame)
		o.bridges[room] = b
	}
	return b.Seat(), nil
}
