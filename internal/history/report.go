package history

import (
	"fmt"
	"strings"
)

// Report says how the reading of a file went.
type Report struct {
	File    string
	Good    int      // records read
	Damaged []Damage // lines that were not read, by number
	Torn    bool     // the last line was cut off
	Newer   int      // records of a newer version of the program
	Skipped int64    // bytes at the start of a file that is far too large
}

// Damage is a line that could not be read.
type Damage struct {
	Line int
	Why  string
}

// Whole says that there is nothing to tell.
func (r Report) Whole() bool {
	return len(r.Damaged) == 0 && !r.Torn && r.Newer == 0 && r.Skipped == 0
}

// String is what was passed over, in a sentence; empty when nothing was.
func (r Report) String() string {
	var parts []string
	if n := len(r.Damaged); n == 1 {
		parts = append(parts, fmt.Sprintf("line %d is damaged (%s)", r.Damaged[0].Line, r.Damaged[0].Why))
	} else if n > 1 {
		var numbers []string
		for _, d := range r.Damaged[:min(n, 5)] {
			numbers = append(numbers, fmt.Sprint(d.Line))
		}
		more := ""
		if n > 5 {
			more = fmt.Sprintf(" and %d more", n-5)
		}
		parts = append(parts, fmt.Sprintf("lines %s%s are damaged", strings.Join(numbers, ", "), more))
	}
	if r.Torn {
		parts = append(parts, "the last line was cut off")
	}
	if r.Newer > 0 {
		parts = append(parts, fmt.Sprintf("%d written by a newer ramble", r.Newer))
	}
	if r.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("the first %d bytes were left out, it is too large", r.Skipped))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %s; the other %d records are there", r.File, strings.Join(parts, ", "), r.Good)
}
