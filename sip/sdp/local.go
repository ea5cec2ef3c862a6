package sdp

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"
)

// PTime is the packet time that we ask for and, unless the peer asks for
// another, send, where nobody chose one: see Local.Prefer.
const PTime = 20 * time.Millisecond

// dynamic payload types (RFC 3551 6); events begin at 101, where every phone
// expects them.
const (
	firstDynamic = 96
	firstEvents  = 101
)

// Local is our half of one call's session. It survives stacks and roams: in
// o= the user, the id, the address and its family stay for ever, only the
// version grows, by one (RFC 3264 8); c= and m= move. It is not safe for
// concurrent use; the call owns it.
type Local struct {
	origin  netip.Addr
	id      uint64
	version uint64 // of the last description handed out; 0: none yet
	body    []byte // of that description, without its o= line

	repertoire
	inUse    Codec // agreed last; Name "" before
	narrow   bool
	offering bool                      // an offer of ours waits for its answer
	answered func(at Transport) []byte // writes our last answer; nil: an offer came after it
	at       Transport
	dir      Direction
	ptime    time.Duration // what we ask for

	lines []Line // the shape of the session once settled
	index int    // of our stream in lines
	proto string
}

// repertoire is what we can hear, with the numbers that it has.
type repertoire struct {
	formats []Codec // ours in order of preference
	events  []Codec // telephone-event, one per clock rate of formats
	// taken holds every payload type ever bound in this session: a number
	// never changes its meaning (RFC 3264 8.3.2).
	taken [128]bool
}

// NewLocal begins a session. origin is the address for the o= line and only a
// name from then on; prefs are our codecs, best first. Payload types of prefs
// are kept where they are given and free; static formats have their own.
// telephone-event is offered by itself at each clock rate of prefs.
func NewLocal(origin netip.Addr, sessionID uint64, prefs []Codec) *Local {
	l := &Local{
		origin: origin.Unmap().WithZone(""), id: sessionID, proto: "RTP/AVP",
		lines: []Line{{Media: "audio"}}, ptime: PTime,
	}
	if !origin.IsValid() {
		l.origin = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	for _, c := range prefs {
		if isToken(c.Name) && !auxiliary(c) && find(l.formats, c) < 0 {
			c.PayloadType = l.ownType(c)
			l.taken[c.PayloadType] = true
			l.formats = append(l.formats, c)
		}
	}
	for _, c := range l.formats {
		if find(l.events, Codec{Name: telephoneEvent, ClockRate: c.ClockRate}) < 0 {
			pt := l.free(firstEvents)
			l.taken[pt] = true
			l.events = append(l.events, Codec{Name: telephoneEvent, ClockRate: c.ClockRate, PayloadType: pt, Fmtp: "0-15"})
		}
	}
	return l
}

// ownType chooses the payload type of one of our formats.
func (l *Local) ownType(c Codec) uint8 {
	for _, s := range staticFormats {
		if s.Is(c) && !l.taken[s.PayloadType] {
			return s.PayloadType
		}
	}
	if c.PayloadType >= firstDynamic && c.PayloadType < 128 && !l.taken[c.PayloadType] {
		return c.PayloadType
	}
	return l.free(firstDynamic)
}

// free is an unused payload type, from a place on and around the dynamic
// range, then in the unassigned part below it.
func (l *Local) free(from int) uint8 {
	for i := range 128 - firstDynamic {
		pt := firstDynamic + (from-firstDynamic+i)%(128-firstDynamic)
		if !l.taken[pt] && (from == firstEvents || pt != firstEvents) {
			return uint8(pt)
		}
	}
	for pt := 35; pt < 64; pt++ { // RFC 5761 4: 64 to 95 look like RTCP
		if !l.taken[pt] {
			return uint8(pt)
		}
	}
	return 127
}

func find(list []Codec, c Codec) int {
	for i := range list {
		if list[i].Is(c) {
			return i
		}
	}
	return -1
}

// Narrow makes later offers list only the codec in use; it is the second try
// after a 488 to a refresh.
func (l *Local) Narrow() { l.narrow = true }

// Prefer sets the packet time that later descriptions ask for, and that is sent
// where the peer names none; one outside of what is sent changes nothing.
func (l *Local) Prefer(ptime time.Duration) {
	if ptime >= leastPTime && ptime <= mostPTime {
		l.ptime = ptime
	}
}

// Version is that of the last description handed out; 0 before the first.
func (l *Local) Version() uint64 { return l.version }

// Offering reports whether an offer of ours waits for its answer.
func (l *Local) Offering() bool { return l.offering }

// Offer is a new description of ours: audio wanted at the transport at,
// direction as we see it. The codec in use stands first and keeps its payload type. Every offer is one version
// above the description before it, also when nothing else changed, so that no
// peer takes a refresh for a retransmission. What was agreed stays in force
// until Accept.
func (l *Local) Offer(at Transport, dir Direction) []byte {
	formats, events := l.formats, l.events
	if i := find(formats, l.inUse); i >= 0 {
		formats = append([]Codec{formats[i]}, without(formats, i)...)
		if l.narrow {
			formats = formats[:1]
			if j := find(events, Codec{Name: telephoneEvent, ClockRate: formats[0].ClockRate}); j >= 0 {
				events = events[j : j+1]
			}
		}
	}
	l.at, l.dir, l.offering, l.answered = at, dir, true, nil
	l.body = l.describe(at, dir, append(formats[:len(formats):len(formats)], events...), l.ptime)
	l.version++
	return l.whole()
}

func without(list []Codec, i int) []Codec {
	out := append([]Codec(nil), list[:i]...)
	return append(out, list[i+1:]...)
}

// answer hands out a description that is new only if something in it is.
func (l *Local) answer(body []byte) []byte {
	if !bytes.Equal(body, l.body) {
		l.body = body
		l.version++
	}
	return l.whole()
}

// Elsewhere is our last answer with another transport, for a peer that did not
// acknowledge it before they went away. It is the same version: the peer sees
// one of the two. Nil: the last description was no answer.
func (l *Local) Elsewhere(at Transport) []byte {
	if l.answered == nil {
		return nil
	}
	l.at, l.body = at, l.answered(at)
	return l.whole()
}

// whole puts the o= line, which carries the version, before the body.
func (l *Local) whole() []byte {
	family := "IP4"
	if l.origin.Is6() {
		family = "IP6"
	}
	o := pion.Origin{
		Username: "-", SessionID: l.id, SessionVersion: l.version,
		NetworkType: "IN", AddressType: family, UnicastAddress: l.origin.String(),
	}
	return append([]byte("v=0\r\no="+o.String()+"\r\n"), l.body...)
}

// describe writes everything below the o= line.
func (l *Local) describe(at Transport, dir Direction, formats []Codec, ptime time.Duration) []byte {
	ip := at.RTP.Addr().Unmap().WithZone("")
	if !at.RTP.IsValid() {
		ip = l.origin // nothing to receive on: the caller's direction says so
	}
	family := "IP4"
	if ip.Is6() {
		family = "IP6"
	}
	d := pion.SessionDescription{
		SessionName: "-",
		ConnectionInformation: &pion.ConnectionInformation{
			NetworkType: "IN", AddressType: family, Address: &pion.Address{Address: ip.String()},
		},
		TimeDescriptions: []pion.TimeDescription{{}},
	}
	for i, line := range l.lines {
		if i == l.index {
			d.MediaDescriptions = append(d.MediaDescriptions, l.stream(at, dir, formats, ptime))
			continue
		}
		d.MediaDescriptions = append(d.MediaDescriptions, &pion.MediaDescription{MediaName: pion.MediaName{
			Media: line.Media, Protos: strings.Split(line.Protocol, "/"), Formats: []string{line.Format},
		}})
	}
	text, err := d.Marshal()
	if err != nil {
		return nil // pion's Marshal has no error of its own
	}
	// The lines v= and o= are ours to write; cut pion's empty ones.
	_, text, _ = bytes.Cut(text, []byte("\r\ns="))
	return append([]byte("s="), text...)
}

func (l *Local) stream(at Transport, dir Direction, formats []Codec, ptime time.Duration) *pion.MediaDescription {
	port := int(at.RTP.Port())
	if !at.RTP.IsValid() {
		port = 9 // discard; 0 would decline the stream
	}
	md := &pion.MediaDescription{MediaName: pion.MediaName{
		Media: "audio", Port: pion.RangedPort{Value: port}, Protos: strings.Split(l.proto, "/"),
	}}
	for _, c := range formats {
		pt := strconv.Itoa(int(c.PayloadType))
		md.MediaName.Formats = append(md.MediaName.Formats, pt)
		md.WithValueAttribute("rtpmap", pt+" "+c.String())
		if c.Fmtp != "" {
			md.WithValueAttribute("fmtp", pt+" "+c.Fmtp)
		}
	}
	md.WithValueAttribute("ptime", strconv.Itoa(int(ptime/time.Millisecond)))
	if at.RTCP.IsValid() && (at.RTCP.Addr() != at.RTP.Addr() || at.RTCP.Port() != at.RTP.Port()+1) {
		md.WithValueAttribute("rtcp", at.rtcpValue())
	}
	if at.Mux {
		md.WithPropertyAttribute("rtcp-mux")
	}
	return md.WithPropertyAttribute(dir.String())
}

// rtcpValue writes the address only where it differs (RFC 3605 2.1).
func (t Transport) rtcpValue() string {
	v := strconv.Itoa(int(t.RTCP.Port()))
	ip := t.RTCP.Addr().Unmap().WithZone("")
	switch {
	case t.RTCP.Addr() == t.RTP.Addr():
		return v
	case ip.Is6():
		return v + " IN IP6 " + ip.String()
	}
	return v + " IN IP4 " + ip.String()
}
