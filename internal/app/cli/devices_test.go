package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ramble/audio/device"
)

func TestDevicesAreListed(t *testing.T) {
	s := newStage(t)
	s.ports = []soundPorts{
		{Backend: "pulse", Ports: []device.Port{
			{Backend: "pulse", Name: "alsa_input.usb", About: "Jabra Evolve2", Default: true},
			{Backend: "pulse", Name: "bare"},
			{Backend: "pulse", Name: "alsa_output.pci", About: "Built-in", Output: true, Default: true},
		}},
		{Backend: "portaudio", Err: errors.New("not in this build")},
	}
	if code := s.do("devices"); code != exitOK {
		t.Fatal(s.errout.String())
	}
	want := `pulse microphones
  * Jabra Evolve2  (alsa_input.usb)  default
    bare
pulse speakers
  * Built-in  (alsa_output.pci)  default
portaudio: not in this build
`
	if s.out.String() != want {
		t.Errorf("got\n%s", s.out.String())
	}
	if code := s.do("devices", "--json"); code != exitOK {
		t.Fatal(s.errout.String())
	}
	want = `{"v":1,"type":"device","backend":"pulse","direction":"in","name":"alsa_input.usb","about":"Jabra Evolve2","default":true}
{"v":1,"type":"device","backend":"pulse","direction":"in","name":"bare"}
{"v":1,"type":"device","backend":"pulse","direction":"out","name":"alsa_output.pci","about":"Built-in","default":true}
`
	if s.out.String() != want {
		t.Errorf("got\n%s", s.out.String())
	}
}

func TestADeviceIsTried(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "nobody"))
	s := newStage(t)
	s.apps.tryDevice = tryDevice
	for _, tc := range []struct {
		audio string
		code  int
		says  string
	}{
		{"pulse:in=none", exitAudio, "sound device \"pulse:in=none\""},
		{"null", exitAudio, "there is nothing to try"},
		{"file:in=/no/such.wav", exitAudio, "/no/such.wav"},
	} {
		if code := s.do("devices", "--test", "--audio", tc.audio); code != tc.code || !strings.Contains(s.errout.String(), tc.says) {
			t.Errorf("%s: exit %d, %s", tc.audio, code, s.errout.String())
		}
	}
	if testing.Short() {
		return
	}
	if code := s.do("devices", "--test", "--audio", "loop"); code != exitOK || strings.Count(s.out.String(), "a tone sounds; microphone  -") < 3 {
		t.Errorf("exit %d, %s%s", code, s.out.String(), s.errout.String())
	}
}
