//go:build portaudio

package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gordonklaus/portaudio"

	"ramble/audio"
	"ramble/internal/leaf/clean"
)

const (
	missingPortAudio = "" // it is in this build

	// paChunk is how much is read and written at a time.
	paChunk = 10 * time.Millisecond
	// paLatency is what is asked for where a device promises less: its buffer
	// must outlast a late wake-up. paMost is where a device wants more.
	paLatency = 30 * time.Millisecond
	paMost    = 100 * time.Millisecond
	// paStill is how long a device may take nothing and give nothing.
	paStill = 2 * time.Second
)

// turn lets one at a time start, end and ask PortAudio, which is global in C
// and in its binding. It is immutable; who holds its one element has the turn.
var turn = make(chan struct{}, 1)

// withPortAudio initialises the library, which looks for devices only then,
// and only if nobody else has it initialised. done gives it back.
func withPortAudio() (done func(), err error) {
	turn <- struct{}{}
	defer func() { <-turn }()
	if err := portaudio.Initialize(); err != nil {
		return nil, fmt.Errorf("PortAudio: %w", err)
	}
	return func() {
		turn <- struct{}{}
		defer func() { <-turn }()
		_ = portaudio.Terminate()
	}, nil
}

type portAudioCard struct {
	wish wish
	rate int
	live
}

func openPortAudio(w wish, rate int) (card, error) {
	if rate == 0 {
		rate = fullBand
	}
	c := &portAudioCard{wish: w.settled(), rate: rate}
	ports, err := listPortAudio()
	if err != nil {
		return nil, err
	}
	if len(ports) == 0 {
		return nil, errNoPorts
	}
	s, err := c.wish.seat(ports, true)
	if err != nil {
		return nil, err
	}
	c.set(s.status)
	return c, nil
}

func (c *portAudioCard) Rate() int { return c.rate }

func (c *portAudioCard) String() string {
	return "portaudio:" + c.wish.options() + "rate=" + strconv.Itoa(c.rate)
}

func listPortAudio() ([]Port, error) {
	done, err := withPortAudio()
	if err != nil {
		return nil, err
	}
	defer done()
	ports, _, err := portAudioPorts()
	return ports, err
}

// portAudioPorts are the ports of the sound system that the defaults belong
// to. Others, such as the three by which Windows offers the same card, are
// taken by their whole names.
func portAudioPorts() ([]Port, []*portaudio.DeviceInfo, error) {
	turn <- struct{}{}
	defer func() { <-turn }()
	devices, err := portaudio.Devices()
	if err != nil {
		return nil, nil, fmt.Errorf("PortAudio: %w", err)
	}
	in, _ := portaudio.DefaultInputDevice() // there may be none
	out, _ := portaudio.DefaultOutputDevice()
	var ports []Port
	for i, d := range devices {
		p := Port{Backend: "portaudio", Name: clean.Text(d.Name), index: uint32(i)}
		if d.HostApi != nil {
			p.hidden = (in != nil || out != nil) && (in == nil || d.HostApi != in.HostApi) && (out == nil || d.HostApi != out.HostApi)
		}
		if d.MaxInputChannels > 0 {
			p.Output, p.Default = false, d == in
			ports = append(ports, p)
		}
		if d.MaxOutputChannels > 0 {
			p.Output, p.Default = true, d == out
			ports = append(ports, p)
		}
	}
	return ports, devices, nil
}

// Run opens two one-way streams: duplex ones want both directions on one card.
// It reads and writes what there is and what there is room for, and sleeps in
// between, so that it never waits in C, where nobody could call it back.
func (c *portAudioCard) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	format := audio.Format{Rate: c.rate, Frame: frame}
	if !format.Valid() {
		return fmt.Errorf("%s is no format to work in", format)
	}
	done, err := withPortAudio()
	if err != nil {
		return err
	}
	defer done()
	ports, devices, err := portAudioPorts()
	if err != nil {
		return err
	}
	seats, err := c.wish.seat(ports, false)
	if err != nil {
		return err
	}
	c.set(seats.status)
	s := &paStreams{format: format, mic: newIntake(format.Rate, format.Samples())}
	defer s.close()
	if !seats.noMic {
		if s.in, err = openPA(devices[seats.mic.index], false, c.rate); err != nil {
			return fmt.Errorf("microphone %s: %w", seats.mic, err)
		}
	}
	if !seats.noEar {
		if s.out, err = openPA(devices[seats.ear.index], true, c.rate); err != nil {
			return fmt.Errorf("loudspeaker %s: %w", seats.ear, err)
		}
	}
	s.mic.clock = seats.noEar
	return s.run(ctx, tick)
}

// paStream is one direction.
type paStream struct {
	*portaudio.Stream
	buf    []int16          // a chunk at the stream's rate
	fit    *audio.Resampler // to or from the device's rate; nil: they are the same
	fitted []int16
}

// openPA starts a stream at the rate, or at the hardware's own where it can do
// no other.
func openPA(d *portaudio.DeviceInfo, output bool, rate int) (*paStream, error) {
	turn <- struct{}{}
	defer func() { <-turn }()
	s, err := openPAAt(d, output, rate)
	own := int(d.DefaultSampleRate)
	if errors.Is(err, portaudio.InvalidSampleRate) && own > 0 && own != rate {
		if s, err = openPAAt(d, output, own); err == nil {
			from, to := own, rate
			if output {
				from, to = rate, own
			}
			s.fit, s.fitted = audio.NewResampler(from, to), make([]int16, to) // a second is the longest frame
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func openPAAt(d *portaudio.DeviceInfo, output bool, rate int) (*paStream, error) {
	chunk := audio.Format{Rate: rate, Frame: paChunk}.Samples()
	s := &paStream{buf: make([]int16, chunk)}
	p := portaudio.StreamParameters{SampleRate: float64(rate), FramesPerBuffer: chunk}
	side, low := &p.Input, d.DefaultLowInputLatency
	if output {
		side, low = &p.Output, d.DefaultLowOutputLatency
	}
	*side = portaudio.StreamDeviceParameters{Device: d, Channels: 1, Latency: min(max(low, paLatency), paMost)}
	var err error
	s.Stream, err = portaudio.OpenStream(p, &s.buf)
	return s, err
}
