package roam

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
)

// parseEvent is the reverse of DescribeEvent.
func parseEvent(line string, zero time.Time) (e Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, err = nil, fmt.Errorf("%q: %v", line, r)
		}
	}()
	w := &scanner{rest: strings.TrimSpace(line), zero: zero}
	e = w.event()
	if w.rest != "" {
		return nil, fmt.Errorf("%q: what is %q?", line, w.rest)
	}
	return e, nil
}

// scanner takes a line apart from the left. It panics on what it does not
// understand; parseEvent turns that into an error.
type scanner struct {
	rest string
	zero time.Time
}

func (w *scanner) next() string {
	word, rest, _ := strings.Cut(w.rest, " ")
	w.rest = strings.TrimSpace(rest)
	return word
}

// opt takes the next word if it has the prefix, and returns what follows it.
func (w *scanner) opt(prefix string) (string, bool) {
	if !strings.HasPrefix(w.rest, prefix) {
		return "", false
	}
	return strings.TrimPrefix(w.next(), prefix), true
}

func (w *scanner) flag(word string) bool {
	_, ok := w.opt(word)
	return ok
}

func (w *scanner) text() string {
	if !strings.HasPrefix(w.rest, `"`) {
		return ""
	}
	q := must(strconv.QuotedPrefix(w.rest))
	w.rest = strings.TrimSpace(strings.TrimPrefix(w.rest, q))
	return must(strconv.Unquote(q))
}

// facts are what others tell the machine, which it hands on.
func (w *scanner) facts() (all []phone.Fact) {
	for strings.HasPrefix(w.rest, `"`) {
		all = append(all, w.fact())
	}
	return all
}

func (w *scanner) fact() phone.Fact { return recorded(w.text()) }

func recorded(text string) phone.Fact { return phone.Fact{Kind: phone.Recorded, Text: text} }

func (w *scanner) number() int { return must(strconv.Atoi(w.next())) }

func (w *scanner) epoch() Epoch { return Epoch(w.number()) }

func (w *scanner) call() CallID {
	if !w.flag("call") {
		panic("no call")
	}
	return CallID(w.number())
}

func (w *scanner) duration(prefix string) time.Duration {
	if s, ok := w.opt(prefix); ok {
		return must(time.ParseDuration(s))
	}
	return 0
}

func (w *scanner) address(prefix string) (at netip.AddrPort) {
	if s, ok := w.opt(prefix); ok && s != "" {
		at = must(netip.ParseAddrPort(s))
	}
	return at
}

func (w *scanner) moment(prefix string) time.Time {
	if s, ok := w.opt(prefix); ok {
		return w.zero.Add(must(time.ParseDuration(s)))
	}
	return time.Time{}
}

func (w *scanner) event() Event {
	switch kind := w.next(); kind {
	case "path":
		return PathChanged{Path: w.path(), OldAlive: w.flag("old-alive"), Since: w.moment("since=+"), Why: w.facts()}
	case "media-path":
		return MediaPathChanged{Call: w.call(), Path: w.path(), OldAlive: w.flag("old-alive"), Since: w.moment("since=+"), Why: w.facts()}
	case "force":
		return Forced{What: map[string]Force{"register": ForceRegister, "network": ForceNetwork, "restart": ForceRestart}[w.next()]}
	case "want":
		on := !w.flag("no")
		w.next()
		return WantRegistration{On: on}
	case "opened":
		return Opened{Epoch: w.epoch(), Local: w.address("local="), Detail: w.text()}
	case "open-failed":
		return OpenFailed{Epoch: w.epoch(), Failure: w.failure()}
	case "stack-lost":
		return StackLost{Epoch: w.epoch(), Why: []phone.Fact{w.fact()}}
	case "registered":
		return Registered{Epoch: w.epoch(), RefreshIn: w.duration("refresh="), Seen: w.address("seen="), Outbound: w.flag("outbound"), Missing: w.flag("missing"), Stale: w.flag("stale"), Detail: w.text()}
	case "register-failed":
		return RegisterFailed{Epoch: w.epoch(), Known: w.flag("known"), Failure: w.failure()}
	case "unregistered":
		return Unregistered{Epoch: w.epoch()}
	case "unregister-failed":
		return UnregisterFailed{Epoch: w.epoch(), Failure: w.failure()}
	case "mapped":
		return Mapped{Epoch: w.epoch(), By: map[string]Witness{"server": ByServer, "stun": BySTUN}[w.next()], At: w.address("")}
	case "media-mapped":
		return MediaMapped{Call: w.call(), From: w.address("from="), To: w.address("to=")}
	case "call-added":
		return CallAdded{Call: w.condition()}
	case "call-changed":
		return CallChanged{Call: w.condition()}
	case "call-gone":
		return CallGone{ID: CallID(w.number())}
	case "media-moved":
		return MediaMoved{Epoch: w.epoch(), Call: w.call(), Detail: w.text()}
	case "media-move-failed":
		return MediaMoveFailed{Epoch: w.epoch(), Call: w.call(), Failure: w.failure()}
	case "repaired":
		return Repaired{Epoch: w.epoch(), Call: w.call(), Detail: w.text()}
	case "repair-failed":
		return RepairFailed{Epoch: w.epoch(), Call: w.call(), Failure: w.failure()}
	case "heard":
		h := Heard{Epoch: w.epoch(), Call: w.call(), GapIn: w.duration("in="), GapOut: w.duration("out=")}
		if s, ok := w.opt("lost="); ok {
			h.LostIn = must(strconv.ParseUint(s, 10, 64))
		}
		return h
	case "audio-stopped":
		return AudioStopped{Call: w.call(), For: w.duration("for=")}
	case "audio-back":
		return AudioBack{Call: w.call()}
	case "probe-answered":
		return ProbeAnswered{Epoch: w.epoch(), Detail: w.text()}
	case "probe-failed":
		return ProbeFailed{Epoch: w.epoch(), Failure: w.failure()}
	case "tick":
		return Tick{}
	default:
		panic("unknown event " + kind)
	}
}

func (w *scanner) path() (p Path) {
	if p.Interface = w.next(); p.Interface == "none" {
		return Path{}
	}
	p.Source = netip.MustParseAddr(w.next())
	if s, ok := w.opt("index="); ok {
		p.Index = must(strconv.Atoi(s))
	}
	if s, ok := w.opt("via="); ok {
		p.NextHop = netip.MustParseAddr(s)
	}
	p.NextHopLink, _ = w.opt("link=")
	if s, ok := w.opt("lost="); ok {
		p.Lost = must(strconv.ParseUint(s, 10, 64))
	}
	return p
}

func (w *scanner) failure() (f Failure) {
	kinds := map[string]FailureKind{
		"refused": Refused, "timeout": TimedOut, "transport": Transport,
		"unreachable": Unreachable, "cancelled": Cancelled,
	}
	word := w.next()
	kind, ok := kinds[word]
	if !ok {
		f.Code = must(strconv.Atoi(word))
	}
	f.Kind = kind
	f.RetryAfter = w.duration("retry-after=")
	text := w.text()
	if f.Kind == Answered {
		f.Fault.Phrase = text
	} else {
		f.Fault.Text = text
	}
	return f
}

func (w *scanner) condition() (c Call) {
	c.ID = CallID(w.number())
	state := w.next()
	for c.State = Idle; c.State.String() != state; c.State++ {
	}
	c.AudioDue = w.flag("audio")
	c.OwnsCallID = w.flag("owner")
	c.OfferLost, c.Early, c.Replaceable = w.flag("lost"), w.flag("early"), w.flag("replaceable")
	if s, ok := w.opt("epoch="); ok {
		c.Epoch = Epoch(must(strconv.Atoi(s)))
	}
	return c
}

// parsePolicy reads "key=value ..." over the default policy.
func parsePolicy(line string) (p Policy, err error) {
	p = DefaultPolicy()
	for _, f := range strings.Fields(line) {
		key, value, _ := strings.Cut(f, "=")
		yes := value == "yes"
		var err error
		switch key {
		case "enabled":
			p.Enabled = yes
		case "register":
			p.Register = yes
		case "remove-old":
			p.RemoveOld = yes
		case "media-first":
			p.MediaFirst = yes
		case "hangup-on-lost":
			p.HangupOnLost = yes
		case "refresh":
			p.Refresh = map[string]Refresh{"reinvite": Reinvite, "update": Update, "none": None}[value]
		case "keep-for":
			p.KeepFor, err = time.ParseDuration(value)
		case "proof-wait":
			p.ProofWait, err = time.ParseDuration(value)
		case "between":
			p.Between = map[string]func(lo, hi time.Duration) time.Duration{
				"shortest": func(lo, _ time.Duration) time.Duration { return lo },
				"longest":  func(_, hi time.Duration) time.Duration { return hi },
			}[value]
		default:
			err = fmt.Errorf("unknown policy %q", key)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
