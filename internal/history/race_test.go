//go:build race

package history

// manyKills are fewer under the race detector, whose processes start ten
// times as slowly; the run without it kills all.
const manyKills = 40
