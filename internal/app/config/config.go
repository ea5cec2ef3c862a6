// Package config turns the configuration file into values of proper types:
// durations, addresses and port ranges, never text that somebody has to parse
// later. It also knows where files live and how a password is found.
//
// A key either works or is refused: there is no key that is accepted and does
// nothing. Every complaint names the file, the line and the key, says what to
// write instead, and all complaints come at once.
//
// One table per section (keys.go) drives reading, "did you mean", `config
// show` and the tests that compare config.example.toml with Default.
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is the whole configuration. Make one with Default or Load; the zero
// value is not usable.
type Config struct {
	Accounts []Account // the first one is the default for outgoing calls
	Calls    Calls
	Audio    Audio
	Network  Network
	Roaming  Roaming
	UI       UI
	Log      Log

	file   string
	origin map[string]origin // by key path; absent: the default
}

// Account is one address of record.
type Account struct {
	Name        string // label, unique; the address without "sip:" when not given
	URI         Address
	DisplayName string
	AuthUser    string // empty: the user part of URI
	Realm       string // empty: the one that the server names first
	Enabled     bool
	Register    bool
	Password    Password
	Registrar   Server // zero: the URI's domain
	Proxy       Server // zero: none
	Transport   Transport
	TLSVerify   bool   // false: any certificate will do
	TLSCA       string // file of certificates that may vouch for the server too; empty: none
	Expires     time.Duration
	Codecs      []string // lower case, in order of preference
	SRTP        SRTP
	Taking
	FollowNAT bool // the Contact follows the address that the server or the STUN server sees
	GRUU      bool // dialogs take the registrar's GRUU as our Contact
	STUN      STUN // who tells our address behind a NAT; zero: nobody
}

// Taking is how an account takes calls, and what sound they have.
type Taking struct {
	AutoAnswer AutoAnswer
	AllowFrom  Allow
	// Sound of the account's calls in place of the sound card: "loop", "null", "file:...",
	// "pipe:..." or "bridge:NAME"; empty: the sound card.
	Sound string
}

// Calls is how many there may be, and how they get on with each other.
type Calls struct {
	MaxCalls   int  // that exist at once; the next is answered 486
	HoldOthers bool // a new conversation puts those before it on hold
}

// Audio is the sound system.
type Audio struct {
	Backend      string // "auto", "pulse", "portaudio", "null", "loop", or "file:in=A.wav,out=B.wav"
	Microphone   string // a part of its name, "default", or "none"
	Speaker      string // likewise
	Frame        time.Duration
	JitterBuffer DelayRange
	Tones        bool
}

// Network is how the network is watched and which part of it is used.
type Network struct {
	Watch      Watch
	Poll       time.Duration
	Interfaces []string // only these; empty: all
	Ignore     []string // path.Match patterns of interfaces whose changes are no hint
	Family     Family
	SIPPort    uint16 // 0: any
	RTPPorts   PortRange
	Keepalive  time.Duration // 0: off
	Latch      bool          // audio goes where it comes from, where the other side cannot know its address
}

// Roaming is what happens when the network moves.
type Roaming struct {
	Enabled        bool
	Settle         time.Duration
	SettleMax      time.Duration
	OnLost         OnLost
	KeepFor        time.Duration
	Register       bool
	RemoveOld      bool
	Refresh        Refresh
	RefreshRetries []time.Duration
	MediaFirst     bool
	AfterSleep     bool
	Silence        time.Duration // 0: audio that stops is no sign
}

// UI is the terminal interface.
type UI struct {
	Theme       Theme
	ASCII       Switch // auto, on, off
	Motion      Switch // auto, off
	Refresh     int    // upper limit of redraws a second
	Mouse       bool
	Layout      Layout
	Time        Clock
	ConfirmQuit ConfirmQuit
	History     int                 // calls, and roams, kept on disk; 0: none are written
	Keys        map[string][]string // action to keys; only what was changed
}

// Log is the log file.
type Log struct {
	Level   slog.Level
	File    string // empty: ramble.log in the state directory
	Format  LogFormat
	MaxSize int64 // bytes; then the file is rotated, 3 old ones are kept
	Redact  bool
}

// The words that a configuration can say. Each is written in the file as it
// stands here.
type (
	Transport   string
	SRTP        string
	AutoAnswer  string
	Watch       string
	Family      string
	OnLost      string
	Refresh     string
	Switch      string
	Theme       string
	Layout      string
	Clock       string
	ConfirmQuit string
	LogFormat   string
)

// Values of the words.
const (
	TransportAuto Transport = "auto" // what DNS offers, TLS before all else; UDP where it says nothing
	TransportUDP  Transport = "udp"
	TransportTCP  Transport = "tcp"
	TransportTLS  Transport = "tls"

	SRTPOff SRTP = "off"

	AutoAnswerOff    AutoAnswer = "off"
	AutoAnswerHeader AutoAnswer = "header" // only when the caller asks (RFC 5373)
	AutoAnswerAlways AutoAnswer = "always"

	WatchAuto Watch = "auto" // polling, plus the system's notifications where there are any
	WatchPoll Watch = "poll"
	WatchOff  Watch = "off"

	FamilyAuto Family = "auto"
	FamilyIPv4 Family = "ipv4"
	FamilyIPv6 Family = "ipv6"

	OnLostKeep   OnLost = "keep"
	OnLostHangup OnLost = "hangup"

	RefreshReinvite Refresh = "reinvite"
	RefreshUpdate   Refresh = "update" // falls back to a re-INVITE
	RefreshNone     Refresh = "none"

	SwitchAuto Switch = "auto"
	SwitchOn   Switch = "on"
	SwitchOff  Switch = "off"

	ThemeAuto         Theme = "auto"
	ThemeDark         Theme = "dark"
	ThemeLight        Theme = "light"
	ThemeMono         Theme = "mono"
	ThemeHighContrast Theme = "high-contrast"

	LayoutAuto    Layout = "auto"
	LayoutWide    Layout = "wide"
	LayoutStacked Layout = "stacked"
	LayoutFocus   Layout = "focus"

	Clock24h Clock = "24h"
	Clock12h Clock = "12h"

	ConfirmInCall ConfirmQuit = "in-call"
	ConfirmAlways ConfirmQuit = "always"
	ConfirmNever  ConfirmQuit = "never"

	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// PortRange is an inclusive range of ports. RTP takes even ones from it.
type PortRange struct{ Low, High uint16 }

// DelayRange is a minimum and a maximum.
type DelayRange struct{ Min, Max time.Duration }

// Allow lists who, besides the account's own servers, may make the phone ring.
type Allow struct {
	Any      bool
	Prefixes []netip.Prefix
}

// Default returns the configuration of an empty file: no account, everything
// else as config.example.toml shows it.
func Default() Config {
	return Config{
		Calls: Calls{MaxCalls: 8, HoldOthers: true},
		Audio: Audio{
			Backend:      "auto",
			Microphone:   "default",
			Speaker:      "default",
			Frame:        20 * time.Millisecond,
			JitterBuffer: DelayRange{20 * time.Millisecond, 200 * time.Millisecond},
			Tones:        true,
		},
		Network: Network{
			Watch:     WatchAuto,
			Poll:      500 * time.Millisecond,
			Ignore:    []string{"lo", "docker*", "veth*", "br-*", "virbr*"},
			Family:    FamilyAuto,
			RTPPorts:  PortRange{10000, 20000},
			Keepalive: 25 * time.Second,
			Latch:     true,
		},
		Roaming: Roaming{
			Enabled:   true,
			Settle:    300 * time.Millisecond,
			SettleMax: 3 * time.Second,
			OnLost:    OnLostKeep,
			KeepFor:   45 * time.Second,
			Register:  true,
			RemoveOld: true,
			Refresh:   RefreshReinvite,
			RefreshRetries: []time.Duration{
				0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
			},
			MediaFirst: true,
			AfterSleep: true,
			Silence:    2 * time.Second,
		},
		UI: UI{
			Theme: ThemeAuto, ASCII: SwitchAuto, Motion: SwitchAuto, Refresh: 10, Mouse: true,
			Layout: LayoutAuto, Time: Clock24h, ConfirmQuit: ConfirmInCall, History: 500,
			Keys: map[string][]string{},
		},
		Log: Log{Level: slog.LevelInfo, Format: LogText, MaxSize: 10_000_000, Redact: true},
	}
}

// DefaultAccount returns an account as `[[account]]` with nothing under it.
// It has no URI and is therefore not valid yet.
func DefaultAccount() Account {
	return Account{
		Enabled:   true,
		Register:  true,
		Transport: TransportAuto,
		TLSVerify: true,
		FollowNAT: true,
		Expires:   time.Hour,
		Codecs:    []string{"pcmu", "pcma"},
		SRTP:      SRTPOff,
		Taking:    Taking{AutoAnswer: AutoAnswerOff},
	}
}

// Path returns the file that the configuration came from; empty for Default.
func (c *Config) Path() string { return c.file }
