package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is a world and what happens in it.
type Script struct {
	Seed     uint64 // where it comes from; the world's own dice are seeded by it, too
	Lines    []Line
	Episodes []Episode
}

// Line is a phone and the line that it has.
type Line struct {
	Phone     string
	Transport string        // "udp", "tcp" or "tls"
	Delay     time.Duration // one way, to everybody
	Twice     float64       // share of its datagrams that leave twice
	Late      float64       // share of its datagrams that others overtake
}

// Episode is a busy while. Calm follows: everything is mended, the laws are
// checked, all calls are ended, and the laws are checked again.
type Episode struct {
	After time.Duration // since the end of the one before
	Steps []Step        // by At
}

// Step is one thing that happens. It takes no time.
type Step struct {
	At   time.Duration // since the episode began
	Who  string        // a phone, "talker" or "server"
	Verb string
	Arg  string // may be empty
}

func (s Step) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.At, s.Who, s.Verb, s.Arg))
}

// String is the script as Parse reads it.
func (s Script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", s.Seed)
	for _, l := range s.Lines {
		fmt.Fprintf(&b, "line %s %s %s %v %v\n", l.Phone, l.Transport, l.Delay, l.Twice, l.Late)
	}
	for _, e := range s.Episodes {
		fmt.Fprintf(&b, "episode %s\n", e.After)
		for _, st := range e.Steps {
			fmt.Fprintf(&b, "  %s\n", st)
		}
	}
	return b.String()
}

// Steps is how many steps there are.
func (s Script) Steps() (n int) {
	for _, e := range s.Episodes {
		n += len(e.Steps)
	}
	return n
}

// Parse reads a script; a line that begins with # is a remark. The error names
// the line.
func Parse(text string) (Script, error) {
	var s Script
	number := 0
	for raw := range strings.Lines(text) {
		number++
		f := strings.Fields(raw)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if err := s.read(f); err != nil {
			return Script{}, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return s, nil
}

func (s *Script) read(f []string) (err error) {
	switch {
	case f[0] == "seed" && len(f) == 2:
		s.Seed, err = strconv.ParseUint(f[1], 10, 64)
		return err
	case f[0] == "line" && len(f) == 6:
		l := Line{Phone: f[1], Transport: f[2]}
		if l.Delay, err = time.ParseDuration(f[3]); err != nil {
			return err
		}
		if l.Twice, err = strconv.ParseFloat(f[4], 64); err != nil {
			return err
		}
		if l.Late, err = strconv.ParseFloat(f[5], 64); err != nil {
			return err
		}
		s.Lines = append(s.Lines, l)
		return nil
	case f[0] == "episode" && len(f) == 2:
		after, err := time.ParseDuration(f[1])
		s.Episodes = append(s.Episodes, Episode{After: after})
		return err
	case len(f) >= 3 && len(s.Episodes) > 0:
		at, err := time.ParseDuration(f[0])
		e := &s.Episodes[len(s.Episodes)-1]
		e.Steps = append(e.Steps, Step{At: at, Who: f[1], Verb: f[2], Arg: strings.Join(f[3:], " ")})
		return err
	}
	return fmt.Errorf("%q is nothing known", strings.Join(f, " "))
}
