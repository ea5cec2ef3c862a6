package capture

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Message is one SIP message of an account. The ring and its readers share it
// and never change it.
type Message struct {
	Number    uint64 // 1, 2, 3 ... in the order in which the ring took them
	At        time.Time
	Account   string
	Epoch     uint64 // of the account's path
	CallID    string
	Sent      bool   // by us
	Again     bool   // the same bytes went the same way shortly before
	Transport string // "udp", "tcp", "tls"; what TLS carried is in clear
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Text      []byte
}

// Bounds of a ring.
const (
	KeptMessages = 2000
	KeptBytes    = 4 << 20
	// again is how long a repetition is one: a transaction repeats for 64*T1
	// (RFC 3261 17.1.1.2).
	again = 32 * time.Second
)

// Ring holds the latest messages. It is safe for concurrent use.
type Ring struct {
	mu       sync.Mutex // guards what follows
	messages []Message  // oldest first
	bytes    int
	last     uint64
	more     chan struct{} // closed by the next message; nil: nobody asked
	seed     maphash.Seed
	went     map[uint64]time.Time // when these bytes went this way last
}

// NewRing is empty.
func NewRing() *Ring {
	return &Ring{seed: maphash.MakeSeed(), went: map[uint64]time.Time{}}
}

// Add takes a message over with its secrets hidden, numbers it, finds its
// Call-ID and whether it is a repetition. The text is copied. A nil ring takes
// nothing.
func (r *Ring) Add(m Message) {
	if r == nil {
		return
	}
	key := r.key(m)
	m.CallID, m.Text = callID(m.Text), Hide(m.Text)
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.went[key]
	m.Again = known && m.At.Sub(before) <= again
	r.note(key, m.At)
	r.last++
	m.Number = r.last
	r.messages = append(r.messages, m)
	r.bytes += len(m.Text)
	for len(r.messages) > KeptMessages || r.bytes > KeptBytes && len(r.messages) > 1 {
		r.bytes -= len(r.messages[0].Text)
		r.messages[0] = Message{}
		r.messages = r.messages[1:]
	}
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
}

// note remembers bytes, and forgets those that are too old to be repeated.
func (r *Ring) note(key uint64, at time.Time) {
	r.went[key] = at
	if len(r.went) <= KeptMessages {
		return
	}
	for k, t := range r.went {
		if at.Sub(t) > again {
			delete(r.went, k)
		}
	}
	if len(r.went) > KeptMessages { // a flood of different ones
		clear(r.went)
	}
}

func (r *Ring) key(m Message) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	way := m.Remote.String() + m.Local.String()
	if m.Sent {
		way += ">"
	}
	_, _ = h.WriteString(way) // never fails
	_, _ = h.Write(m.Text)
	return h.Sum64()
}

// Page is what a reader gets.
type Page struct {
	Messages []Message       // oldest first
	Last     uint64          // ask for what is after it next time
	Missed   uint64          // fell out before they were read
	More     <-chan struct{} // closed when there is more
}

// Since returns the messages after a number; 0 is all that are kept, ^0 none.
func (r *Ring) Since(last uint64) Page {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.more == nil {
		r.more = make(chan struct{})
	}
	last = min(last, r.last)
	p := Page{Last: r.last, More: r.more}
	first := r.last - uint64(len(r.messages)) + 1
	if last+1 < first {
		p.Missed, last = first-1-last, first-1
	}
	if last < r.last {
		p.Messages = append([]Message(nil), r.messages[last+1-first:]...)
	}
	return p
}

// callID is the value of the Call-ID; empty where there is none.
func callID(message []byte) string {
	head, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		if ok && (bytes.EqualFold(name, []byte("Call-ID")) || bytes.EqualFold(name, []byte("i"))) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}
