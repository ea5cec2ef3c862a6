// Package needs is where a test says what it wants besides Go: root, a tool, a
// device, a long time. A newcomer's `make test` leaves such a test out and says
// so; `make ci` sets CI=true, which has everything played, and then what cannot
// run fails.
package needs

import (
	"os"
	"testing"
)

// Everything reports whether all tests are to run, those too that need root, a
// tool, a device or long.
func Everything() bool { return os.Getenv("CI") == "true" }

// TheWholeRun skips a test that takes long or a machine of its own, unless
// everything is to run. why says what it is.
func TheWholeRun(t testing.TB, why string) {
	t.Helper()
	if !Everything() {
		t.Skipf("%s: `make ci` plays it, and so does CI=true", why)
	}
}

// Missing ends a test for want of something that can be installed or permitted:
// it is skipped, and fails where everything is to run.
func Missing(t testing.TB, what ...any) {
	t.Helper()
	if Everything() {
		t.Fatal(append([]any{"CI=true wants all tests run: "}, what...)...)
		return // a test of this test goes on
	}
	t.Skip(what...)
}
