package phone

import (
	"net/netip"
	"time"
)

// CallID numbers a call for people and scripts: 1, 2, 3 ..., never used twice
// in one run. It is not the SIP Call-ID.
type CallID int

// RoamID numbers a roam: 1, 2, 3 ..., over all accounts of one run.
type RoamID int

// Past is what earlier runs left in the history, oldest first; the receivers
// share it and never change it. Its calls and roams have negative numbers, -1
// is the latest. The call numbers within a roam are those of its own run.
type Past struct {
	Calls []Call
	Roams []Roam
}

// Epoch counts the paths of one account; it only grows.
type Epoch uint64

// State is everything there is to see, whole, at one moment. Receivers treat
// it as read-only.
type State struct {
	At       time.Time
	Accounts []Account // in configuration order
	Calls    []Call    // by number; ended calls stay until the next one starts or a while has passed
	Network  Network
	Roams    []Roam // oldest first, the last few
	Past     Past   // of earlier runs
	Audio    Audio
	Refused  Refused // who was not allowed to make the phone ring
	Current  CallID  // the call that keys without a number mean; 0 none
	Ready    *Ready  // the sockets listen, here at this moment; nil: not yet
}

// Account is one configured address of record and its registration.
type Account struct {
	Name      string // label from the configuration
	URI       string // address of record
	Enabled   bool
	Registers bool // false: calls only, no REGISTER
	State     RegistrationState
	Binding
	Way
	Before
	Roaming bool
	Trying  Trial
}

// Binding is what the registrar has of an account, and why it has nothing.
type Binding struct {
	Contact  string        // that it lists
	Expires  time.Duration // granted lifetime
	Until    time.Time     // when the binding ends unless refreshed
	Code     int           // last SIP status; 0 when none
	Fault    Fault         // why it is not registered; its Kind is NoFault where nothing is wrong
	Warnings Warnings      // to be shown all the time
}

// Way is how the server of an account is reached.
type Way struct {
	Server    string // host:port that answers for the account
	Transport string // "udp", "tcp", "tls"
	Epoch     Epoch
	Source    netip.Addr // path address in use; zero when there is no path
	Interface string     // interface of that path
}

// Before is the path of an account before the roam in progress.
type Before struct {
	WasSource netip.Addr // else zero
	WasIface  string
}

// Trial is the search for a server that answers. The zero value: there is none.
type Trial struct {
	Server string    // host:port that is tried now, or was last
	Since  time.Time // none has answered since then
	Next   time.Time // of the next try; zero while one is under way
}

// RegistrationState is what the registrar knows of us.
type RegistrationState int

// The registration states, with the words of the automation contract.
const (
	Unregistered RegistrationState = iota
	Registering
	Registered
	RegistrationFailed // will be tried again
	NoNetwork
	RegistrationRefused // will not be tried again by itself
)

func (s RegistrationState) String() string {
	return [...]string{"unregistered", "registering", "registered", "failed", "no-network", "refused"}[s]
}

// Call is one call, from the first INVITE until a while after its end.
type Call struct {
	ID        CallID
	Account   string
	Direction Direction
	State     CallState
	Held      Hold
	Whom
	Sound
	Times
	Roamed
	Outcome
}

// Whom is who is at the other end of a call, and by which way.
type Whom struct {
	Peer      string // URI
	Name      string // display name, sanitized; empty when none
	NextHop   string // host that our INVITE goes to: the account's server, or the peer's own; empty: incoming, or not placed yet
	SIPCallID string
}

// Sound is what of a call is heard, how, and where it is sent.
type Sound struct {
	Codec       string // "PCMU/8000"; empty before the answer
	SRTP        string // "" off, else the profile
	LocalMedia  netip.AddrPort
	RemoteMedia netip.AddrPort
	Media       Media
	Muted       bool
}

// Times are the moments of a call.
type Times struct {
	Started  time.Time
	Answered time.Time // zero until up
	Ended    time.Time // zero until ended
}

// Roamed is what roams do to a call.
type Roamed struct {
	Recovering bool          // a roam is repairing it
	KeepUntil  time.Time     // no network: the call ends then; zero when there is a path
	Roams      int           // that it has lived through
	LongestGap time.Duration // longest measured gap of these, either direction
}

// Outcome is what came of a call, so far.
type Outcome struct {
	Code        int    // final SIP status when ended by one
	Reason      string // the phrase of the last provisional response; of an old entry of the history its words
	Hint        string // of an old entry of the history
	End         End    // how it ended; zero until it has
	NeedsRedial bool   // the peer lost the dialog; the user may redial
}

// MovedTo is the address that a 3xx gave for a call that ended by it, its first
// Contact (RFC 3261 8.1.3.4); empty: there is none.
func (c Call) MovedTo() string {
	if c.End.Fault.Kind == FaultRedirect && c.End.Fault.Method == "INVITE" {
		return c.End.Fault.Name
	}
	return ""
}

// Direction says who called.
type Direction int

// Directions of a call.
const (
	Outgoing Direction = iota
	Incoming
)

func (d Direction) String() string { return [...]string{"out", "in"}[d] }

// CallState is how far a call has come.
type CallState int

// The states of a call, with the words of the automation contract.
const (
	Dialing CallState = iota // INVITE sent, nothing heard
	Trying                   // 100
	Ringing                  // 180, or ringing here
	Early                    // 183 with media
	Up
	Ended
)

func (s CallState) String() string {
	return [...]string{"dialing", "trying", "ringing", "early", "up", "ended"}[s]
}

// Hold says who put the call on hold (RFC 3264 8.4).
type Hold int

// Hold states.
const (
	HeldByNone Hold = iota
	HeldLocal
	HeldRemote
	HeldBoth
)

func (h Hold) String() string { return [...]string{"none", "local", "remote", "both"}[h] }

// Media is the condition of a call's sound. Counters are cumulative over the
// call, across roams.
type Media struct {
	Packets
	Quality                   // over the last 10 s
	Call        Quality       // over the call
	Jitter      time.Duration // RFC 3550 interarrival jitter of what we receive
	RTT         time.Duration // from RTCP; 0 unknown
	Delay       time.Duration // one way, from the other side to us, estimated: half of the round trip, the buffer and a packet; 0 unknown
	Buffer      time.Duration // present delay of the jitter buffer
	Concealed   time.Duration // audio made up for what was missing
	Sending     bool          // our audio leaves; false where none is due, and where the network takes none
	LevelIn     float64       // dBFS of the last 100 ms of what we hear of the other side, nothing made up
	LevelOut    float64       // dBFS of the last 100 ms of what we send
	Silence     time.Duration // since the last packet arrived; 0 while audio flows
	JitterTrail []time.Duration
}

// Packets are counted over a call, each once.
type Packets struct {
	TxPackets, RxPackets uint64
	Lost                 uint64 // never arrived
	Late                 uint64 // arrived after they were needed
	Refused              uint64 // arrived and could not be played: for want of room, or in a format never agreed on
	Duplicates           uint64
	Unsent               uint64 // of ours that the system did not take: for want of room, or of a network
}

// Quality is how a call sounds here.
type Quality struct {
	Loss float64 // share of the sound due that was not heard in time, lost, late or refused; 0 to 1
	MOS  float64 // E-model estimate (ITU-T G.107, default R0); 0 unknown
}

// Network is what the watcher sees, and who uses it.
type Network struct {
	Watching   string // "polling every 500ms", with the notifications if there are any; "off"
	Interfaces []Interface
	Paths      []Path
	Why        []Fact    // of the last change
	Changed    time.Time // zero: never since the start
	Since      time.Time // watching since
}

// Interface is one network interface.
type Interface struct {
	Name      string
	Addresses []netip.Addr
	Up        bool
	UsedBy    []string     // accounts whose path goes through it
	Lost      []netip.Addr // addresses that went away since the last roam ended
	Ignored   bool         // hints from it are quietened by configuration
}

// Path is the way towards an account's server.
type Path struct {
	Account   string
	Interface string
	Source    netip.Addr
	NextHop   netip.Addr
}

// Audio is the sound system in use.
type Audio struct {
	Backend string // "null", "loop", "file", "portaudio", "pulse"
	Input   string
	Output  string
	Note    string // what is lacking, in words; empty when nothing is
}

// SoundDevice is a microphone or a loudspeaker that can be used.
type SoundDevice struct {
	Backend string // "pulse", "portaudio"
	Name    string // the sound system's own
	About   string // for people; empty when Name is all there is
	Output  bool   // a loudspeaker; else a microphone
	Default bool   // the system's choice
	InUse   bool
}

// Refused counts requests from those who may not make the phone ring.
type Refused struct {
	Requests uint64
	Last     string // source address of the last one
}
