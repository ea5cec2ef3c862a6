package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

func sample() Page {
	return Page{Version: version, Accounts: []Account{{AOR: "sip:alice@example.test", Login: "alice", Accepted: noon().Add(-24 * time.Hour),
		Bindings: []Binding{{URI: "sip:alice@192.0.2.1:5060", Stored: "sip:alice@203.0.113.1:1024", Until: noon().Add(time.Hour)}},
		Calls: []Call{{CallID: "c", LocalTag: "l", RemoteTag: "r", Local: "<sip:alice@example.test>", Remote: "<sip:bob@example.test>",
			Target: "sip:bob@192.0.2.9", Routes: []string{"<sip:192.0.2.5;lr>"}, Server: true, Seq: 3, Alive: noon().Add(-time.Hour)}}}}}
}

func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		list = append(list, n.Name())
	}
	return list
}

// written has a run write a page and end, by a kill or properly.
func written(t *testing.T, dir string, p Page, closed bool) {
	t.Helper()
	l := Open(dir)
	if err := l.Write(p); err != nil {
		t.Fatal(err)
	}
	if closed {
		l.Close()
		return
	}
	l.release() // as the system does
}

func TestWhatARunWritesTheNextOneFinds(t *testing.T) {
	for _, closed := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "state")
		written(t, dir, Page{}, closed)
		written(t, dir, sample(), closed)
		next := Open(dir)
		got, notes := next.Adopt(noon())
		got.Version = version
		if !reflect.DeepEqual(got, sample()) || notes != nil {
			t.Errorf("%+v, %q", got, notes)
		}
		if n := len(files(t, dir)); n < 2 {
			t.Errorf("%d files before the next page is written: a kill would lose what they hold", n)
		}
		if err := next.Write(got); err != nil {
			t.Fatal(err)
		}
		if list := files(t, dir); len(list) != 2 {
			t.Errorf("%q", list)
		}
		info, err := os.Stat(next.path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		next.Close()
		if list := files(t, dir); len(list) != 1 {
			t.Errorf("%q", list)
		}
	}
}

func TestARunThatLivesKeepsItsOwn(t *testing.T) {
	dir := t.TempDir()
	first := Open(dir)
	if err := first.Write(sample()); err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got, notes := Open(dir).Adopt(noon()); len(got.Accounts) != 0 || notes != nil {
		t.Errorf("%+v, %q", got, notes)
	}
}

func TestTwoRunsAreTakenTogether(t *testing.T) {
	dir := t.TempDir()
	other := sample()
	other.Accounts[0].Accepted, other.Accounts[0].Calls = noon(), nil
	written(t, dir, sample(), false)
	written(t, dir, other, false)
	got, _ := Open(dir).Adopt(noon())
	if len(got.Accounts) != 1 || len(got.Accounts[0].Bindings) != 2 || len(got.Accounts[0].Calls) != 1 || !got.Accounts[0].Accepted.Equal(noon()) {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsTooOldIsNotSaid(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, sample(), false)
	for _, tt := range []struct {
		later                  time.Duration
		bindings, calls, login int
	}{{0, 1, 1, 1}, {2 * time.Hour, 0, 1, 1}, {KeepCall, 0, 0, 1}, {KeepLogin, 0, 0, 0}} {
		got, _ := Open(dir).Adopt(noon().Add(tt.later))
		bindings, calls := 0, 0
		for _, a := range got.Accounts {
			bindings, calls = bindings+len(a.Bindings), calls+len(a.Calls)
		}
		if bindings != tt.bindings || calls != tt.calls || len(got.Accounts) != tt.login {
			t.Errorf("after %v: %+v", tt.later, got)
		}
	}
}

func TestABrokenFileIsPutAside(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "torn": `{"v":1,"accounts":[{"aor":"sip:al`, "no JSON": "\x00\xff", "newer": `{"v":2,"accounts":[]}`,
		"huge": `{"v":1,"accounts":[` + strings.Repeat(" ", maxFile) + `]}`, "of another shape": `{"v":1,"accounts":7}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			written(t, dir, sample(), false)
			if err := os.WriteFile(filepath.Join(dir, "owed-1-1.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, notes := Open(dir).Adopt(noon())
			if len(got.Accounts) != 1 || len(notes) != 1 || !strings.HasSuffix(notes[0].Aside, "owed-1-1.broken") || notes[0].Err == nil {
				t.Errorf("%+v, %q", got, notes)
			}
			if kept, err := os.ReadFile(filepath.Join(dir, "owed-1-1.broken")); err != nil || string(kept) != text {
				t.Errorf("%q, %v", kept, err)
			}
			if _, notes := Open(dir).Adopt(noon()); len(notes) != 0 {
				t.Errorf("said again: %q", notes)
			}
		})
	}
}

func TestNoMoreThanIsWorthIt(t *testing.T) {
	p := sample()
	for i := range 100 {
		b, c := p.Accounts[0].Bindings[0], p.Accounts[0].Calls[0]
		c.CallID = fmt.Sprint(i)
		p.Accounts[0].Bindings, p.Accounts[0].Calls = append(p.Accounts[0].Bindings, b), append(p.Accounts[0].Calls, c)
	}
	got := p.fresh(noon()).Accounts[0]
	if len(got.Bindings) != maxBindings || len(got.Calls) != maxCalls {
		t.Errorf("%d bindings, %d calls", len(got.Bindings), len(got.Calls))
	}
}

func TestADiskThatTakesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no-directory")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Open(file)
	if got, notes := l.Adopt(noon()); len(got.Accounts) != 0 || notes != nil {
		t.Errorf("%+v, %q", got, notes)
	}
	if err := l.Write(sample()); err == nil {
		t.Error("it wrote")
	}
	l.Close()
}

func TestTheLastWholeLineCounts(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	for _, p := range []Page{{}, sample()} {
		if err := l.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.file.WriteString(`{"v":1,"accou`); err != nil { // killed there
		t.Fatal(err)
	}
	l.release()
	got, notes := Open(dir).Adopt(noon())
	if got.Version = version; !reflect.DeepEqual(got, sample()) || notes != nil {
		t.Errorf("%+v, %q", got, notes)
	}
}

func TestALongFileIsBegunAnew(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	for range 2*longFile/100 + 1 { // a page is longer than 100 bytes
		if err := l.Write(sample()); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(l.path); err != nil || info.Size() != int64(l.size) || l.size > longFile {
			t.Fatalf("the file has %v bytes, %d are known: %v", info.Size(), l.size, err)
		}
	}
	l.Close()
	if names := files(t, dir); len(names) != 1 {
		t.Errorf("left behind: %q", names)
	}
}

// TestAfterAWriteThatFails breaks the file under the ledger, as a full disk does.
func TestAfterAWriteThatFails(t *testing.T) {
	dir := t.TempDir()
	l := Open(dir)
	if err := l.Write(Page{}); err != nil {
		t.Fatal(err)
	}
	_ = l.file.Close()
	if err := l.Write(sample()); err == nil {
		t.Fatal("a closed file took a page")
	}
	if err := l.Write(sample()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	got, notes := Open(dir).Adopt(noon())
	if got.Version = version; !reflect.DeepEqual(got, sample()) || notes != nil {
		t.Errorf("%+v, %q", got, notes)
	}
}
