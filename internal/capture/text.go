package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"ramble/internal/leaf/clean"
)

// Writer puts messages into a file.
type Writer interface {
	// Write puts one message down; missed were lost before it.
	Write(m Message, missed uint64) error
}

// textMark begins the lines that are not the message's own.
const textMark = "=== "

// longestLine is what is shown of a line, in runes.
const longestLine = 4096

// Text writes messages for people. Nothing of a message can steer a terminal.
type Text struct{ W io.Writer }

// Write is one call of the underlying Write.
func (t Text) Write(m Message, missed uint64) error {
	var b bytes.Buffer
	if missed > 0 {
		fmt.Fprintf(&b, textMark+"%d messages are missing here: they came faster than they were written\n\n", missed)
	}
	from, way, to := m.Remote, "received", m.Local
	if m.Sent {
		from, way, to = m.Local, "sent", m.Remote
	}
	fmt.Fprintf(&b, textMark+"%s  %s by %s  %s -> %s", m.At.Local().Format("2006-01-02 15:04:05.000000"), way, m.Transport, from, to)
	if m.Again {
		b.WriteString("  (again)")
	}
	fmt.Fprintf(&b, "\n"+textMark+"account %s, path %d, Call-ID %s\n", clean.Text(m.Account), m.Epoch, clean.Text(m.CallID))
	for line := range bytes.Lines(m.Text) {
		b.WriteString(clean.Limit(strings.ReplaceAll(string(bytes.TrimRight(line, "\r\n")), "\t", " "), longestLine))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	_, err := t.W.Write(b.Bytes())
	return err
}

// IsText says whether a file begins as one of Text does.
func IsText(r io.Reader) bool {
	head := make([]byte, len(textMark))
	_, err := io.ReadFull(r, head)
	return err == nil && string(head) == textMark || errors.Is(err, io.EOF) // an empty one: nothing was said
}

// CopyText copies a file of Text, made safe once more: it may have come from
// anywhere.
func CopyText(w io.Writer, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 8*longestLine)
	for lines.Scan() {
		if _, err := io.WriteString(w, clean.Limit(lines.Text(), longestLine)+"\n"); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return ErrNotOurs
	}
	return lines.Err()
}
