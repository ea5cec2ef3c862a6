// Package stream is one call's RTP leg. It survives paths: a roam adopts a new
// socket pair, switches to it and retires the old one, while SSRC, sequence
// and timestamps, the jitter buffer and every counter go on.
//
// The clock of the sound calls Play and Capture; goroutines of Run read the
// sockets and send the reports of RTCP. One lock guards a stream; it is held
// for microseconds and never over a system call or a callback.
package stream

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"ramble/audio"
	"ramble/audio/codec"
	"ramble/audio/jitter"
	"ramble/audio/path"
	"ramble/internal/leaf/safego"
)

// Negotiated is what offer and answer settled.
type Negotiated struct {
	Codec                    codec.Codec // nil: PCMU, in New; what was, in Update
	SendPT, RecvPT           uint8
	EventSendPT, EventRecvPT uint8          // RFC 4733; 0: none
	Remote                   netip.AddrPort // RTP address of the peer's SDP; zero: nothing is sent
	RemoteRTCP               netip.AddrPort // zero: the port after Remote's
	Mux                      bool           // RTCP on the RTP port (RFC 5761)
	Signalling               netip.Addr     // of the peer or its proxy, for latching; zero: unknown
	Send, Receive            bool           // direction
	PTime                    time.Duration  // of what we send; default 20 ms
}

// Config shapes a Stream. Callbacks run on the stream's or the sound clock's
// goroutine, without its lock, and must not block.
type Config struct {
	Negotiated
	JitterMin, JitterMax time.Duration // limits of the buffer; default 20 ms and 200 ms
	OnDigit              func(key rune, length time.Duration)
	OnHeard              func(Heard)             // once per adopted path
	OnMoved              func(to netip.AddrPort) // our packets go elsewhere than the SDP said
	Log                  *slog.Logger            // nil: discard
	Guard                *safego.Guard           // may be nil
	Now                  func() time.Time        // nil: time.Now
}

// Heard is what a change of path cost. It is measured from packets: from the
// last one on an old path to the first on the new one.
type Heard struct {
	Generation uint64
	At         time.Time // first packet in on the new path
	GapIn      time.Duration
	GapOut     time.Duration // 0 where we do not send
	LostIn     uint64        // packets missing between the two
}

// Stream is one call's RTP leg. Use New.
type Stream struct {
	cfg Config
	log *slog.Logger

	mu    sync.Mutex
	media Negotiated // in force; owned with all below by mu
	gate  gate
	paths paths
	rx    receiver
	tx    sender
	spk   speaker
	count counters
	trail trail

	wake chan struct{} // one token: something for Run to look at
}

// New returns a stream on a first pair of sockets, of generation 0, which
// belongs to the stream from now on. Nothing happens until Run.
func New(cfg Config, sock *path.Socket) *Stream {
	s := &Stream{cfg: cfg, log: cfg.Log, wake: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	if s.cfg.Codec == nil {
		s.cfg.Codec, _ = codec.New("PCMU") // always there
	}
	now := s.cfg.Now()
	s.tx.init()
	s.paths.init(&leg{sock: sock})
	s.apply(now, s.cfg.Negotiated)
	return s
}

// Update takes the result of a new offer and answer. A codec that stays keeps
// its state.
func (s *Stream) Update(n Negotiated) {
	now := s.cfg.Now()
	s.mu.Lock()
	if n.Codec == nil {
		n.Codec = s.media.Codec
	}
	s.apply(now, n)
	s.mu.Unlock()
}

func (s *Stream) apply(now time.Time, n Negotiated) {
	if n.PTime < 5*time.Millisecond || n.PTime > maxPTime {
		n.PTime = 20 * time.Millisecond
	}
	old := s.media
	if old.Codec != nil && old.Codec.String() == n.Codec.String() {
		n.Codec = old.Codec
	}
	s.media = n
	s.rx.flow.agreed(now, old, n)
	s.gate.agree(now, n.Remote, n.RemoteRTCP.Addr(), n.Signalling)
	if n.Codec != old.Codec || n.PTime != old.PTime {
		s.tx.shape(n.Codec, n.PTime)
	}
	if !n.Receive {
		s.spk.left = 0 // not a sample more
	}
	switch {
	case n.Codec != old.Codec:
		s.count.buffers.add(s.rx.stats())
		s.rx.buffer = jitter.New(jitter.Options{
			ClockRate: n.Codec.ClockRate(), Frame: n.PTime,
			Min: s.cfg.JitterMin, Max: s.cfg.JitterMax,
		})
		s.spk = newSpeaker(n.Codec.Rate())
		s.count.in = audio.NewMeter(n.Codec.Rate())
		s.count.out = audio.NewMeter(n.Codec.Rate())
	case n.Receive && !old.Receive:
		s.rx.buffer.Restart() // what was before the hold is over
	}
}

// Run reads the sockets, reports by RTCP about every five seconds and says BYE
// at the end. It returns nil when ctx ends, with all sockets closed.
func (s *Stream) Run(ctx context.Context) error {
	var children sync.WaitGroup
	defer children.Wait()
	defer s.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, l := range s.unread() {
			s.read(ctx, &children, "rtp", l, l.sock.ReadFrom)
			s.read(ctx, &children, "rtcp", l, l.sock.ReadFromRTCP)
		}
		now := s.cfg.Now()
		timer.Reset(s.upkeep(now).Sub(now))
		select {
		case <-ctx.Done():
			s.sayBye(s.cfg.Now())
			return nil
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// upkeep does what is due outside the flow of packets and returns when to come
// again.
func (s *Stream) upkeep(now time.Time) time.Time {
	s.mu.Lock()
	next := s.tx.nextReport
	if next.IsZero() {
		next = now.Add(interval() / 2)
		s.tx.nextReport = next
	}
	due := !now.Before(next)
	if due {
		next = now.Add(interval())
		s.tx.nextReport = next
	}
	var old []*leg
	if at := s.paths.retireAt; !at.IsZero() {
		if now.Before(at) {
			next = earlier(next, at)
		} else {
			old = s.paths.retire()
		}
	}
	s.mu.Unlock()
	closeAll(old)
	if due {
		s.report(now)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Close closes the sockets. Run does so by itself; Close is for a stream that
// never ran. It may be called again.
func (s *Stream) Close() error {
	s.mu.Lock()
	all := s.paths.close()
	s.mu.Unlock()
	closeAll(all)
	return nil
}

// rouse makes Run look again.
func (s *Stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Rate is the number of samples per second that Play and Capture mean. A
// change of codec changes it.
func (s *Stream) Rate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.media.Codec.Rate()
}

// Digits queues digits (0-9 * # A-D, ',' pauses a second), which are sent as
// RFC 4733 events in place of the audio.
func (s *Stream) Digits(keys string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.media.EventSendPT == 0 {
		return ErrNoEvents
	}
	return s.tx.keypad.press(keys)
}
