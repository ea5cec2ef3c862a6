package automation

import (
	"net/netip"
	"strings"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
)

// traceObject is a SIP message as it stood on the wire.
type traceObject struct {
	head
	Number    uint64         `json:"number"`
	Account   string         `json:"account"`
	Epoch     phone.Epoch    `json:"epoch"`
	Direction string         `json:"direction"` // "in", "out"
	CallID    string         `json:"call_id,omitempty"`
	Transport string         `json:"transport"`
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	Again     bool           `json:"again,omitempty"`
	Missed    uint64         `json:"missed,omitempty"`
	Message   string         `json:"message"`
}

func traceEvent(m phone.WireMessage, missed uint64) any {
	direction := "in"
	if m.Sent {
		direction = "out"
	}
	var text strings.Builder
	for line := range strings.Lines(string(m.Text)) {
		text.WriteString(clean.Limit(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", " "), 4096) + "\n")
	}
	return traceObject{
		begin(m.At, "trace"), m.Number, clean.Text(m.Account), m.Epoch, direction, clean.Limit(m.CallID, 1024), m.Transport,
		m.Local, m.Remote, m.Again, missed, text.String(),
	}
}
