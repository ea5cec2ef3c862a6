package simulate

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAScriptIsReadAsItIsWritten(t *testing.T) {
	for seed := range uint64(50) {
		s := Generate(seed, 4)
		if again := Generate(seed, 4); !reflect.DeepEqual(s, again) {
			t.Fatalf("seed %d gives two scripts", seed)
		}
		got, err := Parse(s.String())
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("seed %d: %v\n%s\nis read as\n%s", seed, err, s, got)
		}
	}
	for _, wrong := range []string{"seed x", "line a udp", "line a udp 1s x 0", "episode", "1s alice dial", "episode 1s\nsoon alice dial bob"} {
		if _, err := Parse(wrong); err == nil {
			t.Errorf("%q is read", wrong)
		}
	}
}

func TestAScriptShrinksToWhatMatters(t *testing.T) {
	s := Generate(7, 6)
	last := &s.Episodes[5]
	last.Steps = slices.Insert(last.Steps, len(last.Steps)/2, Step{Who: "alice", Verb: "sneezes"})
	last.Steps = append(last.Steps, Step{Who: "bob", Verb: "says", Arg: "bless you"})
	tries := 0
	small := Shrink(s, 200, func(s Script) bool {
		tries++
		text := s.String()
		return strings.Contains(text, "alice sneezes") && strings.Contains(text, "bless you")
	})
	if len(small.Episodes) != 1 || small.Steps() != 2 {
		t.Errorf("%d tries left\n%s", tries, small)
	}
	if few := Shrink(s, 3, func(Script) bool { tries = 0; return false }); few.Steps() != s.Steps() {
		t.Error("what does not fail again was cut")
	}
}
