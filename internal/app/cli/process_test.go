package cli

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"ramble/internal/proof/needs"
)

// TestTheProgram is the program as a user's script starts it: commands and their
// answers, and a start that fails.
func TestTheProgram(t *testing.T) {
	binary := buildProgram(t)
	t.Run("commands and answers", func(t *testing.T) { t.Parallel(); testAnswers(t, binary) })
	t.Run("a start that fails", func(t *testing.T) { t.Parallel(); testStarts(t, binary) })
}

// TestProcesses drives the program as a user's script does: processes of it on
// real loopback sockets, around a registrar in this test. It waits for real
// deadlines.
func TestProcesses(t *testing.T) {
	needs.TheWholeRun(t, "processes on real sockets for half a minute")
	binary := buildProgram(t)
	unanswered := newUnanswered(t, binary)
	t.Run("phones", func(t *testing.T) {
		for _, over := range []string{"udp", "tcp"} {
			for _, s := range []struct {
				name string
				run  func(t *testing.T, binary, over string)
			}{
				{"calls over " + over, testCalls},
				{"refusals over " + over, testRefusals},
				{"a server and a port that cannot be had over " + over, testUnreachable},
				{"the end of a phone over " + over, testFarewell},
				{"what a killed phone owes over " + over, testOwed},
			} {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					s.run(t, binary, over)
				})
			}
		}
		t.Run("the history after a kill", func(t *testing.T) {
			t.Parallel()
			testHistory(t, binary)
		})
	})
	t.Run("a server that never answers over udp fails the registration, and is found when it comes", unanswered)
}

// buildProgram builds the program once, with the race detector where the test has it.
func buildProgram(t *testing.T) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		needs.Missing(t, "needs the go command: ", err)
	}
	binary := filepath.Join(t.TempDir(), "ramble")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	began := time.Now()
	args := append([]string{"build", "-buildvcs=false", "-o", binary}, raceFlags...)
	if out, err := exec.Command(tool, append(args, "ramble")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Logf("built in %v", time.Since(began).Round(10*time.Millisecond))
	return binary
}
