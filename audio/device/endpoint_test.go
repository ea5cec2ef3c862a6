package device

import (
	"path/filepath"
	"strings"
	"testing"

	"ramble/audio"
)

func pass(t *testing.T, e *Endpoint, frames int, f float64) (said []int16) {
	t.Helper()
	n := e.Rate() / 50
	in, out := tone(e.Rate(), frames*n, f), make([]int16, n)
	for i := range frames {
		if err := e.Hear(in[i*n : (i+1)*n]); err != nil {
			t.Fatal(err)
		}
		if err := e.Say(out); err != nil {
			t.Fatal(err)
		}
		said = append(said, out...)
	}
	return said
}

func TestEndpointsOfCalls(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	writeWAV(t, in, 8000, 8000, 1000)
	for _, tc := range []struct {
		name, want string
		rate       int
		says       float64 // Hz; 0: silence
	}{
		{"null", "null", 8000, 0},
		{"loop", "loop", 8000, 500},
		{"loop:rate=16000", "loop:rate=16000", 16000, 500},
		{"file:in=" + in, "file:in=" + in, 8000, 1000},
		{"file:in=" + in + ",out=" + out, "file:in=" + in + ",out=" + out, 8000, 1000},
	} {
		e, err := OpenEndpoint(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		if e.String() != tc.want || e.Rate() != tc.rate {
			t.Errorf("%s: %s at %d Hz", tc.name, e, e.Rate())
		}
		said := pass(t, e, 20, 500)
		if level := audio.ToneLevel(said, e.Rate(), max(tc.says, 500)); tc.says == 0 && level > -60 || tc.says != 0 && level < -22 {
			t.Errorf("%s says %.0f Hz at %.1f dBFS", tc.name, tc.says, level)
		}
		frame := make([]int16, e.Rate()/50)
		if n := testing.AllocsPerRun(10, func() { _ = e.Hear(frame); _ = e.Say(frame) }); n != 0 {
			t.Errorf("%s: %v allocations in a frame", tc.name, n)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if rate, got := readWAV(t, out); rate != 8000 || len(got) < 20*160 || audio.ToneLevel(got[:3200], rate, 500) < -22 {
		t.Errorf("%d samples at %d Hz were recorded", len(got), rate)
	}
}

func TestEndpointsThatCannotBe(t *testing.T) {
	for name, says := range map[string]string{
		"":                         "there is no such kind: it is null, loop, file, pipe or bridge",
		"pulse":                    "there is no such kind",
		"file":                     "name a file to play or to record",
		"file:in=/nowhere/at.all":  "no such file",
		"loop:rate=11025":          "it is 8000, 16000",
		"pipe:in=/nowhere/at.all":  "",
		"pipe:in=/etc/passwd":      "",
		"pipe:rate=7,in=/dev/null": `rate "7"`,
		"pipe:speed=7":             `there is no option "speed"`,
	} {
		if _, err := OpenEndpoint(name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want it to say %q", name, err, says)
		}
	}
}
