package device

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/jfreymuth/pulse/proto"

	"ramble/audio"
)

// pulseStreams are the two one-way streams of a run, one of which is the clock.
type pulseStreams struct {
	server *pulseServer
	format audio.Format
	mic    *intake
	noMic  bool
	noEar  bool
	ear    uint32 // the loudspeaker's stream
	bytes  []byte // a frame on its way out

	wake      chan struct{} // capacity 1: there is something to do
	failed    chan error    // capacity 1: the first reason
	due       atomic.Int64  // bytes that the loudspeaker asks for
	replugged atomic.Bool   // ports came or went
}

func newPulseStreams(f audio.Format) *pulseStreams {
	return &pulseStreams{
		format: f, mic: newIntake(f.Rate, f.Samples()), bytes: make([]byte, 2*f.Samples()),
		wake: make(chan struct{}, 1), failed: make(chan error, 1),
	}
}

// unasked takes what the server says unasked, on the connection's goroutine.
func (s *pulseStreams) unasked(message any) {
	switch m := message.(type) {
	case *proto.Request:
		s.due.Add(int64(m.Length))
	case *proto.DataPacket:
		s.mic.ring.writeBytes(m.Data)
		if !s.noEar {
			return // the other clock fetches it
		}
	case *proto.PlaybackStreamKilled:
		s.fail(errors.New("the loudspeaker is gone"))
	case *proto.RecordStreamKilled:
		s.fail(errors.New("the microphone is gone"))
	case *proto.SubscribeEvent:
		s.replugged.Store(true)
	default:
		return
	}
	s.rouse()
}

func (s *pulseStreams) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *pulseStreams) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// open makes the streams. What they are to heard must be known before they
// exist.
func (s *pulseStreams) open(server *pulseServer, w wish, at seats) error {
	s.server, s.noMic, s.noEar = server, at.noMic, at.noEar
	s.mic.clock = s.noEar
	if !at.noMic {
		if err := s.openMic(w.in, at.mic); err != nil {
			return err
		}
	}
	if at.noEar {
		return nil
	}
	return s.openEar(w.out, at.ear)
}

// size is the bytes of so many fragments.
func (s *pulseStreams) size(fragments int) uint32 {
	return uint32(2 * fragments * (audio.Format{Rate: s.format.Rate, Frame: pulseFragment}).Samples())
}

func (s *pulseStreams) spec() proto.SampleSpec {
	return proto.SampleSpec{Format: proto.FormatInt16LE, Channels: 1, Rate: uint32(s.format.Rate)}
}

// where is the index to ask for. The default is left to the server, which then
// also moves the stream when the default changes.
func where(name string, p Port) uint32 {
	if name == Default {
		return proto.Undefined
	}
	return p.index
}

func (s *pulseStreams) openMic(name string, p Port) error {
	return plainPulse(s.server.Request(&proto.CreateRecordStream{
		SampleSpec: s.spec(), ChannelMap: proto.ChannelMap{proto.ChannelMono}, ChannelVolumes: proto.ChannelVolumes{uint32(proto.VolumeNorm)},
		SourceIndex: where(name, p), NoMove: name != Default,
		BufferMaxLength: proto.Undefined, BufferFragSize: s.size(1), AdjustLatency: true,
		DirectOnInputIndex: proto.Undefined, Properties: streamNames("microphone"),
	}, &proto.CreateRecordStreamReply{}))
}

// openEar asks for a buffer of a frame and some time to be late by. Without
// prebuffering a stream plays on after it ran dry, and keeps its clock.
func (s *pulseStreams) openEar(name string, p Port) error {
	reply := proto.CreatePlaybackStreamReply{}
	err := s.server.Request(&proto.CreatePlaybackStream{
		SampleSpec: s.spec(), ChannelMap: proto.ChannelMap{proto.ChannelMono}, ChannelVolumes: proto.ChannelVolumes{uint32(proto.VolumeNorm)},
		SinkIndex: where(name, p), NoMove: name != Default,
		BufferMaxLength: proto.Undefined, BufferPrebufferLength: 0, BufferMinimumRequest: s.size(1),
		BufferTargetLength: uint32(len(s.bytes)) + s.size(pulseSpare), AdjustLatency: true,
		Properties: streamNames("loudspeaker"),
	}, &reply)
	s.ear = reply.StreamIndex
	s.due.Add(int64(reply.Missing)) // what is asked for first
	s.rouse()
	return plainPulse(err)
}

func streamNames(kind string) proto.PropList {
	return proto.PropList{"media.name": proto.PropListString(kind), "media.role": proto.PropListString("phone")}
}

// run lets the clock call tick until the context ends or there is a reason to
// start afresh. improved is asked when ports came or went.
func (s *pulseStreams) run(ctx context.Context, improved func() error, tick func(in, out []int16)) error {
	in, out := make([]int16, s.format.Samples()), make([]int16, s.format.Samples())
	if s.noMic && s.noEar {
		pace := audio.Pace{Frame: s.format.Frame}
		return pace.Run(ctx, func() error { tick(in, out); return nil })
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.failed:
			return err
		case <-s.server.gone:
			return errors.New("the sound server is gone")
		case <-s.wake:
		}
		if s.stalled() {
			return errSlept
		}
		for s.ready() && ctx.Err() == nil {
			if !s.noMic {
				s.mic.fill(in)
			}
			tick(in, out)
			if err := s.play(out); err != nil {
				return err
			}
		}
		if s.replugged.Swap(false) {
			if err := improved(); err != nil {
				return err
			}
		}
	}
}

// ready reports whether the clock wants a frame.
func (s *pulseStreams) ready() bool {
	if s.noEar {
		return s.mic.ready()
	}
	return s.due.Load() >= int64(len(s.bytes))
}

// stalled reports whether so much is wanted that the process must have stood
// still, with its machine or alone.
func (s *pulseStreams) stalled() bool {
	return s.due.Load() > int64(pulseStall*2*int64(s.format.Rate))
}

func (s *pulseStreams) play(out []int16) error {
	if s.noEar {
		return nil
	}
	for i, v := range out {
		binary.LittleEndian.PutUint16(s.bytes[2*i:], uint16(v))
	}
	s.due.Add(-int64(len(s.bytes)))
	return s.server.Send(s.ear, s.bytes)
}
