package device

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ramble/audio"
)

const frame = 20 * time.Millisecond

func TestMain(m *testing.M) {
	if path := os.Getenv("RAMBLE_TEST_RECORD"); path != "" {
		recordUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// writeWAV makes a file with a sine of that frequency at -20 dBFS.
func writeWAV(t *testing.T, path string, rate, n int, f float64) []int16 {
	t.Helper()
	s := tone(rate, n, f)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.ResumeWAV(file, rate, 0)
	if err := errors.Join(err, w.Write(s), w.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

func tone(rate, n int, f float64) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(audio.Linear(-20) * math.Sqrt2 * 32767 * math.Sin(2*math.Pi*f*float64(i)/float64(rate)))
	}
	return s
}

func readWAV(t *testing.T, path string) (rate int, samples []int16) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := audio.NewWAVReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for buf := make([]int16, 1000); ; {
		n, err := r.Read(buf)
		samples = append(samples, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return r.Rate(), samples
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustOpen(t *testing.T, name string) *Device {
	t.Helper()
	d, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs the device for so many frames; play is what is heard at each.
func run(t *testing.T, d *Device, frames int, play func(i int, in, out []int16)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	i := 0
	err := d.Run(ctx, frame, func(in, out []int16) {
		if i < frames && play != nil {
			play(i, in, out)
		}
		if i++; i == frames {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestNullIsSilentAndKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := mustOpen(t, "null:rate=48000")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute-time.Millisecond)
		defer cancel()
		ticks := 0
		err := d.Run(ctx, frame, func(in, out []int16) {
			ticks++
			if len(in) != 960 || len(out) != 960 || audio.Level(in) != audio.Silence {
				t.Fatal("not 20 ms of silence at 48 kHz")
			}
			out[5] = 1000 // must not come back
		})
		if ticks != 3000 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%d ticks in a minute, %v", ticks, err)
		}
	})
}

func TestLoopSaysWhatItHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, mustOpen(t, "loop"), 3, func(_ int, in, out []int16) {
			out[7] = 4321
			if in[7] != 4321 {
				t.Error("what is played is not captured")
			}
		})
	})
}

func TestFilePlaysAndRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := filepath.Join(t.TempDir(), "a.wav"), filepath.Join(t.TempDir(), "b.wav")
		src := writeWAV(t, a, 8000, 8000+100, 500)
		d := mustOpen(t, "file:in="+Quote(a)+",out="+Quote(b))
		var heard []int16
		run(t, d, 100, func(i int, in, out []int16) {
			heard = append(heard, in...)
			for j := range out {
				out[j] = int16(i)
			}
		})
		if !slices.Equal(heard[:len(src)], src) {
			t.Error("the microphone is not the file")
		}
		if audio.Level(heard[len(src):]) != audio.Silence {
			t.Error("no silence after the file's end")
		}
		rate, said := readWAV(t, b)
		if rate != 8000 || len(said) != 16000 || said[0] != 0 || said[160] != 1 || said[15999] != 99 {
			t.Errorf("recorded %d samples at %d", len(said), rate)
		}
	})
}

func TestFileOfAnyRateIsHeardAtTheDevicesRate(t *testing.T) {
	for _, tc := range []struct {
		file   int
		option string
		device int
	}{{8000, "", 8000}, {16000, "", 16000}, {44100, "", 48000}, {11025, "", 48000}, {44100, ",rate=8000", 8000}, {8000, ",rate=48000", 48000}} {
		synctest.Test(t, func(t *testing.T) {
			a := filepath.Join(t.TempDir(), "a.wav")
			writeWAV(t, a, tc.file, tc.file*2, 500)
			d := mustOpen(t, "file:in="+a+tc.option)
			if d.Rate() != tc.device {
				t.Fatalf("a file at %d with %q: device at %d", tc.file, tc.option, d.Rate())
			}
			var heard []int16
			run(t, d, 150, func(_ int, in, _ []int16) { heard = append(heard, in...) })
			second := heard[d.Rate()/2 : d.Rate()*3/2]
			if level := audio.ToneLevel(second, d.Rate(), 500); math.Abs(level+20) > 0.2 {
				t.Errorf("%d on %d: %.1f dBFS", tc.file, d.Rate(), level)
			}
			if audio.Level(heard[d.Rate()*2+d.Rate()/10:]) != audio.Silence {
				t.Errorf("%d on %d: it goes on after two seconds", tc.file, d.Rate())
			}
		})
	}
}

func TestFileLoops(t *testing.T) {
	for _, n := range []int{1, 50, 160, 1000} {
		synctest.Test(t, func(t *testing.T) {
			a := filepath.Join(t.TempDir(), "a.wav")
			src := writeWAV(t, a, 8000, n, 500)
			var heard []int16
			run(t, mustOpen(t, "file:loop=1,in="+a), 50, func(_ int, in, _ []int16) { heard = append(heard, in...) })
			for i, s := range heard {
				if s != src[i%n] {
					t.Fatalf("a file of %d: sample %d is %d, want %d", n, i, s, src[i%n])
				}
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		a := filepath.Join(t.TempDir(), "a.wav")
		writeWAV(t, a, 8000, 0, 500)
		run(t, mustOpen(t, "file:loop=1,in="+a), 5, nil) // must not turn for ever
	})
}

func TestASecondRunGoesOnRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := filepath.Join(t.TempDir(), "b.wav")
		d := mustOpen(t, "file:out="+b)
		run(t, d, 3, func(_ int, _, out []int16) { out[0] = 1 })
		run(t, d, 2, func(_ int, _, out []int16) { out[0] = 2 })
		if _, s := readWAV(t, b); len(s) != 5*160 || s[0] != 1 || s[3*160] != 2 {
			t.Errorf("%d samples", len(s))
		}
		other := mustOpen(t, "file:out="+b)
		run(t, other, 1, nil)
		if _, s := readWAV(t, b); len(s) != 160 {
			t.Errorf("another device goes on with an old file: %d samples", len(s))
		}
	})
}

func TestAFileThatGoesWrongEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		d := mustOpen(t, "file:out="+filepath.Join(dir, "b.wav"))
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := d.Run(t.Context(), frame, nil); err == nil || !strings.Contains(err.Error(), "cannot record") {
			t.Error(err)
		}
	})
}

// recordUntilKilled is what the test below runs in a process of its own.
func recordUntilKilled(path string) {
	d, err := Open("file:out=" + Quote(path))
	if err != nil {
		panic(err)
	}
	ticks := 0
	panic(d.Run(context.Background(), frame, func(_, out []int16) {
		if ticks++; ticks == 30 {
			os.Stdout.WriteString("thirty\n")
		}
		for i := range out {
			out[i] = 1000
		}
	}))
}

func TestRecordingSurvivesSIGKILL(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the time of its recording")
	}
	path := filepath.Join(t.TempDir(), "b, and more.wav")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RAMBLE_TEST_RECORD="+path)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "thirty\n" {
		t.Errorf("the recording process said %q, %v", line, err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	_, s := readWAV(t, path)
	if want := 30*160 - 8000/4 - 160; len(s) < want || int64(44+2*len(s)) != info.Size() || s[len(s)-1] != 1000 {
		t.Errorf("%d samples in a file of %d bytes, want at least %d", len(s), info.Size(), want)
	}
}

func TestRunDoesNotAllocateOnceWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := filepath.Join(t.TempDir(), "a.wav"), filepath.Join(t.TempDir(), "b.wav")
		writeWAV(t, a, 44100, 44100*20, 500)
		d := mustOpen(t, "file:in="+a+",out="+b)
		if err := errors.Join(d.mic.start(d.rate), d.ear.start(d.rate)); err != nil {
			t.Fatal(err)
		}
		defer d.ear.stop()
		defer d.mic.stop()
		in := make([]int16, 960)
		if n := testing.AllocsPerRun(100, func() {
			if err := errors.Join(d.mic.fill(in), d.ear.take(in)); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
