//go:build portaudio

package device

import (
	"context"
	"errors"
	"time"

	"github.com/gordonklaus/portaudio"

	"ramble/audio"
)

// paStreams are the streams of a run. They belong to its goroutine.
type paStreams struct {
	format  audio.Format
	in, out *paStream // nil: silence, nowhere
	mic     *intake
	rest    []int16 // at the loudspeaker's rate, what there was no room for yet
}

func (s *paStreams) close() {
	turn <- struct{}{}
	defer func() { <-turn }()
	for _, x := range []*paStream{s.in, s.out} {
		if x != nil {
			_ = x.Abort() // Stop would wait until all was played
			_ = x.Close()
		}
	}
}

func (s *paStreams) run(ctx context.Context, tick func(in, out []int16)) error {
	in, out := make([]int16, s.format.Samples()), make([]int16, s.format.Samples())
	work := func() {
		if s.in != nil {
			s.mic.fill(in)
		}
		tick(in, out)
	}
	if s.in == nil && s.out == nil {
		pace := audio.Pace{Frame: s.format.Frame}
		return pace.Run(ctx, func() error { work(); return nil })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	moved := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		wait, busy, err := s.pass(work, out)
		if err != nil {
			return err
		}
		now := time.Now()
		if busy {
			moved = now
		}
		if now.Sub(moved) > paStill {
			return errors.New("it stands still")
		}
		timer.Reset(wait)
	}
}

// pass moves what can be moved now. wait is when there will be more to do,
// busy whether the clock went on.
func (s *paStreams) pass(work func(), out []int16) (wait time.Duration, busy bool, err error) {
	if s.in != nil {
		if err := s.in.drain(s.mic.ring); err != nil {
			return 0, false, err
		}
	}
	if s.out == nil {
		for s.mic.ready() {
			work()
			busy = true
		}
		return paChunk / 2, busy, nil
	}
	for {
		room, err := s.out.AvailableToWrite()
		if err != nil {
			return 0, busy, err
		}
		if lack := len(s.out.buf) - room; lack > 0 {
			rate := len(s.out.buf) * int(time.Second/paChunk)
			return max(time.Duration(lack)*time.Second/time.Duration(rate), time.Millisecond), busy, nil
		}
		for len(s.rest) < len(s.out.buf) {
			work()
			s.rest = append(s.rest, s.out.convert(out)...)
		}
		busy = true
		s.rest = s.rest[:copy(s.rest, s.rest[copy(s.out.buf, s.rest):])]
		if err := s.out.Write(); err != nil && !errors.Is(err, portaudio.OutputUnderflowed) {
			return 0, busy, err
		}
	}
}

// drain takes what the microphone has, in whole chunks.
func (s *paStream) drain(to *ring) error {
	for {
		n, err := s.AvailableToRead()
		if err != nil {
			return err
		}
		if n < len(s.buf) {
			return nil
		}
		if err := s.Read(); err != nil && !errors.Is(err, portaudio.InputOverflowed) {
			return err
		}
		to.write(s.convert(s.buf))
	}
}

// convert changes the rate where the hardware's is another.
func (s *paStream) convert(src []int16) []int16 {
	if s.fit == nil {
		return src
	}
	return s.fitted[:s.fit.Process(s.fitted, src)]
}
