package drill

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

func ms(n int) *time.Duration {
	d := time.Duration(n) * time.Millisecond
	return &d
}

// results are one that passed, and one that failed, with a hostile detail.
func results() []Result {
	lost := uint64(1)
	return []Result{
		{
			Scenario: Scenario{Name: "roam", Title: "another uplink at once"}, Transport: "udp", Real: true, Took: time.Second,
			Total: ms(25), GapIn: ms(21), GapOut: ms(1500), Lost: &lost, TReg: ms(5),
		},
		{
			Scenario: Scenario{Name: "stall", Title: "a title that is much longer than the table is wide"}, Transport: "tls", Took: time.Second,
			Roams: []phone.Roam{{
				ID: 3, From: "wlan0 192.168.1.23", Phase: phone.RoamFailed, Failures: said("no answer"),
				Steps: []phone.RoamStep{
					{Name: phone.StepSign, OK: true, Facts: said("wlan0 lost 192.168.1.23")},
					{Name: phone.StepRegister, Offset: 1200 * time.Millisecond, Facts: said("503\x1b[2J")},
					{Name: phone.StepRepair, Offset: 1300 * time.Millisecond, Running: true},
				},
			}},
			Failed: &Failure{Line: 4, Step: "expect survives", Why: "no sound from the peer", Todo: "look"},
		},
	}
}

func TestReport(t *testing.T) {
	for _, ascii := range []bool{false, true} {
		var b strings.Builder
		r := Report{W: &b, ASCII: ascii}
		r.Begin("here", 2)
		for _, res := range results() {
			r.Write(res)
		}
		if r.End() {
			t.Error("a drill with a failure passed")
		}
		want := `here

2 scenarios                                      total   gap in  gap out  lost    t_reg
✓ roam       another uplink at once              25 ms    21 ms   1.50 s     1     5 ms
✗ stall      a title that is much longer tha…        -        -        -     -        -
    line 4, expect survives: no sound from the peer
    roam 3 wlan0 192.168.1.23 → no network, failed
        +0 ms ✓ sign     wlan0 lost 192.168.1.23
      +1.20 s ✗ register 503�[2J
      +1.30 s … repair
              no answer
    what to do: look

1 passed, 1 failed in 2s
`
		if ascii {
			want = strings.NewReplacer("2 scenarios ", "2 scenarios  ", "✓ ", "ok ", "✗ ", "no ", "tha…", "t...", "… ", ".. ", "→", "->", "�", "?").Replace(want)
		}
		if got := trimmed(b.String()); got != want {
			t.Errorf("ASCII %v: got\n%s\nwant\n%s", ascii, got, want)
		}
		if ascii && strings.ContainsFunc(b.String(), func(r rune) bool { return r > 126 }) {
			t.Error("that is not ASCII")
		}
	}
}

// trimmed is text without blanks at the ends of its lines.
func trimmed(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

func TestReportInColour(t *testing.T) {
	var b strings.Builder
	r := Report{W: &b, Color: true}
	r.Write(results()[0])
	if !strings.HasPrefix(b.String(), "\x1b[32m✓\x1b[0m roam") {
		t.Errorf("%q", b.String())
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	for _, res := range results() {
		if err := WriteJSON(&b, res); err != nil {
			t.Fatal(err)
		}
	}
	if err := Summary(&b, 1, 1, 2*time.Second); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{
		`{"v":1,"type":"scenario","scenario":"roam","title":"another uplink at once","network":"namespace","transport":"udp","pass":true,"took_ms":1000,"total_ms":25,"gap_in_ms":21,"gap_out_ms":1500,"lost_in":1,"t_reg_ms":5,"roams":[]}`,
		`{"v":1,"type":"scenario","scenario":"stall","title":"a title that is much longer than the table is wide","network":"simulated","transport":"tls","pass":false,"took_ms":1000,"line":4,"step":"expect survives","reason":"no sound from the peer","hint":"look","roams":[{"roam":3,"from":"wlan0 192.168.1.23","phase":"failed","total_ms":0,"detail":"no answer","steps":[{"step":"sign","offset_ms":0,"duration_ms":0,"ok":true,"detail":"wlan0 lost 192.168.1.23"},{"step":"register","offset_ms":1200,"duration_ms":0,"ok":false,"detail":"503�[2J"},{"step":"repair","offset_ms":1300,"duration_ms":0,"ok":false,"running":true}]}]}`,
		`{"v":1,"type":"summary","passed":1,"failed":1,"took_ms":2000}`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i := range want {
		if lines[i] != want[i] || !json.Valid([]byte(lines[i])) {
			t.Errorf("got  %s\nwant %s", lines[i], want[i])
		}
	}
}

func TestIsAt(t *testing.T) {
	four, six := netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("fd01::2")
	for _, tt := range []struct {
		contact string
		at      netip.Addr
		want    bool
	}{
		{"sip:you@192.168.1.2:5060", four, true},
		{"sip:you@192.168.1.2", four, true},
		{"sip:you@192.168.1.2:5060;transport=tcp", four, true},
		{"sip:192.168.1.2:5060", four, true},
		{"sip:you@192.168.1.23:5060", four, false},
		{"sip:192.168.1.2@192.168.1.23", four, false},
		{"sip:you@[fd01::2]:5060;transport=tls", six, true},
		{"sip:you@[fd01::2]", six, true},
		{"sip:you@example.com", four, false},
		{"", four, false},
	} {
		if got := isAt(tt.contact, tt.at); got != tt.want {
			t.Errorf("%s at %s: %v", tt.contact, tt.at, got)
		}
	}
}

func said(text string) []phone.Fact { return []phone.Fact{{Kind: phone.Recorded, Text: text}} }
