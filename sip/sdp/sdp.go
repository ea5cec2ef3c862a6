// Package sdp is pure offer and answer for one audio stream (RFC 3264), over
// pion/sdp for the syntax (RFC 4566, RFC 8866).
//
// Parse turns what a peer wrote into values and never trusts it: every number
// is checked, every list is bounded, what cannot be used is ignored or refused
// with an *Error that says how. Local is our half of one call's session; it
// outlives sockets, stacks and networks. Nothing here knows of sockets, time
// or goroutines.
package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Codec is one audio format.
type Codec struct {
	Name        string // as in rtpmap: "PCMU", "opus"; compared without regard to case
	ClockRate   int    // RTP clock in Hz; 8000 for G722 (RFC 3551 4.5.2)
	Channels    int    // 0 means 1
	PayloadType uint8
	Fmtp        string // parameters of a=fmtp; "" when there are none
}

// Is says whether both name the same format; payload type and parameters do
// not matter (RFC 3264 6.1).
func (c Codec) Is(other Codec) bool {
	return strings.EqualFold(c.Name, other.Name) && c.ClockRate == other.ClockRate &&
		max(c.Channels, 1) == max(other.Channels, 1)
}

// String is the format as rtpmap writes it: "opus/48000/2".
func (c Codec) String() string {
	s := c.Name + "/" + strconv.Itoa(c.ClockRate)
	if c.Channels > 1 {
		s += "/" + strconv.Itoa(c.Channels)
	}
	return s
}

// Direction says who may send, seen from the side that says it.
type Direction int

// The directions of RFC 4566 6. The zero value is what a description that
// says nothing means.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

func (d Direction) String() string {
	if d < SendRecv || d > Inactive {
		return "inactive"
	}
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d]
}

// Sends says whether the side that says d may send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives says whether the side that says d is ready to receive.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse is d as the other side sees it.
func (d Direction) Reverse() Direction { return direction(d.Receives(), d.Sends()) }

// And is what remains where both allow it, both seen from the same side.
func (d Direction) And(other Direction) Direction {
	return direction(d.Sends() && other.Sends(), d.Receives() && other.Receives())
}

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// Origin is the o= line (RFC 4566 5.2).
type Origin struct {
	Username string
	ID       uint64
	Address  string // an address or a name, as it was written
}

// Session is a description as received.
type Session struct {
	Origin  Origin
	Version uint64
	// Lines are all m= lines in their order. An answer has as many.
	Lines []Line
	// AudioLine is the index in Lines of the stream that Audio describes: the
	// first audio line that is not declined and can be used; -1 if there is
	// none, and then Audio is empty.
	AudioLine int
	Audio     Media
}

// Line is the little that is kept of an m= line: enough to decline it.
type Line struct {
	Media    string // "audio", "video", "image"
	Port     int    // 0: declined
	Protocol string // "RTP/AVP"
	Format   string // the first one only
}

// Transport is where one side receives its media and by what means. It is a
// value: what ICE, SRTP or DTLS add to a description becomes a field of it and
// an argument of nobody.
type Transport struct {
	// RTP is where that side wants its audio. In a description of the peer it
	// is the zero value where that says 0.0.0.0 or ::, the old way to hold
	// (RFC 3264 8.4), and where it names a host that was not looked up yet.
	RTP netip.AddrPort
	// RTCP is from a=rtcp (RFC 3605), else the port above RTP's; equal to RTP
	// where the peer's description says a=rtcp-mux. In one of ours the zero
	// value stands for the port above.
	RTCP netip.AddrPort
	Mux  bool // RTP and RTCP can share the port of RTP (RFC 5761)
}

// Media is an audio stream as described by one side.
type Media struct {
	Transport
	// Host is the name that stands in c= where an address is expected (RFC
	// 8866 5.7), and Port the port there; both are empty where Transport says
	// an address. Negotiated.At puts one in its place.
	Host     string
	Port     uint16
	Protocol string // "RTP/AVP" or "RTP/AVPF"
	// Codecs are in that side's order of preference, telephone-event and CN
	// not among them.
	Codecs []Codec
	// Events are its telephone-event formats, one per clock rate (RFC 4733).
	Events []Codec
	// Direction is as that side sees it. The old way to hold counts as not
	// receiving.
	Direction Direction
	PTime     time.Duration // 0: not said, or nothing we could send
	MaxPTime  time.Duration // the most sound that it takes in one packet; 0: not said
}

// EventsAt is the payload type of telephone-event at a clock rate in Hz; 0
// if there is none.
func (m Media) EventsAt(clock int) uint8 {
	for _, e := range m.Events {
		if e.ClockRate == clock {
			return e.PayloadType
		}
	}
	return 0
}

// Negotiated is what an offer and its answer settled.
type Negotiated struct {
	// Codec carries the peer's Fmtp, which says what it wants to receive, and
	// SendPT as its payload type.
	Codec  Codec
	SendPT uint8 // on packets that we send
	// Hears are the formats that the peer may send, by the payload types of
	// ours: all that were offered and kept (RFC 3264 5.1, 7), the codec in use
	// first, telephone-event after the codecs.
	Hears []Codec
	// EventsSend is the payload type of telephone-event at the codec's clock
	// rate; 0 means that the peer does not know it.
	EventsSend uint8
	// Remote is where to send; its RTP is the zero value where the peer holds
	// the old way and named no address. Mux there is what both agreed to.
	Remote Transport
	// Host is the name that the peer gave in the place of an address, and Port
	// the port there: nothing can be sent until At has an address for it.
	Host      string
	Port      uint16
	Direction Direction     // ours, after both sides had their say
	PTime     time.Duration // of what we send: what the peer asked for and takes
	Held      bool          // the peer does not want our audio
}

// At is n with the address ip in the place of Host, which was looked up. The
// error is an *Error with code 488: nothing can be sent there.
func (n Negotiated) At(ip netip.Addr) (Negotiated, error) {
	m := Media{Transport: n.Remote, Host: n.Host, Port: n.Port}
	if err := m.resolve(ip); err != nil {
		return n, err
	}
	n.Remote, n.Host, n.Port = m.Transport, "", 0
	return n, nil
}

// RecvPT is the payload type on packets that we receive of the codec in use.
func (n Negotiated) RecvPT() uint8 {
	if len(n.Hears) == 0 {
		return 0
	}
	return n.Hears[0].PayloadType
}

// Equal says whether nothing changed for the media.
func (n Negotiated) Equal(other Negotiated) bool {
	return n.Codec == other.Codec && n.SendPT == other.SendPT && n.EventsSend == other.EventsSend &&
		slices.Equal(n.Hears, other.Hears) && n.Remote == other.Remote && n.Direction == other.Direction &&
		n.PTime == other.PTime && n.Held == other.Held && n.Host == other.Host && n.Port == other.Port
}

// Error is a description that cannot be used. Code is the SIP status to
// answer it with: 400 where it is not SDP, 488 where it is but does not suit
// us. All its texts are clean.
type Error struct {
	Code    int
	Text    string // short, fit for a Reason phrase or a Warning
	Explain string // the same with the details, for a person; may be empty
}

func (e *Error) Error() string {
	if e.Explain != "" {
		return "sdp: " + e.Text + ": " + e.Explain
	}
	return "sdp: " + e.Text
}
