package ground

import "time"

// Move is the sealed set of things that a network does to a phone. The words
// are those of drill scenarios, see ParseMove.
type Move interface{ move() }

type (
	// Roam loses the present spot and has another one after Gap.
	Roam struct {
		To  string
		Gap time.Duration
	}
	// Overlap has both spots for a time, the new one preferred.
	Overlap struct {
		To  string
		For time.Duration
	}
	// Down loses the network; after For it is back as it was. 0: it stays away.
	Down struct{ For time.Duration }
	// Up brings a spot back; empty: the last one.
	Up struct{ To string }
	// Renumber gives the interface other addresses in the same network.
	Renumber struct{}
	// Elsewhere has the same addresses in another network after Gap.
	Elsewhere struct{ Gap time.Duration }
	// Stall has the network carry nothing for a time, without a sign of it.
	Stall struct{ For time.Duration }
	// Flap roams between two spots so many times.
	Flap struct {
		Times int
		Every time.Duration
	}
	// Sleep stops the phone as a machine that sleeps. It wakes up on To, or
	// where it was.
	Sleep struct {
		For time.Duration
		To  string
	}
)

func (Roam) move()      {}
func (Overlap) move()   {}
func (Down) move()      {}
func (Up) move()        {}
func (Renumber) move()  {}
func (Elsewhere) move() {}
func (Stall) move()     {}
func (Flap) move()      {}
func (Sleep) move()     {}

// Other stands for the first spot on another interface than the present one.
const Other = "other"

// ParseMove reads one move, as in "roam usb0 5s". known says whether there is a
// spot of that name, by an error that names those that there are.
func ParseMove(a Words, known func(spot string) error) (Move, error) {
	read, ok := moves()[a.First]
	if !ok {
		return nil, unknownMove(a.First)
	}
	return read(a, known)
}

// moves are the readers of all moves by their first word.
func moves() map[string]func(Words, func(string) error) (Move, error) {
	return map[string]func(Words, func(string) error) (Move, error){
		"roam": func(a Words, known func(string) error) (Move, error) {
			to, d, err := a.spotFor(1, known)
			return Roam{to, d}, err
		},
		"overlap": func(a Words, known func(string) error) (Move, error) {
			to, d, err := a.spotFor(2, known)
			return Overlap{to, d}, err
		},
		"up": func(a Words, known func(string) error) (Move, error) {
			if err := a.Count(0, 1); err != nil || len(a.Rest) == 0 {
				return Up{}, err
			}
			return Up{a.Rest[0]}, known(a.Rest[0])
		},
		"sleep": func(a Words, known func(string) error) (Move, error) {
			if err := a.Count(1, 2); err != nil {
				return nil, err
			}
			d, err := a.Duration(0)
			if err != nil || len(a.Rest) == 1 {
				return Sleep{d, ""}, err
			}
			return Sleep{d, a.Rest[1]}, known(a.Rest[1])
		},
		"flap": func(a Words, _ func(string) error) (Move, error) {
			if err := a.Count(2, 2); err != nil {
				return nil, err
			}
			n, err := a.Number(0)
			if err != nil {
				return nil, err
			}
			d, err := a.Duration(1)
			return Flap{n, d}, err
		},
		"down":      func(a Words, _ func(string) error) (Move, error) { d, err := a.Only(0); return Down{d}, err },
		"elsewhere": func(a Words, _ func(string) error) (Move, error) { d, err := a.Only(0); return Elsewhere{d}, err },
		"stall":     func(a Words, _ func(string) error) (Move, error) { d, err := a.Only(1); return Stall{d}, err },
		"renumber":  func(a Words, _ func(string) error) (Move, error) { return Renumber{}, a.Count(0, 0) },
	}
}
