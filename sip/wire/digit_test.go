package wire

import (
	"testing"
	"time"
)

func info(kind, body string) *Message {
	return &Message{Start: "INFO sip:a@b SIP/2.0", Body: []byte(body), Headers: []Header{{"CSeq", "2 INFO"}, {"Content-Type", kind}}}
}

func TestDigit(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		key        rune // 0: none
		length     time.Duration
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5', 160 * time.Millisecond},
		{"application/dtmf-relay", "Signal= *\nDuration= 100\n", '*', 100 * time.Millisecond},
		{"Application/DTMF-Relay;charset=x", "signal: #", '#', usualDigit},
		{"application/dtmf-relay", "Signal=11\r\nDuration=0\r\n", '#', usualDigit},
		{"application/dtmf-relay", "Signal=d\r\nDuration=99999999999\r\n", 'D', usualDigit},
		{"application/dtmf", "7", '7', usualDigit},
		{"application/dtmf", "Signal=7\r\n", '7', usualDigit},
		{"application/dtmf", " 10\r\n", '*', usualDigit},
		{"application/dtmf", "55", 0, 0},
		{"application/dtmf", "", 0, 0},
		{"application/dtmf-relay", "Duration=160", 0, 0},
		{"application/dtmf-relay", "Signal=16", 0, 0}, // a flash is no digit
		{"application/dtmf-relay", "5", 0, 0},
		{"text/plain", "5", 0, 0},
		{"", "5", 0, 0},
	} {
		key, length, ok := info(tt.kind, tt.body).Digit()
		if key != tt.key || length != tt.length || ok != (tt.key != 0) {
			t.Errorf("%s %q: %q, %s, %v; want %q, %s", tt.kind, tt.body, key, length, ok, tt.key, tt.length)
		}
	}
}

func FuzzDigit(f *testing.F) {
	f.Add("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")
	f.Add("application/dtmf", "11")
	f.Fuzz(func(t *testing.T, kind, body string) {
		key, length, ok := info(kind, body).Digit()
		if ok != (key != 0) || ok && (length <= 0 || length > 66*time.Second) {
			t.Errorf("%q, %s, %v", key, length, ok)
		}
	})
}
