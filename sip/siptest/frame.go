package siptest

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// readMessage frames one message (RFC 3261 18.3). Empty lines before it are
// keep-alives: two of them are a ping (RFC 5626 3.5.1).
func readMessage(r *bufio.Reader, pong func()) ([]byte, error) {
	var raw []byte
	length, empty := 0, 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" && len(raw) == 0 {
			if empty++; empty == 2 {
				empty = 0
				pong()
			}
			continue
		}
		if raw = append(raw, line...); len(raw) > maxMessage {
			return nil, errors.New("header too long")
		}
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "content-length" || name == "l" {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 || length > maxMessage {
				return nil, errors.New("odd Content-Length")
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return append(raw, body...), nil
}
