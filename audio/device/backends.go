package device

import (
	"errors"
	"fmt"
	"strings"
)

// Backend describes a kind of device.
type Backend struct {
	Name  string // to begin a name with
	About string // or why it is not in this build
	Ready bool   // in this build

	Hardware bool // has microphones and loudspeakers to choose from
}

// Backends is every kind of device there is, in this build or not.
func Backends() []Backend {
	return []Backend{
		{"auto", "the best there is: " + strings.Join(append(autoOrder(), "null"), ", "), true, false},
		{"null", "silence, clocked", true, false},
		{"loop", "what is heard is said at once", true, false},
		{"file", "a WAV file is the microphone, what is heard is recorded: file:in=A.wav,out=B.wav", true, false},
		backend("pulse", "PulseAudio and PipeWire", missingPulse),
		backend("portaudio", "the system's sound by PortAudio", missingPortAudio),
	}
}

func backend(name, about, missing string) Backend {
	if missing != "" {
		return Backend{name, missing, false, true}
	}
	return Backend{name, about, true, true}
}

// autoOrder is the hardware that this build can try, the best first.
func autoOrder() (names []string) {
	if missingPulse == "" {
		names = append(names, "pulse")
	}
	if missingPortAudio == "" {
		names = append(names, "portaudio")
	}
	return names
}

func openCard(kind string, w wish, rate int) (card, error) {
	switch {
	case kind == "pulse" && missingPulse == "":
		return openPulse(w, rate)
	case kind == "pulse":
		return nil, errors.New(missingPulse)
	case kind == "portaudio" && missingPortAudio == "":
		return openPortAudio(w, rate)
	}
	return nil, errors.New(missingPortAudio)
}

// auto takes the first hardware there is, else none, with a note why. A port
// that is not there by its name is an error where the system that may have it
// answers.
func (d *Device) auto() error {
	var why []string
	for _, kind := range autoOrder() {
		c, err := openCard(kind, d.wish, d.rate)
		if err == nil {
			d.backend, d.card = kind, c
			return nil
		}
		if _, unknown := errors.AsType[*UnknownError](err); unknown {
			return err
		}
		why = append(why, kind+": "+err.Error())
	}
	d.backend = "null"
	d.note = "no sound card here; audio is null, signalling works"
	if len(why) == 0 {
		why = append(why, missingPortAudio)
	}
	d.why = strings.Join(why, "; ")
	return d.choose(false)
}

// Why is the reason for Note's lack, for the log.
func (d *Device) Why() string { return d.why }

// List is the microphones and loudspeakers of a kind of hardware, "pulse" or
// "portaudio"; of "auto", of the first that has any.
func List(kind string) ([]Port, error) {
	var ports []Port
	var err error
	switch {
	case kind == "auto":
		for _, kind := range autoOrder() {
			if ports, err = List(kind); err == nil && len(ports) > 0 {
				break
			}
		}
	case kind == "pulse" && missingPulse == "":
		ports, err = listPulse()
	case kind == "pulse":
		err = errors.New(missingPulse)
	case kind == "portaudio" && missingPortAudio == "":
		ports, err = listPortAudio()
	case kind == "portaudio":
		err = errors.New(missingPortAudio)
	default:
		return nil, fmt.Errorf("%q has no microphones and loudspeakers", kind)
	}
	var shown []Port
	for _, p := range ports {
		if !p.hidden {
			shown = append(shown, p)
		}
	}
	return shown, err
}

// Name puts a name together of a kind and the ports wanted of it, as a
// configuration holds them. Kinds without ports, and those named with options
// already, stay as they are.
func Name(backend, in, out string) string {
	switch backend {
	case "auto", "pulse", "portaudio":
	default:
		return backend
	}
	options := wish{in, out}.settled().options()
	if options == "" {
		return backend
	}
	return backend + ":" + strings.TrimSuffix(options, ",")
}
