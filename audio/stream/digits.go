package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The events of RFC 4733 section 3.2 that are digits, by code.
const digits = "0123456789*#ABCD"

const (
	toneLength = 100 * time.Millisecond // least, rounded up to whole packets
	toneGap    = 60 * time.Millisecond  // from the end of one to the start of the next
	commaPause = time.Second
	volume     = 10 // dBm0, negated
	maxQueue   = 256
	endCopies  = 3 // of the end packet (RFC 4733 section 2.5.1.4)
	// longTone is when a digit counts though its end was not seen.
	longTone = 5 * time.Second
)

// ErrNoEvents says that the peer takes no RFC 4733 events.
var ErrNoEvents = errors.New("the other side takes no telephone events, so digits cannot be sent")

// keypad sends digits: one packet per tick of the packetization time, all of
// one digit with the timestamp of its start (RFC 4733 section 2.5).
type keypad struct {
	queue [maxQueue]byte
	n     int

	active   bool
	event    uint8
	ts       uint32 // at the start of the tone
	duration uint32 // timestamp units so far
	ends     int    // end packets sent
	wait     time.Duration
}

// press queues digits; ',' pauses a second. Nothing is queued on an error.
func (k *keypad) press(s string) error {
	s = strings.ToUpper(s)
	if i := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(digits+",", r) }); i >= 0 {
		return errors.New("only 0-9, *, #, A-D and ',' can be sent as digits") // which one is nobody's business in a log
	}
	if k.n+len(s) > maxQueue {
		return fmt.Errorf("more than %d digits are waiting to be sent", maxQueue)
	}
	k.n += copy(k.queue[k.n:], s)
	return nil
}

// tick advances by one packet of the given length at timestamp ts. ok: an event
// packet takes the place of the audio; payload holds it, start is its
// timestamp, marker its marker bit.
func (k *keypad) tick(ts uint32, clock int, length time.Duration, payload *[4]byte) (start uint32, marker, ok bool) {
	if k.wait > 0 {
		k.wait -= length
		return 0, false, false
	}
	if !k.active {
		if k.n == 0 {
			return 0, false, false
		}
		d := k.queue[0]
		k.n = copy(k.queue[:], k.queue[1:k.n])
		if d == ',' {
			k.wait = commaPause - length
			return 0, false, false
		}
		*k = keypad{queue: k.queue, n: k.n, active: true, event: uint8(strings.IndexByte(digits, d)), ts: ts}
		marker = true
	}
	if k.ends == 0 {
		k.duration += uint32(int64(clock) * int64(length) / int64(time.Second))
	}
	var end byte
	if int64(k.duration)*int64(time.Second) >= int64(clock)*int64(toneLength) {
		end = 0x80
		k.ends++
	}
	payload[0], payload[1] = k.event, end|volume
	binary.BigEndian.PutUint16(payload[2:], uint16(k.duration))
	if k.ends == endCopies {
		k.active = false
		k.wait = max(0, toneGap-endCopies*length)
	}
	return k.ts, marker, true
}

// listener hears digits. A digit is known by its timestamp: retransmissions,
// late copies and a duration without end are one digit. Where a sender's clock
// stands still or goes back, a packet in sequence that begins anew is another one:
// it is marked, or goes on after an end as another event or a shorter one.
type listener struct {
	known    bool
	event    uint8
	ts       uint32
	seq      uint16 // of the newest packet
	duration uint16
	pending  bool // seen, not reported
	extra    uint32
}

// digit is what was heard.
type digit struct {
	key   rune
	units uint32 // length in timestamp units; 0: none heard
}

// packet takes the payload of an event packet. ok is false where it is not an
// event that means a digit.
func (l *listener) packet(ts uint32, seq uint16, marker bool, payload []byte, clock int) (d, earlier digit, ok bool) {
	if len(payload) < 4 || payload[0] >= uint8(len(digits)) {
		return digit{}, digit{}, false
	}
	event, end := payload[0], payload[1]&0x80 != 0
	duration := binary.BigEndian.Uint16(payload[2:])
	newer := int16(seq-l.seq) > 0
	copied := end && ts == l.ts && event == l.event && duration == l.duration
	anew := newer && !copied && (marker || !end && !l.pending && (event != l.event || duration < l.duration))
	if !l.known || int32(ts-l.ts) > 0 || anew {
		if l.known && !marker && l.event == event && ts == l.ts+uint32(l.duration) && l.duration > 0x7fff {
			l.extra += uint32(l.duration) // the next segment of a long one (section 2.5.1.3)
		} else {
			earlier = l.flush() // its end was lost
			*l = listener{known: true, event: event, pending: true, seq: seq}
		}
		l.ts, l.duration = ts, 0
	}
	if ts != l.ts || event != l.event {
		return digit{}, earlier, true // an old copy
	}
	if newer {
		l.seq = seq
	}
	l.duration = max(l.duration, duration)
	if end || int64(l.extra+uint32(l.duration)) >= int64(clock)*int64(longTone)/int64(time.Second) {
		d = l.flush()
	}
	return d, earlier, true
}

// audio notes that audio of the timestamp ts arrived: an event that lies
// before it is over, even where its end was lost.
func (l *listener) audio(ts uint32) digit {
	if !l.pending || int32(ts-l.ts-uint32(l.duration)) <= 0 {
		return digit{}
	}
	return l.flush()
}

func (l *listener) flush() digit {
	if !l.pending {
		return digit{}
	}
	l.pending = false
	return digit{key: rune(digits[l.event]), units: max(1, l.extra+uint32(l.duration))}
}
