package sip

import (
	"bytes"
	"net/netip"
	"regexp"
	"time"

	"ramble/sip/locate"
)

// TraceEntry is one message as it stood on the wire, secrets blotted out.
type TraceEntry struct {
	At        time.Time
	Sent      bool
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Transport locate.Transport
	Message   []byte // the receiver's own
}

// secrets matches what must not reach a log: digest responses and client
// nonces, which together allow guessing the password, and SRTP keys
// (RFC 4568). The first group stays.
var secrets = regexp.MustCompile(`(?im)^((?:proxy-)?authorization[ \t]*:.*)$|^(a=crypto:.*inline:)[^|\r\n ]+`)

var digestSecrets = regexp.MustCompile(`(?i)\b(response|cnonce)[ \t]*=[ \t]*("[^"]*"|[^,\s]+)`)

// redact returns a copy of b without secrets.
func redact(b []byte) []byte {
	if !bytes.Contains(b, []byte("uthorization")) && !bytes.Contains(b, []byte("crypto")) &&
		!bytes.Contains(bytes.ToLower(b), []byte("authorization")) {
		return bytes.Clone(b)
	}
	return secrets.ReplaceAllFunc(b, func(line []byte) []byte {
		if i := bytes.Index(line, []byte("inline:")); i >= 0 && bytes.HasPrefix(line, []byte("a=")) {
			return append(bytes.Clone(line[:i]), "inline:***"...)
		}
		return digestSecrets.ReplaceAll(line, []byte(`$1="***"`))
	})
}

func (s *Stack) trace(sent bool, remote netip.AddrPort, b []byte) {
	if s.o.Trace == nil {
		return
	}
	s.o.Trace(TraceEntry{At: s.now(), Sent: sent, Local: s.local, Remote: remote,
		Transport: s.transport, Message: redact(b)})
}
