package config

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func example(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// minimal is a valid account for tests that are about something else.
const minimal = "[[account]]\nuri = \"sip:alice@example.com\"\n"

func problems(t *testing.T, text string) Problems {
	t.Helper()
	_, err := Parse("config.toml", []byte(text))
	ps, ok := errors.AsType[Problems](err)
	if err != nil && !ok {
		t.Fatalf("the error is a %T: %v", err, err)
	}
	return ps
}

func TestExample(t *testing.T) {
	text := example(t)
	t.Run("it is valid and its account reads as it stands there", func(t *testing.T) {
		c, err := Parse("config.example.toml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a := c.Accounts[0]
		if len(c.Accounts) != 1 || a.Name != "work" || a.URI != (Address{User: "alice", Host: "example.com"}) {
			t.Fatalf("got %+v", c.Accounts)
		}
	})
	t.Run("every value not marked example is the default", func(t *testing.T) {
		got, err := Parse("config.example.toml", []byte(withoutExamples(text)))
		if err != nil {
			t.Fatal(err)
		}
		want := Default()
		account := DefaultAccount()
		account.URI, account.Name = Address{User: "alice", Host: "example.com"}, "alice@example.com"
		want.Accounts = []Account{account}
		if len(got.Network.Interfaces) == 0 { // an empty list and no list mean the same
			got.Network.Interfaces = nil
		}
		for i, s := range got.Show() {
			if w := want.Show()[i]; s.Key != w.Key || s.Value != w.Value {
				t.Errorf("%s = %s in the example, the default is %s", s.Key, s.Value, w.Value)
			}
		}
		for _, part := range []struct{ got, want any }{
			{got.Audio, want.Audio}, {got.Network, want.Network}, {got.Roaming, want.Roaming},
			{got.UI, want.UI}, {got.Log, want.Log}, {got.Accounts, want.Accounts},
		} {
			if !reflect.DeepEqual(part.got, part.want) {
				t.Errorf("got  %+v\nwant %+v", part.got, part.want)
			}
		}
	})
	t.Run("every line that is commented out is valid by itself", func(t *testing.T) {
		section := ""
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, "[") {
				section, _, _ = strings.Cut(line, "#")
			}
			body, commented := strings.CutPrefix(line, "# ")
			if !commented || !strings.Contains(body, " = ") || !strings.Contains(body, "# example") {
				continue
			}
			file := minimal + body
			if !strings.HasPrefix(section, "[[account]]") {
				file = minimal + section + "\n" + body
			}
			if ps := problems(t, file); ps != nil {
				t.Errorf("%s\n%v", body, ps)
			}
		}
	})
	t.Run("every key there is stands in it", func(t *testing.T) {
		lines := keyLines([]byte(uncommented(text)))
		for _, k := range keys() {
			if lines[k.name] == 0 {
				t.Errorf("%s is missing", k.name)
			}
		}
		for _, k := range accountKeys() {
			if lines["account[0]."+k.name] == 0 {
				t.Errorf("account.%s is missing", k.name)
			}
		}
	})
}

// withoutExamples drops the lines that show no default, except the address.
func withoutExamples(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.Contains(line, "# example") || strings.HasPrefix(line, "uri") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// uncommented takes the mark off every line that holds a key.
func uncommented(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if body, ok := strings.CutPrefix(line, "# "); ok && strings.Contains(body, "# example") {
			line = body
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		key        string
		says       []string
	}{
		{"an unknown key is named with a suggestion", minimal + "[network]\npol = \"1s\"", 4, "network.pol", []string{"unknown key", `did you mean "poll"?`}},
		{"an unknown account key is named with a suggestion", minimal + "enabeld = true", 3, "account[0].enabeld", []string{`did you mean "enabled"?`}},
		{"a key in the wrong section is sent to the right one", minimal + "[ui]\npoll = \"1s\"", 4, "ui.poll", []string{"[network]"}},
		{"an account key in a section is sent to the account", minimal + "[ui]\nregistrar = \"sip:x\"", 4, "ui.registrar", []string{"[[account]]"}},
		{"an unknown section is named", minimal + "[netwrok]\npoll = \"1s\"", 3, "netwrok", []string{`did you mean "network"?`}},
		{"a key of a coming version says so", minimal + "turn = \"turn:x\"", 3, "account[0].turn", []string{"not available yet in this version"}},
		{"a value of a coming version says so", minimal + "codecs = [\"opus\"]", 3, "account[0].codecs", []string{`"opus" is not available yet`, `"pcmu" or "pcma"`}},
		{"a web transport says that it comes", minimal + "transport = \"wss\"", 3, "account[0].transport", []string{"not available yet", `"tls"`}},
		{"a link-local server is refused", minimal + "registrar = \"sip:[fe80::1%eth0]\"", 3, "account[0].registrar", []string{"link-local", "fd"}},
		{"sips: over UDP contradicts itself", "[[account]]\nuri = \"sips:alice@example.com\"\ntransport = \"udp\"", 3, "account[0].transport", []string{"contradicts sips:", `"tls"`}},
		{"a CA without TLS does nothing", minimal + "transport = \"tcp\"\ntls_ca = \"x.pem\"", 4, "account[0].tls_ca", []string{"does nothing"}},
		{"trust without TLS does nothing", minimal + "registrar = \"sip:x;transport=udp\"\ntls_verify = false", 4, "account[0].tls_verify", []string{"does nothing"}},
		{"a sound system that nobody knows", minimal + "[audio]\nbackend = \"pulsee\"", 4, "audio.backend", []string{`did you mean "pulse"?`}},
		{"a speaker without a name", minimal + "[audio]\nspeaker = \"\"", 4, "audio.speaker", []string{"empty", "ramble devices"}},
		{"a misspelt value is named with a suggestion", minimal + "[ui]\ntheme = \"drak\"", 4, "ui.theme", []string{`did you mean "dark"?`}},
		{"a duration without a unit is refused", minimal + "[network]\npoll = 500", 4, "network.poll", []string{`"300ms"`}},
		{"a duration out of range names the range", minimal + "[network]\npoll = \"1ms\"", 4, "network.poll", []string{"out of range", "50ms"}},
		{"a negative duration is refused", minimal + "[network.roaming]\nkeep_for = \"-1s\"", 4, "network.roaming.keep_for", []string{"negative"}},
		{"text where a truth is expected is refused", minimal + "[ui]\nmouse = \"yes\"", 4, "ui.mouse", []string{"true or false"}},
		{"secrets are never logged, so hiding them cannot be switched off", minimal + "[log]\nredact = false", 4, "log.redact", []string{"never written", "remove the line"}},
		{"a missing address is placed", "[[account]]\nname = \"x\"", 2, "account[0].uri", []string{"missing", "sip:alice@example.com"}},
		{"no account at all is a problem", "[ui]\nmouse = true", 0, "account", []string{"no account"}},
		{"an account table with single brackets is explained", "[account]\nuri = \"sip:a@b\"", 1, "account", []string{"[[account]]"}},
		{"two accounts of one name are a problem", minimal + minimal, 0, "account[1].name", []string{"two accounts"}},
		{"two passwords are a problem", minimal + "password_env = \"X\"\npassword_command = \"pass\"", 4, "account[0].password_command", []string{"twice", "password_env"}},
		{"a syntax error has its line", minimal + "name = \n", 3, "", []string{"config.toml:3"}},
		{"a key given twice has its line", minimal + "name = \"a\"\nname = \"b\"", 4, "", []string{"config.toml:4"}},
		{"a range of ports upside down is refused", minimal + "[network]\nrtp_ports = \"20000-10000\"", 4, "network.rtp_ports", []string{"10000-20000"}},
		{"a SIP port among the RTP ports is refused", minimal + "[network]\nsip_port = 12000", 4, "network.sip_port", []string{"rtp_ports"}},
		{"a longest quiet time below the shortest is refused", minimal + "[network.roaming]\nsettle = \"5s\"", 0, "network.roaming.settle_max", []string{"settle"}},
		{"a host name where an address is expected is refused", minimal + "allow_from = [\"pbx.example.com\"]", 3, "account[0].allow_from", []string{"no address"}},
		{"an open quote in a command is refused", minimal + "password_command = \"pass 'x\"", 3, "account[0].password_command", []string{"quote"}},
		{"a control character is refused", minimal + "display_name = \"a\\u001bb\"", 3, "account[0].display_name", []string{"control character"}},
		{"no calls at all are refused", minimal + "[calls]\nmax_calls = 0", 4, "calls.max_calls", []string{"1 to 1000"}},
		{"more calls than any phone has are refused", minimal + "[calls]\nmax_calls = 1001", 4, "calls.max_calls", []string{"1 to 1000"}},
		{"a number of calls in quotes is refused", minimal + "[calls]\nmax_calls = \"8\"", 4, "calls.max_calls", []string{"without quotes"}},
		{"more calls than ports are refused", minimal + "[calls]\nmax_calls = 100\n[network]\nrtp_ports = \"10000-10099\"", 4, "calls.max_calls", []string{"50 calls", "rtp_ports"}},
		{"a frame that no codec has is refused", minimal + "[audio]\nframe = \"25ms\"", 4, "audio.frame", []string{"20ms"}},
		{"files without a name are refused", minimal + "[audio]\nbackend = \"file\"", 4, "audio.backend", []string{"in=A.wav"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ps := problems(t, tt.text)
			if len(ps) != 1 {
				t.Fatalf("got %d problems, want one:\n%v", len(ps), ps)
			}
			if ps[0].Line != tt.line || (tt.key != "" && ps[0].Key != tt.key) || ps[0].File != "config.toml" {
				t.Errorf("placed at %q line %d key %q, want line %d key %q", ps[0].File, ps[0].Line, ps[0].Key, tt.line, tt.key)
			}
			for _, part := range tt.says {
				if !strings.Contains(ps.Error(), part) {
					t.Errorf("%q is missing in:\n%v", part, ps)
				}
			}
		})
	}
	t.Run("several problems are all reported, in the order of the file", func(t *testing.T) {
		ps := problems(t, minimal+"colour = 1\nexpires = \"soon\"\n[ui]\nmouse = 7\n[log]\nlevle = \"info\"")
		var got []int
		for _, p := range ps {
			got = append(got, p.Line)
		}
		if !reflect.DeepEqual(got, []int{3, 4, 6, 8}) {
			t.Fatalf("lines %v:\n%v", got, ps)
		}
	})
	t.Run("a terminal escape in a key does not reach the message", func(t *testing.T) {
		if ps := problems(t, minimal+"\"a\\u001b[2Jb\" = 1"); strings.ContainsRune(ps.Error(), 0x1b) {
			t.Fatalf("%q", ps.Error())
		}
	})
}

func TestValues(t *testing.T) {
	c, err := Parse("config.toml", []byte(`
[[account]]
uri = "sip:alice@[2001:db8::1]:5070"
registrar = "sip:192.0.2.1:5080;transport=TCP;lr"
proxy = "sip:proxy.example.com"
allow_from = ["192.0.2.7", "10.1.2.3/8", "2001:db8::/32", "any"]
codecs = ["PCMA"]
[audio]
backend = "file:in=a.wav,out=b.wav"
[network]
keepalive = "0s"
[ui]
refresh = "2/s"
[ui.keys]
hangup = ["b", "ctrl+d"]
mute = "M"
[log]
level = "debug"
`))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	for _, row := range []struct {
		what      string
		got, want any
	}{
		{"address", a.URI.String(), "sip:alice@[2001:db8::1]:5070"},
		{"name", a.Name, "alice@2001:db8::1"},
		{"registrar", a.Registrar, Server{Host: "192.0.2.1", Port: 5080, Transport: TransportTCP}},
		{"registrar again", a.Registrar.String(), "sip:192.0.2.1:5080;transport=tcp"},
		{"proxy", a.Proxy, Server{Host: "proxy.example.com", Transport: TransportAuto}},
		{"allowed", fmt.Sprint(a.AllowFrom), "{true [192.0.2.7/32 10.0.0.0/8 2001:db8::/32]}"},
		{"codecs", a.Codecs, []string{"pcma"}},
		{"keepalive", c.Network.Keepalive, time.Duration(0)},
		{"refresh", c.UI.Refresh, 2},
		{"keys", c.UI.Keys, map[string][]string{"hangup": {"b", "ctrl+d"}, "mute": {"M"}}},
		{"level", c.Log.Level.String(), "DEBUG"},
	} {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s: got %v, want %v", row.what, row.got, row.want)
		}
	}
}

func TestShow(t *testing.T) {
	env := map[string]string{"RAMBLE_ASCII": "1", "RAMBLE_REDUCE_MOTION": "1", "RAMBLE_LOG_LEVEL": "DEBUG", "RAMBLE_PASSWORD": "hunter2"}
	c, err := Parse("config.toml", []byte(minimal+"password = \"hunter2\"\n[network]\npoll = \"1m\""))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Environment(func(k string) string { return env[k] }); err != nil {
		t.Fatal(err)
	}
	if err := c.Set("audio.backend", "null", "--audio"); err != nil {
		t.Fatal(err)
	}
	got := map[string]Setting{}
	for _, s := range c.Show() {
		got[s.Key] = s
		if strings.Contains(s.Value, "hunter2") {
			t.Errorf("the password is shown: %+v", s)
		}
	}
	for _, want := range []Setting{
		{"network.poll", `"1m"`, "line 5"},
		{"network.watch", `"auto"`, "default"},
		{"ui.ascii", `"on"`, "RAMBLE_ASCII"},
		{"ui.motion", `"off"`, "RAMBLE_REDUCE_MOTION"},
		{"log.level", `"debug"`, "RAMBLE_LOG_LEVEL"},
		{"audio.backend", `"null"`, "--audio"},
		{"account[0].uri", `"sip:alice@example.com"`, "line 2"},
	} {
		if got[want.Key] != want {
			t.Errorf("got %+v, want %+v", got[want.Key], want)
		}
	}
	err = c.Set("audio.backend", "nul", "--audio")
	if err == nil || !strings.Contains(err.Error(), "--audio") || !strings.Contains(err.Error(), `did you mean "null"?`) {
		t.Errorf("a wrong flag says: %v", err)
	}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if s := fmt.Sprintf(format, *c); strings.Contains(s, "hunter2") {
			t.Errorf("%s prints the password", format)
		}
	}
}

// TestMutations damages the example in a thousand ways. The outcome is a valid
// configuration or a complaint with a place; never a panic.
func TestMutations(t *testing.T) {
	text := example(t)
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for i := range 1000 {
		damaged := mutate(rng, text)
		_, err := Parse("config.toml", []byte(damaged))
		if err == nil {
			continue
		}
		refused++
		ps, ok := errors.AsType[Problems](err)
		if !ok || len(ps) == 0 {
			t.Fatalf("mutation %d: the error is a %T: %v", i, err, err)
		}
		for _, p := range ps {
			if p.Text == "" || p.File != "config.toml" || (p.Line == 0 && p.Key == "") {
				t.Errorf("mutation %d: unclear: %+v", i, p)
			}
		}
	}
	if refused < 200 {
		t.Errorf("only %d of 1000 mutations were refused: the mutations are too mild to test anything", refused)
	}
}

func mutate(rng *rand.Rand, text string) string {
	b := []byte(text)
	lines := strings.Split(text, "\n")
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(b))
		switch rng.IntN(7) {
		case 0:
			b[at] = byte(rng.IntN(256))
		case 1:
			b = append(b[:at], b[min(len(b), at+1+rng.IntN(40)):]...)
		case 2:
			piece := lines[rng.IntN(len(lines))] + "\n"
			b = append(b[:at], append([]byte(piece), b[at:]...)...)
		case 3:
			b = b[:max(1, at)]
		case 4:
			b = append(b, lines[rng.IntN(len(lines))]+"\n"...)
		case 5:
			b = []byte(strings.Replace(string(b), "\"", []string{"", "'", "\"\"\"", "\\\""}[rng.IntN(4)], 1+rng.IntN(9)))
		case 6:
			words := []string{"true", "-1", "1e999", "[[[", "{a={b=1}}", "1979-05-27", "\x00", "ü", "999999999999999999999"}
			piece := words[rng.IntN(len(words))]
			b = append(b[:at], append([]byte(piece), b[at:]...)...)
		}
	}
	return string(b)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example(f)))
	f.Add([]byte(minimal))
	f.Add([]byte("account = [{uri='sip:a@b', name='x'}, 1]\nui = {mouse = true, keys.x = 1}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("config.toml", data)
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Fatalf("parsed but not valid: %v", err)
			}
			c.Show()
			return
		}
		if ps, ok := errors.AsType[Problems](err); !ok || len(ps) == 0 {
			t.Fatalf("the error is a %T: %v", err, err)
		}
	})
}
