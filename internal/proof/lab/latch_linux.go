package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ramble/audio/codec"
)

// LatcherPort is where a Latcher takes calls, over UDP; its audio has a port
// of its own.
const LatcherPort = 5070

// Latcher is a talker that follows the audio that it hears, whatever the SDP
// says, as media relays and many gateways do. It answers every call at once,
// speaks a tone as PCMU to the source of the newest packet, and knows one call
// at a time. It answers at Target without being registered.
type Latcher struct {
	Target string // whom to call

	sip, audio *net.UDPConn
	own        netip.Addr
	done       chan struct{}

	mu     sync.Mutex
	dialog []string // head of the last INVITE's request, its own tag in To
	over   chan struct{}
	said   uint32 // CSeq of its own requests
}

// Latcher starts one on the callee, until the lab closes. hz is its tone.
func (l *Lab) Latcher(hz float64) (*Latcher, error) {
	h := l.Host(Callee)
	x := &Latcher{own: h.IPv4, Target: fmt.Sprintf("sip:latch@%s:%d", h.IPv4, LatcherPort), done: make(chan struct{}), over: make(chan struct{})}
	close(x.over)
	pcmu, err := codec.Format{Name: "PCMU", ClockRate: soundRate}.Open()
	if err != nil {
		return nil, err
	}
	if x.sip, err = h.ListenPacket(netip.AddrPortFrom(x.own, LatcherPort)); err != nil {
		return nil, err
	}
	if x.audio, err = h.ListenPacket(netip.AddrPortFrom(x.own, 0)); err != nil {
		return nil, errors.Join(err, x.sip.Close())
	}
	l.mu.Lock()
	l.closers = append(l.closers, x.close)
	l.mu.Unlock()
	l.guard.Go("latcher's calls", x.answer)
	l.guard.Go("latcher's audio", func() { defer close(x.done); x.speak(pcmu, hz) })
	return x, nil
}

func (x *Latcher) close() {
	_ = x.sip.Close()
	_ = x.audio.Close()
	<-x.done
}

// head are the header fields of a message with a name, as whole lines.
func head(message []string, names ...string) (lines []string) {
	for _, line := range message {
		name, _, _ := strings.Cut(line, ":")
		for _, want := range names {
			if strings.EqualFold(strings.TrimSpace(name), want) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func (x *Latcher) answer() {
	b := make([]byte, 1<<16)
	for {
		n, from, err := x.sip.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		text, _, _ := strings.Cut(string(b[:n]), "\r\n\r\n")
		message := strings.Split(text, "\r\n")
		method, _, _ := strings.Cut(message[0], " ")
		switch method {
		case "INVITE", "BYE", "OPTIONS", "UPDATE", "CANCEL":
			x.take(method, message)
			_, _ = x.sip.WriteToUDPAddrPort(x.reply(method, message), from)
		}
	}
}

// take remembers the call that an INVITE makes or moves, and its end.
func (x *Latcher) take(method string, message []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch method {
	case "INVITE":
		select {
		case <-x.over:
			x.over = make(chan struct{})
			x.dialog = message
		default: // the call moves: its route stays (RFC 3261 12.2)
			moved := append([]string{message[0]}, head(message, "From", "To", "Call-ID", "Contact")...)
			x.dialog = append(moved, head(x.dialog, "Record-Route")...)
		}
	case "BYE":
		x.end()
	}
}

func (x *Latcher) end() {
	select {
	case <-x.over:
	default:
		close(x.over)
	}
}

const latcherTag = ";tag=latch"

// tagged is a To or From line with the Latcher's tag.
func tagged(lines []string) string {
	line := strings.Join(lines, "")
	if strings.Contains(line, latcherTag) {
		return line
	}
	return line + latcherTag
}

func (x *Latcher) reply(method string, message []string) []byte {
	lines := append([]string{"SIP/2.0 200 OK"}, head(message, "Via", "From", "Call-ID", "CSeq", "Record-Route")...)
	lines = append(lines, tagged(head(message, "To")), "Contact: <"+x.Target+">", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS")
	body := ""
	if method == "INVITE" {
		port := x.audio.LocalAddr().(*net.UDPAddr).Port
		body = fmt.Sprintf("v=0\r\no=latch 1 %d IN IP4 %[2]s\r\ns=-\r\nc=IN IP4 %[2]s\r\nt=0 0\r\nm=audio %[3]d RTP/AVP 0\r\n", time.Now().Unix(), x.own, port)
		lines = append(lines, "Content-Type: application/sdp")
	}
	return []byte(strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
}

// speak sends a packet every 20 ms to the source of the newest one.
func (x *Latcher) speak(pcmu codec.Coder, hz float64) {
	var target netip.AddrPort
	tone := make([]int16, 160)
	packet := append([]byte{0x80, 0}, make([]byte, 170)...)
	binary.BigEndian.PutUint32(packet[8:], 0x1a7c4e12)
	b := make([]byte, 1500)
	for n := uint32(0); ; n++ {
		tick := time.Now().Add(20 * time.Millisecond)
		for {
			_ = x.audio.SetReadDeadline(tick)
			size, from, err := x.audio.ReadFromUDPAddrPort(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				break
			}
			if size > 12 {
				target = from
			}
		}
		binary.BigEndian.PutUint16(packet[2:], uint16(n))
		binary.BigEndian.PutUint32(packet[4:], n*160)
		for i := range tone {
			tone[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n*160+uint32(i))/soundRate))
		}
		pcmu.Encode(packet[12:], tone)
		select {
		case <-x.calling():
		default:
			if target.IsValid() {
				_, _ = x.audio.WriteToUDPAddrPort(packet, target)
			}
		}
	}
}

// calling is closed while there is no call.
func (x *Latcher) calling() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over
}

// HangUp ends the call by a BYE along the call's route, to where the last
// INVITE said that the phone is. Nothing is sent again: the lab loses nothing
// at the callee's link.
func (x *Latcher) HangUp() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	select {
	case <-x.over:
		return errors.New("the latcher has no call")
	default:
	}
	x.said++
	contact := strings.Join(head(x.dialog, "Contact"), "")
	_, uri, _ := strings.Cut(contact, "<")
	uri, _, _ = strings.Cut(uri, ">")
	routes := head(x.dialog, "Record-Route")
	if uri == "" || len(routes) == 0 {
		return fmt.Errorf("the latcher's call has no way back: %q", x.dialog)
	}
	_, first, _ := strings.Cut(routes[0], "<sip:")
	first, _, _ = strings.Cut(first, ";")
	hop, err := netip.ParseAddrPort(strings.TrimRight(first, ">"))
	if err != nil {
		host, err := netip.ParseAddr(strings.TrimRight(first, ">"))
		if err != nil {
			return fmt.Errorf("route %q: %w", routes[0], err)
		}
		hop = netip.AddrPortFrom(host, SIPPort)
	}
	lines := []string{
		"BYE " + uri + " SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s:%d;branch=z9hG4bKlatch%d;rport", x.own, LatcherPort, x.said),
		"Max-Forwards: 70", fmt.Sprintf("CSeq: %d BYE", x.said), "Content-Length: 0",
	}
	for _, r := range routes {
		_, value, _ := strings.Cut(r, ":")
		lines = append(lines, "Route:"+value)
	}
	_, to, _ := strings.Cut(strings.Join(head(x.dialog, "From"), ""), ":")
	_, from, _ := strings.Cut(tagged(head(x.dialog, "To")), ":")
	lines = append(lines, "From:"+from, "To:"+to)
	lines = append(lines, head(x.dialog, "Call-ID")...)
	x.end()
	_, err = x.sip.WriteToUDPAddrPort([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), hop)
	return err
}

// Ended waits until it has no call.
func (x *Latcher) Ended(ctx context.Context) error {
	select {
	case <-x.calling():
		return nil
	case <-ctx.Done():
		return patience(ctx, "the latcher's call to end")
	}
}
