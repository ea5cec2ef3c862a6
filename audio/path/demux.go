package path

// Kind is what a datagram on a media port is, by its first bytes.
type Kind int

// The kinds of RFC 7983 section 7, with RTP and RTCP told apart by RFC 5761
// section 4.
const (
	Unknown Kind = iota
	STUN
	ZRTP
	DTLS
	TURN
	RTP
	RTCP
)

func (k Kind) String() string {
	return [...]string{"unknown", "STUN", "ZRTP", "DTLS", "TURN", "RTP", "RTCP"}[k]
}

// Classify looks at the first two bytes of a datagram.
func Classify(b []byte) Kind {
	if len(b) < 2 {
		return Unknown
	}
	switch first := b[0]; {
	case first <= 3:
		return STUN
	case first >= 16 && first <= 19:
		return ZRTP
	case first >= 20 && first <= 63:
		return DTLS
	case first >= 64 && first <= 79:
		return TURN
	case first >= 128 && first <= 191:
		// Payload types 64 to 95 with the marker bit are RTCP packet types.
		if b[1] >= 192 && b[1] <= 223 {
			return RTCP
		}
		return RTP
	}
	return Unknown
}
