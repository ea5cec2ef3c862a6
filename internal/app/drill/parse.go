package drill

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ramble/internal/app/ground"
)

// Bounds of a scenario. They keep a typing error from lasting a day.
const (
	maxFile    = 64 << 10
	usualLimit = time.Minute
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
	a, err := read(ground.Words{First: words[0], Rest: words[1:]})
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
	demands, happens := false, false
	for _, step := range s.Steps {
		switch step.Do.(type) {
		case Expect:
			demands = true
		case Call, Ring, Moves:
			happens = true
		default: // the rest needs a call, and a call needs one of these
		}
	}
	if !demands {
		return &ParseError{s.Name, 0, `it has no "expect" line: nothing could fail`}
	}
	if !happens {
		return &ParseError{s.Name, 0, "it has no call and no move of the network: it proves nothing"}
	}
	return nil
}

// settings are the lines before the first step.
func settings() map[string]func(*Scenario, []string) error {
	duration := func(to func(*Scenario) *time.Duration) func(*Scenario, []string) error {
		return func(s *Scenario, words []string) (err error) {
			a := ground.Words{First: "setting", Rest: words}
			if err := a.Count(1, 1); err != nil {
				return err
			}
			*to(s), err = a.Duration(0)
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
func steps() map[string]func(ground.Words) (Action, error) {
	all := map[string]func(ground.Words) (Action, error){
		"call":   func(a ground.Words) (Action, error) { return call(a, true) },
		"dial":   func(a ground.Words) (Action, error) { return call(a, false) },
		"ring":   func(a ground.Words) (Action, error) { return Ring{}, a.Count(0, 0) },
		"answer": func(a ground.Words) (Action, error) { return Answer{}, a.Count(0, 0) },
		"hold":   func(a ground.Words) (Action, error) { return Hold{}, a.Count(0, 0) },
		"resume": func(a ground.Words) (Action, error) { return Resume{}, a.Count(0, 0) },
		"hangup": hangup,
		"wait":   func(a ground.Words) (Action, error) { d, err := a.Only(1); return Wait{d}, err },
		"expect": expect,
	}
	for _, name := range ground.MoveNames() {
		all[name] = func(a ground.Words) (Action, error) {
			m, err := ground.ParseMove(a, isUplink)
			return Moves{m}, err
		}
	}
	return all
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

func call(a ground.Words, wait bool) (Action, error) {
	c := Call{"melody", wait}
	err := a.Count(0, 1)
	if err == nil && len(a.Rest) == 1 {
		c.Peer = a.Rest[0]
		if !slices.Contains(peers(), c.Peer) {
			err = unknown("peer", c.Peer, peers())
		}
	}
	return c, err
}

func hangup(a ground.Words) (Action, error) {
	if err := a.Count(0, 1); err != nil {
		return nil, err
	}
	if len(a.Rest) == 1 && a.Rest[0] != "peer" {
		return nil, fmt.Errorf(`hangup stands alone, or with "peer"; %q is neither`, a.Rest[0])
	}
	return Hangup{len(a.Rest) == 1}, nil
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
