package device

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ramble/audio"
)

// TestACallOnAPipe: what it hears can be read, what is written it says; nobody
// waits for a reader or a writer, and a late reader hears the latest sound.
func TestACallOnAPipe(t *testing.T) {
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	for _, path := range []string{in, out} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := OpenEndpoint("pipe:in=" + in + ",out=" + out)
	if err != nil {
		t.Fatal(err)
	}
	if said := pass(t, e, 200, 500); audio.Level(said) != audio.Silence { // four seconds, and nobody reads
		t.Error("a pipe that nobody writes to says something")
	}
	pass(t, e, 20, 1000)
	reader, err := os.OpenFile(out, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	b := make([]byte, fifoRoom)
	n, err := reader.Read(b)
	if err != nil || n == 0 || n > fifoRoom {
		t.Fatal(n, err)
	}
	heard := make([]int16, n/2)
	for i := range heard {
		heard[i] = int16(b[2*i]) | int16(b[2*i+1])<<8
	}
	if audio.ToneLevel(heard, 8000, 1000) < -22 || audio.ToneLevel(heard, 8000, 500) > -50 {
		t.Errorf("a late reader hears 1000 Hz at %.1f dBFS and the 500 Hz of before at %.1f", audio.ToneLevel(heard, 8000, 1000), audio.ToneLevel(heard, 8000, 500))
	}
	writer, err := os.OpenFile(in, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 160)
	var said []int16
	for i := range 5 { // by pieces with half a sample at the end
		var raw []byte
		for _, s := range tone(8000, 800, 700)[i*160 : (i+1)*160] {
			raw = append(raw, byte(s), byte(s>>8))
		}
		for _, piece := range [][]byte{raw[:101], raw[101:]} {
			if _, err := writer.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Say(frame); err != nil {
			t.Fatal(err)
		}
		said = append(said, frame...)
	}
	if audio.ToneLevel(said, 8000, 700) < -22 {
		t.Errorf("what was written is said at %.1f dBFS", audio.ToneLevel(said, 8000, 700))
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Say(frame); err != nil || audio.Level(frame) != audio.Silence {
		t.Errorf("the writer left: %v, %.1f dBFS", err, audio.Level(frame))
	}
	if n := testing.AllocsPerRun(50, func() { _ = e.Hear(frame); _ = e.Say(frame) }); n != 0 {
		t.Errorf("%v allocations in a frame", n)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
