// Package history keeps what is over, calls and roams, on disk: two files of
// JSON lines in the state directory, history.jsonl and roams.jsonl, with the
// shapes of the automation contract.
//
// A record that Add took without an error outlives the program, however it
// ends: it was written with one write and synced. A file is only ever
// appended to; the one exception is the shortening of a file that has grown
// too long, which writes a new one and renames it over the old. Each line ends
// with a checksum, so that a line which was torn or damaged is known as such,
// named and passed over, and never overwritten.
//
// Several copies of the program share the files. They take turns by a lock on
// a file of its own; where the system has no locks, records are appended all
// the same (the system keeps single appends whole) and nothing is shortened.
//
// Calls that are not over stand in a file of the run, unfinished-*.jsonl, with a
// lock that the system drops with the process. The next start finds what a
// killed run left there and puts it into the history.
//
// It is a leaf: it knows calls and roams as records of its own, so that what
// is on disk does not change with the vocabulary of the program.
package history
