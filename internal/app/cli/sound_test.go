package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"ramble/audio/desk"
	"ramble/internal/leaf/phone"
)

func TestSoundOfCallsOfTheirOwn(t *testing.T) {
	o := ownSounds{}
	dir := t.TempDir()
	for name, want := range map[string]string{
		"loop":                                 "loop",
		"file:out=" + dir + "/call-{call}.wav": "file:out=" + filepath.Join(dir, "call-7.wav"),
		"bridge:lobby":                         "bridge:lobby",
	} {
		e, err := o.open(name, 7)
		if err != nil || e.String() != want {
			t.Errorf("%s: %v, %v", name, e, err)
		}
	}
	if _, err := o.open("horn", 1); err == nil || !strings.Contains(err.Error(), "it is null, loop, file, pipe or bridge") {
		t.Errorf("a kind that there is not: %v", err)
	}
	if n := o.bridges["lobby"].Seats(); n != 1 {
		t.Fatalf("%d seats", n)
	}
	list := make([]desk.Endpoint, 2)
	for i := range list {
		list[i], _ = o.open("bridge:den", phone.CallID(i))
	}
	if n := o.bridges["den"].Seats(); n != 2 {
		t.Errorf("%d seats of calls by one name", n)
	}
	for _, e := range list {
		_ = e.Close()
	}
	if _, _ = o.open("bridge:lobby", 1); o.bridges["den"] != nil || o.bridges["lobby"].Seats() != 2 {
		t.Error("a bridge that all have left is kept, or one that is in use is not")
	}
}
