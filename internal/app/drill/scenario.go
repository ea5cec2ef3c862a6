package drill

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ramble/internal/app/ground"
)

// Scenario is one parsed file.
type Scenario struct {
	Name      string // file name without its ending
	Title     string
	Transport Transport     // empty: whatever the drill uses
	KeepFor   time.Duration // how long calls are kept without a network; 0: as the phone has it
	Ring      time.Duration // how long peers ring; 0: a moment
	Limit     time.Duration // for the whole scenario
	Steps     []Step
}

// Transport is "udp", "tcp" or "tls".
type Transport string

// Transports are those that a drill can use.
func Transports() []Transport { return []Transport{"udp", "tcp", "tls"} }

// Step is one line that does or demands something.
type Step struct {
	Line int
	Text string // as written, without the comment
	Do   Action
}

// Action is the sealed set of things a step can be.
type Action interface{ action() }

type (
	// Call dials a peer; Wait: until sound flows both ways, else until it rings.
	Call struct {
		Peer string
		Wait bool
	}
	// Ring has a peer call the phone, and waits until it rings here.
	Ring struct{}
	// Answer, Hold, Resume and Hangup are the phone's keys.
	Answer struct{}
	Hold   struct{}
	Resume struct{}
	// Hangup ends the call: the phone's, or the peer's side of it.
	Hangup struct{ Peer bool }

	// Moves moves the phone's network.
	Moves struct{ ground.Move }
	// Wait lets time pass.
	Wait struct{ For time.Duration }
	// Expect demands something. Patience is how long it may take.
	Expect struct {
		What  Demand
		Below time.Duration // of gaps and times
		Count int           // of packets, roams
		Words string        // of the end of a call
	}
)

func (Call) action()   {}
func (Ring) action()   {}
func (Answer) action() {}
func (Hold) action()   {}
func (Resume) action() {}
func (Hangup) action() {}
func (Moves) action()  {}
func (Wait) action()   {}
func (Expect) action() {}

// Demand is what an Expect demands.
type Demand string

// The demands, with the words of the file.
const (
	Survives   Demand = "survives"   // the call is up, sound flows both ways from the present address
	Held       Demand = "held"       // the call is up and held, refreshed at the present address
	Registered Demand = "registered" // the server lists the present address and nothing else
	IsUp       Demand = "up"         // the call is answered, with sound both ways
	Ringing    Demand = "ringing"    // it still rings
	Ends       Demand = "ends"       // the call is over, here with these words
	PeerEnds   Demand = "peer_ends"  // the peer's side of it is over
	GapIn      Demand = "gap_in"     // longest gap in what the phone heard
	GapOut     Demand = "gap_out"    // longest gap in what the peer heard
	Lost       Demand = "lost"       // packets that did not reach the phone
	Total      Demand = "total"      // first sign of the change to proven
	TReg       Demand = "t_reg"      // new network usable to the server listing its address
	Roams      Demand = "roams"      // roams that ended well or were overtaken
)

//go:embed scenarios/*.txt
var files embed.FS

// Builtin returns the built-in scenarios by name, in the order of their files.
func Builtin() ([]Scenario, error) {
	names, err := fs.Glob(files, "scenarios/*.txt")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var list []Scenario
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(nameOf(name), string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// nameOf is a file's name without folder, number and ending.
func nameOf(path string) string {
	name := strings.TrimSuffix(path[strings.LastIndexAny(path, `/\`)+1:], ".txt")
	if number, rest, ok := strings.Cut(name, "-"); ok && strings.Trim(number, "0123456789") == "" && rest != "" {
		return rest
	}
	return name
}
