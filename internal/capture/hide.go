package capture

import (
	"bytes"
	"regexp"
)

// credentials are the headers that carry what a password can be guessed from.
var credentials = regexp.MustCompile(`(?i)^(?:proxy-)?(?:authorization|authentication-info)[ \t]*:`)

var (
	digestScheme = regexp.MustCompile(`(?i)^[^:]*:[ \t\r\n]*digest[ \t\r\n]`)
	// Together with the nonce these allow guessing (RFC 7616 3.4, 3.5).
	digestSecret = regexp.MustCompile(`(?i)\b(?:response|cnonce|rspauth)[ \t\r\n]*=[ \t\r\n]*("(?:[^"\\]|\\.)*"?|[^,\s]+)`)
	uriPassword  = regexp.MustCompile(`(?i)\bsips?:[^\s:@;<>"]+:([^\s@;<>"]+)@`)
	// Keys of SDES (RFC 4568), of MIKEY (RFC 4567), of RFC 4566 5.12, and the
	// password of ICE (RFC 8839).
	mediaKey = regexp.MustCompile(`(?i)^(?:a=crypto:|a=key-mgmt:|a=ice-pwd:|k=)`)
	inline   = regexp.MustCompile(`(?i)inline:([^|;\s]+)`)
	keyValue = regexp.MustCompile(`(?i)^(?:a=key-mgmt:|a=ice-pwd:|k=)([^\r\n]+)`)
	signal   = regexp.MustCompile(`(?i)^[ \t]*signal[ \t]*[=:][ \t]*([^\r\n]+)`)
	dtmfBody = regexp.MustCompile(`(?im)^(?:content-type|c)[ \t]*:[ \t]*application/dtmf[ \t;\r\n]`)
)

// Hide returns a copy of a message with its secrets replaced by asterisks, each
// by as many as it has bytes, so that lengths stay true: what digests of
// passwords can be guessed from, passwords in URIs, keys of SRTP and ICE, and
// digits of the keypad that travel by INFO.
func Hide(message []byte) []byte {
	out := bytes.Clone(message)
	for at := 0; at < len(out); {
		end := lineEnd(out, at)
		line := out[at:end]
		switch {
		case credentials.Match(line):
			for end < len(out) && (out[end] == ' ' || out[end] == '\t') { // folded (RFC 3261 7.3.1)
				end = lineEnd(out, end)
			}
			hideCredentials(out[at:end])
		case mediaKey.Match(line):
			mask(line, inline)
			mask(line, keyValue)
		default:
			mask(line, signal)
			mask(line, uriPassword)
		}
		at = end
	}
	if head, body, ok := bytes.Cut(out, []byte("\r\n\r\n")); ok && dtmfBody.Match(append(bytes.Clone(head), '\r', '\n')) {
		blot(body)
	}
	return out
}

// lineEnd is behind the newline of the line that begins at.
func lineEnd(b []byte, at int) int {
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(b)
}

// hideCredentials leaves a digest's other parameters; of any other scheme it
// leaves the name.
func hideCredentials(header []byte) {
	if digestScheme.Match(header) || bytes.Contains(bytes.ToLower(header[:bytes.IndexByte(header, ':')]), []byte("info")) {
		mask(header, digestSecret)
		mask(header, uriPassword)
		return
	}
	value := header[bytes.IndexByte(header, ':')+1:]
	rest := bytes.TrimLeft(value, " \t\r\n")
	if i := bytes.IndexAny(rest, " \t"); i >= 0 {
		blot(rest[i:])
	}
}

// mask blots out the first group wherever re matches.
func mask(b []byte, re *regexp.Regexp) {
	for _, at := range re.FindAllSubmatchIndex(b, -1) {
		blot(b[at[2]:at[3]])
	}
}

// blot keeps spaces, line ends and quotation marks.
func blot(b []byte) {
	for i, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '"' {
			b[i] = '*'
		}
	}
}
