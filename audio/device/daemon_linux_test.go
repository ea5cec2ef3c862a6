package device

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jfreymuth/pulse/proto"

	"ramble/internal/proof/needs"
)

// daemon is a PulseAudio of the test's own: a sink "out" with a loudspeaker's
// name, and a sink "voice" whose monitor is the source "mic". It has no sound
// card, nothing of the user's, and ends with the test.
type daemon struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	loaded map[string]uint32 // modules by what they make
}

// What the daemon's modules are told.
const (
	voice = "sink_name=voice rate=48000"
	mic   = `source_name=mic master=voice.monitor source_properties=device.description="Test\ Microphone"`
	out   = `sink_name=out rate=48000 sink_properties=device.description="Test\ Speaker"`
)

// needed skips a test for want of a program, or fails it where everything has
// to be there.
func needed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	needs.Missing(t, program, " is not installed (packages pulseaudio, pulseaudio-utils; make deps)")
	return ""
}

// startDaemon runs one and points this process at it.
func startDaemon(t *testing.T) *daemon {
	t.Helper()
	needs.TheWholeRun(t, "sound cards of a PulseAudio of the test's own")
	needed(t, "pulseaudio")
	d := &daemon{t: t, dir: t.TempDir(), loaded: map[string]uint32{}}
	if err := os.Chmod(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PULSE_RUNTIME_PATH"} {
		t.Setenv(name, d.dir)
	}
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(d.dir, "native"))
	d.start()
	t.Cleanup(d.stop)
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	d.cmd = exec.Command("pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no", "--log-target=stderr", "--log-level=info",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+filepath.Join(d.dir, "native"))
	d.cmd.Env = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS=disabled:")
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := d.cmd.StderrPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	lines, log := bufio.NewScanner(said), strings.Builder{}
	for lines.Scan() {
		fmt.Fprintln(&log, lines.Text())
		if strings.Contains(lines.Text(), "startup complete") {
			go io.Copy(io.Discard, said)
			d.load("voice", "module-null-sink", voice)
			d.load("mic", "module-remap-source", mic)
			d.load("out", "module-null-sink", out)
			return
		}
	}
	d.t.Fatalf("pulseaudio did not start:\n%s", log.String())
}

// stop ends the daemon as a crash would.
func (d *daemon) stop() {
	d.cmd.Process.Kill()
	d.cmd.Wait()
}

func (d *daemon) ask(r proto.RequestArgs, reply proto.Reply) {
	d.t.Helper()
	s, err := dialPulse(func(any) {})
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.close()
	if err := s.Request(r, reply); err != nil {
		d.t.Fatalf("%T: %v", r, err)
	}
}

// load makes a sink or a source, unload takes it away.
func (d *daemon) load(what, module, args string) {
	d.t.Helper()
	reply := proto.LoadModuleReply{}
	d.ask(&proto.LoadModule{Name: module, Args: args}, &reply)
	d.loaded[what] = reply.ModuleIndex
	switch what {
	case "mic":
		d.ask(&proto.SetDefaultSource{SourceName: what}, nil)
	case "out":
		d.ask(&proto.SetDefaultSink{SinkName: what}, nil)
	}
}

func (d *daemon) unload(what string) {
	d.t.Helper()
	d.ask(&proto.UnloadModule{ModuleIndex: d.loaded[what]}, nil)
}

// play sends a tone to the sink "voice", which is the microphone, until the
// test ends.
func (d *daemon) play(f float64) {
	d.t.Helper()
	cmd := exec.Command(needed(d.t, "pacat"), "--playback", "--device=voice", "--latency-msec=20", "--format=s16le", "--rate=48000", "--channels=1", "--raw")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		second := sine(f, 48000, 48000)
		for {
			if _, err := in.Write(second); err != nil {
				return
			}
		}
	}()
	d.t.Cleanup(func() { cmd.Process.Kill(); in.Close(); <-done; cmd.Wait() })
}

// record returns what the sink "out" is given, from now on.
func (d *daemon) record() io.Reader {
	d.t.Helper()
	cmd := exec.Command(needed(d.t, "parec"), "--device=out.monitor", "--latency-msec=20", "--format=s16le", "--rate=48000", "--channels=1", "--raw")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return out
}

// sine is n samples at -20 dBFS, as bytes.
func sine(f float64, rate, n int) []byte {
	b := make([]byte, 0, 2*n)
	for i := range n {
		s := int16(0.1 * math.Sqrt2 * 32767 * math.Sin(2*math.Pi*f*float64(i)/float64(rate)))
		b = append(b, byte(s), byte(uint16(s)>>8))
	}
	return b
}
