package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"
)

// soundRate is the sampling rate of the lab's files, in Hz.
const soundRate = 8000

// WriteTone writes a WAV file (mono, 16 bit, 8 kHz) with a tone.
func WriteTone(path string, hz float64, d time.Duration) error {
	n := int(d.Seconds() * soundRate)
	samples := make([]int16, n)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/soundRate))
	}
	head := []byte("RIFF")
	head = binary.LittleEndian.AppendUint32(head, uint32(36+2*n))
	head = append(head, "WAVEfmt "...)
	head = binary.LittleEndian.AppendUint32(head, 16)
	head = binary.LittleEndian.AppendUint16(head, 1) // PCM
	head = binary.LittleEndian.AppendUint16(head, 1) // mono
	head = binary.LittleEndian.AppendUint32(head, soundRate)
	head = binary.LittleEndian.AppendUint32(head, 2*soundRate)
	head = binary.LittleEndian.AppendUint16(head, 2)
	head = binary.LittleEndian.AppendUint16(head, 16)
	head = append(head, "data"...)
	head = binary.LittleEndian.AppendUint32(head, uint32(2*n))
	for _, s := range samples {
		head = binary.LittleEndian.AppendUint16(head, uint16(s))
	}
	return os.WriteFile(path, head, 0o644)
}

// Sound is a recording, mono.
type Sound struct {
	Rate    int // Hz
	Samples []float64
}

// ReadSound reads a WAV file with 16 bit samples; of several channels the first.
// The length in the head is not trusted: programs that are killed leave zero.
func ReadSound(path string) (Sound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Sound{}, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return Sound{}, errors.New(path + " is no WAV file")
	}
	var s Sound
	channels := 0
	for rest := b[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		switch {
		case name == "fmt " && size >= 16 && len(rest) >= 16:
			channels, s.Rate = int(binary.LittleEndian.Uint16(rest[2:])), int(binary.LittleEndian.Uint32(rest[4:]))
			if bits := binary.LittleEndian.Uint16(rest[14:]); bits != 16 {
				return Sound{}, fmt.Errorf("%s has %d bits a sample", path, bits)
			}
		case name == "data" && channels > 0:
			for ; len(rest) >= 2*channels; rest = rest[2*channels:] {
				s.Samples = append(s.Samples, float64(int16(binary.LittleEndian.Uint16(rest)))/32768)
			}
			return s, nil
		}
		rest = rest[min(size+size%2, len(rest)):]
	}
	return s, errors.New(path + " has no sound in it")
}

// Tone says how much of the recording, in time, carries the tone: windows of
// 50 ms in which at least half of the power is at that frequency.
func (s Sound) Tone(hz float64) time.Duration {
	size := s.Rate / 20
	count := 0
	for i := 0; size > 0 && i+size <= len(s.Samples); i += size {
		if dominant(s.Samples[i:i+size], s.Rate, hz) {
			count++
		}
	}
	return time.Duration(count) * 50 * time.Millisecond
}

// dominant asks Goertzel's filter for the power at a frequency and compares it
// with all the power there is. Silence has no tone.
func dominant(window []float64, rate int, hz float64) bool {
	coefficient := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var s1, s2, power float64
	for _, x := range window {
		s1, s2 = x+coefficient*s1-s2, s1
		power += x * x
	}
	n := float64(len(window))
	at := 2 * (s1*s1 + s2*s2 - coefficient*s1*s2) / (n * n) // mean square of the sine
	return power/n > 1e-5 && at > power/n/2
}

// Last is the end of the recording.
func (s Sound) Last(d time.Duration) Sound {
	n := min(len(s.Samples), int(d.Seconds()*float64(s.Rate)))
	return Sound{s.Rate, s.Samples[len(s.Samples)-n:]}
}
