package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

func at(s string) Transport { return Transport{RTP: ap(s), Mux: true} }

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func mustParse(t *testing.T, b []byte) Session {
	t.Helper()
	s, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, b)
	}
	return s
}

func names(list []Codec) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%d=%s", c.PayloadType, c))
	}
	return strings.Join(out, " ")
}

func TestParse_reads_what_phones_send(t *testing.T) {
	for _, tt := range []struct {
		name, text     string
		addr, rtcp     string
		mux            bool
		codecs, events string
		dir            Direction
		ptime          time.Duration
		lines          int
	}{
		{"baresip", baresip, "192.0.2.20:14222", "192.0.2.20:14223", false,
			"96=opus/48000/2 9=G722/8000 0=PCMU/8000 8=PCMA/8000", "101=telephone-event/8000", SendRecv, 20 * time.Millisecond, 1},
		{"asterisk", asterisk, "198.51.100.7:17802", "198.51.100.7:17803", false,
			"0=PCMU/8000 8=PCMA/8000", "101=telephone-event/8000", SendRecv, 20 * time.Millisecond, 2},
		{"linphone", linphone, "192.0.2.33:7078", "192.0.2.33:7078", true,
			"96=opus/48000/2 97=speex/16000 98=speex/8000 0=PCMU/8000 8=PCMA/8000",
			"101=telephone-event/48000 99=telephone-event/16000 100=telephone-event/8000", SendRecv, 0, 2},
		{"rtpengine", rtpengine, "203.0.113.9:30544", "203.0.113.9:30545", false,
			"8=PCMA/8000 0=PCMU/8000", "101=telephone-event/8000", SendRecv, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustParse(t, crlf(tt.text))
			m := s.Audio
			if m.RTP != ap(tt.addr) || m.RTCP != ap(tt.rtcp) || m.Mux != tt.mux {
				t.Errorf("addresses %v %v mux %v", m.RTP, m.RTCP, m.Mux)
			}
			if got := names(m.Codecs); got != tt.codecs {
				t.Errorf("codecs %s", got)
			}
			if got := names(m.Events); got != tt.events {
				t.Errorf("events %s", got)
			}
			if m.Direction != tt.dir || m.PTime != tt.ptime || len(s.Lines) != tt.lines || s.AudioLine != 0 {
				t.Errorf("direction %v ptime %v lines %v audio line %d", m.Direction, m.PTime, s.Lines, s.AudioLine)
			}
		})
	}
}

func TestParse_keeps_fmtp_and_origin(t *testing.T) {
	s := mustParse(t, crlf(linphone))
	if s.Origin != (Origin{"alice", 3422, "192.0.2.33"}) || s.Version != 2213 {
		t.Errorf("origin %+v version %d", s.Origin, s.Version)
	}
	if got := s.Audio.Codecs[0].Fmtp; got != "useinbandfec=1" {
		t.Errorf("fmtp %q", got)
	}
}

func TestParse_is_patient_with_form(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"line feeds only", strings.TrimLeft(baresip, "\n")},
		{"no end of the last line", strings.TrimSpace(baresip)},
		{"blank lines", strings.ReplaceAll(baresip, "\n", "\n\n")},
		{"no s= and t=", "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 9000 RTP/AVP 0\n"},
		{"bandwidth unknown to anyone", "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=x\nc=IN IP4 192.0.2.1\nb=ODD:x:y\nt=0 0\nk=clear:z\nm=audio 9000 rtp/avp 0\n"},
		{"a name in the origin", "v=0\no=u 1 1 IN IP4 phone.example.org\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 9000 RTP/AVP 0\n"},
		{"a media type nobody knows before the audio", "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=hologram 70000 LIGHT/X 1\nm=audio 9000 RTP/AVP 0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s := mustParse(t, []byte(strings.TrimLeft(tt.text, "\n"))); s.AudioLine < 0 {
				t.Errorf("no audio in %q", tt.text)
			}
		})
	}
}

func TestParse_refuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		text []byte
		code int
	}{
		{"nothing", nil, 400},
		{"noise", []byte("\x00\x01\x02 hello"), 400},
		{"no version line", crlf("o=- 1 1 IN IP4 192.0.2.1\n"), 400},
		{"no origin", crlf("v=0\ns=-\nm=audio 9000 RTP/AVP 0\n"), 400},
		{"an origin without numbers", crlf("v=0\no=a b c IN IP4 192.0.2.1\ns=-\n"), 400},
		{"a line that is none", plain("m=audio 9000 RTP/AVP 0\nhello"), 400},
		{"a media line cut short", plain("m=audio 9000"), 400},
		{"a port of letters", plain("m=audio port RTP/AVP 0"), 400},
		{"control characters in a media line", plain("m=vid\x1beo 9 RTP/AVP 0"), 400},
		{"no address at all", crlf("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 9000 RTP/AVP 0\n"), 400},
		{"port 65536", plain("m=audio 65536 RTP/AVP 0"), 488},
		{"port -1", plain("m=audio -1 RTP/AVP 0"), 488},
		{"multicast", plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127"), 488},
		{"multicast by IPv6", plain("m=audio 9000 RTP/AVP 0\nc=IN IP6 ff02::1"), 488},
		{"broadcast", plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 255.255.255.255"), 488},
		{"a name of no host for media", plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 localhost"), 488},
		{"an address with a zone", plain("m=audio 9000 RTP/AVP 0\nc=IN IP6 fe80::1%eth0"), 488},
		{"SRTP only", plain("m=audio 9000 RTP/SAVP 0"), 488},
		{"WebRTC", crlf(webrtc), 488},
		{"no format that means anything", plain("m=audio 9000 RTP/AVP 77 abc 200"), 488},
		{"rate 0", plain("m=audio 9000 RTP/AVP 0\na=rtpmap:0 PCMU/0"), 488},
		{"1,000 media lines", plain(strings.Repeat("m=audio 9000 RTP/AVP 0\n", 1000)), 488},
		{"100,000 attributes", plain("m=audio 9000 RTP/AVP 0\n" + strings.Repeat("a=x\n", 12_000)), 488},
		{"more than 64 KB", plain("m=audio 9000 RTP/AVP 0\na=fmtp:0 " + strings.Repeat("x", 65536)), 488},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse(tt.text)
			var e *Error
			if !errors.As(err, &e) || e.Code != tt.code {
				t.Fatalf("got %+v, %v; want code %d", s, err, tt.code)
			}
			if strings.ContainsAny(e.Error(), "\x1b\x00\r\n") {
				t.Errorf("unclean error %q", e.Error())
			}
		})
	}
}

func TestParse_ignores_what_makes_no_sense(t *testing.T) {
	for _, tt := range []struct {
		name, section string
		check         func(Session) bool
	}{
		{"ptime 0", "m=audio 9000 RTP/AVP 0\na=ptime:0", func(s Session) bool { return s.Audio.PTime == 0 }},
		{"ptime -1", "m=audio 9000 RTP/AVP 0\na=ptime:-1", func(s Session) bool { return s.Audio.PTime == 0 }},
		{"ptime 10^9", "m=audio 9000 RTP/AVP 0\na=ptime:1000000000", func(s Session) bool { return s.Audio.PTime == 0 }},
		{"ptime 25", "m=audio 9000 RTP/AVP 0\na=ptime:25", func(s Session) bool { return s.Audio.PTime == 20*time.Millisecond }},
		{"a long fmtp", "m=audio 9000 RTP/AVP 0\na=fmtp:0 " + strings.Repeat("x", 60_000), func(s Session) bool { return s.Audio.Codecs[0].Fmtp == "" }},
		{"a format listed twice", "m=audio 9000 RTP/AVP 0 0 0", func(s Session) bool { return len(s.Audio.Codecs) == 1 }},
		{"RTCP on port 0", "m=audio 9000 RTP/AVP 0\na=rtcp:0", func(s Session) bool { return s.Audio.RTCP == ap("192.0.2.1:9001") }},
		{"RTCP by multicast", "m=audio 9000 RTP/AVP 0\na=rtcp:9 IN IP4 224.0.0.1", func(s Session) bool { return s.Audio.RTCP == ap("192.0.2.1:9001") }},
		{"RTCP above the last port", "m=audio 65535 RTP/AVP 0", func(s Session) bool { return !s.Audio.RTCP.IsValid() }},
		{"comfort noise is no codec", "m=audio 9000 RTP/AVP 13 0", func(s Session) bool { return names(s.Audio.Codecs) == "0=PCMU/8000" }},
		{"a declined audio line before a good one", "m=audio 0 RTP/AVP 0\nm=audio 9000 RTP/AVP 8", func(s Session) bool { return s.AudioLine == 1 && s.Lines[0].Port == 0 }},
		{"a secure line before a plain one", "m=audio 9000 RTP/SAVP 0\nm=audio 9002 RTP/AVP 0", func(s Session) bool { return s.AudioLine == 1 }},
		{"only a declined line", "m=audio 0 RTP/AVP 0", func(s Session) bool { return s.AudioLine == -1 && len(s.Lines) == 1 }},
		{"128 payload types", "m=audio 9000 RTP/AVP " + countTo(128), func(s Session) bool { return len(s.Audio.Codecs) == 9 }},
		{"1,000 payload types", "m=audio 9000 RTP/AVP " + countTo(1000), func(s Session) bool { return len(s.Audio.Codecs) == 9 }},
		{"an IPv4 address dressed as IPv6", "m=audio 9000 RTP/AVP 0\nc=IN IP6 ::ffff:192.0.2.9", func(s Session) bool { return s.Audio.RTP == ap("192.0.2.9:9000") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if s := mustParse(t, plain(tt.section)); !tt.check(s) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func countTo(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

func TestParse_understands_both_ways_to_hold(t *testing.T) {
	for _, tt := range []struct {
		name, section string
		dir           Direction
		addr          bool
	}{
		{"sendonly", "m=audio 9000 RTP/AVP 0\na=sendonly", SendOnly, true},
		{"inactive", "m=audio 9000 RTP/AVP 0\na=inactive", Inactive, true},
		{"0.0.0.0", "m=audio 9000 RTP/AVP 0\nc=IN IP4 0.0.0.0", SendOnly, false},
		{"0.0.0.0 and recvonly", "m=audio 9000 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=recvonly", Inactive, false},
		{"the unspecified address of IPv6", "m=audio 9000 RTP/AVP 0\nc=IN IP6 ::", SendOnly, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := mustParse(t, plain(tt.section)).Audio
			if m.Direction != tt.dir || m.RTP.IsValid() != tt.addr || m.RTCP.IsValid() != tt.addr {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestParse_takes_the_direction_of_the_session_unless_the_media_says_another(t *testing.T) {
	head := "v=0\no=x 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\na=inactive\nm=audio 9000 RTP/AVP 0\n"
	if d := mustParse(t, crlf(head)).Audio.Direction; d != Inactive {
		t.Errorf("got %v", d)
	}
	if d := mustParse(t, crlf(head+"a=recvonly\n")).Audio.Direction; d != RecvOnly {
		t.Errorf("got %v", d)
	}
}

func TestParse_allocates_no_more_than_a_small_multiple_of_its_input(t *testing.T) {
	worst := plain("m=audio 9000 RTP/AVP " + countTo(128) + "\n" + strings.Repeat("a=rtpmap:96 "+strings.Repeat("y", 31)+"/8000\n", 1200))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		_, _ = Parse(worst)
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / 20; per > 1<<20 {
		t.Errorf("%d bytes allocated for %d of input", per, len(worst))
	}
}

func TestDirection_algebra(t *testing.T) {
	all := []Direction{SendRecv, SendOnly, RecvOnly, Inactive}
	for _, a := range all {
		if a.Reverse().Reverse() != a || a.And(SendRecv) != a || a.And(Inactive) != Inactive {
			t.Errorf("%v", a)
		}
		for _, b := range all {
			if a.And(b) != b.And(a) {
				t.Errorf("%v %v", a, b)
			}
		}
	}
	if SendOnly.Reverse() != RecvOnly || Direction(99).String() != "inactive" {
		t.Error("reverse or string")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{baresip, asterisk, linphone, rtpengine, webrtc} {
		f.Add(crlf(s))
	}
	f.Add(plain("m=audio 9000/2 RTP/AVP 0\na=rtpmap:0 PCMU/8000/9\na=rtcp:1 IN IP4 ::1"))
	prefs := []Codec{{Name: "opus", ClockRate: 48000, Channels: 2}, {Name: "PCMU", ClockRate: 8000}, {Name: "PCMA", ClockRate: 8000}}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || (e.Code != 400 && e.Code != 488) {
				t.Fatalf("odd error %v", err)
			}
			return
		}
		l := NewLocal(netip.MustParseAddr("192.0.2.1"), 7, prefs)
		ans, _, err := l.Answer(s, at("192.0.2.1:4000"), SendRecv)
		if err != nil {
			return
		}
		back, err := Parse(ans)
		if err != nil || len(back.Lines) != len(s.Lines) || back.AudioLine != s.AudioLine {
			t.Fatalf("our answer does not fit the offer: %v\n%s", err, ans)
		}
		again, err := Parse(l.Offer(at("192.0.2.1:4000"), SendRecv))
		if err != nil || len(again.Lines) != len(s.Lines) {
			t.Fatalf("our next offer cannot be read: %v", err)
		}
	})
}
