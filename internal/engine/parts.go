package engine

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"ramble/audio/desk"
	"ramble/audio/path"
	"ramble/internal/capture"
	"ramble/internal/engine/roam"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
	"ramble/internal/ledger"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
)

// Parts is everything the engine is built from. The caller owns what it
// passes; the engine runs it between Run's start and return.
type Parts struct {
	Accounts []Account
	Network  netwatch.Options // OnChange, Log and Guard are the engine's to set
	Watching string           // how the network is watched, for people
	Sockets  Sockets
	Lookup   locate.Lookup
	Desk     *desk.Desk
	Audio    AudioNote // at the start
	Sound    Sound     // changes it; nil: nothing can be changed
	Own      OwnSound  // opens the sound of calls that have their own; nil: none do

	Media SoundPath

	Log   *slog.Logger
	Guard *safego.Guard
	Habits
	Records
}

// Records are what is kept of calls and messages.
type Records struct {
	OldMax  int            // ended calls kept in the state; 0: 50
	History *history.Book  // what is over goes there; nil: nowhere
	Ledger  *ledger.Ledger // what is owed goes there; nil: nowhere
	Trace   *capture.Ring  // keeps the SIP messages; nil: nobody does
}

// Habits are how the phone behaves, whatever its accounts.
type Habits struct {
	StatsEvery time.Duration // MediaReport interval; 0: only at the end of a call
	LookEvery  time.Duration // between looks at the meters of a call; 0: 100 ms
	SIPPort    uint16        // 0: any
	MaxCalls   int           // calls that exist at once, ringing and held ones too; 0: 8
	KeepOthers bool          // a new conversation leaves the others as they are; else it holds them
	KeepAlive  time.Duration // 0: off
	Family     Family
	Silence    time.Duration // missing audio after which the server is asked; 0: 2 s, negative: never
	AfterSleep bool          // a sleep counts as a change of network
	Tones      bool
	UserAgent  string
	NoRegister bool // register nobody until asked
}

// SoundPath is how the sound of calls travels.
type SoundPath struct {
	Ports     path.Range
	JitterMin time.Duration // 0: the buffer's own
	JitterMax time.Duration
	Frame     time.Duration // packet time that is asked for; 0: 20 ms
	NoLatch   bool          // audio goes to the address of the peer's description, wherever it comes from
}

// Account is one address of record with its policies.
type Account struct {
	Name       string
	SIP        sip.Account
	Enabled    bool
	Register   bool
	Codecs     []string // in order of preference
	AutoAnswer AutoAnswer
	Sound      string // of its calls, for OwnSound; empty: the desk's
	// KeepContact: the Contact says the phone's own address, whatever others see.
	KeepContact bool
	// STUN is asked, over UDP, where the phone's sockets are seen from outside;
	// the zero value: nobody.
	STUN   STUNServer
	Policy roam.Policy
}

// STUNServer is a name or literal address, and a port.
type STUNServer struct {
	Host string
	Port uint16
}

// AutoAnswer says which calls are answered without asking.
type AutoAnswer int

// Auto answer policies. AutoHeader: only if a permitted caller asks for it
// (RFC 5373).
const (
	AutoOff AutoAnswer = iota
	AutoHeader
	AutoAlways
)

// Family restricts the address family of the paths.
type Family int

// Families.
const (
	AnyFamily Family = iota
	IPv4
	IPv6
)

// AudioNote tells people which sound they have.
type AudioNote struct {
	Backend, Input, Output, Note string
}

// Sockets opens what the stacks and streams speak through. The system's are
// in internal/leaf/socket; tests and the demo bring a network of their own.
type Sockets interface {
	ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error)
	Listen(ctx context.Context, local netip.AddrPort, iface string) (net.Listener, error)
	Dial(ctx context.Context, local, remote netip.AddrPort, iface string) (net.Conn, error)
}

// OwnSound opens the sound of one call that has its own, by a name as it stands in
// the configuration. It must not wait. The desk closes what it returns.
type OwnSound func(name string, call phone.CallID) (desk.Endpoint, error)

// Sound is the sound system behind the desk. Any goroutine may call it.
type Sound interface {
	// Now says what is in use. It returns at once.
	Now() AudioNote
	// List looks for the microphones and loudspeakers there are.
	List() ([]phone.SoundDevice, error)
	// Use makes the desk use another one from now on, by a part of its name,
	// "default" or "none". An error changes nothing.
	Use(output bool, name string) error
}
