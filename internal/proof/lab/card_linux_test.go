package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// hardware is a PulseAudio of the phone's own, without a sound card: what is
// played to the sink "voice" is what the phone's microphone hears, and the sink
// "out" is its loudspeaker.
type hardware struct {
	*Lab
	dir, server string
	modules     []string // by what unloads them
}

// carding starts it, or skips the test where that cannot be.
func carding(t *testing.T, ctx context.Context, l *Lab) *hardware {
	t.Helper()
	h := &hardware{Lab: l, dir: filepath.Join(l.Dir, "sound")}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(h.dir, "native")
	h.server = "unix:" + socket
	p, err := l.Exec(Phone, Command{Path: "pulseaudio", Env: h.env(), Args: []string{
		"--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no", "--log-target=stderr", "--log-level=info",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket=" + socket,
	}})
	possible(t, err)
	if err := p.Output.AwaitText(ctx, "startup complete"); err != nil {
		t.Fatalf("%v\n%s", err, p.Output.Tail(40))
	}
	h.plug(t, ctx)
	return h
}

// env leads the programs of the phone to it.
func (h *hardware) env() []string {
	return []string{
		"XDG_RUNTIME_DIR=" + h.dir, "XDG_CONFIG_HOME=" + h.dir, "DBUS_SESSION_BUS_ADDRESS=disabled:", "PULSE_SERVER=" + h.server,
		"ALSA_CONFIG_PATH=" + filepath.Join(h.dir, "asound.conf"),
	}
}

// pactl runs one, which says the number of the module that it loaded.
func (h *hardware) pactl(t *testing.T, ctx context.Context, args ...string) string {
	t.Helper()
	p, err := h.Exec(Phone, Command{Path: "pactl", Args: args, Env: h.env()})
	possible(t, err)
	defer h.forget(p)
	if err := p.Wait(ctx); err != nil {
		t.Fatalf("pactl %v: %v\n%s", args, err, p.Output.Tail(5))
	}
	return p.Output.text()
}

// plug makes microphone and loudspeaker appear, unplug takes them away.
func (h *hardware) plug(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, module := range [][]string{
		{"module-null-sink", "sink_name=voice", "rate=48000"},
		{"module-remap-source", "source_name=mic", "master=voice.monitor"},
		{"module-null-sink", "sink_name=out", "rate=48000"},
	} {
		var number int
		if _, err := fmt.Sscan(h.pactl(t, ctx, append([]string{"load-module"}, module...)...), &number); err != nil {
			t.Fatal(err)
		}
		h.modules = append(h.modules, fmt.Sprint(number))
	}
	h.pactl(t, ctx, "set-default-source", "mic")
	h.pactl(t, ctx, "set-default-sink", "out")
}

func (h *hardware) unplug(t *testing.T, ctx context.Context) {
	t.Helper()
	for i := len(h.modules) - 1; i >= 0; i-- {
		h.pactl(t, ctx, "unload-module", h.modules[i])
	}
	h.modules = nil
}

// speak plays a tone into the microphone, and listen records what the
// loudspeaker is given, until it is unplugged.
func (h *hardware) speak(t *testing.T, hz float64) {
	t.Helper()
	path := filepath.Join(h.dir, fmt.Sprintf("%.0f.wav", hz))
	if err := WriteTone(path, hz, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	must[*Program](t)(h.Exec(Phone, Command{Path: "paplay", Args: []string{"--device=voice", "--latency-msec=20", path}, Env: h.env()}))
}

func (h *hardware) listen(t *testing.T, name string) (recording string) {
	t.Helper()
	recording = filepath.Join(h.dir, name+".wav")
	must[*Program](t)(h.Exec(Phone, Command{Name: "parec-" + name, Path: "parec", Env: h.env(), Args: []string{
		"--device=out.monitor", "--latency-msec=20", "--rate=48000", "--channels=1", "--format=s16le", "--file-format=wav", recording,
	}}))
	return recording
}

// carries waits until a recording holds a tone for that long.
func carries(t *testing.T, ctx context.Context, what string, recording func() (string, error), hz float64, d time.Duration) {
	t.Helper()
	for {
		var got time.Duration
		path, err := recording()
		if err == nil {
			var sound Sound
			if sound, err = ReadSound(path); err == nil {
				got = sound.Tone(hz)
			}
		}
		if got >= d {
			t.Logf("%s carries %.0f Hz for %s", what, hz, got)
			return
		}
		if late := wait(ctx, 100*time.Millisecond); late != nil {
			t.Fatalf("%s carries %.0f Hz for %s, want %s (%v)", what, hz, got, d, err)
		}
	}
}

// withPortAudio builds the phone as the make targets do where the headers are.
func withPortAudio(t *testing.T, l *Lab) string {
	t.Helper()
	if exec.Command("pkg-config", "--exists", "portaudio-2.0").Run() != nil {
		possible(t, &Unable{Reason: "PortAudio's headers are not installed (make deps)"})
	}
	path := filepath.Join(l.Dir, "ramble-portaudio")
	cmd := exec.Command("go", "build", "-tags", "portaudio", "-o", path, "ramble")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return path
}

// TestSoundCard talks to baresip through a sound system: what is said into the
// microphone arrives there, what baresip says arrives at the loudspeaker, and
// when both vanish in the call and return, so again.
func TestSoundCard(t *testing.T) {
	const bobSays, before, after = 1100.0, 700.0, 900.0
	for _, kind := range []string{"pulse", "portaudio"} {
		t.Run(kind, func(t *testing.T) {
			ctx := within(t, 2*time.Minute)
			l := open(t, Options{})
			h := carding(t, ctx, l)
			binary := ""
			if kind == "portaudio" {
				binary = withPortAudio(t, l)
				conf := "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
				if err := os.WriteFile(filepath.Join(h.dir, "asound.conf"), []byte(conf), 0o600); err != nil {
					t.Fatal(err)
				}
			} else {
				binary = ramble(t)
			}
			k, err := l.Kamailio(ctx, "alice", "bob")
			possible(t, err)
			_, tone := tonesFor(t, l)
			bob, err := l.Baresip(ctx, PeerOptions{User: "bob", Says: tone, AutoAnswer: true})
			possible(t, err)
			alice := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: binary, User: "alice", Sound: kind, Env: h.env()}))
			must[Event](t)(alice.Registered(ctx, 0, "10.1.0.2"))
			if err := k.AwaitBindings(ctx, "bob", "10.8.0.2"); err != nil {
				t.Fatal(err)
			}
			h.speak(t, before)
			heard := h.listen(t, "before")
			named := func(path string) func() (string, error) { return func() (string, error) { return path, nil } }
			if err := alice.call(ctx, "sip:bob@"+Domain); err != nil {
				t.Fatal(err)
			}
			carries(t, ctx, "bob's recording", bob.Recording, before, time.Second)
			carries(t, ctx, "the loudspeaker", named(heard), bobSays, time.Second)

			wire := must[*Capture](t)(l.Capture(Phone))
			defer wire.Stop()
			h.unplug(t, ctx)
			own, _ := l.Address()
			if err := flowing(ctx, wire, own, time.Now(), 75); err != nil {
				t.Errorf("without a sound card: %v", err)
			}
			h.plug(t, ctx)
			start := time.Now()
			h.speak(t, after)
			heard = h.listen(t, "after")
			carries(t, ctx, "bob's recording", bob.Recording, after, time.Second)
			carries(t, ctx, "the loudspeaker", named(heard), bobSays, time.Second)
			t.Logf("a second of each %s after the card is back", time.Since(start).Round(10*time.Millisecond))
			if err := alice.hangUp(ctx); err != nil {
				t.Error(err)
			}
			if err := alice.Quit(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
