package device

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ramble/audio"
)

// eachCard runs a test with every kind of hardware in this build, on a daemon
// of its own.
func eachCard(t *testing.T, test func(t *testing.T, d *daemon, kind string)) {
	for _, kind := range autoOrder() {
		t.Run(kind, func(t *testing.T) {
			d := startDaemon(t)
			if kind == "portaudio" { // by ALSA, whose plugin speaks to the daemon
				conf := filepath.Join(d.dir, "asound.conf")
				if err := os.WriteFile(conf, []byte("pcm.!default { type pulse }\nctl.!default { type pulse }\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("ALSA_CONFIG_PATH", conf)
			}
			test(t, d, kind)
		})
	}
}

// running is a device at work, which plays 440 Hz.
type running struct {
	in  chan []int16 // what it heard, frame by frame; frames nobody takes are lost
	end chan error
}

func start(t *testing.T, dev *Device) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{in: make(chan []int16, 100), end: make(chan error, 1)}
	at := 0
	tone := sine(440, dev.Rate(), dev.Rate())
	go func() {
		r.end <- dev.Run(ctx, frame, func(in, out []int16) {
			for i := range out {
				out[i] = int16(binary.LittleEndian.Uint16(tone[2*at:]))
				at = (at + 1) % dev.Rate()
			}
			select {
			case r.in <- append([]int16(nil), in...):
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.end:
			r.end <- err
		case <-time.After(5 * time.Second):
			t.Error("Run does not return")
		}
	})
	return r
}

// ended waits for Run to return by itself.
func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.end:
		r.end <- err
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("the device runs on")
		return nil
	}
}

// ticks waits for some frames.
func (r *running) ticks(t *testing.T, n int) {
	t.Helper()
	for late := time.After(5 * time.Second); n > 0; n-- {
		select {
		case <-r.in:
		case err := <-r.end:
			r.end <- err
			t.Fatal(err)
		case <-late:
			t.Fatalf("%d frames are lacking", n)
		}
	}
}

// hears waits for a tone of -20 dBFS in what next brings.
func hears(t *testing.T, what string, f float64, next func() ([]int16, error)) {
	t.Helper()
	var window []int16
	best := audio.Silence
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); {
		s, err := next()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if window = append(window, s...); len(window) < fullBand/2 {
			continue
		}
		window = window[len(window)-fullBand/2:]
		best = max(best, audio.ToneLevel(window, fullBand, f))
		if best > -21.5 && audio.ToneLevel(window, fullBand, f*1.5) < -50 {
			return
		}
	}
	t.Errorf("%s: no tone of %v Hz, %.1f dBFS at best", what, f, best)
}

func (r *running) next() ([]int16, error) {
	select {
	case s := <-r.in:
		return s, nil
	case err := <-r.end:
		r.end <- err
		return nil, err
	case <-time.After(5 * time.Second):
		return nil, errors.New("no frame for five seconds")
	}
}

func samplesOf(r io.Reader) func() ([]int16, error) {
	buf := make([]byte, 4800)
	return func() ([]int16, error) {
		if _, err := io.ReadFull(r, buf); err != nil {
			return nil, err
		}
		s := make([]int16, len(buf)/2)
		for i := range s {
			s[i] = int16(binary.LittleEndian.Uint16(buf[2*i:]))
		}
		return s, nil
	}
}

func TestSoundGoesBothWays(t *testing.T) {
	eachCard(t, func(t *testing.T, d *daemon, kind string) {
		d.play(1000)
		heard := d.record()
		r := start(t, mustOpen(t, kind))
		hears(t, "the microphone", 1000, r.next)
		hears(t, "the loudspeaker", 440, samplesOf(heard))
	})
}

func TestAutoFindsTheServer(t *testing.T) {
	startDaemon(t)
	d := mustOpen(t, "auto")
	if d.Backend() != "pulse" || d.Status() != (Status{Input: "Test Microphone", Output: "Test Speaker"}) || d.Rate() != fullBand {
		t.Errorf("%s: %+v", d, d.Status())
	}
}

// returns runs the device as the desk does, until it ticks or two seconds are over.
func returns(t *testing.T, dev *Device) *running {
	t.Helper()
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for late := time.After(2 * time.Second); ; {
		r := start(t, dev)
		select {
		case <-r.in:
			return r
		case <-r.end:
			r.end <- nil
		case <-late:
		}
		select {
		case <-late:
			t.Fatal("no sound after two seconds")
		case <-again.C:
		}
	}
}

func TestALoudspeakerVanishesAndReturns(t *testing.T) {
	eachCard(t, func(t *testing.T, d *daemon, kind string) {
		d.record()
		dev := mustOpen(t, kind)
		start(t, dev).ticks(t, 20)
		for range 3 {
			r := returns(t, dev)
			r.ticks(t, 20)
			d.unload("voice") // and its monitor, and the microphone made of that
			d.unload("out")
			if err := r.ended(t); err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			d.load("voice", "module-null-sink", voice)
			d.load("mic", "module-remap-source", mic)
			d.load("out", "module-null-sink", out)
			d.record() // keeps the clock of a sink without hardware fine
		}
		returns(t, dev).ticks(t, 20)
	})
}

func TestTheServerDiesAndReturns(t *testing.T) {
	eachCard(t, func(t *testing.T, d *daemon, kind string) {
		d.record()
		dev := mustOpen(t, kind)
		r := start(t, dev)
		r.ticks(t, 20)
		d.stop()
		if err := r.ended(t); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		if r := start(t, dev); r.ended(t) == nil {
			t.Error("it runs without a server")
		}
		d.start()
		d.record()
		returns(t, dev).ticks(t, 20)
	})
}

func TestAHeadsetIsUnpluggedAndPluggedIn(t *testing.T) {
	d := startDaemon(t)
	headset := `sink_name=usb rate=48000 sink_properties=device.description="Jabra\ Evolve2"`
	d.load("usb", "module-null-sink", headset)
	dev := mustOpen(t, "pulse:out=jabra")
	is := func(when, output, note string) {
		t.Helper()
		if s := dev.Status(); s.Output != output || s.Note != note {
			t.Errorf("%s it plays on %q, %q", when, s.Output, s.Note)
		}
	}
	r := start(t, dev)
	r.ticks(t, 20)
	is("at first", "Jabra Evolve2", "")
	d.unload("usb")
	if err := r.ended(t); err == nil || !strings.Contains(err.Error(), "loudspeaker is gone") {
		t.Error(err)
	}
	r = start(t, dev)
	r.ticks(t, 20)
	is("unplugged", "Test Speaker", `"jabra" is not there, Test Speaker takes its place`)
	d.load("usb", "module-null-sink", headset)
	if err := r.ended(t); !errors.Is(err, better{}) {
		t.Error(err)
	}
	start(t, dev).ticks(t, 20)
	is("plugged in", "Jabra Evolve2", "")
}

func TestOneSideAlone(t *testing.T) {
	eachCard(t, func(t *testing.T, d *daemon, kind string) {
		d.play(1000)
		heard := d.record()
		r := start(t, mustOpen(t, kind+":out=none"))
		hears(t, "the microphone alone", 1000, r.next)
		r = start(t, mustOpen(t, kind+":in=none"))
		hears(t, "the loudspeaker alone", 440, samplesOf(heard))
		if s, err := r.next(); err != nil || audio.Level(s) != audio.Silence {
			t.Errorf("no microphone brings %.1f dBFS, %v", audio.Level(s), err)
		}
		start(t, mustOpen(t, kind+":in=none,out=none")).ticks(t, 20)
	})
}

func TestNamesOfPorts(t *testing.T) {
	d := startDaemon(t)
	d.load("second", "module-null-sink", "sink_name=second rate=48000 sink_properties=device.description=\"Second\\ Speaker\\ \x1b[31m\"")
	for _, tc := range []struct{ name, spec, input, output, err string }{
		{"a part of a name, whatever the case", "pulse:out=SECOND", "Test Microphone", "Second Speaker \uFFFD[31m", ""},
		{"nothing", "pulse:in=none,out=none", "silence", "nowhere", ""},
		{"a monitor by its whole name", "pulse:in=out.monitor", "Monitor of Test Speaker", "Test Speaker", ""},
		{"a monitor by a part of it", "pulse:in=monitor", "", "", `no microphone is called "monitor"; there are: "Test Microphone", "default", "none"`},
		{"an unknown one", "pulse:out=jabra", "", "", `no speaker is called "jabra"; there are: `},
		{"an ambiguous one", "auto:out=speaker", "", "", `"speaker" means more than one speaker: "Test Speaker" (out), "Second Speaker`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dev, err := Open(tc.spec)
			if tc.err != "" {
				if _, unknown := errors.AsType[*UnknownError](err); !unknown || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := dev.Status(); s.Input != tc.input || s.Output != tc.output {
				t.Errorf("%+v", s)
			}
			if again := mustOpen(t, dev.String()); again.String() != dev.String() {
				t.Errorf("its own name %s makes %s", dev, again)
			}
		})
	}
}

func TestNoMicrophoneIsSaid(t *testing.T) {
	d := startDaemon(t)
	d.unload("mic") // the default is now what a loudspeaker plays: nobody wants to hear himself
	dev := mustOpen(t, "pulse")
	if s := dev.Status(); s.Input != "silence" || s.Note != "there is no microphone, silence is sent" {
		t.Errorf("%+v", s)
	}
	r := start(t, dev)
	r.ticks(t, 20)
	d.load("mic", "module-remap-source", mic)
	if err := r.ended(t); !errors.Is(err, better{}) {
		t.Error(err)
	}
}
