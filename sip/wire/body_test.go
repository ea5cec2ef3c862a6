package wire

import (
	"strings"
	"testing"
)

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n"

// parts is a multipart body of kinds and bodies in turn.
func parts(boundary string, pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("--" + boundary + "\r\nContent-Type: " + pairs[i] + "\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

func TestSDP(t *testing.T) {
	for _, tc := range []struct{ name, kind, body, want string }{
		{"the body", "application/sdp", sdp, sdp},
		{"the body, in other letters", "Application/SDP;charset=utf-8", sdp, sdp},
		{"no kind, but its look", "", sdp, sdp},
		{"another kind", "text/plain", sdp, ""},
		{"the second of two", "multipart/mixed;boundary=b", parts("b", "text/plain", "hello", "application/sdp", sdp), sdp},
		{"a quoted boundary", `multipart/mixed; boundary="a b:c"`, parts("a b:c", "application/sdp", sdp), sdp},
		{"nested", "multipart/mixed;boundary=b", parts("b", "text/plain", "x", "multipart/related;boundary=c", parts("c", "application/sdp", sdp)), sdp},
		{"the richest of alternatives", "multipart/alternative;boundary=b", parts("b", "application/sdp", "v=0\r\n", "application/sdp", sdp), sdp},
		{"the first of a mixture", "multipart/mixed;boundary=b", parts("b", "application/sdp", sdp, "application/sdp", "v=0\r\n"), sdp},
		{"an early session is another", "multipart/mixed;boundary=b", parts("b", "application/sdp\r\nContent-Disposition: early-session", "v=0\r\n", "application/sdp", sdp), sdp},
		{"lines that end in LF", "multipart/mixed;boundary=b", strings.ReplaceAll(parts("b", "application/sdp", sdp), "\r", ""), strings.ReplaceAll(sdp, "\r", "")},
		{"a preamble that mentions the boundary", "multipart/mixed;boundary=b", "see --b\r\n" + parts("b", "application/sdp", sdp), sdp},
		{"no closing delimiter", "multipart/mixed;boundary=b", strings.TrimSuffix(parts("b", "application/sdp", sdp), "--b--\r\n"), sdp},
		{"no boundary", "multipart/mixed", parts("b", "application/sdp", sdp), ""},
		{"too deep", "multipart/mixed;boundary=b0", deep(20), ""},
	} {
		m := &Message{Headers: []Header{{"Content-Type", tc.kind}}, Body: []byte(tc.body)}
		if tc.kind == "" {
			m.Headers = nil
		}
		if got := string(m.SDP()); strings.TrimRight(got, "\r\n") != strings.TrimRight(tc.want, "\r\n") {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// deep is SDP within n multipart bodies.
func deep(n int) string {
	body, kind := sdp, "application/sdp"
	for i := n - 1; i >= 0; i-- {
		b := "b" + strings.Repeat("x", i)
		if i == 0 {
			b = "b0"
		}
		body, kind = parts(b, kind, body), "multipart/mixed;boundary="+b
	}
	return body
}

func TestTakeSDPLeavesOthersAlone(t *testing.T) {
	for _, method := range []string{"MESSAGE", "INFO", "NOTIFY"} {
		m := &Message{Start: method + " sip:a@b SIP/2.0", Headers: []Header{{"CSeq", "1 " + method}, {"Content-Type", "text/plain"}}, Body: []byte("hello")}
		m.TakeSDP()
		if string(m.Body) != "hello" || len(m.Headers) != 2 {
			t.Errorf("%s: %+v", method, m)
		}
	}
	m := &Message{Start: "SIP/2.0 200 OK", Headers: []Header{{"CSeq", "1 INVITE"}, {"Content-Type", "text/html"}}, Body: []byte("hello")}
	if m.TakeSDP(); m.Body != nil || len(m.Headers) != 1 {
		t.Errorf("a body that is no SDP is taken for one: %+v", m)
	}
}

func TestAcceptsSDP(t *testing.T) {
	for in, want := range map[string]bool{
		"application/sdp": true, "text/plain": false, "*/*": true, "application/*": true, "Application/SDP;level=1": true, "": false,
		"application/sdp;q=0": false, "*/*, application/sdp;q=0.0": false, "application/sdp;q=0.1, */*;q=0": true, "text/plain, application/sdp": true,
	} {
		m := &Message{Headers: []Header{{"Accept", in}}}
		if m.acceptsSDP() != want {
			t.Errorf("%q: %v", in, !want)
		}
	}
	if !new(Message).acceptsSDP() {
		t.Error("who says nothing takes SDP")
	}
}

func FuzzSDP(f *testing.F) {
	f.Add("multipart/mixed;boundary=b", parts("b", "text/plain", "x", "application/sdp", sdp))
	f.Add(`multipart/alternative;boundary="b"`, "--b\n\n--b--")
	f.Add("multipart/mixed;boundary=b0", deep(20))
	f.Fuzz(func(t *testing.T, kind, body string) {
		m := &Message{Headers: []Header{{"CSeq", "1 INVITE"}, {"Content-Type", kind}}, Body: []byte(body)}
		got := m.SDP()
		if !strings.Contains(body, string(got)) {
			t.Fatalf("%q is not in the body", got)
		}
		m.TakeSDP()
		if string(m.Body) != string(got) && kind != sdpType {
			t.Fatalf("%q, %q", m.Body, got)
		}
	})
}
