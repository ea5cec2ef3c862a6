package simulate

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/sip/siptest"
)

// Broken is a law that was broken. The zero value: none was.
type Broken struct {
	Law  string
	What string
}

// The times that things may take once all is well again.
const (
	wholeLimit = 40 * time.Second // calls are whole, or over, at both ends: 64*T1 of a lost request, and a bit
	endLimit   = 45 * time.Second // an end is heard of
	gapLimit   = 10 * time.Second // of a roam, beside the time without a network
	roughLimit = 40 * time.Second // the same where packets were lost, came twice or late
)

// play plays a script to its end, or to the first law that is broken.
func (w *world) play() (b Broken) {
	if b = w.registered("at first"); b.Law != "" {
		return b
	}
	rest := 0
	for n, e := range w.script.Episodes {
		if !w.pass(e.After) {
			return Broken{}
		}
		w.tell("episode %d", n+1)
		if b = w.episode(e); b.Law != "" {
			return b
		}
		switch now := w.goroutines(); {
		case n == 0:
			rest = now
		case now > rest:
			return Broken{"no goroutine is left", fmt.Sprintf("%d after the first episode, %d after episode %d", rest, now, n+1)}
		}
	}
	return Broken{}
}

func (w *world) episode(e Episode) (b Broken) {
	began := time.Now()
	for _, s := range e.Steps {
		w.pass(time.Until(began.Add(s.At)))
		w.tell("**** %s %s %s", s.Who, s.Verb, s.Arg)
		known := false
		switch h := w.phones[s.Who]; {
		case h != nil:
			known = h.do(s)
		case s.Who == "talker":
			known = w.theirs(s)
		case s.Who == "server":
			known = w.servers(s)
		}
		if !known {
			return Broken{"the script makes sense", s.String()}
		}
	}
	w.pass(time.Second)
	return w.calm()
}

// calm mends everything and checks the laws; then it ends all calls and checks
// what must be so then.
func (w *world) calm() (b Broken) {
	w.tell("**** calm")
	w.serverUp()
	w.registrar.Script(nil)
	for _, h := range w.phones {
		h.mend()
	}
	w.figures.Checks++
	for _, check := range []func() Broken{w.whole, w.gaps, w.allEnd, w.noDigitTwice, w.answered, func() Broken { return w.registered("in the calm") }} {
		if b = check(); b.Law != "" {
			return b
		}
	}
	w.died = false
	for _, h := range w.phones {
		h.away, h.rough, h.shaken = 0, false, false
		h.mu.Lock()
		h.gaps = nil
		h.mu.Unlock()
		w.talker.Forget(h.line.Phone)
	}
	return Broken{}
}

// registered: each phone has one binding, at the address where it is. A server
// that forgot its bindings is told of them when they are due.
func (w *world) registered(when string) Broken {
	for name, h := range w.phones {
		var why string
		if !w.until(expires+time.Minute, func() bool { why = h.stale(); return why == "" }) {
			return Broken{"one binding, and nothing stale at the registrar", fmt.Sprintf("%s, %s: %s", when, name, why)}
		}
	}
	return Broken{}
}

func (h *handset) stale() string {
	s := h.now()
	list := h.w.registrar.Bindings(h.line.Phone)
	switch at := h.at.addr.Addr().String(); {
	case len(s.Accounts) != 1 || s.Accounts[0].State != phone.Registered || s.Accounts[0].Roaming:
		return fmt.Sprintf("the account is %+v", s.Accounts)
	case len(list) != 1 || !strings.Contains(list[0].Contact, "@"+at+":"):
		return fmt.Sprintf("the bindings are %+v, want one at %s", list, at)
	}
	return ""
}

// whole: no call is stuck. Each is up at both ends, with sound where sound is
// due, or rings at both, or is over at both.
func (w *world) whole() Broken {
	var why string
	if !w.until(wholeLimit, func() bool { why = w.unwhole(); return why == "" }) {
		return Broken{"no call is stuck", why}
	}
	return Broken{}
}

func (w *world) unwhole() string {
	for name, h := range w.phones {
		for _, c := range h.live() {
			if why := w.lacks(h, c); why != "" {
				return fmt.Sprintf("%s, call %d with %s, %s: %s", name, c.ID, c.Peer, c.State, why)
			}
		}
		for _, c := range w.talker.With(name) {
			if c.State().Phase == siptest.Up && !h.has(c.CallID()) {
				return fmt.Sprintf("the talker has a call with %s that is not there: %s", name, c.CallID())
			}
		}
	}
	return ""
}

func (h *handset) has(callID string) bool {
	return len(h.calls(func(c phone.Call) bool { return c.SIPCallID == callID })) > 0
}

// lacks says what a call lacks.
func (w *world) lacks(h *handset, c phone.Call) string {
	if c.State != phone.Up {
		return "" // whoever calls may let it ring; it ends in a moment
	}
	if c.Recovering {
		return "it is still being repaired"
	}
	there := w.talker.Call(c.SIPCallID)
	if there != nil {
		if s := there.State(); s.Phase != siptest.Up {
			return "at the talker it is " + s.Phase.String()
		}
	} else if !w.otherEnd(h, c) {
		return "nobody has the other end"
	}
	if c.Held == phone.HeldByNone && c.Media.Silence > 3*time.Second {
		return fmt.Sprintf("nothing was heard for %s", c.Media.Silence)
	}
	return ""
}

// otherEnd reports whether another phone has a call up.
func (w *world) otherEnd(h *handset, c phone.Call) bool {
	for _, other := range w.phones {
		if other != h && len(other.calls(func(o phone.Call) bool { return o.SIPCallID == c.SIPCallID && o.State == phone.Up })) > 0 {
			return true
		}
	}
	return false
}

// gaps: a roam costs no more than the time without a network, and a bound.
func (w *world) gaps() Broken {
	away, rough := time.Duration(0), false
	for _, h := range w.phones {
		away, rough = max(away, h.away), rough || h.rough || h.line.Twice > 0
	}
	limit := gapLimit
	if rough {
		limit = roughLimit
	}
	for name, h := range w.phones {
		h.mu.Lock()
		gaps := h.gaps
		h.mu.Unlock()
		for _, g := range gaps {
			if g > 2*away+limit {
				return Broken{"gaps are within bounds", fmt.Sprintf("%s: %s, with %s at most without a network", name, g, away)}
			}
		}
	}
	return Broken{}
}

// allEnd: when all hang up, all ends, everywhere.
func (w *world) allEnd() Broken {
	w.tell("**** all hang up")
	for name, h := range w.phones {
		if err := h.command(phone.HangupAll{}); err != nil {
			return Broken{"no call is stuck", name + ": " + err.Error()}
		}
	}
	for name := range w.phones {
		for _, c := range w.talker.With(name) {
			if w.died && c.State().Phase < siptest.Up { // the server took the answer or the CANCEL along
				w.beside(func(ctx context.Context) { _ = c.Hangup(ctx) })
			}
		}
	}
	var left string
	if !w.until(endLimit, func() bool { left = w.left(); return left == "" }) {
		return Broken{"an end is heard at both ends", left}
	}
	w.tasks.Wait()
	w.pass(10 * time.Second) // last answers are on their way
	return Broken{}
}

func (w *world) left() string {
	for name, h := range w.phones {
		if list := h.live(); len(list) > 0 {
			return fmt.Sprintf("%s has a call with %s, %s: %s", name, list[0].Peer, list[0].State, list[0].Reason)
		}
		for _, c := range w.talker.With(name) {
			return fmt.Sprintf("the talker has a call with %s, %s", name, c.State().Phase)
		}
	}
	if n := len(w.grump.Calls()); n > 0 {
		return fmt.Sprintf("the grump has %d calls", n)
	}
	return ""
}

// noDigitTwice: what all phones heard of a digit is no more than all have sent.
func (w *world) noDigitTwice() Broken {
	sent, heard := map[rune]int{}, map[rune]int{}
	for _, h := range w.phones {
		h.mu.Lock()
		for d, n := range h.sent {
			sent[d] += n
		}
		for d, n := range h.digits {
			heard[d] += n
		}
		h.mu.Unlock()
	}
	for d, n := range heard {
		if n > sent[d] {
			return Broken{"no digit is heard twice", fmt.Sprintf("%c was sent %d times and heard %d times", d, sent[d], n)}
		}
	}
	return Broken{}
}

// answered: see wireLaw. What was asked of a phone whose network or server was
// not left in peace may have lost its answer.
func (w *world) answered() Broken {
	at := map[string]string{}
	for name, h := range w.phones {
		if !h.shaken && !h.rough {
			at[h.at.addr.Addr().String()] = name
		}
	}
	return w.wire.judge(at)
}

// goroutines is how many there are in the bubble a while later, those of the
// server and of peers apart. A keep-alive under way has some of its own, so the
// least of a few looks counts.
func (w *world) goroutines() int {
	w.pass(2 * time.Minute)
	least := w.look()
	for range 4 {
		w.pass(7 * time.Second)
		least = min(least, w.look())
	}
	return least
}

func (w *world) look() (n int) {
	synctest.Wait()
	buf := make([]byte, 4<<20)
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "synctest bubble") && !strings.Contains(g, "/sip/siptest.") && !strings.Contains(g, "app/voice.(*Voice)") {
			n++
		}
	}
	return n
}

// wireLaw watches the requests that the server sends to the phones: each has
// exactly one final response.
type wireLaw struct {
	mu    sync.Mutex
	asked map[string]*question // by branch and method
}

type question struct {
	line, to string
	finals   map[string]bool
	judged   bool
}

func newWireLaw() *wireLaw { return &wireLaw{asked: map[string]*question{}} }

func (l *wireLaw) see(m siptest.Traced) {
	branch, cseq, start := fields(string(m.Raw))
	method := cseq[strings.IndexByte(cseq, ' ')+1:]
	if branch == "" || method == "ACK" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := branch + " " + method
	code, response := strings.CutPrefix(start, "SIP/2.0 ")
	switch q := l.asked[key]; {
	case m.Out && !response && q == nil:
		l.asked[key] = &question{line: start + ", CSeq " + cseq, to: m.Remote.Addr().String(), finals: map[string]bool{}}
	case !m.Out && response && q != nil && len(code) >= 3 && code[0] >= '2':
		q.finals[code[:3]] = true
	}
}

// fields are the branch of the first Via, the CSeq and the first line.
func fields(raw string) (branch, cseq, start string) {
	start, rest, _ := strings.Cut(raw, "\r\n")
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			break
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "via", "v":
			if branch == "" {
				_, branch, _ = strings.Cut(value, "branch=")
				branch, _, _ = strings.Cut(branch, ";")
				branch, _, _ = strings.Cut(branch, ",")
			}
		case "cseq":
			cseq = strings.TrimSpace(value)
		}
	}
	return branch, cseq, start
}

// judge looks at what was asked since the last time. at are the addresses of
// phones that were left in peace, which must have answered all.
func (l *wireLaw) judge(at map[string]string) Broken {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range l.asked {
		if q.judged { // and repeated since
			continue
		}
		q.judged = true
		name, must := at[q.to]
		if len(q.finals) > 1 || must && len(q.finals) == 0 {
			return Broken{"each request has one final response", fmt.Sprintf("%s %s at %s has %v", name, q.line, q.to, q.finals)}
		}
	}
	return Broken{}
}
