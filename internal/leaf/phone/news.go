package phone

import (
	"net/netip"
	"time"
)

// News is something that the phone has to say outside of a roam and of the end
// of a call, as facts: which fields count follows from the Kind. The words for it
// are made last.
type News struct {
	Kind    NewsKind
	Account string // whose; empty: it is not about one
	Call    CallID
	Name    string         // whom or what it is about: see the Kind
	Others  string         // more of it: see the Kind
	Method  string         // of a request
	Payload uint8          // RTP payload type (RFC 3551)
	At, Was netip.AddrPort // where somebody is, and was before
	Fault   Fault          // why it came to nothing
	Text    string         // data of somebody else: a remark, an error of the system
	Damage  *Damage        // of a file
}

// Damage is what of a file of the history was not read.
type Damage struct {
	File    string
	Lines   []int  // damaged, by number
	Why     string // the first one is: data
	Torn    bool   // the last line was cut off
	Newer   int    // records of a newer version of the program
	Skipped int64  // bytes left out at the start of a file that is far too large
	Good    int    // records read
}

// NewsKind says what News tell.
type NewsKind int

// What the phone says.
const (
	NoNews           NewsKind = iota
	Remarked                  // Text: of a script, for the user
	PartStopped               // a part of the phone, Name, stopped by itself: Text
	Unverified                // Account: nobody checks the certificate of the server
	Unlisted                  // Account: the registrar lists others and not this phone
	ListsNobody               // Account: the registrar lists nobody at all
	ListedNow                 // Account: it lists this phone again
	NoSecureServer            // Account: DNS names no encrypted server here, and did before
	ReachedAt                 // Account: reached at At behind a NAT
	NoSTUNServer              // Account: the STUN server Name has no address
	RefreshAnswered           // a refresh that was asked for; Method
	RefreshRefused            // it came to nothing; Method, Fault
	HoldRefused               // hold or its end came to nothing: Fault
	ChangeRefused             // a change that the other side asked for was refused: Text
	CallTakenUp               // Call: Name went on with it from another address
	AudioMoved                // Call: the other side's audio comes from At instead of Was
	AudioForeign              // Call: it comes as Payload, which nobody agreed on
	NoMediaHost               // Call: the host Name at which it is wanted has no address
	HungUpLate                // Account: a call that an earlier run left open is hung up
	CancelledLate             // Account: an INVITE that an earlier run left ringing is cancelled
	SoundLost                 // the sound card failed: Text
	OwnSoundLost              // the sound that Call has for itself failed: Text
	OwnSoundMissing           // it cannot be had: Text
	SoundIs                   // microphone Name, loudspeaker Others, Text: a note about them
	HistoryUnread             // of calls or roams, Name: Text
	HistoryNotWhole           // of calls or roams, Name: Damage
	HistoryLacks              // calls of a run that was killed: Text
	HistoryUnwritten          // Text
	LedgerUnread              // what an earlier run owes: Text; the file is now Name
	LedgerUnwritten           // Text
)

// Warnings are what stays wrong with an account while all works. The zero value:
// nothing is.
type Warnings struct {
	Unverified  bool // nobody checks the certificate of the server
	WeakerLogin bool // the server asks for a weaker login than before
	Unlisted    bool // the registrar lists others and not this phone
	// Granted is for how long the registrar lists this phone, where that is over
	// before it is asked again, every Renewed; 0: it is not.
	Granted, Renewed time.Duration
}
