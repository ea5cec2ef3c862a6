package phone

import "time"

// Roam is one change of the network, from its first sign to proven, as a
// timeline: with every account whose path it moved.
type Roam struct {
	ID       RoamID
	Account  string // of the first part, or of the one that a notice is about; so are Epoch, From and To
	Epoch    Epoch
	Phase    RoamPhase // of the whole
	From, To string    // "wlan0 192.168.1.23"; empty when there was or is no path
	Why      []Fact
	Started  time.Time
	Steps    []RoamStep
	Total    time.Duration // first sign to proven of the last account; 0 until done
	Calls    []RoamCall    // filled when done
	Failures []Fact        // what failed and what follows

	FailedStep StepName // the step of that; empty unless it failed
	Next       []string // what helps: names of commands ("register", "refresh", "hangup", "redial", "restart")
	Parts      []RoamPart
}

// RoamPart is what a roam was to one account.
type RoamPart struct {
	Account  string
	Epoch    Epoch
	Phase    RoamPhase
	From, To string
	Started  time.Time
	Total    time.Duration
	Failures []Fact
}

// RoamPhase is how a roam stands.
type RoamPhase int

// Phases of a roam. A RoamStarted roam is in progress.
const (
	RoamStarted RoamPhase = iota
	RoamDone
	RoamFailed
	RoamSuperseded
)

func (p RoamPhase) String() string {
	return [...]string{"started", "done", "failed", "superseded"}[p]
}

// RoamStep is one line of the timeline.
type RoamStep struct {
	Name     StepName
	Account  string        // whose; empty in old entries of the history
	Offset   time.Duration // from the first sign
	Duration time.Duration // 0: a moment, or still running
	Running  bool
	OK       bool
	Facts    []Fact // one; of a sign several
	Call     CallID // 0: not about a call
}

// StepName is the kind of a step, with the words of the automation contract, which
// reserves "dns" and "connect" besides.
type StepName string

// The steps of a roam.
const (
	StepSign     StepName = "sign"
	StepPath     StepName = "path"
	StepOpen     StepName = "open"
	StepRegister StepName = "register"
	StepRepair   StepName = "repair"
	StepMedia    StepName = "media"
	StepProven   StepName = "proven"
	StepClose    StepName = "close"
)

// RoamCall is what a roam cost one call, measured from packets.
type RoamCall struct {
	Call     CallID
	GapIn    time.Duration // last packet in on the old path to the first in on the new
	GapOut   time.Duration // the same for packets we sent
	LostIn   uint64
	Measured bool   // false: no audio was due (held), the gaps mean nothing
	HungUp   bool   // it was over before it was whole again
	Peer     string // URI
	Name     string // display name; empty when none
}
