package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// head begins every line.
type head struct {
	V    int       `json:"v"`
	Time time.Time `json:"time"`
	Type string    `json:"type"`
}

// record is what a file is a list of.
type record[T any] interface {
	cleaned() T
	valid() error
}

// maxLine is the longest line in bytes that is written or read, without its
// end. Records stay far below it.
const maxLine = 1 << 20

// The end of a line: the checksum (CRC-32C) of all that stands before it.
const (
	sumKey   = `,"crc":"`
	sumWidth = len(sumKey) + 8 + len(`"}`)
)

func sum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// encode writes a record as a line with its newline.
func encode[T record[T]](at time.Time, kind string, r T) ([]byte, error) {
	begin, err := json.Marshal(head{version, at.UTC(), kind})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(r.cleaned())
	if err != nil {
		return nil, err
	}
	// Both are objects with something in them: one object out of two.
	line := append(begin[:len(begin)-1:len(begin)-1], ',')
	line = append(line, body[1:len(body)-1]...)
	line = fmt.Appendf(line, "%s%08x\"}\n", sumKey, sum(line))
	if len(line) > maxLine {
		return nil, fmt.Errorf("a record of %d bytes is too long", len(line))
	}
	return line, nil
}

// errNewer is a line that a newer version of the program wrote.
var errNewer = errors.New("written by a newer ramble")

// decode reads a line without its newline.
func decode[T record[T]](line []byte, kind string) (r T, err error) {
	var h head
	if err := intact(line); err != nil {
		return r, err
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return r, err
	}
	if h.V > version {
		return r, errNewer
	}
	if h.V != version || h.Type != kind {
		return r, fmt.Errorf("it is no %s", kind)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	return r.cleaned(), r.valid()
}

// intact says whether the line is as it was written.
func intact(line []byte) error {
	cut := len(line) - sumWidth
	if cut < 0 || !bytes.HasPrefix(line[cut:], []byte(sumKey)) {
		return errors.New("it has no checksum at its end")
	}
	if want := fmt.Appendf(nil, "%s%08x\"}", sumKey, sum(line[:cut])); !bytes.Equal(line[cut:], want) {
		return errors.New("its checksum is wrong")
	}
	return nil
}
