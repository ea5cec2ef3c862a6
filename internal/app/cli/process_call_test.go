package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ramble/sip/siptest"
)

// The voices of the two phones, in Hz.
const (
	aliceHz = 440
	bobHz   = 700
)

// pair is two phones with a voice each, alice and bob.
type pair struct {
	h          *house
	alice, bob *handset
	calls      int // how many numbers each of them has used
}

// testCalls is one story: its parts stand on each other.
func testCalls(t *testing.T, binary, over string) {
	h := newHouse(t, binary, over, siptest.Options{ProxyAuth: true})
	p := &pair{h: h, alice: h.speaker(t, "alice", aliceHz), bob: h.speaker(t, "bob", bobHz)}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"both register with digest and the registrar lists one binding each", p.register},
		{"alice calls bob and each hears the other", func(t *testing.T) { p.talk(t, p.alice, p.bob) }},
		{"bob calls alice and each hears the other", func(t *testing.T) { p.talk(t, p.bob, p.alice) }},
		{"digits arrive once each and in order", p.digits},
		{"a muted phone sends silence and goes on when unmuted", p.mutes},
		{"a hold stops the audio and a resume brings it back", p.holds},
		{"both may hold and the last to resume brings the audio back", p.heldByBoth},
		{"holds and resumes that cross each other all come about", p.glares},
		{"a refused call tells the caller with which code", p.declines},
		{"a caller who hangs up while it rings is a missed call", p.cancels},
		{"a fifth call is answered busy while four ring", p.busy},
		{"a call to nobody and a call to an absent phone end with their codes", p.nobody},
		{"a call to oneself rings, can be answered and ends both its rows", p.oneself},
		{"on quit the bindings are gone and the exit code is 0", p.quit},
	} {
		if !t.Run(part.name, part.run) {
			return
		}
	}
}

func (p *pair) register(t *testing.T) {
	for _, s := range []*handset{p.alice, p.bob} {
		l := s.registration(t, "registered")
		p.h.bindings(t, s.name, 1)
		b := p.h.server.Bindings(s.name)[0]
		if l.Code != 200 || !sameContact(l.Contact, b.Contact) || l.Expires != 3600 || !strings.EqualFold(b.Transport.String(), p.h.over) {
			t.Errorf("%s says %+v, the registrar %+v", s.name, l, b)
		}
	}
	if n := p.h.server.Count("REGISTER"); n != 4 {
		t.Errorf("%d REGISTERs for two phones, want a challenged and a good one each", n)
	}
}

// sameContact compares URIs without their parameters.
func sameContact(a, b string) bool {
	a, _, _ = strings.Cut(a, ";")
	b, _, _ = strings.Cut(b, ";")
	return a != "" && a == b
}

// call sets up a call from one to the other. The two number their calls alike.
func (p *pair) call(t *testing.T, from, to *handset) (id int) {
	t.Helper()
	p.calls++
	began := time.Now()
	if id = from.ask(t, "dial "+to.name); id != p.calls {
		t.Fatalf("call %d of %s where %d was next", id, from.name, p.calls)
	}
	if l := to.rings(t); l.Call != id || l.Peer != "sip:"+from.name+"@ramble.test" {
		t.Fatalf("%s rings with %+v, want call %d", to.name, l, id)
	}
	rang := time.Now()
	from.call(t, id, "ringing")
	answered := time.Now()
	to.ask(t, fmt.Sprintf("answer %d", id))
	for _, s := range []*handset{to, from} {
		if l := s.call(t, id, "up"); l.Codec != "PCMU/8000" || l.Held != "none" {
			t.Fatalf("%s is up with %+v", s.name, l)
		}
	}
	t.Logf("%s calls %s: ringing there after %v, up on both sides %v after the answer",
		from.name, to.name, rang.Sub(began).Round(100*time.Microsecond), time.Since(answered).Round(100*time.Microsecond))
	return id
}

// hangup ends a call from one side and waits for the end on both.
func (p *pair) hangup(t *testing.T, by, other *handset, id int) {
	t.Helper()
	began := time.Now()
	by.ask(t, fmt.Sprintf("hangup %d", id))
	for _, s := range []*handset{by, other} {
		end := s.call(t, id, "ended")
		if l := s.before(id); l.Type != "media" || l.Tx == 0 || l.Rx == 0 {
			t.Errorf("%s had no last media event with packets both ways before the end, but %+v", s.name, l)
		}
		want := "you hung up"
		if s == other {
			want = "sip:" + by.name + "@ramble.test hung up"
		}
		if end.Reason != want {
			t.Errorf("%s gives as reason %q, want %q", s.name, end.Reason, want)
		}
	}
	t.Logf("%s hung up: ended on both sides after %v", by.name, time.Since(began).Round(100*time.Microsecond))
}

// before is the event of a call that came before the one waited for last.
func (p *handset) before(id int) line {
	lines := p.seen()[:p.next-1]
	for _, l := range slices.Backward(lines) {
		if l.Call == id && l.Type != "ok" {
			return l
		}
	}
	return line{}
}

// both calls fn for each side with the side opposite.
func (p *pair) both(fn func(s, other *handset)) {
	fn(p.alice, p.bob)
	fn(p.bob, p.alice)
}

func (p *pair) talk(t *testing.T, from, to *handset) {
	id := p.call(t, from, to)
	p.both(func(s, _ *handset) {
		s.media(t, id, "a second of audio", func(l line) bool { return l.Rx >= 60 && l.Tx >= 60 })
	})
	p.both(func(s, other *handset) { s.hears(t, id, other) })
	p.hangup(t, to, from, id)
}

// digits go both ways; the count at the end shows that none came twice.
func (p *pair) digits(t *testing.T) {
	const digits = "1590*#D"
	id := p.call(t, p.alice, p.bob)
	p.both(func(s, other *handset) {
		from := len(other.seen())
		s.ask(t, fmt.Sprintf("dtmf %d %s", id, digits))
		for _, d := range digits {
			l := other.until(t, "a digit", func(l line) bool { return l.Type == "dtmf" })
			if l.Digit != string(d) || l.Call != id {
				t.Fatalf("%s heard %q in call %d, want %q", other.name, l.Digit, l.Call, d)
			}
		}
		// A digit is sent several times; what comes of it late would be here by now.
		at := other.media(t, id, "audio after the digits", func(line) bool { return true })
		other.media(t, id, "more audio", func(l line) bool { return l.Rx >= at.Rx+20 })
		heard := ""
		for _, l := range other.seen()[from:] {
			heard += l.Digit
		}
		if heard != digits {
			t.Errorf("%s heard %q in all, want %q", other.name, heard, digits)
		}
	})
	p.hangup(t, p.alice, p.bob, id)
}

func (p *pair) mutes(t *testing.T) {
	id := p.call(t, p.alice, p.bob)
	p.alice.ask(t, "mute")
	p.flows(t, id)
	p.bob.hearsNot(t, p.alice)
	p.alice.hears(t, id, p.bob)
	p.alice.ask(t, "unmute")
	p.flows(t, id)
	p.bob.hears(t, id, p.alice)
	p.hangup(t, p.alice, p.bob, id)
}

// holds: while held nothing goes to the holder, and nothing of the holder's
// voice to the held.
func (p *pair) holds(t *testing.T) {
	id := p.call(t, p.alice, p.bob)
	p.both(func(holder, other *handset) {
		holder.ask(t, fmt.Sprintf("hold %d", id))
		holder.held(t, id, "local")
		other.held(t, id, "remote")
		p.silent(t, id, holder, other)
		other.hearsNot(t, holder)
		holder.ask(t, fmt.Sprintf("resume %d", id))
		holder.held(t, id, "none")
		other.held(t, id, "none")
		p.flows(t, id)
		p.both(func(s, o *handset) { s.hears(t, id, o) })
	})
	p.hangup(t, p.bob, p.alice, id)
}

// silent holds the counters of what comes to the holder to where they are.
// What was under way when the hold was agreed on has come by the second report.
func (p *pair) silent(t *testing.T, id int, holder, other *handset) {
	t.Helper()
	var in, out [6]uint64
	for i := range in {
		in[i] = holder.media(t, id, "statistics", func(line) bool { return true }).Rx
		out[i] = other.media(t, id, "statistics", func(line) bool { return true }).Tx
	}
	if in[1] != in[5] || out[1] != out[5] {
		t.Errorf("in a call that %s holds, %s went on sending (%d) and %[1]s receiving (%[4]d)", holder.name, other.name, out, in)
	}
}

// flows waits for a good half second of audio both ways.
func (p *pair) flows(t *testing.T, id int) {
	t.Helper()
	p.both(func(s, _ *handset) {
		now := s.media(t, id, "statistics", func(line) bool { return true })
		s.media(t, id, "audio both ways", func(l line) bool { return l.Rx >= now.Rx+50 && l.Tx >= now.Tx+50 })
	})
}

func (p *pair) heldByBoth(t *testing.T) {
	id := p.call(t, p.bob, p.alice)
	p.alice.ask(t, "hold")
	p.bob.held(t, id, "remote")
	p.bob.ask(t, "hold")
	p.bob.held(t, id, "both")
	p.alice.held(t, id, "both")
	p.alice.ask(t, "resume")
	p.alice.held(t, id, "remote")
	p.bob.held(t, id, "local")
	p.bob.ask(t, "resume")
	p.both(func(s, _ *handset) { s.held(t, id, "none") })
	p.flows(t, id)
	p.both(func(s, other *handset) { s.hears(t, id, other) })
	p.hangup(t, p.alice, p.bob, id)
}

// glares: both sides ask at once, again and again; the losers of the crossing
// wait and ask again (RFC 3261 14.1).
func (p *pair) glares(t *testing.T) {
	id := p.call(t, p.alice, p.bob)
	for _, c := range []struct{ command, held string }{{"hold", "both"}, {"resume", "none"}} {
		began := time.Now()
		p.both(func(s, _ *handset) { s.write(t, c.command) })
		p.both(func(s, _ *handset) { s.held(t, id, c.held) })
		t.Logf("both asked to %s: agreed after %v", c.command, time.Since(began).Round(time.Millisecond))
	}
	p.flows(t, id)
	p.hangup(t, p.bob, p.alice, id)
	for _, s := range []*handset{p.alice, p.bob} {
		if n := s.count(func(l line) bool { return l.Type == "notice" }); n > 0 {
			t.Errorf("%s complained", s.name)
		}
	}
}

// ring is a call that is not answered yet.
func (p *pair) ring(t *testing.T) (id int) {
	t.Helper()
	p.calls++
	if id = p.alice.ask(t, "dial bob"); p.bob.rings(t).Call != id || id != p.calls {
		t.Fatalf("call %d, want %d", id, p.calls)
	}
	p.alice.call(t, id, "ringing")
	return id
}

func (p *pair) declines(t *testing.T) {
	for _, d := range []struct {
		line string
		code int
	}{{"decline", 603}, {"decline %d", 603}, {"decline %d 486", 486}, {"hangup %d", 603}} {
		id := p.ring(t)
		text := d.line
		if strings.Contains(text, "%d") {
			text = fmt.Sprintf(text, id)
		}
		if meant := p.bob.ask(t, text); meant != id {
			t.Errorf("%q meant call %d, want %d", text, meant, id)
		}
		if l := p.bob.call(t, id, "ended"); l.Code != d.code {
			t.Errorf("%q ended bob's call with %d, want %d", text, l.Code, d.code)
		}
		if l := p.alice.call(t, id, "ended"); l.Code != d.code || l.Reason == "" {
			t.Errorf("%q ended alice's call with %d %q, want %d", text, l.Code, l.Reason, d.code)
		}
	}
	if l := p.bob.reply(t, "decline 1 200"); l.Type != "error" {
		t.Error("bob may decline with 200")
	}
}

func (p *pair) cancels(t *testing.T) {
	id := p.ring(t)
	p.alice.ask(t, "hangup")
	if l := p.alice.call(t, id, "ended"); l.Reason != "you cancelled" {
		t.Errorf("alice's reason is %q", l.Reason)
	}
	if l := p.bob.call(t, id, "ended"); l.Reason != "missed: sip:alice@ramble.test stopped calling" {
		t.Errorf("bob's reason is %q", l.Reason)
	}
	if n := p.h.server.Count("CANCEL"); n == 0 {
		t.Error("no CANCEL was sent")
	}
}

func (p *pair) busy(t *testing.T) {
	var ids []int
	for range 4 {
		ids = append(ids, p.ring(t))
	}
	p.calls++
	id := p.alice.ask(t, "dial bob")
	if l := p.alice.call(t, id, "ended"); l.Code != 486 {
		t.Errorf("the fifth call ended with %d, want 486", l.Code)
	}
	p.alice.ask(t, "hangup all")
	ended := map[int]bool{}
	for range ids {
		l := p.bob.until(t, "the end of a call", func(l line) bool { return l.is("call", "ended") })
		ended[l.Call] = true
	}
	for _, id := range ids {
		if !ended[id] {
			t.Errorf("bob's call %d has not ended", id)
		}
	}
	if l := p.bob.reply(t, "hangup"); l.Type != "error" {
		t.Error("bob has a call left")
	}
}

func (p *pair) nobody(t *testing.T) {
	for target, code := range map[string]int{"nobody": 404, "carol": 480, "sip:carol@ramble.test": 480, "sip:carol@example.com": 403} {
		id := p.alice.ask(t, "dial "+target)
		if l := p.alice.call(t, id, "ended"); l.Code != code || l.Reason == "" {
			t.Errorf("a call to %s ended with %d %q, want %d", target, l.Code, l.Reason, code)
		}
	}
}

func (p *pair) oneself(t *testing.T) {
	out := p.alice.ask(t, "dial alice")
	in := p.alice.rings(t).Call
	if in == out {
		t.Fatalf("both rows are call %d", in)
	}
	p.alice.call(t, out, "ringing")
	p.alice.ask(t, fmt.Sprintf("answer %d", in))
	up := map[int]bool{}
	for len(up) < 2 {
		up[p.alice.until(t, "up", func(l line) bool { return l.is("call", "up") }).Call] = true
	}
	p.alice.ask(t, fmt.Sprintf("hangup %d", out))
	p.alice.call(t, out, "ended")
	p.alice.call(t, in, "ended")
}

func (p *pair) quit(t *testing.T) {
	p.both(func(s, _ *handset) {
		began := time.Now()
		s.ask(t, "quit")
		s.registration(t, "unregistered")
		if code := s.exit(t); code != 0 {
			t.Errorf("%s: exit code %d", s.name, code)
		}
		t.Logf("%s was gone %v after quit", s.name, time.Since(began).Round(time.Millisecond))
		p.h.bindings(t, s.name, 0)
	})
}
