//go:build race

package cli

// raceFlags build the program as the test was built: with the race detector.
var raceFlags = []string{"-race"}
