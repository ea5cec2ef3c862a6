package history

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

func sampleCall(n int) Call {
	at := noon.Add(time.Duration(n) * time.Minute)
	return Call{
		Account: "work", Direction: "in", State: "ended", Peer: fmt.Sprintf("sip:bob%d@example.com", n), Name: "Bob Example",
		CallID: "a84b4c76e66710", Codec: "PCMU/8000", Reason: "Bob Example hung up",
		Started: at, Answered: at.Add(5 * time.Second), Ended: at.Add(50 * time.Second), Roams: 1, LongestGap: Millis(61 * time.Millisecond),
	}
}

func sampleRoam(n int) Roam {
	in, out, lost := Millis(61*time.Millisecond), Millis(20250*time.Microsecond), uint64(3)
	return Roam{
		Roam: n, Account: "work", Epoch: 7, Phase: "failed", From: "wlan0 192.168.1.23", To: "usb0 172.20.10.4",
		Reasons: []string{"address lost: wlan0 192.168.1.23"}, Started: noon.Add(time.Duration(n) * time.Minute), Total: Millis(84250 * time.Microsecond),
		Steps: []Step{
			{Step: "sign", Detail: "wlan0 lost"},
			{Step: "register", Offset: Millis(2 * time.Millisecond), Duration: Millis(12345 * time.Microsecond), OK: true, Detail: "REGISTER 200 OK"},
			{Step: "repair", Offset: Millis(2 * time.Millisecond), Duration: Millis(time.Second), Detail: "re-INVITE: 488", Call: 1},
		},
		Calls:  []RoamCall{{Call: 1, Peer: "sip:bob@example.com", Name: "Bob", GapIn: &in, GapOut: &out, LostIn: &lost}, {Call: 2}},
		Detail: "call 1: re-INVITE: 488", FailedStep: "repair", Next: []string{"refresh", "hangup"},
	}
}

// filled is a book with n calls in it.
func filled(t *testing.T, n, keep int) (*Book, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	b := Open(Options{Dir: dir, Keep: keep})
	for i := range n {
		if err := b.AddCall(sampleCall(i)); err != nil {
			t.Fatal(err)
		}
	}
	return b, filepath.Join(dir, "history.jsonl")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatWasWrittenIsReadBack(t *testing.T) {
	b, path := filled(t, 3, 0)
	for i := range 2 {
		if err := b.AddRoam(sampleRoam(i)); err != nil {
			t.Fatal(err)
		}
	}
	calls, report, err := Open(Options{Dir: filepath.Dir(path)}).Calls()
	if err != nil || !report.Whole() || !reflect.DeepEqual(calls, []Call{sampleCall(0), sampleCall(1), sampleCall(2)}) {
		t.Errorf("calls: %v %v %+v", err, report, calls)
	}
	roams, report, err := Open(Options{Dir: filepath.Dir(path)}).Roams()
	if err != nil || !report.Whole() || !reflect.DeepEqual(roams, []Roam{sampleRoam(0), sampleRoam(1)}) {
		t.Errorf("roams: %v %v\n%+v\n%+v", err, report, roams, []Roam{sampleRoam(0), sampleRoam(1)})
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range []string{path, filepath.Join(filepath.Dir(path), "roams.jsonl"), path + ".lock"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want 0600", name, err, info.Mode())
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v %v, want 0700", err, info.Mode())
	}
}

func TestReadingAHistoryThatIsNotThereMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	calls, report, err := Open(Options{Dir: dir}).Calls()
	if err != nil || len(calls) != 0 || !report.Whole() {
		t.Errorf("%v %v %v", calls, report, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made the directory")
	}
}

func TestNothingHostileAndNoPasswordIsWritten(t *testing.T) {
	b, path := filled(t, 0, 0)
	c := sampleCall(1)
	c.Name, c.Peer = "Bob\x1b]0;pwned\a\u202etxt", "sip:bob:hunter2@example.com"
	c.Reason = strings.Repeat("x", 1<<20)
	r := sampleRoam(1)
	r.Steps = slices.Repeat(r.Steps, 1000)
	r.Steps[0].Detail = "two\nlines\x9b31m"
	r.Calls[0].Peer = "sips:carol:hunter2@example.com;transport=tls"
	if err := b.AddCall(c); err != nil {
		t.Fatal(err)
	}
	if err := b.AddRoam(r); err != nil {
		t.Fatal(err)
	}
	text := append(read(t, path), read(t, filepath.Join(filepath.Dir(path), "roams.jsonl"))...)
	for _, bad := range []string{"hunter2", "\x1b", "\x9b", "\a", "\u202e", `\u001b`, `\u202e`, `\n`} {
		if bytes.Contains(text, []byte(bad)) {
			t.Errorf("%q was written", bad)
		}
	}
	if n := bytes.Count(text, []byte("\n")); n != 2 {
		t.Errorf("%d lines for two records", n)
	}
	for _, want := range []string{`"sip:bob@example.com"`, `"sips:carol@example.com;transport=tls"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestTheFileIsShortenedAndKeepsTheLatest(t *testing.T) {
	b, path := filled(t, 200, 20)
	calls, report, err := b.Calls()
	if err != nil || !report.Whole() || len(calls) != 20 || calls[19].Peer != sampleCall(199).Peer || calls[0].Peer != sampleCall(180).Peer {
		t.Errorf("%v %v, %d calls", report, err, len(calls))
	}
	if n := bytes.Count(read(t, path), []byte("\n")); n < 20 || n > 28 {
		t.Errorf("%d lines on disk", n)
	}
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("the new file was left")
	}
}

// TestATornLastLineIsPassedOver: the file is as a copy left it that was killed
// in the middle of a write.
func TestATornLastLineIsPassedOver(t *testing.T) {
	_, path := filled(t, 5, 0)
	whole := read(t, path)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := last + 1; cut < len(whole)-1; cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b := Open(Options{Dir: filepath.Dir(path), sys: hasty{}})
		calls, report, err := b.Calls()
		if err != nil || len(calls) != 4 || !report.Torn || len(report.Damaged) != 0 {
			t.Fatalf("cut at %d: %d calls, %+v, %v", cut, len(calls), report, err)
		}
		if err := b.AddCall(sampleCall(9)); err != nil {
			t.Fatal(err)
		}
		if now := read(t, path); !bytes.HasPrefix(now, whole[:cut]) {
			t.Fatalf("cut at %d: what was there has changed", cut)
		}
		calls, report, err = b.Calls()
		if err != nil || len(calls) != 5 || calls[4].Peer != sampleCall(9).Peer || report.Torn || len(report.Damaged) != 1 || report.Damaged[0].Line != 5 {
			t.Fatalf("cut at %d, after the next call: %d calls, %+v, %v", cut, len(calls), report, err)
		}
	}
	// Only the newline is missing: the record is whole.
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if calls, report, err := Open(Options{Dir: filepath.Dir(path)}).Calls(); err != nil || len(calls) != 5 || !report.Whole() {
		t.Errorf("without the last newline: %d calls, %v, %v", len(calls), report, err)
	}
}

// TestAThousandMutations: whatever happens to the bytes of a file, each record
// that is read is one that was written, in its order; each one that is not is
// named; the file stays as it is.
func TestAThousandMutations(t *testing.T) {
	_, path := filled(t, 20, 0)
	whole := read(t, path)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	random := rand.New(rand.NewPCG(4, 2))
	for n := range 1000 {
		broken := mutate(random, slices.Clone(whole))
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		b := Open(Options{Dir: filepath.Dir(path), sys: hasty{}})
		calls, report, err := b.Calls()
		if err != nil {
			t.Fatalf("mutation %d: %v", n, err)
		}
		at := 0
		for _, c := range calls {
			for at < 20 && c.Peer != sampleCall(at).Peer {
				at++
			}
			if at == 20 || !reflect.DeepEqual(c, sampleCall(at)) {
				t.Fatalf("mutation %d: a call that nobody made, or not in its turn: %+v", n, c)
			}
			at++
		}
		intact := 0
		for _, l := range lines {
			if len(l) > 0 && bytes.Contains(broken, bytes.TrimSuffix(l, []byte("\n"))) {
				intact++
			}
		}
		changed := len(report.Damaged) > 0 || report.Torn
		if len(calls) < 20 && !changed && len(broken) >= len(whole) {
			t.Fatalf("mutation %d: %d calls and no note", n, len(calls))
		}
		if len(calls) < intact-2 { // a newline lost or won costs the two lines beside it
			t.Fatalf("mutation %d: %d calls of %d intact lines, %v", n, len(calls), intact, report)
		}
		if changed == report.Whole() || filepath.Base(report.File) != "history.jsonl" {
			t.Fatalf("mutation %d: the note is %+v", n, report)
		}
		if !bytes.Equal(read(t, path), broken) {
			t.Fatalf("mutation %d: reading changed the file", n)
		}
		if n%10 != 0 {
			continue
		}
		if err := b.AddCall(sampleCall(100)); err != nil { // to a damaged file too
			t.Fatal(err)
		}
		after, _, err := b.Calls()
		if err != nil || len(after) != len(calls)+1 || !bytes.HasPrefix(read(t, path), broken) {
			t.Fatalf("mutation %d: the next call: %d after %d, %v", n, len(after), len(calls), err)
		}
	}
}

// mutate does one thing to the bytes that disks, editors and cats do.
func mutate(random *rand.Rand, data []byte) []byte {
	at := random.IntN(len(data))
	to := min(len(data), at+1+random.IntN(200))
	switch random.IntN(7) {
	case 0:
		data[at] ^= byte(1 << random.IntN(8))
	case 1:
		data[at] = byte(random.Uint32())
	case 2:
		return data[:at]
	case 3:
		return slices.Delete(data, at, to)
	case 4:
		clear(data[at:to])
	case 5:
		junk := make([]byte, to-at)
		for i := range junk {
			junk[i] = byte(random.Uint32())
		}
		return slices.Insert(data, at, junk...)
	case 6:
		return slices.Insert(data, at, data[at:to]...)
	}
	return data
}

// TestDamagedLinesAreSetAside when their file is shortened.
func TestDamagedLinesAreSetAside(t *testing.T) {
	b, path := filled(t, 5, 20)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			if err := b.AddCall(sampleCall(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	raw := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	raw("what is this?\n" + strings.Repeat("long", maxLine) + "\n")
	add(10, 22)
	later := `{"v":2,"time":"2030-01-01T00:00:00Z","type":"call","account":"from the future"`
	raw(fmt.Sprintf("%s%s%08x\"}\n", later, sumKey, sum([]byte(later))))
	_, report, err := b.Calls()
	if err != nil || report.Good != 17 || report.Newer != 1 || len(report.Damaged) != 2 || report.Damaged[0].Line != 6 || report.Damaged[1].Line != 7 {
		t.Errorf("%+v %v", report, err)
	}
	add(30, 38)
	if _, err := os.Stat(path + ".damaged"); err == nil {
		t.Fatal("shortened too soon")
	}
	add(40, 41)
	if aside := read(t, path+".damaged"); !bytes.Contains(aside, []byte("what is this?\n")) {
		t.Errorf("set aside: %.80q", aside)
	}
	if !bytes.Contains(read(t, path), []byte("from the future")) {
		t.Error("the record of a newer version is gone")
	}
	if _, report, err := b.Calls(); err != nil || len(report.Damaged) != 0 {
		t.Errorf("after shortening: %v %v", report, err)
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "history.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := Open(Options{Dir: dir})
	if _, _, err := b.Calls(); err == nil {
		t.Error("a directory was read")
	}
	if err := b.AddCall(sampleCall(1)); err == nil || b.Pending() != 1 {
		t.Errorf("a directory was written to: %v, %d pending", err, b.Pending())
	}
	if err := b.AddCall(Call{}); err == nil || b.Pending() != 1 {
		t.Errorf("an empty record was taken: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	b := Open(Options{Dir: dir})
	if err := b.AddCall(sampleCall(1)); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(good, good[:40]...))
	f.Add([]byte("\n\n{}\n{\"v\":1}\n"))
	sealed := func(body string) []byte { return fmt.Appendf([]byte(body), "%s%08x\"}\n", sumKey, sum([]byte(body))) }
	f.Add(sealed(`{"v":1,"type":"call","direction":"out","ended":"2026-01-02T03:04:05Z","longest_gap_ms":1e400`))
	f.Add(sealed(`{"v":1,"type":"call","direction":"out","ended":"2026-01-02T03:04:05Z","name":"\u001b[31m"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "history.jsonl")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b := Open(Options{Dir: filepath.Dir(path), Keep: 1000, sys: hasty{}})
		before, report, err := b.Calls()
		if err != nil || report.Good < len(before) {
			t.Fatal(report, err)
		}
		for _, c := range before {
			if strings.ContainsAny(c.Name+c.Peer+c.Reason, "\x00\x1b\n\r\u202e") {
				t.Fatalf("it would steer a terminal: %+v", c)
			}
		}
		if err := b.AddCall(sampleCall(5000)); err != nil {
			t.Fatal(err)
		}
		if after, _, err := b.Calls(); err != nil || len(after) != len(before)+1 {
			t.Fatalf("%d calls before, %d after: %v", len(before), len(after), err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(now, data) {
			t.Fatal("what was there has changed")
		}
	})
}
