//go:build !race

package history

// defaultKills is the sample of every run; the full number is 2,000.
const defaultKills = 200
