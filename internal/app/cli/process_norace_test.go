//go:build !race

package cli

// raceFlags are none: this test runs without the race detector.
var raceFlags []string
