package lab

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAMissingProgramIsNamed(t *testing.T) {
	l := open(t, Options{})
	_, err := l.Exec(Callee, Command{Path: "no-such-phone"})
	if _, unable := errors.AsType[*Unable](err); !unable {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"no lab here", "no-such-phone is not installed", "scripts/lab-packages.sh"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// TestWithoutRightsItIsSaid runs a test of the lab where there can be none: as
// a user who may not have namespaces.
func TestWithoutRightsItIsSaid(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv("RAMBLE_LAB_ENTERED") != "" {
		t.Skip("this is about not being root, from root")
	}
	dir := must[string](t)(os.MkdirTemp("", "ramble-lab-user-"))
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	binary := must[[]byte](t)(os.ReadFile("/proc/self/exe"))
	if err := os.WriteFile(dir+"/lab.test", binary, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ci string
		pass     bool
		says     string
	}{
		{"at a desk the test is skipped and says why", "", true, "--- SKIP"},
		{"in continuous integration it fails and says why", "CI=true", false, "--- FAIL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(within(t, 30*time.Second), dir+"/lab.test", "-test.v", "-test.run", "^TestTopology$")
			cmd.Dir = dir
			// As if a namespace of users had been tried already.
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, entered, tt.ci}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			said, err := cmd.CombinedOutput()
			if (err == nil) != tt.pass {
				t.Errorf("it ends with %v", err)
			}
			for _, want := range []string{tt.says, "no lab here: network namespaces need root, or a system that lets users have user namespaces"} {
				if !strings.Contains(string(said), want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
		})
	}
}
