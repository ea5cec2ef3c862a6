package device

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		kind     string
		options  []option
		err      string
	}{
		{"no options", "null", "null", nil, ""},
		{"two options", "file:in=a.wav,out=b.wav", "file", []option{{"in", "a.wav"}, {"out", "b.wav"}}, ""},
		{"space after the comma", "file:in=a.wav, out=b.wav", "file", []option{{"in", "a.wav"}, {"out", "b.wav"}}, ""},
		{"spaces, equals and colons in a path", `file:in=C:\my sounds\a=b.wav`, "file", []option{{"in", `C:\my sounds\a=b.wav`}}, ""},
		{"other scripts", "file:in=/tmp/Zoë 李.wav", "file", []option{{"in", "/tmp/Zoë 李.wav"}}, ""},
		{"a comma in quotes", `file:in="a, b.wav",loop=1`, "file", []option{{"in", "a, b.wav"}, {"loop", "1"}}, ""},
		{"quotes in quotes", `file:in="say ""hi"".wav"`, "file", []option{{"in", `say "hi".wav`}}, ""},
		{"quotes inside stand for themselves", `file:in=say "hi".wav`, "file", []option{{"in", `say "hi".wav`}}, ""},
		{"a backslash is no escape", `file:in="a\",loop=0`, "file", []option{{"in", `a\`}, {"loop", "0"}}, ""},
		{"an empty value", "file:in=", "file", []option{{"in", ""}}, ""},
		{"an empty quoted value", `file:in=""`, "file", []option{{"in", ""}}, ""},
		{"nothing after the colon", "file:", "", nil, "has no value"},
		{"no equals sign", "file:a.wav", "", nil, `option "a.wav" has no value`},
		{"a trailing comma", "file:in=a.wav,", "", nil, "has no value"},
		{"an open quote", `file:in="a.wav`, "", nil, "closing quote"},
		{"something after the quote", `file:in="a"b`, "", nil, "where a comma belongs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			kind, options, err := parse(tc.in)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || kind != tc.kind || !slices.Equal(options, tc.options) {
				t.Fatalf("%q %q %v", kind, options, err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`file:in="a, ""b"".wav",out=C:\x.wav,loop=1`, `a,"b`)
	f.Add("null", `"`)
	f.Fuzz(func(t *testing.T, spec, path string) {
		parse(spec)
		_, options, err := parse("file:in=" + Quote(path) + ",rate=1")
		if err != nil || !slices.Equal(options, []option{{"in", path}, {"rate", "1"}}) {
			t.Fatalf("%q became %q, %v", path, options, err)
		}
	})
}

func TestOpen(t *testing.T) {
	noHardware(t)
	dir := t.TempDir()
	a := filepath.Join(dir, "a, b.wav")
	writeWAV(t, a, 16000, 100, 500)
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, spec                    string
		str, input, output, note, err string
	}{
		{name: "null", spec: "null", str: "null:rate=8000", input: "silence", output: "nowhere"},
		{name: "null at a rate", spec: "null:rate=48000", str: "null:rate=48000", input: "silence", output: "nowhere"},
		{name: "loop", spec: " loop ", str: "loop:rate=8000", input: "what is heard", output: "what is said"},
		{name: "auto says what is lacking", spec: "auto", str: "null:rate=8000", input: "silence", output: "nowhere", note: "no sound card"},
		{name: "no name is auto", spec: "", str: "null:rate=8000", input: "silence", output: "nowhere", note: "no sound card"},
		{name: "a file to play", spec: "file:in=" + Quote(a), str: `file:in="` + a + `",rate=16000`, input: a, output: "nowhere"},
		{name: "a file to play again and again", spec: "file:loop=1,in=" + Quote(a), str: `file:in="` + a + `",loop=1,rate=16000`, input: a, output: "nowhere"},
		{name: "a file to record", spec: "file:out=" + dir + "/new.wav", str: "file:out=" + dir + "/new.wav,rate=8000", input: "silence", output: dir + "/new.wav"},
		{name: "a file that is not there", spec: "file:in=" + dir + "/gone.wav", err: "gone.wav: "},
		{name: "a file that is no WAV", spec: "file:in=" + text, err: "not a WAV file"},
		{name: "a folder to play", spec: "file:in=" + dir, err: "is not a file"},
		{name: "a folder to record", spec: "file:out=" + dir, err: "is not a file"},
		{name: "no folder to record in", spec: "file:out=" + dir + "/no/b.wav", err: "there is no folder"},
		{name: "one file for both", spec: "file:in=" + Quote(a) + ",out=" + Quote(a), err: "it is being played"},
		{name: "no file at all", spec: "file", err: "name a file"},
		{name: "an empty path", spec: "file:in=", err: "option in is empty"},
		{name: "an odd rate", spec: "null:rate=11025", err: `rate "11025": it is 8000`},
		{name: "no rate", spec: "null:rate=fast", err: `rate "fast"`},
		{name: "loop neither on nor off", spec: "file:loop=maybe,in=" + Quote(a), err: `loop "maybe"`},
		{name: "an option of another kind", spec: "null:in=a.wav", err: `no option "in"`},
		{name: "an unknown option", spec: "file:inn=a.wav", err: `no option "inn"`},
		{name: "an unknown kind", spec: "alsa", err: "there is no such kind"},
		{name: "an unknown option of hardware", spec: "pulse:source=x", err: `no option "source": it is in, out or rate`},
		{name: "an empty port", spec: "auto:in=", err: "option in is empty"},
		{name: "auto keeps its rate", spec: "auto:in=Jabra,rate=16000", str: "null:rate=16000", input: "silence", output: "nowhere", note: "no sound card"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Open(tc.spec)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.String() != tc.str || d.Status().Input != tc.input || d.Status().Output != tc.output || !strings.HasPrefix(d.Status().Note, tc.note) || (d.Status().Note == "") != (tc.note == "") {
				t.Errorf("%s, from %q to %q, %q", d, d.Status().Input, d.Status().Output, d.Status().Note)
			}
			again, err := Open(d.String())
			if err != nil || again.String() != d.String() {
				t.Errorf("its own name makes %v, %v", again, err)
			}
		})
	}
}

// noHardware hides the sound of the machine that tests run on.
func noHardware(t *testing.T) {
	t.Helper()
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "nobody"))
	alsa := filepath.Join(t.TempDir(), "asound.conf") // not an empty one: PortAudio aborts the process then
	if err := os.WriteFile(alsa, []byte("pcm.!default { type hw card 31 }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALSA_CONFIG_PATH", alsa)
}

func TestBackendsAreAllKinds(t *testing.T) {
	noHardware(t)
	for _, b := range Backends() {
		_, err := Open(b.Name)
		if b.About == "" || err != nil && strings.Contains(err.Error(), "no such kind") {
			t.Errorf("%+v: %v", b, err)
		}
		if missing := err != nil && strings.Contains(err.Error(), b.About); missing == b.Ready {
			t.Errorf("%s: ready %v, but %v", b.Name, b.Ready, err)
		}
	}
}

func TestName(t *testing.T) {
	for _, tc := range []struct{ backend, in, out, want string }{
		{"pulse", "default", "default", "pulse"},
		{"auto", "", "", "auto"},
		{"auto", "Jabra", "", "auto:in=Jabra"},
		{"portaudio", "none", "a, b", `portaudio:in=none,out="a, b"`},
		{"pulse:rate=16000", "Jabra", "", "pulse:rate=16000"},
		{"null", "Jabra", "", "null"},
		{"file:in=a.wav", "Jabra", "", "file:in=a.wav"},
	} {
		if got := Name(tc.backend, tc.in, tc.out); got != tc.want {
			t.Errorf("%v becomes %s", tc, got)
		}
	}
}
