package sdp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// RFC 3264 7: with several formats in the answer, the peer may send by any.
func TestAccept_hears_every_format_that_was_kept(t *testing.T) {
	l := local(opus, pcmu, pcma)
	l.Offer(at("192.0.2.7:4000"), SendRecv)
	n, err := l.Accept(mustParse(t, plain("m=audio 9000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000")))
	want := []Codec{{"PCMA", 8000, 0, 8, ""}, {"PCMU", 8000, 0, 0, ""}, {telephoneEvent, 8000, 0, 102, "0-15"}}
	if err != nil || !slices.Equal(n.Hears, want) || n.Codec.Name != "PCMA" || n.EventsSend != 101 {
		t.Fatalf("%+v %v", n, err)
	}
}

func TestPacketTimeFollowsThePeer(t *testing.T) {
	for _, tt := range []struct {
		lines string
		want  time.Duration
	}{
		{"a=ptime:40", 40 * time.Millisecond},
		{"a=ptime:60\na=maxptime:40", 40 * time.Millisecond},
		{"a=maxptime:10", 10 * time.Millisecond},
		{"a=maxptime:150", PTime},
		{"a=maxptime:5", 10 * time.Millisecond},
		{"a=ptime:0\na=maxptime:0", PTime},
		{"a=ptime:1000000000", PTime},
	} {
		offer := mustParse(t, plain("m=audio 9000 RTP/AVP 0\n"+tt.lines))
		_, n, err := local(pcmu).Answer(offer, at("192.0.2.7:4000"), SendRecv)
		if err != nil || n.PTime != tt.want {
			t.Errorf("%q: %v, want %v (%v)", tt.lines, n.PTime, tt.want, err)
		}
	}
}

func TestThePacketTimeOfOursIsAskedForAndSent(t *testing.T) {
	l := local(pcmu)
	l.Prefer(30 * time.Millisecond)
	l.Prefer(time.Second)
	if s := mustParse(t, l.Offer(at("192.0.2.7:4000"), SendRecv)); s.Audio.PTime != 30*time.Millisecond {
		t.Errorf("asks for %v", s.Audio.PTime)
	}
	n, err := l.Accept(mustParse(t, plain("m=audio 9000 RTP/AVP 0")))
	if err != nil || n.PTime != 30*time.Millisecond {
		t.Errorf("sends %v (%v)", n.PTime, err)
	}
}

func TestAHostNameWaitsForItsAddress(t *testing.T) {
	s := mustParse(t, plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 media.example.org"))
	if s.Audio.Host != "media.example.org" || s.Audio.RTP.IsValid() || s.Audio.Port != 9000 {
		t.Fatalf("%+v", s.Audio)
	}
	_, n, err := local(pcmu).Answer(s, at("192.0.2.7:4000"), SendRecv)
	if err != nil || n.Host != "media.example.org" || n.Remote.RTP.IsValid() {
		t.Fatalf("%+v %v", n, err)
	}
	found, err := n.At(netip.MustParseAddr("198.51.100.9"))
	want := Transport{RTP: ap("198.51.100.9:9000"), RTCP: ap("198.51.100.9:9001")}
	if err != nil || found.Remote != want || found.Host != "" || found.Equal(n) {
		t.Fatalf("%+v %v", found, err)
	}
	for _, bad := range []string{"0.0.0.0", "224.0.0.1", "255.255.255.255"} {
		var e *Error
		if _, err := n.At(netip.MustParseAddr(bad)); !errors.As(err, &e) || e.Code != 488 {
			t.Errorf("%s is taken: %v", bad, err)
		}
	}
	for _, bad := range []string{"localhost", "a..b", "x_y.example", "1.2.3", "host.example.org/127;x", strings.Repeat("a", 64) + ".example"} {
		if _, err := Parse(plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 " + bad)); err == nil {
			t.Errorf("%q is taken for a host name", bad)
		}
	}
}
