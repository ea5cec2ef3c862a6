package sdp

import (
	"net/netip"
	"slices"
	"strings"

	"ramble/internal/leaf/clean"
)

// Answer answers the peer's offer: our audio is wanted at the transport at,
// direction as we wish it before the peer's is heard. The first of the peer's codecs that we know is
// taken, alone, under the peer's payload type (RFC 3264 6.1); streams other
// than the one are declined in their places. An offer that changes nothing is
// answered with the same bytes. The error is an *Error with code 488 and
// changes nothing: the session before it goes on.
func (l *Local) Answer(remote Session, at Transport, dir Direction) (answer []byte, n Negotiated, err error) {
	if remote.AudioLine < 0 || remote.AudioLine >= len(remote.Lines) {
		return nil, Negotiated{}, unsuitable("no audio stream is offered")
	}
	if remote.Audio.RTP.IsValid() && remote.Audio.RTP == at.RTP {
		return nil, Negotiated{}, unsuitable("the media address offered is our own")
	}
	theirs, own, ok := l.common(remote.Audio.Codecs)
	if !ok {
		return nil, Negotiated{}, l.nothingInCommon(remote.Audio)
	}
	l.adopt(l.formats, own, theirs.PayloadType)
	chosen := []Codec{l.formats[own]}
	if pt := remote.Audio.EventsAt(theirs.ClockRate); pt != 0 {
		if i := find(l.events, Codec{Name: telephoneEvent, ClockRate: theirs.ClockRate}); i >= 0 {
			l.adopt(l.events, i, pt)
			chosen = append(chosen, l.events[i])
		}
	}
	l.lines, l.index = slices.Clone(remote.Lines), remote.AudioLine
	l.proto, l.at, l.offering = remote.Audio.Protocol, at, false
	l.dir = dir.And(remote.Audio.Direction.Reverse())
	n = l.agree(remote.Audio, theirs, chosen)
	agreed := l.dir
	l.answered = func(at Transport) []byte {
		at.Mux = n.Remote.Mux
		return l.describe(at, agreed, chosen, n.PTime)
	}
	return l.answer(l.answered(at)), n, nil
}

// Preview is Accept for what stands in a provisional response that is not
// reliable: a promise of the answer, which is still to come and may come
// otherwise, from another fork for one (RFC 3261 13.2.1).
func (l *Local) Preview(remote Session) (Negotiated, error) {
	n, err := l.Accept(remote)
	if err == nil {
		l.offering = true
	}
	return n, err
}

// Accept takes the peer's answer to our last offer. The error is an *Error
// and changes nothing.
func (l *Local) Accept(remote Session) (Negotiated, error) {
	switch {
	case !l.offering:
		return Negotiated{}, malformed("an answer without an offer")
	case remote.AudioLine < 0 || remote.AudioLine >= len(remote.Lines):
		return Negotiated{}, unsuitable("the audio stream was declined")
	case remote.AudioLine != l.index || len(remote.Lines) > len(l.lines):
		return Negotiated{}, malformed("the answer has other streams than the offer")
	case remote.Audio.RTP.IsValid() && remote.Audio.RTP == l.at.RTP:
		return Negotiated{}, unsuitable("the media address answered is our own")
	}
	theirs, own, ok := l.common(remote.Audio.Codecs)
	if !ok {
		return Negotiated{}, l.nothingInCommon(remote.Audio)
	}
	l.offering = false
	return l.agree(remote.Audio, theirs, l.kept(remote.Audio, own)), nil
}

// kept are our formats that stand in the answer too, the codec in use first:
// the peer may send by any of them, and from one packet to the next by another
// (RFC 3264 7).
func (l *Local) kept(remote Media, own int) []Codec {
	list := []Codec{l.formats[own]}
	for _, c := range remote.Codecs {
		if i := find(l.formats, c); i >= 0 && find(list, c) < 0 {
			list = append(list, l.formats[i])
		}
	}
	for _, c := range remote.Events {
		if i := find(l.events, c); i >= 0 && find(list, c) < 0 {
			list = append(list, l.events[i])
		}
	}
	return list
}

// common is the first of their codecs that is also ours.
func (l *Local) common(theirs []Codec) (Codec, int, bool) {
	for _, c := range theirs {
		if i := find(l.formats, c); i >= 0 {
			return c, i, true
		}
	}
	return Codec{}, 0, false
}

// adopt gives one of our formats the payload type that the peer uses for it.
// Another format of ours that had the number gets one never used before.
func (l *Local) adopt(list []Codec, i int, pt uint8) {
	list[i].PayloadType = pt
	l.taken[pt] = true
	for _, other := range [][]Codec{l.formats, l.events} {
		for j := range other {
			if other[j].PayloadType == pt && &other[j] != &list[i] {
				other[j].PayloadType = l.free(firstDynamic)
				l.taken[other[j].PayloadType] = true
			}
		}
	}
}

// agree makes the outcome from the peer's description, the codec in it and
// the formats of ours in both, of which the codec is the first.
func (l *Local) agree(remote Media, theirs Codec, ours []Codec) Negotiated {
	l.inUse = ours[0]
	n := Negotiated{
		Codec: theirs, SendPT: theirs.PayloadType, Hears: ours,
		Remote: remote.Transport, Host: remote.Host, Port: remote.Port,
		Direction: l.dir.And(remote.Direction.Reverse()),
		PTime:     remote.PTime,
		Held:      !remote.Direction.Receives(),
	}
	if remote.Mux = remote.Mux && l.at.Mux; !remote.Mux && n.Remote.Mux {
		n.Remote.Mux, n.Remote.RTCP = false, netip.AddrPort{} // the port above
	}
	if n.PTime == 0 {
		n.PTime = l.ptime
	}
	if most := remote.MaxPTime; most > 0 {
		n.PTime = max(leastPTime, min(n.PTime, most))
	}
	if find(ours, Codec{Name: telephoneEvent, ClockRate: theirs.ClockRate}) >= 0 {
		n.EventsSend = remote.EventsAt(theirs.ClockRate)
	}
	return n
}

func (l *Local) nothingInCommon(remote Media) error {
	return &Error{
		Code:    488,
		Text:    "no codec in common",
		Explain: "the peer has " + list(remote.Codecs) + "; we have " + list(l.formats),
	}
}

// list names codecs for a person; the first ten are enough to see the point.
func list(codecs []Codec) string {
	var names []string
	for _, c := range codecs {
		if len(names) == 10 {
			names = append(names, "…")
			break
		}
		names = append(names, c.String())
	}
	if len(names) == 0 {
		return "none"
	}
	return clean.Limit(strings.Join(names, ", "), 400)
}
