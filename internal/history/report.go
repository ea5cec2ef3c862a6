package history

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
