// Package event reads the lines that `ramble headless` writes, for tests that
// know the phone by them alone. The lines are those of internal/automation, and
// its golden file is what this reader is tested with.
package event

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"time"

	"ramble/internal/automation"
)

// Event is one line. What a type of line lacks is zero.
type Event struct {
	V      int       `json:"v"`
	At     time.Time `json:"time"`
	Type   string    `json:"type"`
	ID     string    `json:"id"`   // of the command that is answered
	State  string    `json:"-"`    // of a call or a registration, as a word
	Whole  []byte    `json:"-"`    // the state of a snapshot, as JSON
	Code   int       `json:"code"` // of SIP
	Reason string    `json:"reason"`
	Text   string    `json:"text"`
	Line   string    `json:"-"` // as it came
	Leg
	Way
	Program
}

// Leg is of a call and its sound.
type Leg struct {
	Call        uint64         `json:"call"`
	Direction   string         `json:"direction"`
	Held        string         `json:"held"`
	Peer        string         `json:"peer"`
	CallID      string         `json:"call_id"`
	Codec       string         `json:"codec"`
	Digit       string         `json:"digit"`
	LocalMedia  netip.AddrPort `json:"local_media"`
	RemoteMedia netip.AddrPort `json:"remote_media"`
	Rx          uint64         `json:"rx_packets"`
	Tx          uint64         `json:"tx_packets"`
}

// Way is of a registration, a roam and its steps.
type Way struct {
	Account   string  `json:"account"`
	Contact   string  `json:"contact"`
	Transport string  `json:"transport"`
	Expires   int     `json:"expires"` // seconds
	Phase     string  `json:"phase"`
	Step      string  `json:"step"`
	OK        bool    `json:"ok"`
	Detail    string  `json:"detail"`
	Offset    float64 `json:"offset_ms"`
}

// Program is of the program as a whole.
type Program struct {
	Command  string             `json:"command"`
	Accounts []string           `json:"accounts"`
	Listen   map[string]string  `json:"listen"`
	Path     json.RawMessage    `json:"path"` // of a network event
	Process  automation.Process `json:"process"`
}

// Parse reads a line; false means that it is no event.
func Parse(line string) (Event, bool) {
	var e struct {
		Event
		State json.RawMessage `json:"state"` // a word, or the whole state in a snapshot
	}
	if json.Unmarshal([]byte(line), &e) != nil || e.Type == "" {
		return Event{}, false
	}
	if bytes.HasPrefix(e.State, []byte(`"`)) {
		if json.Unmarshal(e.State, &e.Event.State) != nil {
			return Event{}, false
		}
	} else {
		e.Whole = e.State
	}
	e.Line = line
	return e.Event, true
}
