package device

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Port is a microphone or a loudspeaker of a sound system.
type Port struct {
	Backend string // "pulse", "portaudio"
	Name    string // the sound system's own; at least two ports of one kind differ in it
	About   string // for people; may be Name
	Output  bool   // a loudspeaker; else a microphone
	Default bool
	hidden  bool // taken only by its whole name: what a loudspeaker plays, as a microphone
	index   uint32
}

// Words that stand for no port by name.
const (
	// Default is whatever the system says, also when it changes its mind.
	Default = "default"
	// None is silence, or nowhere.
	None = "none"
)

var errNoPorts = errors.New("it has no microphone and no loudspeaker")

func (p Port) kind() string {
	if p.Output {
		return "speaker"
	}
	return "microphone"
}

func (p Port) String() string {
	if p.About != "" {
		return p.About
	}
	return p.Name
}

// UnknownError is a name that means no port, or several.
type UnknownError struct {
	Output     bool
	Name       string
	Candidates []Port // those that it may mean; with Several, those that it does
	Several    bool
}

func (e *UnknownError) Error() string {
	kind := Port{Output: e.Output}.kind()
	var names []string
	for _, p := range e.Candidates {
		name := fmt.Sprintf("%q", p.String())
		if e.Several && p.About != "" { // two cards of a make are told apart by it
			name += " (" + p.Name + ")"
		}
		names = append(names, name)
	}
	list := strings.Join(append(names, `"`+Default+`"`, `"`+None+`"`), ", ")
	if e.Several {
		return fmt.Sprintf("%q means more than one %s: %s", e.Name, kind, strings.Join(names, ", "))
	}
	return fmt.Sprintf("no %s is called %q; there are: %s", kind, e.Name, list)
}

// pick finds the port that a name or a part of it means, whatever the case.
// The whole name of one wins over parts of others.
func pick(ports []Port, output bool, name string) (Port, error) {
	var all, whole, part []Port
	for _, p := range ports {
		if p.Output != output {
			continue
		}
		if !p.hidden {
			all = append(all, p)
		}
		switch {
		case strings.EqualFold(p.Name, name), !p.hidden && strings.EqualFold(p.About, name):
			whole = append(whole, p)
		case !p.hidden && (holds(p.About, name) || holds(p.Name, name)):
			part = append(part, p)
		}
	}
	found := part
	if len(whole) > 0 {
		found = whole
	}
	switch len(found) {
	case 0:
		return Port{}, &UnknownError{Output: output, Name: name, Candidates: all}
	case 1:
		return found[0], nil
	}
	return Port{}, &UnknownError{Output: output, Name: name, Candidates: found, Several: true}
}

func holds(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// standard is the default port of that direction, if there is one.
func standard(ports []Port, output bool) (Port, bool) {
	i := slices.IndexFunc(ports, func(p Port) bool { return p.Output == output && p.Default })
	if i < 0 {
		return Port{}, false
	}
	return ports[i], true
}
