package sip

import (
	"net/netip"
	"strings"
	"time"

	"ramble/sip/locate"
	"ramble/sip/wire"
)

// This file bounds how many calls one caller may have ringing here, and how
// often it may begin one that is not answered.

const (
	// ringingFrom bounds the calls that one address, the server apart, may have
	// ringing here at once. Two leave lines for everybody else.
	ringingFrom = 2
	// ringsAtOnce is how many calls of one caller may ring here in quick
	// succession without an answer; then one each ringAgain. An answer gives its
	// ring back, so that who is wanted may call as often as he likes.
	ringsAtOnce = 12
	ringAgain   = 20 * time.Second
	// maxRingers bounds the table of callers.
	maxRingers = 256
)

// source is a caller as far as callers can be told apart: through the server by
// the address that they give, which the server answers for, else by where their
// requests come from.
type source struct {
	addr   netip.Addr // invalid: through the server
	caller string
}

// sourceOf is who sends a request that begins a call.
func (s *Stack) sourceOf(m *wire.Message, from netip.AddrPort) source {
	if !s.fromServer(from) {
		return source{addr: from.Addr()}
	}
	v, _ := m.Get("From")
	a, err := wire.ParseAddress(v)
	if err != nil {
		return source{}
	}
	u, err := wire.ParseURI(a.URI)
	if err != nil {
		return source{}
	}
	return source{caller: strings.ToLower(u.Bare())}
}

// fromServer says whether a message comes from the server itself. Over UDP the port
// counts too: the server's address with any other one is what is easiest to forge,
// and what another program on its host has.
func (s *Stack) fromServer(from netip.AddrPort) bool {
	at := s.o.Server.Addr
	return at.IsValid() && from.Addr() == at.Addr() && (s.transport != locate.UDP || from.Port() == at.Port())
}

// busy says whether enough calls ring here, for this caller.
func (s *Stack) busy(from source) bool {
	all, same := s.dialogs.ringing(from.addr)
	return all >= s.o.MaxCalls || from.addr.IsValid() && same >= ringingFrom
}

// ringers says when the calls that each caller began without an answer will be
// forgotten: ringAgain for each, one after the other.
type ringers map[source]time.Time

// wait is how long a caller has to, before its next call may ring.
func (r ringers) wait(from source, now time.Time) time.Duration {
	return max(0, r[from].Add(-(ringsAtOnce-1)*ringAgain).Sub(now))
}

// ring counts a call in.
func (r ringers) ring(from source, now time.Time) {
	if _, known := r[from]; !known && len(r) >= maxRingers {
		for other, until := range r {
			if !until.After(now) {
				delete(r, other)
			}
		}
		if len(r) >= maxRingers {
			return // so many callers: what bounds them is how many calls ring at once
		}
	}
	until := r[from]
	if until.Before(now) {
		until = now
	}
	r[from] = until.Add(ringAgain)
}

// answered gives a ring back.
func (r ringers) answered(from source) {
	if until, known := r[from]; known {
		r[from] = until.Add(-ringAgain)
	}
}
