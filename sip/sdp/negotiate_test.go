package sdp

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	pcmu = Codec{Name: "PCMU", ClockRate: 8000}
	pcma = Codec{Name: "PCMA", ClockRate: 8000}
	opus = Codec{Name: "opus", ClockRate: 48000, Channels: 2, Fmtp: "useinbandfec=1"}
	none Transport
)

func local(prefs ...Codec) *Local { return NewLocal(netip.MustParseAddr("192.0.2.1"), 77, prefs) }

func TestOffer_reads_as_written(t *testing.T) {
	got := string(local(opus, pcmu, pcma).Offer(at("192.0.2.1:4000"), SendRecv))
	want := string(crlf(`
v=0
o=- 77 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 4000 RTP/AVP 96 0 8 101 102
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/48000
a=fmtp:101 0-15
a=rtpmap:102 telephone-event/8000
a=fmtp:102 0-15
a=ptime:20
a=rtcp-mux
a=sendrecv
`))
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOffer_moves_address_and_keeps_the_origin(t *testing.T) {
	l := local(pcmu)
	origin := func(b []byte) string {
		_, rest, _ := strings.Cut(string(b), "o=")
		line, _, _ := strings.Cut(rest, "\r\n")
		return line
	}
	if got := origin(l.Offer(at("192.0.2.1:4000"), SendRecv)); got != "- 77 1 IN IP4 192.0.2.1" {
		t.Error(got)
	}
	moved := l.Offer(Transport{RTP: ap("198.51.100.4:5000"), RTCP: ap("198.51.100.4:6001")}, SendRecv)
	if got := origin(moved); got != "- 77 2 IN IP4 192.0.2.1" {
		t.Error(got)
	}
	s := mustParse(t, bytes.ReplaceAll(moved, []byte("a=rtcp-mux\r\n"), nil))
	if s.Audio.RTP != ap("198.51.100.4:5000") || s.Audio.RTCP != ap("198.51.100.4:6001") {
		t.Errorf("%+v", s.Audio)
	}
	six := l.Offer(Transport{RTP: ap("[2001:db8::5]:5000"), RTCP: ap("[2001:db8::6]:7")}, SendOnly)
	if got := origin(six); got != "- 77 3 IN IP4 192.0.2.1" {
		t.Error(got)
	}
	s = mustParse(t, bytes.ReplaceAll(six, []byte("a=rtcp-mux\r\n"), nil))
	if s.Audio.RTP != ap("[2001:db8::5]:5000") || s.Audio.RTCP != ap("[2001:db8::6]:7") || s.Audio.Direction != SendOnly {
		t.Errorf("%+v", s.Audio)
	}
}

func TestAnswer_suits_real_phones(t *testing.T) {
	for _, tt := range []struct {
		name, offer string
		prefs       []Codec
		want        Negotiated
		media       string // of the answer, below t=
	}{
		{"baresip offers opus first and we know it", baresip, []Codec{pcmu, opus}, Negotiated{
			Codec:  Codec{"opus", 48000, 2, 96, "stereo=1;sprop-stereo=1"},
			SendPT: 96, Hears: []Codec{{"opus", 48000, 2, 96, "useinbandfec=1"}},
			Remote: Transport{ap("192.0.2.20:14222"), ap("192.0.2.20:14223"), false},
			PTime:  20 * time.Millisecond,
		}, "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=ptime:20\na=sendrecv\n"},
		{"asterisk, with a fax line declined in its place", asterisk, []Codec{pcma, pcmu}, Negotiated{
			Codec:  Codec{"PCMU", 8000, 0, 0, ""},
			SendPT: 0, EventsSend: 101, Hears: []Codec{{"PCMU", 8000, 0, 0, ""}, {telephoneEvent, 8000, 0, 101, "0-15"}},
			Remote: Transport{ap("198.51.100.7:17802"), ap("198.51.100.7:17803"), false}, PTime: 20 * time.Millisecond,
		}, "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\nm=image 0 udptl t38\n"},
		{"linphone, with mux, feedback profile and events at each clock", linphone, []Codec{opus, pcmu}, Negotiated{
			Codec:  Codec{"opus", 48000, 2, 96, "useinbandfec=1"},
			SendPT: 96, EventsSend: 101, Hears: []Codec{{"opus", 48000, 2, 96, "useinbandfec=1"}, {telephoneEvent, 48000, 0, 101, "0-15"}},
			Remote: Transport{ap("192.0.2.33:7078"), ap("192.0.2.33:7078"), true}, PTime: 20 * time.Millisecond,
		}, "m=audio 4000 RTP/AVPF 96 101\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=rtpmap:101 telephone-event/48000\na=fmtp:101 0-15\na=ptime:20\na=rtcp-mux\na=sendrecv\nm=video 0 RTP/AVPF 96\n"},
		{"rtpengine", rtpengine, []Codec{pcmu, pcma}, Negotiated{
			Codec:  Codec{"PCMA", 8000, 0, 8, ""},
			SendPT: 8, EventsSend: 101, Hears: []Codec{{"PCMA", 8000, 0, 8, ""}, {telephoneEvent, 8000, 0, 101, "0-15"}},
			Remote: Transport{ap("203.0.113.9:30544"), ap("203.0.113.9:30545"), false}, PTime: 20 * time.Millisecond,
		}, "m=audio 4000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ans, n, err := local(tt.prefs...).Answer(mustParse(t, crlf(tt.offer)), at("192.0.2.1:4000"), SendRecv)
			if err != nil {
				t.Fatal(err)
			}
			if !n.Equal(tt.want) {
				t.Errorf("got  %+v\nwant %+v", n, tt.want)
			}
			_, media, _ := strings.Cut(string(ans), "t=0 0\r\n")
			if media != string(crlf(tt.media)) {
				t.Errorf("answer\n%s", ans)
			}
		})
	}
}

func TestAnswer_repeats_itself_until_something_changes(t *testing.T) {
	l := local(pcmu, pcma)
	offer := mustParse(t, crlf(asterisk))
	first, n1, _ := l.Answer(offer, at("192.0.2.1:4000"), SendRecv)
	again, n2, _ := l.Answer(offer, at("192.0.2.1:4000"), SendRecv)
	if !bytes.Equal(first, again) || !n1.Equal(n2) || l.Version() != 1 {
		t.Errorf("the same offer was answered otherwise:\n%s\n%s", first, again)
	}
	moved, _, _ := l.Answer(offer, at("198.51.100.9:4000"), SendRecv)
	if l.Version() != 2 || mustParse(t, moved).Audio.RTP != ap("198.51.100.9:4000") {
		t.Errorf("the move is not told:\n%s", moved)
	}
}

func TestAnswer_meets_every_direction(t *testing.T) {
	for _, tt := range []struct {
		theirs, ours, want Direction
		held               bool
	}{
		{SendRecv, SendRecv, SendRecv, false},
		{SendRecv, SendOnly, SendOnly, false},
		{SendRecv, Inactive, Inactive, false},
		{SendOnly, SendRecv, RecvOnly, true},
		{RecvOnly, SendRecv, SendOnly, false},
		{Inactive, SendRecv, Inactive, true},
		{SendOnly, SendOnly, Inactive, true},
	} {
		offer := mustParse(t, plain("m=audio 9000 RTP/AVP 0\na="+tt.theirs.String()))
		ans, n, err := local(pcmu).Answer(offer, at("192.0.2.7:4000"), tt.ours)
		if err != nil || n.Direction != tt.want || n.Held != tt.held || mustParse(t, ans).Audio.Direction != tt.want {
			t.Errorf("they %v we %v: %+v %v", tt.theirs, tt.ours, n, err)
		}
	}
}

func TestAnswer_to_the_old_hold_names_no_address(t *testing.T) {
	_, n, err := local(pcmu).Answer(mustParse(t, plain("m=audio 9000 RTP/AVP 0\nc=IN IP4 0.0.0.0")), at("192.0.2.7:4000"), SendRecv)
	if err != nil || !n.Held || n.Remote != (Transport{}) || n.Direction != RecvOnly {
		t.Errorf("%+v %v", n, err)
	}
}

func TestAnswer_refuses_and_changes_nothing(t *testing.T) {
	for _, tt := range []struct{ name, section, explain string }{
		{"no codec in common", "m=audio 9000 RTP/AVP 18 97\na=rtpmap:97 iLBC/8000", "the peer has G729/8000, iLBC/8000; we have PCMU/8000, PCMA/8000"},
		{"only events in common", "m=audio 9000 RTP/AVP 101 18\na=rtpmap:101 telephone-event/8000", "the peer has G729/8000; we have PCMU/8000, PCMA/8000"},
		{"our own address and port", "m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.7", ""},
		{"audio declined", "m=audio 0 RTP/AVP 0", ""},
		{"video only", "m=video 4000 RTP/AVP 96", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := local(pcmu, pcma)
			ans, _, err := l.Answer(mustParse(t, plain(tt.section)), at("192.0.2.7:4000"), SendRecv)
			var e *Error
			if !errors.As(err, &e) || e.Code != 488 || e.Explain != tt.explain || ans != nil || l.Version() != 0 {
				t.Errorf("%s %v", ans, err)
			}
		})
	}
}

func TestAccept_knows_both_payload_types(t *testing.T) {
	l := local(opus, pcmu)
	l.Offer(at("192.0.2.1:4000"), SendRecv)
	n, err := l.Accept(mustParse(t, plain("m=audio 9000 RTP/AVP 111 113\na=rtpmap:111 opus/48000/2\na=rtpmap:113 telephone-event/48000\na=rtcp-mux\na=ptime:40")))
	want := Negotiated{
		Codec: Codec{"opus", 48000, 2, 111, ""}, SendPT: 111, EventsSend: 113,
		Hears:  []Codec{{"opus", 48000, 2, 96, "useinbandfec=1"}, {telephoneEvent, 48000, 0, 101, "0-15"}},
		Remote: Transport{ap("192.0.2.1:9000"), ap("192.0.2.1:9000"), true}, PTime: 40 * time.Millisecond,
	}
	if err != nil || !n.Equal(want) {
		t.Errorf("%+v %v", n, err)
	}
}

func TestAccept_of_a_hold_says_who_may_send(t *testing.T) {
	l := local(pcmu)
	l.Offer(at("192.0.2.7:4000"), SendOnly)
	n, err := l.Accept(mustParse(t, plain("m=audio 9000 RTP/AVP 0\na=recvonly")))
	if err != nil || n.Direction != SendOnly || n.Held {
		t.Errorf("%+v %v", n, err)
	}
	l.Offer(at("192.0.2.7:4000"), SendOnly)
	n, err = l.Accept(mustParse(t, plain("m=audio 9000 RTP/AVP 0\na=inactive")))
	if err != nil || n.Direction != Inactive || !n.Held {
		t.Errorf("%+v %v", n, err)
	}
}

func TestAccept_refuses(t *testing.T) {
	good := "m=audio 9000 RTP/AVP 0"
	for _, tt := range []struct {
		name    string
		offered bool
		section string
		code    int
	}{
		{"an answer to nothing", false, good, 400},
		{"a declined stream", true, "m=audio 0 RTP/AVP 0", 488},
		{"more streams than offered", true, good + "\nm=video 0 RTP/AVP 96", 400},
		{"a codec never offered", true, "m=audio 9000 RTP/AVP 18", 488},
		{"our own address and port", true, "m=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.7", 488},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := local(pcmu)
			if tt.offered {
				l.Offer(at("192.0.2.7:4000"), SendRecv)
			}
			_, err := l.Accept(mustParse(t, plain(tt.section)))
			var e *Error
			if !errors.As(err, &e) || e.Code != tt.code {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestOffer_after_an_answer_keeps_types_order_and_declined_lines(t *testing.T) {
	l := local(opus, pcma, pcmu)
	// The peer uses 96, our number for opus, for its events.
	offer := plain("m=video 9002 RTP/AVP 99\nm=audio 9000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000")
	if _, _, err := l.Answer(mustParse(t, offer), at("192.0.2.7:4000"), SendRecv); err != nil {
		t.Fatal(err)
	}
	s := mustParse(t, l.Offer(at("198.51.100.4:5000"), SendRecv))
	if len(s.Lines) != 2 || s.Lines[0].Port != 0 || s.AudioLine != 1 {
		t.Errorf("lines %+v", s.Lines)
	}
	if got := names(s.Audio.Codecs); got != "0=PCMU/8000 97=opus/48000/2 8=PCMA/8000" {
		t.Errorf("codecs %s", got)
	}
	if got := names(s.Audio.Events); got != "101=telephone-event/48000 96=telephone-event/8000" {
		t.Errorf("events %s", got)
	}
	l.Narrow()
	s = mustParse(t, l.Offer(at("198.51.100.4:5000"), SendRecv))
	if names(s.Audio.Codecs) != "0=PCMU/8000" || names(s.Audio.Events) != "96=telephone-event/8000" {
		t.Errorf("narrow: %s, %s", names(s.Audio.Codecs), names(s.Audio.Events))
	}
}

func TestOffer_refused_leaves_the_session_as_it_was(t *testing.T) {
	l := local(pcmu, pcma)
	if _, _, err := l.Answer(mustParse(t, crlf(rtpengine)), at("192.0.2.7:4000"), SendRecv); err != nil {
		t.Fatal(err)
	}
	l.Offer(at("198.51.100.4:5000"), SendRecv) // answered 491
	s := mustParse(t, l.Offer(at("198.51.100.4:5000"), SendRecv))
	if s.Version != 3 || names(s.Audio.Codecs) != "8=PCMA/8000 0=PCMU/8000" {
		t.Errorf("%+v", s)
	}
}

func TestNewLocal_gives_every_format_a_number_of_its_own(t *testing.T) {
	prefs := []Codec{
		{Name: "A", ClockRate: 16000, PayloadType: 96}, {Name: "B", ClockRate: 16000, PayloadType: 96},
		pcmu, pcmu, {Name: "telephone-event", ClockRate: 8000}, {Name: "CN", ClockRate: 8000}, {Name: "bad name", ClockRate: 8000},
	}
	s := mustParse(t, local(prefs...).Offer(at("192.0.2.7:4000"), SendRecv))
	if got := names(s.Audio.Codecs); got != "96=A/16000 97=B/16000 0=PCMU/8000" {
		t.Error(got)
	}
	if got := names(s.Audio.Events); got != "101=telephone-event/16000 102=telephone-event/8000" {
		t.Error(got)
	}
}

func TestOffer_without_an_address_declines_nothing(t *testing.T) {
	s := mustParse(t, local(pcmu).Offer(none, Inactive))
	if s.AudioLine != 0 || s.Audio.Direction != Inactive {
		t.Errorf("%+v", s)
	}
}

// Two of us agree whatever the order of preference.
func TestOffer_and_answer_agree(t *testing.T) {
	a, b := local(opus, pcmu, pcma), local(pcma, opus)
	ans, nb, err := b.Answer(mustParse(t, a.Offer(at("192.0.2.7:4000"), SendRecv)), at("192.0.2.8:4000"), SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	na, err := a.Accept(mustParse(t, ans))
	if err != nil {
		t.Fatal(err)
	}
	if !na.Codec.Is(opus) || !nb.Codec.Is(opus) || na.SendPT != nb.RecvPT() || nb.SendPT != na.RecvPT() ||
		na.EventsSend != nb.Hears[len(nb.Hears)-1].PayloadType || na.EventsSend == 0 || !na.Remote.Mux || !nb.Remote.Mux {
		t.Errorf("%+v\n%+v", na, nb)
	}
}

func TestAnswer_moves_elsewhere_as_the_same_version(t *testing.T) {
	l, peer := local(pcmu), NewLocal(netip.MustParseAddr("192.0.2.9"), 5, []Codec{pcmu})
	offer := mustParse(t, peer.Offer(at("192.0.2.9:7000"), SendRecv))
	if l.Elsewhere(at("198.51.100.4:5000")) != nil {
		t.Error("nothing was answered yet")
	}
	first, _, err := l.Answer(offer, at("192.0.2.1:4000"), SendOnly)
	if err != nil {
		t.Fatal(err)
	}
	moved := l.Elsewhere(at("198.51.100.4:5000"))
	want := strings.NewReplacer("c=IN IP4 192.0.2.1", "c=IN IP4 198.51.100.4", "audio 4000", "audio 5000").Replace(string(first))
	if string(moved) != want {
		t.Errorf("got\n%s\nwant\n%s", moved, want)
	}
	if v := l.Version(); v != 1 {
		t.Errorf("version %d: the peer sees one of the two", v)
	}
	l.Offer(at("198.51.100.4:5000"), SendRecv)
	if l.Elsewhere(at("198.51.100.5:5000")) != nil {
		t.Error("the last description was an offer")
	}
}

func TestPreview_leaves_the_answer_to_come(t *testing.T) {
	l, peer := local(pcmu, pcma), NewLocal(netip.MustParseAddr("192.0.2.9"), 5, []Codec{pcmu})
	offer := mustParse(t, l.Offer(at("192.0.2.1:4000"), SendRecv))
	body, _, err := peer.Answer(offer, at("192.0.2.9:7000"), SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // two forks
		if n, err := l.Preview(mustParse(t, body)); err != nil || n.Remote.RTP != ap("192.0.2.9:7000") {
			t.Fatalf("%+v, %v", n, err)
		}
	}
	if _, err := l.Accept(mustParse(t, body)); err != nil {
		t.Error(err)
	}
	if _, err := l.Preview(mustParse(t, body)); err == nil {
		t.Error("the offer was answered")
	}
}
