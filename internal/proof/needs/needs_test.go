package needs

import (
	"fmt"
	"testing"
)

// fake is a test that writes down how it ended.
type fake struct {
	testing.TB
	how string
}

func (f *fake) Helper()                  {}
func (f *fake) Skip(v ...any)            { f.how = "skipped: " + fmt.Sprint(v...) }
func (f *fake) Skipf(s string, v ...any) { f.how = "skipped: " + fmt.Sprintf(s, v...) }
func (f *fake) Fatal(v ...any)           { f.how = "failed: " + fmt.Sprint(v...) }

func TestWhatCannotRunSaysSoAndFailsInCI(t *testing.T) {
	lacking := func(f *fake) { Missing(f, "no pulseaudio") }
	long := func(f *fake) { TheWholeRun(f, "the lab") }
	for _, tt := range []struct {
		ci   string
		run  func(*fake)
		want string
	}{
		{"", lacking, "skipped: no pulseaudio"},
		{"", long, "skipped: the lab: `make ci` plays it, and so does CI=true"},
		{"true", long, ""},
	} {
		t.Setenv("CI", tt.ci)
		f := &fake{TB: t}
		tt.run(f)
		if f.how != tt.want {
			t.Errorf("CI=%q: %q, want %q", tt.ci, f.how, tt.want)
		}
	}
	t.Setenv("CI", "true")
	f := &fake{TB: t}
	Missing(f, "no pulseaudio")
	if want := "failed: CI=true wants all tests run: no pulseaudio"; f.how != want {
		t.Errorf("in CI: %q, want %q", f.how, want)
	}
}
