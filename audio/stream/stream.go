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
	Format        codec.Format // of what we send; zero: PCMU, in New; what was, in Update
	SendPT        uint8
	EventSendPT   uint8          // RFC 4733; 0: none
	Hears         []Payload      // what the peer may send; empty: Format, by SendPT
	Remote        netip.AddrPort // RTP address of the peer's SDP; zero: nothing is sent
	RemoteRTCP    netip.AddrPort // zero: the port after Remote's
	Mux           bool           // RTCP on the RTP port (RFC 5761)
	Signalling    netip.Addr     // of the peer or its proxy, for latching; zero: unknown
	Send, Receive bool           // direction
	PTime         time.Duration  // of what we send; default 20 ms
}

// Payload is a payload type and what it stands for, TelephoneEvent included.
type Payload struct {
	Type   uint8
	Format codec.Format
}

// TelephoneEvent is the name of the format of RFC 4733.
const TelephoneEvent = "telephone-event"

// Config shapes a Stream. Callbacks run on the stream's or the sound clock's
// goroutine, without its lock, and must not block.
type Config struct {
	Negotiated
	JitterMin, JitterMax time.Duration // limits of the buffer; default 20 ms and 200 ms
	OnDigit              func(key rune, length time.Duration)
	OnHeard              func(Heard)             // once per adopted path
	OnMoved              func(to netip.AddrPort) // our packets go there from now on: a latch, or the SDP's address again
	OnForeign            func(payloadType uint8) // sound comes in a format never agreed on; once for each
	Reactor              *Reactor                // looks at the sockets where it can; nil: a goroutine waits at each
	NoLatch              bool                    // packets are heard from the SDP's IP only, and go to its address
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
	count counters
	trail trail
	rate  int // of the coder that was, once the stream is closed

	wake chan struct{} // one token: something for Run to look at
}

// New returns a stream on a first pair of sockets, of generation 0, which
// belongs to the stream from now on. Nothing happens until Run.
func New(cfg Config, sock *path.Transport) *Stream {
	s := &Stream{cfg: cfg, log: cfg.Log, wake: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now
	}
	if s.cfg.Format == (codec.Format{}) {
		s.cfg.Format = codec.Format{Name: "PCMU", ClockRate: 8000} // always there
	}
	now := s.cfg.Now()
	s.tx.init()
	s.gate.off = cfg.NoLatch
	s.paths.init(&leg{sock: sock})
	s.apply(now, s.cfg.Negotiated)
	return s
}

// Update takes the result of a new offer and answer. A codec that stays keeps
// its state.
func (s *Stream) Update(n Negotiated) {
	now := s.cfg.Now()
	s.mu.Lock()
	if s.paths.closed {
		s.mu.Unlock()
		return
	}
	if n.Format == (codec.Format{}) {
		n.Format = s.media.Format
	}
	s.apply(now, n)
	s.mu.Unlock()
}

func (s *Stream) apply(now time.Time, n Negotiated) {
	if n.PTime < 5*time.Millisecond || n.PTime > maxPTime {
		n.PTime = 20 * time.Millisecond
	}
	if len(n.Hears) == 0 {
		n.Hears = []Payload{{n.SendPT, n.Format}}
	}
	s.rx.said = [2]uint64{}
	old, fresh := s.media, s.code(&n)
	s.media = n
	closed := s.rx.decoders.agree(&n)
	s.rx.flow.agreed(now, old, n)
	s.gate.agree(now, n.Remote, n.RemoteRTCP.Addr(), n.Signalling)
	if fresh || n.PTime != old.PTime {
		s.tx.shape(n.Format, s.tx.coder, n.PTime)
	}
	switch {
	case fresh:
		s.count.buffers.add(s.rx.stats())
		s.rx.buffer = jitter.New(jitter.Options{
			ClockRate: n.Format.ClockRate, Rate: s.tx.coder.Rate(), Frame: n.PTime,
			Min: s.cfg.JitterMin, Max: s.cfg.JitterMax,
		})
		s.rx.jumps = 0
		s.count.in = audio.NewMeter(s.tx.coder.Rate())
		s.count.out = audio.NewMeter(s.tx.coder.Rate())
	case closed: // what is held is of no use without its coder
		s.rx.buffer.Forget()
	case n.Receive && !old.Receive:
		s.rx.buffer.Restart() // what was before the hold is over
	}
}

// code opens the coder of a format that was not in use, and closes the one that
// was. A format that nobody can open changes nothing, and is logged: what is
// agreed on was offered by us.
func (s *Stream) code(n *Negotiated) (fresh bool) {
	if s.tx.coder != nil && n.Format == s.media.Format {
		return false
	}
	c, err := n.Format.Open()
	if err != nil && s.tx.coder == nil {
		n.Format = codec.Format{Name: "PCMU", ClockRate: 8000}
		c, _ = n.Format.Open() // always there
	}
	if c == nil {
		s.log.Error("no coder", "error", err)
		n.Format = s.media.Format
		return false
	}
	if s.tx.coder != nil {
		s.tx.coder.Close()
	}
	s.tx.coder = c
	return true
}

// Run reads the sockets, reports by RTCP about every five seconds and says BYE
// at the end. It returns nil when ctx ends, with all sockets closed.
func (s *Stream) Run(ctx context.Context) error {
	var children sync.WaitGroup
	defer children.Wait()
	defer s.Close()
	defer s.cfg.Reactor.leave(s)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for _, l := range s.unread() {
			if s.cfg.Reactor.join(s, l) {
				continue
			}
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

// Close closes the sockets and the coder: what is played from now on is silence,
// and what is captured is dropped. Run does so by itself; Close is for a stream that
// never ran. It may be called again.
func (s *Stream) Close() error {
	s.mu.Lock()
	all := s.paths.close()
	if all != nil {
		s.rate = s.tx.coder.Rate()
		s.tx.coder.Close()
		s.tx.coder = nil
		s.rx.decoders.close()
	}
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
	return s.playRate()
}

func (s *Stream) playRate() int {
	if s.paths.closed {
		return s.rate
	}
	return s.tx.coder.Rate()
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
