package phone

import (
	"net/netip"
	"time"
)

// Fact is one thing that a roam, a step of it or a change of the network has
// to tell. The words for it are made last, by the room that makes sentences;
// which fields count follows from the Kind.
type Fact struct {
	Kind   FactKind
	Call   CallID         // the call that it is about; 0 none
	Iface  string         // interface
	Addr   netip.Addr     // address on it
	Method string         // request, as it stands on the wire, perhaps with a header that matters
	Fault  Fault          // why that came to nothing
	For    time.Duration  // how long it lasted
	Tries  int            // which try it was, or how many there were
	Then   Sequel         // what follows
	Wait   time.Duration  // until that
	At     netip.AddrPort // where somebody is seen
	Was    netip.AddrPort // and was seen before
	Gap    RoamCall       // what it cost a call
	Text   string         // data of somebody else: a name, a status line, a system's error
}

// FactKind says what a Fact tells.
type FactKind int

// What the watcher of the network sees, and other reasons for a roam.
const (
	NoFact            FactKind = iota
	Recorded                   // Text is all there is: an entry of the history
	FirstLook                  // the network was looked at for the first time
	InterfaceCame              // Iface
	InterfaceWent              // Iface
	InterfaceUp                // Iface
	InterfaceDown              // Iface
	AddressCame                // Iface, Addr
	AddressWent                // Iface, Addr
	AddressFlagged             // Iface, Addr, Text the flag
	PathFound                  // Iface, Addr
	PathWent                   // Text: the path of before
	PathMoved                  // Text: from, Iface and Addr: to
	PathBack                   // Iface, Addr: after a loss
	HopMoved                   // Iface, Addr, Text: the next hop
	SocketFailed               // Iface, Addr, Text: the system's error
	Slept                      // the machine slept for For, or the process was stopped
	AskedToLook                // somebody asked the watcher to look
	AskedToFollow              // the user asked to follow the network, with roaming switched off
	AskedToRoam                // the user asked to act as if the network changed
	AskedToRestart             // the user asked to restart everything
	LastResort                 // nothing answers: everything is restarted
	NoServerHere               // no server answers on this path
	TryingServer               // Text: its address
	ServerFailed               // Text: its address, Fault
	PeerMovedTo                // At: the other side's media
	SeenByServer               // At, Was: where the account's server sees us
	SeenBySTUN                 // At, Was: where the STUN server sees us
	MediaSeenBySTUN            // At, Was: where the STUN server sees a call's media
	StackLost                  // the connection died: Fault
	OldPathGone                // Iface, Addr: a path that was kept beside the present one
	CallFromBefore             // a call began on the path of before
	AnsweredBefore             // a call was answered on the path of before
	ServerIsBack               // the server can be reached again
	RegisteredAgain            // after calls had waited for it
	OneMoreTry                 // a call that was given up can be tried once more
	Silent                     // no audio for For
	SilentServerThere          // no audio for For, and the server answers: Text
)

// What the steps of a roam tell.
const (
	OnPath        FactKind = iota + 100 // Iface, Addr
	NoNetworkYet                        // waiting for a network
	GoesOn                              // a step of the roam before goes on
	BegunAnew                           // it is done again from the beginning
	CallOver                            // the call is over
	Overtaken                           // a newer change took over
	Unfinished                          // the time of the roam was up
	Opened                              // Text: the way, "UDP 10.20.30.40:5060"
	Sent                                // Method, Tries
	Accepted                            // Method was answered 2xx, or Text says how
	NotListed                           // Method was answered 2xx, and the registrar lists others and not us
	RequestFault                        // Method, Fault, Tries (0: not worth a word)
	CallLost                            // Method, Fault: the other side no longer knows the call
	AudioThere                          // before the answer
	AudioMayBeOff                       // none yet, and the other side may send none
	NoAudio                             // for For
	FirstPacket                         // Gap
	Recovered                           // For, Gap: the longest one
	MediaFault                          // Fault: no media socket
	HungUpFirst                         // done after For; the calls were over before they were whole
)

// Why a roam failed.
const (
	NoConnection  FactKind = iota + 200 // Iface, Addr, Fault
	NotRegistered                       // Fault, Then
	CallEnded                           // Call was ended, there was no network for For
	CallGivenUp                         // Call is kept, its repair was given up: see the other fields, as of RequestFault
	CallBlocked                         // Call: its media or another offer stood in the way
	CallNoAnswer                        // Call, Method, Tries: no answer yet
	CallNoAudio                         // Call: no audio at the new address
	CallNoSocket                        // Call, Iface, Addr, Fault
	NoNetworkLeft                       // the calls are kept without one for For
)

// Reasons for closing an old stack, for the log.
const (
	Unneeded FactKind = iota + 300 // nobody needs it any more
	ProvenOn                       // Iface, Addr
)

// Sequel is what follows a Fact by itself.
type Sequel int

// What follows.
const (
	NothingMore    Sequel = iota
	TryAgain              // after Wait; at once when that is 0
	TryAsAsked            // the user asked for another
	TryWithoutOld         // without the old binding
	TryOwnAddress         // under the phone's own address
	AfterRegister         // after the REGISTER
	StaysOnOldPath        // the early media do
	LookElsewhere         // the peer may have moved: it is looked for by its address of record
	RefreshOnce           // the call is refreshed once more
	NotFollowed           // the address moves all the time
	TriesGoOn             // by themselves
)
