package event

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ramble/internal/automation"
)

func TestParse(t *testing.T) {
	const line = `{"v":1,"time":"2026-01-02T03:04:05Z","type":"call","call":3,"direction":"out","state":"up","held":"local","peer":"sip:bob@example.com","call_id":"x","codec":"PCMU/8000","code":200,"reason":"OK","local_media":"192.168.1.23:40002","remote_media":"198.51.100.7:40124"}`
	got, ok := Parse(line)
	want := Event{
		V: 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Type: "call", State: "up", Code: 200, Reason: "OK", Line: line,
		Leg: Leg{
			Call: 3, Direction: "out", Held: "local", Peer: "sip:bob@example.com", CallID: "x", Codec: "PCMU/8000",
			LocalMedia: netip.MustParseAddrPort("192.168.1.23:40002"), RemoteMedia: netip.MustParseAddrPort("198.51.100.7:40124"),
		},
	}
	if a, b := text(t, got), text(t, want); !ok || a != b || got.State != want.State || got.Line != line {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	whole, ok := Parse(`{"type":"snapshot","process":{"goroutines":7,"descriptors":9},"state":{"calls":[]}}`)
	if !ok || string(whole.Whole) != `{"calls":[]}` || whole.State != "" || whole.Process != (automation.Process{Goroutines: 7, Descriptors: 9}) {
		t.Errorf("a snapshot is read as %+v", whole)
	}
	for _, none := range []string{"", "not JSON", "[]", `{"v":1}`, `{"type":"call","call":"three"}`} {
		if e, ok := Parse(none); ok {
			t.Errorf("%q is read as %+v", none, e)
		}
	}
}

func text(t *testing.T, e Event) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryLineOfTheContract reads what internal/automation writes: each field
// that a line and an Event both know has the line's value.
func TestEveryLineOfTheContract(t *testing.T) {
	golden, err := os.ReadFile("../../automation/testdata/TestEvents.golden")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]int{}
	for line := range strings.Lines(string(golden)) {
		line = strings.TrimSpace(line)
		e, ok := Parse(line)
		if !ok {
			t.Errorf("not read: %s", line)
			continue
		}
		var wrote, read map[string]any
		if json.Unmarshal([]byte(line), &wrote) != nil || json.Unmarshal([]byte(text(t, e)), &read) != nil {
			t.Fatal(line)
		}
		for key, value := range wrote {
			if _, has := read[key]; !has || key == "time" {
				continue // the golden file's has nine digits after the point
			}
			known[key]++
			if !reflect.DeepEqual(read[key], value) {
				t.Errorf("%s is read as %v, in %s", key, read[key], line)
			}
		}
		if word, _ := wrote["state"].(string); word != e.State {
			t.Errorf("state is read as %q, in %s", e.State, line)
		}
	}
	var silent []string
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(text(t, Event{})), &all) != nil {
		t.Fatal("an Event is no object")
	}
	for key := range all {
		if known[key] == 0 {
			silent = append(silent, key)
		}
	}
	slices.Sort(silent)
	if got := strings.Join(silent, " "); got != "time" {
		t.Errorf("no line of the golden file has %q, so it is not the contract's", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"type":"call","state":"up"}`)
	f.Add(`{"type":"snapshot","state":{}}`)
	f.Fuzz(func(t *testing.T, line string) {
		if e, ok := Parse(line); ok && (e.Type == "" || e.Line != line) {
			t.Errorf("%q is read as %+v", line, e)
		}
	})
}
