package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jfreymuth/pulse/proto"

	"ramble/audio"
	"ramble/internal/leaf/clean"
)

const (
	// pulseFragment is how much sound the microphone brings at a time, and the
	// least that the loudspeaker asks for.
	pulseFragment = 10 * time.Millisecond
	// pulseSpare is how many fragments of the loudspeaker's sound the server
	// holds besides the frame that is being made: time to be late by.
	pulseSpare = 1
	// pulseStall is how many seconds of sound may be asked for at once.
	pulseStall = 1
)

// errSlept ends the streams, and begins new ones.
var errSlept = errors.New("the process stood still")

const missingPulse = "" // it is in every build for Linux

// pulseCard is PulseAudio, or PipeWire in its clothes.
type pulseCard struct {
	wish wish
	rate int
	live
}

// openPulse finds a server and the ports.
func openPulse(w wish, rate int) (card, error) {
	if rate == 0 {
		rate = fullBand
	}
	c := &pulseCard{wish: w.settled(), rate: rate}
	ports, err := listPulse()
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

func (c *pulseCard) Rate() int { return c.rate }

func (c *pulseCard) String() string {
	return "pulse:" + c.wish.options() + "rate=" + strconv.Itoa(c.rate)
}

// listPulse asks the server for its microphones and loudspeakers.
func listPulse() ([]Port, error) {
	server, err := dialPulse(func(any) {})
	if err != nil {
		return nil, err
	}
	defer server.close()
	return server.ports()
}

func (s *pulseServer) ports() ([]Port, error) {
	var info proto.GetServerInfoReply
	var sinks proto.GetSinkInfoListReply
	var sources proto.GetSourceInfoListReply
	err := s.Request(&proto.GetServerInfo{}, &info)
	if err == nil {
		err = s.Request(&proto.GetSinkInfoList{}, &sinks)
	}
	if err == nil {
		err = s.Request(&proto.GetSourceInfoList{}, &sources)
	}
	if err != nil {
		return nil, plainPulse(err)
	}
	var list []Port
	for _, x := range sources {
		list = append(list, Port{
			Backend: "pulse", Name: clean.Text(x.SourceName), About: pulseAbout(x.Properties),
			Default: x.SourceName == info.DefaultSourceName,
			hidden:  x.MonitorSourceIndex != proto.Undefined, index: x.SourceIndex,
		})
	}
	for _, x := range sinks {
		list = append(list, Port{
			Backend: "pulse", Name: clean.Text(x.SinkName), About: pulseAbout(x.Properties), Output: true,
			Default: x.SinkName == info.DefaultSinkName, index: x.SinkIndex,
		})
	}
	return list, nil
}

func pulseAbout(p proto.PropList) string {
	if about, ok := p["device.description"]; ok {
		return clean.Text(strings.TrimRight(string(about), "\x00"))
	}
	return ""
}

// Run opens the streams and lets the loudspeaker's clock call tick; the
// microphone's where there is no loudspeaker. When it returns an error, the
// ports may be other ones the next time: what vanished is replaced, what is
// back is taken again.
func (c *pulseCard) Run(ctx context.Context, frame time.Duration, tick func(in, out []int16)) error {
	format := audio.Format{Rate: c.rate, Frame: frame}
	if !format.Valid() {
		return fmt.Errorf("%s is no format to work in", format)
	}
	for {
		err := c.serve(ctx, newPulseStreams(format), tick)
		if !errors.Is(err, errSlept) {
			return err
		}
	}
}

func (c *pulseCard) serve(ctx context.Context, s *pulseStreams, tick func(in, out []int16)) error {
	server, err := dialPulse(s.unasked)
	if err != nil {
		return err
	}
	defer server.close()
	ports, err := server.ports()
	if err != nil {
		return err
	}
	seats, err := c.wish.seat(ports, false)
	if err != nil {
		return err
	}
	c.set(seats.status)
	if err := s.open(server, c.wish, seats); err != nil {
		return err
	}
	if seats.lacks {
		mask := proto.SubscriptionMaskSink | proto.SubscriptionMaskSource
		if err := server.Request(&proto.Subscribe{Mask: mask}, nil); err != nil {
			return plainPulse(err)
		}
	}
	return s.run(ctx, func() error { return c.improved(server, seats) }, tick)
}

// improved is an error if other ports would be taken now than were.
func (c *pulseCard) improved(server *pulseServer, had seats) error {
	ports, err := server.ports()
	if err != nil {
		return err
	}
	now, err := c.wish.seat(ports, false)
	if err != nil {
		return err
	}
	if now.status != had.status {
		return better{}
	}
	return nil
}
