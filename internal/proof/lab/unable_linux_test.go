package lab

import (
	"errors"
	"strings"
	"testing"
)

func TestAMissingProgramIsNamed(t *testing.T) {
	l := open(t, Options{})
	_, err := l.Exec(Callee, Command{Path: "no-such-phone"})
	if _, unable := errors.AsType[*Unable](err); !unable {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"no private network here", "no-such-phone is not installed", "scripts/lab-packages.sh"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// TestWithoutRightsItIsSaid runs a test of the lab where there can be none: as
// a user who may not have namespaces.
func TestWithoutRightsItIsSaid(t *testing.T) {
	for _, tt := range []struct {
		name, ci string
		pass     bool
		says     []string
	}{
		{"at a desk the test is skipped and says why", "", true, []string{"--- SKIP", "`make ci` plays it"}},
		{"in continuous integration it fails and says why", "CI=true", false, []string{"--- FAIL",
			"no private network here: network namespaces need root, or a system that lets users have user namespaces"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// As if a namespace of users had been tried already.
			said, err := asUser(t, "^TestTopology$", entered, tt.ci)
			if (err == nil) != tt.pass {
				t.Errorf("it ends with %v", err)
			}
			for _, want := range tt.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}
