package wire

import (
	"strconv"
	"strings"
)

// ContentLength finds the length for framing, in raw headers. It fails when
// there is none, or several, or no number: the grammar is validate's business.
func ContentLength(head []byte) (int, bool) {
	length, found := 0, false
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || longName(strings.TrimRight(name, " \t")) != "Content-Length" {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
		if err != nil || found {
			return 0, false
		}
		length, found = int(n), true
	}
	return length, found
}
