//go:build !race

package history

// manyKills is the sample of continuous integration; the full number is 2,000.
const manyKills = 200
