package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	pion "github.com/pion/sdp/v3"

	"ramble/internal/leaf/clean"
)

// Bounds on what is read. They are far above what a phone sends and far below
// what hurts.
const (
	maxBytes    = 64 << 10
	maxLines    = 4096
	maxMedia    = 64
	maxFormats  = 128 // there are no more payload types
	maxToken    = 32
	maxHost     = 253
	maxFmtp     = 1024
	maxClock    = 192_000
	maxChannels = 2
)

// telephoneEvent is the format of RFC 4733.
const telephoneEvent = "telephone-event"

// Parse reads a description. What a phone for one audio stream does not need
// is skipped unread, so that an odd b=, k= or a=candidate line of a peer does
// no harm. The error is always an *Error. A description whose audio is
// declined or absent parses; its AudioLine is -1.
func Parse(b []byte) (Session, error) {
	sc, err := scan(b)
	if err != nil {
		return Session{}, err
	}
	s := Session{AudioLine: -1}
	head, err := unmarshal(sc.head(nil))
	if err != nil {
		return Session{}, err
	}
	s.Origin = Origin{head.Origin.Username, head.Origin.SessionID, head.Origin.UnicastAddress}
	s.Version = head.Origin.SessionVersion
	var refusal error
	for i, sec := range sc.sections {
		s.Lines = append(s.Lines, sec.line)
		if s.AudioLine >= 0 || sec.line.Port == 0 || !strings.EqualFold(sec.line.Media, "audio") {
			continue
		}
		m, err := readMedia(&sc, sec)
		if err == nil {
			s.Audio, s.AudioLine = m, i
		} else if refusal == nil {
			refusal = err
		}
	}
	if s.AudioLine < 0 && refusal != nil {
		return Session{}, refusal
	}
	return s, nil
}

func unmarshal(text string) (*pion.SessionDescription, error) {
	d := &pion.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil {
		return nil, malformed(err.Error())
	}
	return d, nil
}

func malformed(why string) error {
	return &Error{Code: 400, Text: "malformed session description", Explain: clean.Limit(why, 120)}
}

func unsuitable(text string) error { return &Error{Code: 488, Text: text} }

// readMedia reads one audio section. A refusal of it is an *Error.
func readMedia(sc *scanned, sec section) (Media, error) {
	proto := strings.ToUpper(sec.line.Protocol)
	if proto != "RTP/AVP" && proto != "RTP/AVPF" {
		return Media{}, unsuitable("media protocol " + clean.Limit(sec.line.Protocol, maxToken) + " is not supported")
	}
	if sec.line.Port > 65535 || sec.line.Port < 0 {
		return Media{}, unsuitable("the media port is out of range")
	}
	d, err := unmarshal(sc.head(&sec))
	if err != nil {
		return Media{}, err
	}
	md := d.MediaDescriptions[0]
	conn := md.ConnectionInformation
	if conn == nil {
		conn = d.ConnectionInformation
	}
	if conn == nil || conn.Address == nil {
		return Media{}, malformed("no c= line")
	}
	m := Media{Protocol: proto}
	ip, held, err := readAddr(conn.Address.Address)
	if err != nil {
		if m.Host = hostName(conn.Address.Address); m.Host == "" {
			return Media{}, err
		}
		m.Port = uint16(sec.line.Port)
	}
	readAttributes(&m, ip, append(d.Attributes, md.Attributes...))
	readCodecs(&m, md)
	if len(m.Codecs) == 0 {
		return Media{}, unsuitable("no audio format that can be understood")
	}
	if held {
		m.Direction = m.Direction.And(SendOnly)
		m.RTCP = netip.AddrPort{}
		return m, nil
	}
	if m.Host == "" {
		m.locate(netip.AddrPortFrom(ip, uint16(sec.line.Port)))
	}
	return m, nil
}

// locate puts the address of RTP, and of RTCP where none was said.
func (m *Media) locate(at netip.AddrPort) {
	m.RTP = at
	switch {
	case m.Mux:
		m.RTCP = at
	case !m.RTCP.IsValid() && at.Port() < 65535:
		m.RTCP = netip.AddrPortFrom(at.Addr(), at.Port()+1)
	}
}

// resolve puts the address ip in the place of Host.
func (m *Media) resolve(ip netip.Addr) error {
	ip, held, err := readAddr(ip.Unmap().WithZone("").String())
	if err != nil || held {
		return &Error{Code: 488, Text: "the media host " + m.Host + " has no address that can be used"}
	}
	at := netip.AddrPortFrom(ip, m.Port)
	m.Host, m.Port = "", 0
	m.locate(at)
	return nil
}

// hostName reads a host name of c= (RFC 8866 5.7: an FQDN is allowed); empty
// where it is none that could be looked up. A name without a dot, or one that
// looks like a number, is no FQDN.
func hostName(text string) string {
	text = strings.TrimSuffix(text, ".")
	if len(text) > maxHost || !strings.Contains(text, ".") {
		return ""
	}
	labels := strings.Split(text, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return ""
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return ""
	}
	return text
}

// readAddr reads the address of a c= line. held is the old way to hold.
func readAddr(text string) (ip netip.Addr, held bool, err error) {
	text, _, _ = strings.Cut(text, "/") // a multicast TTL
	ip, perr := netip.ParseAddr(text)
	if perr != nil || ip.Zone() != "" {
		return ip, false, unsuitable("the media address is not an IP address")
	}
	ip = ip.Unmap()
	switch {
	case ip.IsUnspecified():
		return ip, true, nil
	case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return ip, false, unsuitable("the media address is not unicast")
	}
	return ip, false, nil
}

// readAttributes reads the attributes of session and media; the later one,
// which is the media's, wins.
func readAttributes(m *Media, ip netip.Addr, list []pion.Attribute) {
	for _, a := range list {
		switch a.Key {
		case "sendrecv":
			m.Direction = SendRecv
		case "sendonly":
			m.Direction = SendOnly
		case "recvonly":
			m.Direction = RecvOnly
		case "inactive":
			m.Direction = Inactive
		case "rtcp-mux":
			m.Mux = true
		case "rtcp":
			m.RTCP = readRTCP(a.Value, ip)
		case "ptime":
			m.PTime = readPTime(a.Value)
		case "maxptime":
			m.MaxPTime = readPTime(a.Value)
		}
	}
}

// readPTime accepts what a sender of 10 ms frames can obey, rounded down to
// them; anything else is ignored, for ptime is only a wish (RFC 8866 6.4). Some
// write a fraction.
func readPTime(v string) time.Duration {
	v, _, _ = strings.Cut(strings.TrimSpace(v), ".")
	ms, err := strconv.Atoi(v)
	d := time.Duration(ms) * time.Millisecond
	if err != nil || ms < 1 || ms > maxPTimeWord {
		return 0
	}
	return min(max(d.Truncate(leastPTime), leastPTime), mostPTime)
}

// The packets that we send hold no less sound than leastPTime and no more than
// mostPTime; what asks for more milliseconds than maxPTimeWord asks for nothing.
const (
	leastPTime   = 10 * time.Millisecond
	mostPTime    = 120 * time.Millisecond
	maxPTimeWord = 1000
)

// readRTCP reads "53020" or "53020 IN IP4 126.16.64.4" (RFC 3605 2.1).
func readRTCP(v string, ip netip.Addr) netip.AddrPort {
	f := strings.Fields(v)
	if len(f) != 1 && len(f) != 4 {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	if len(f) == 4 {
		var held bool
		if ip, held, err = readAddr(f[3]); err != nil || held {
			return netip.AddrPort{}
		}
	}
	return netip.AddrPortFrom(ip, uint16(port))
}

// readCodecs follows the order of the m= line; a format without a usable
// rtpmap is a static one or nothing.
func readCodecs(m *Media, md *pion.MediaDescription) {
	var known [128]Codec
	for _, a := range md.Attributes {
		head, rest, _ := strings.Cut(a.Value, " ")
		pt, ok := payloadType(head)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		switch a.Key {
		case "rtpmap":
			if c, ok := readRtpmap(rest); ok {
				c.PayloadType, c.Fmtp = pt, known[pt].Fmtp
				known[pt] = c
			} else {
				known[pt].ClockRate = -1 // said, and not understood: not static either
			}
		case "fmtp":
			if len(rest) <= maxFmtp {
				known[pt].Fmtp = rest
			}
		}
	}
	var seen [128]bool
	for _, f := range md.MediaName.Formats {
		pt, ok := payloadType(f)
		if !ok || seen[pt] || known[pt].ClockRate < 0 {
			continue
		}
		seen[pt] = true
		c := known[pt]
		if c.ClockRate == 0 {
			static, ok := staticFormat(pt)
			if !ok {
				continue
			}
			static.Fmtp = c.Fmtp
			c = static
		}
		switch {
		case strings.EqualFold(c.Name, telephoneEvent):
			m.Events = append(m.Events, c)
		case !auxiliary(c):
			m.Codecs = append(m.Codecs, c)
		}
	}
}

// auxiliary formats go along with a codec and are none by themselves.
func auxiliary(c Codec) bool {
	return strings.EqualFold(c.Name, telephoneEvent) || strings.EqualFold(c.Name, "CN")
}

func payloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil && n < 128
}

// readRtpmap reads "opus/48000/2".
func readRtpmap(v string) (Codec, bool) {
	f := strings.Split(v, "/")
	if len(f) < 2 || len(f) > 3 || !isToken(f[0]) {
		return Codec{}, false
	}
	clock, err := strconv.Atoi(f[1])
	if err != nil || clock <= 0 || clock > maxClock {
		return Codec{}, false
	}
	c := Codec{Name: f[0], ClockRate: clock}
	if len(f) == 3 {
		ch, err := strconv.Atoi(f[2])
		if err != nil || ch < 1 || ch > maxChannels {
			return Codec{}, false
		}
		if ch > 1 {
			c.Channels = ch
		}
	}
	return c, true
}

// staticFormats are those of RFC 3551 6 that a phone may meet.
var staticFormats = [...]Codec{
	{Name: "PCMU", ClockRate: 8000, PayloadType: 0},
	{Name: "GSM", ClockRate: 8000, PayloadType: 3},
	{Name: "G723", ClockRate: 8000, PayloadType: 4},
	{Name: "PCMA", ClockRate: 8000, PayloadType: 8},
	{Name: "G722", ClockRate: 8000, PayloadType: 9},
	{Name: "L16", ClockRate: 44100, Channels: 2, PayloadType: 10},
	{Name: "L16", ClockRate: 44100, PayloadType: 11},
	{Name: "CN", ClockRate: 8000, PayloadType: 13},
	{Name: "G728", ClockRate: 8000, PayloadType: 15},
	{Name: "G729", ClockRate: 8000, PayloadType: 18},
}

func staticFormat(pt uint8) (Codec, bool) {
	for _, c := range staticFormats {
		if c.PayloadType == pt {
			return c, true
		}
	}
	return Codec{}, false
}
