package drill

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a scenario. They keep a typing error from lasting a day.
const (
	maxFile     = 64 << 10
	maxDuration = 10 * time.Minute
	maxCount    = 1000
	usualLimit  = time.Minute
)

// ParseError says where a scenario is wrong, and how.
type ParseError struct {
	Name string
	Line int // 0: the file as a whole
	Text string
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Name, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Text)
}

// Parse reads a scenario; an error is a *ParseError. Name stands in errors and
// reports.
func Parse(name, text string) (Scenario, error) {
	s := Scenario{Name: name, Limit: usualLimit}
	switch {
	case len(text) > maxFile:
		return s, &ParseError{name, 0, "the file is larger than 64 KiB"}
	case !utf8.ValidString(text):
		return s, &ParseError{name, 0, "the file is not UTF-8 text"}
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.line(n, words); err != nil {
			return s, &ParseError{name, n, err.Error()}
		}
	}
	return s, s.whole()
}

// line takes one line that says something.
func (s *Scenario) line(n int, words []string) error {
	if set, ok := settings()[words[0]]; ok {
		if len(s.Steps) > 0 {
			return fmt.Errorf("%q stands before the first step", words[0])
		}
		return set(s, words[1:])
	}
	read, ok := steps()[words[0]]
	if !ok {
		return unknown("step", words[0], known())
	}
	a, err := read(args{words[0], words[1:]})
	if err == nil {
		s.Steps = append(s.Steps, Step{n, strings.Join(words, " "), a})
	}
	return err
}

// whole checks what no single line can.
func (s *Scenario) whole() error {
	if len(s.Steps) == 0 {
		return &ParseError{s.Name, 0, "there is no step in it"}
	}
	demands := false
	for _, step := range s.Steps {
		_, is := step.Do.(Expect)
		demands = demands || is
	}
	if !demands {
		return &ParseError{s.Name, 0, `it has no "expect" line: nothing could fail`}
	}
	return nil
}

// settings are the lines before the first step.
func settings() map[string]func(*Scenario, []string) error {
	duration := func(to func(*Scenario) *time.Duration) func(*Scenario, []string) error {
		return func(s *Scenario, words []string) (err error) {
			a := args{"setting", words}
			if err := a.count(1, 1); err != nil {
				return err
			}
			*to(s), err = a.duration(0)
			return err
		}
	}
	return map[string]func(*Scenario, []string) error{
		"title": func(s *Scenario, words []string) error {
			s.Title = strings.Join(words, " ")
			return nil
		},
		"transport": func(s *Scenario, words []string) error {
			if len(words) != 1 || !slices.Contains(Transports(), Transport(words[0])) {
				return errors.New("transport is udp, tcp or tls")
			}
			s.Transport = Transport(words[0])
			return nil
		},
		"keep_for": duration(func(s *Scenario) *time.Duration { return &s.KeepFor }),
		"ring_for": duration(func(s *Scenario) *time.Duration { return &s.Ring }),
		"limit":    duration(func(s *Scenario) *time.Duration { return &s.Limit }),
	}
}

// steps are the readers of all lines that do something.
func steps() map[string]func(args) (Action, error) {
	return map[string]func(args) (Action, error){
		"call":   func(a args) (Action, error) { return a.call(true) },
		"dial":   func(a args) (Action, error) { return a.call(false) },
		"ring":   func(a args) (Action, error) { return Ring{}, a.count(0, 0) },
		"answer": func(a args) (Action, error) { return Answer{}, a.count(0, 0) },
		"hold":   func(a args) (Action, error) { return Hold{}, a.count(0, 0) },
		"resume": func(a args) (Action, error) { return Resume{}, a.count(0, 0) },
		"hangup": args.hangup,
		"roam": func(a args) (Action, error) {
			to, d, err := a.uplinkFor(1)
			return Roam{to, d}, err
		},
		"overlap": func(a args) (Action, error) {
			to, d, err := a.uplinkFor(2)
			return Overlap{to, d}, err
		},
		"down":      func(a args) (Action, error) { d, err := a.only(0); return Down{d}, err },
		"elsewhere": func(a args) (Action, error) { d, err := a.only(0); return Elsewhere{d}, err },
		"stall":     func(a args) (Action, error) { d, err := a.only(1); return Stall{d}, err },
		"wait":      func(a args) (Action, error) { d, err := a.only(1); return Wait{d}, err },
		"renumber":  func(a args) (Action, error) { return Renumber{}, a.count(0, 0) },
		"up":        args.up,
		"flap":      args.flap,
		"sleep":     args.sleep,
		"expect":    args.expect,
	}
}

// known are all first words, sorted.
func known() (list []string) {
	for w := range settings() {
		list = append(list, w)
	}
	for w := range steps() {
		list = append(list, w)
	}
	slices.Sort(list)
	return list
}

// args are the words after the first one.
type args struct {
	step  string
	words []string
}

func (a args) count(least, most int) error {
	switch n := len(a.words); {
	case n < least && least == most:
		return fmt.Errorf("%s takes %s after it", a.step, things(least))
	case n < least:
		return fmt.Errorf("%s takes at least %s after it", a.step, things(least))
	case n > most && most == 0:
		return fmt.Errorf("%s stands alone; %q is too much", a.step, a.words[0])
	case n > most:
		return fmt.Errorf("%s takes %s at most; %q is too much", a.step, things(most), a.words[most])
	}
	return nil
}

func things(n int) string {
	if n == 1 {
		return "one word"
	}
	return fmt.Sprintf("%d words", n)
}

func (a args) duration(i int) (time.Duration, error) {
	d, err := time.ParseDuration(a.words[i])
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write 500ms, 5s or 2m", a.words[i])
	}
	if d <= 0 || d > maxDuration {
		return 0, fmt.Errorf("%s is not between nothing and 10 minutes", a.words[i])
	}
	return d, nil
}

func (a args) number(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 || n > maxCount {
		return 0, fmt.Errorf("%q is no number from 0 to %d", word, maxCount)
	}
	return n, nil
}

// only is a lone duration; least 0 lets it be absent.
func (a args) only(least int) (time.Duration, error) {
	if err := a.count(least, 1); err != nil || len(a.words) == 0 {
		return 0, err
	}
	return a.duration(0)
}

// uplinkFor is an uplink and a duration; least 1 lets the duration be absent.
func (a args) uplinkFor(least int) (string, time.Duration, error) {
	if err := a.count(least, 2); err != nil {
		return "", 0, err
	}
	if err := isUplink(a.words[0]); err != nil || len(a.words) == 1 {
		return a.words[0], 0, err
	}
	d, err := a.duration(1)
	return a.words[0], d, err
}

func (a args) call(wait bool) (Action, error) {
	c := Call{"melody", wait}
	err := a.count(0, 1)
	if err == nil && len(a.words) == 1 {
		c.Peer = a.words[0]
		if !slices.Contains(peers(), c.Peer) {
			err = unknown("peer", c.Peer, peers())
		}
	}
	return c, err
}

func (a args) hangup() (Action, error) {
	if err := a.count(0, 1); err != nil {
		return nil, err
	}
	if len(a.words) == 1 && a.words[0] != "peer" {
		return nil, fmt.Errorf(`hangup stands alone, or with "peer"; %q is neither`, a.words[0])
	}
	return Hangup{len(a.words) == 1}, nil
}

func (a args) up() (Action, error) {
	if err := a.count(0, 1); err != nil || len(a.words) == 0 {
		return Up{}, err
	}
	return Up{a.words[0]}, isUplink(a.words[0])
}

func (a args) flap() (Action, error) {
	if err := a.count(2, 2); err != nil {
		return nil, err
	}
	n, err := a.number(a.words[0])
	if err != nil {
		return nil, err
	}
	d, err := a.duration(1)
	return Flap{n, d}, err
}

func (a args) sleep() (Action, error) {
	if err := a.count(1, 2); err != nil {
		return nil, err
	}
	d, err := a.duration(0)
	if err != nil || len(a.words) == 1 {
		return Sleep{d, ""}, err
	}
	return Sleep{d, a.words[1]}, isUplink(a.words[1])
}

func isUplink(name string) error {
	if _, ok := home(name); ok {
		return nil
	}
	return unknown("uplink", name, uplinks())
}

// unknown names what there is, and what was perhaps meant.
func unknown(kind, word string, list []string) error {
	return fmt.Errorf("there is no %s %q; there are: %s", kind, clip(word), strings.Join(list, ", "))
}

// clip keeps a word from filling somebody's screen.
func clip(word string) string {
	if r := []rune(word); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return word
}
