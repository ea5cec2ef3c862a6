package cli

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ramble/audio"
	"ramble/audio/device"
)

// speaker is a phone that says a tone for ever and records what it hears.
func (h *house) speaker(t *testing.T, name string, hz float64) *handset {
	t.Helper()
	dir := t.TempDir()
	said := filepath.Join(dir, "said.wav")
	writeTone(t, said, hz)
	return h.start(t, name, setup{
		heard: filepath.Join(dir, "heard.wav"), hz: hz,
		args: []string{"--stats", "200ms", "--audio", "file:loop=1,in=" + device.Quote(said) + ",out=" + device.Quote(filepath.Join(dir, "heard.wav"))},
	})
}

// writeTone makes a WAV file of one second, which is a whole number of waves.
func writeTone(t *testing.T, path string, hz float64) {
	t.Helper()
	const rate = 8000
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := audio.ResumeWAV(f, rate, 0)
	if err != nil {
		t.Fatal(err)
	}
	wave := make([]int16, rate)
	for i := range wave {
		wave[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	if err := errors.Join(w.Write(wave), w.Flush()); err != nil {
		t.Fatal(err)
	}
}

// What a tone in a recording must reach, and what counts as none, in dBFS. The
// tone was made with -15 dBFS.
const (
	strong = -20
	absent = -45
)

// hears holds what the phone recorded last to the other's voice, and to none
// of its own. A machine that stood still for a moment leaves a gap, so it
// listens again with each report for a while.
func (p *handset) hears(t *testing.T, call int, other *handset) {
	t.Helper()
	for looks := 1; ; looks++ {
		theirs, own := p.level(t, other.hz), p.level(t, p.hz)
		t.Logf("%s hears %s with %.1f dBFS, itself with %.1f", p.name, other.name, theirs, own)
		if own > absent {
			t.Errorf("%s hears itself with %.1f dBFS, want less than %d", p.name, own, absent)
		}
		if theirs > strong {
			return
		}
		if looks == 20 {
			t.Fatalf("%s hears %s with %.1f dBFS, want more than %d", p.name, other.name, theirs, strong)
		}
		p.media(t, call, "statistics", func(line) bool { return true })
	}
}

func (p *handset) hearsNot(t *testing.T, other *handset) {
	t.Helper()
	theirs := p.level(t, other.hz)
	t.Logf("%s hears %s with %.1f dBFS while it should not", p.name, other.name, theirs)
	if theirs > absent {
		t.Errorf("%s hears %s with %.1f dBFS although muted or on hold", p.name, other.name, theirs)
	}
}

// level is how strong a tone is in the last 300 ms of the recording: the
// median over 50 ms each, as a concealed packet breaks the wave. The file is
// up to a quarter of a second behind, the jitter buffer up to a fifth.
func (p *handset) level(t *testing.T, hz float64) float64 {
	t.Helper()
	f, err := os.Open(p.heard)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := audio.NewWAVReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []int16
	for buf := make([]int16, 8000); err == nil; {
		var n int
		n, err = w.Read(buf)
		all = append(all, buf[:n]...)
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	part := w.Rate() / 20
	if len(all) < 6*part {
		t.Fatalf("%s recorded %d samples only", p.name, len(all))
	}
	var levels []float64
	for piece := range slices.Chunk(all[len(all)-6*part:], part) {
		levels = append(levels, audio.ToneLevel(piece, w.Rate(), hz))
	}
	slices.Sort(levels)
	return levels[len(levels)/2]
}
