package engine

import (
	"context"
	"net/netip"
	"time"

	"ramble/audio/path"
	"ramble/audio/stream"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/dialog"
	"ramble/sip/sdp"
)

// call is one call at run time. It outlives stacks, paths, media sockets and
// dialogs.
type call struct {
	e    *Engine
	acct *account
	sip  *sip.Call // its dialog
	ear
	placing
	want      sdp.Direction // what the user wishes for
	act       *roam.Repair  // asked for and not reported yet
	waiting   bool          // it waits for our question to a STUN server
	replacing *replacing    // an INVITE of ours that is to take the dialog's place; nil: none
	answering bool
	silenced  bool
	ringUntil time.Time // incoming: the INVITE is good until then
	rangAt    time.Time // outgoing: when it began to ring; zero until then
	rowTold   roam.Call // what the policy knows
	view      phone.Call
}

// book is all calls, those that are over for a while too, and their dialogs.
type book struct {
	calls    map[phone.CallID]*call
	order    []phone.CallID // calls by number
	lastCall phone.CallID
	lastDial phone.Dial
	talks    talks
}

// ear is a call's sound and what was agreed on about it.
type ear struct {
	sock       *path.Transport // newest; the stream owns it once there is one
	stream     *stream.Stream
	stopStream context.CancelFunc
	mediaPath  netwatch.Path
	homely     string        // the interface by which this machine reaches itself, where the sockets were opened for a peer on it
	settledOn  netwatch.Path // the way that the sockets were last moved to because they could not reach the peer
	mediaEpoch roam.Epoch    // of the newest sockets
	mapping    mapping
	terms      sdp.Negotiated // as agreed last
	host       mediaHost      // of the other side, where it names one
	agreed     sdp.Direction  // what both sides settled on, seen from here
	remoteHold bool
	silent     bool      // no audio arrives although it should; the policy knows
	lookAt     time.Time // at the meters and statistics
	reported   time.Time
}

// lookEvery is how often meters and statistics are read while a call has
// sound and somebody watches; the UI draws no faster than that anyway.
const lookEvery = 100 * time.Millisecond

func (c *call) over() bool { return c.view.State == phone.Ended }

// liveCalls are the calls that have not ended, by number.
func (e *Engine) liveCalls() []*call {
	var live []*call
	for _, id := range e.order {
		if c := e.calls[id]; !c.over() {
			live = append(live, c)
		}
	}
	return live
}

// say queues something about the call for a person.
func (c *call) say(l phone.Level, n phone.News) {
	n.Call = c.view.ID
	c.e.say(l, n)
}

// changed tells of the call.
func (c *call) changed() { c.e.tell(phone.CallChanged{Call: c.view}) }

// mapping is what is known of where a call's media are seen from outside.
type mapping struct {
	due     time.Time       // the STUN server is asked again then; zero: never
	asked   *path.Transport // about which a question is out; nil: none is
	awaited bool            // it is about the present sockets, and a description made before the answer would be out of date
}

// mediaHost is the host at which the other side says its audio is wanted, and its
// address once that is known.
type mediaHost struct {
	wanted  string
	at      netip.Addr
	sought  bool // the look-up is under way
	missing bool // it was looked up, and has none
}

// placing is a call of ours on its way to an answer.
type placing struct {
	target  sip.URI
	count   int          // counts INVITEs of ours, so that an older one knows
	ready   *stack       // on which the next one goes; nil: its media are not there yet
	list    []*sip.Call  // what is dialled next if the present one does not help
	ghosts  []*sip.Call  // INVITEs that were lost with their path, oldest first
	until   time.Time    // CANCELs of ghosts are waited for until then
	anew    *roam.Repair // the INVITE went out anew, nothing was heard of it yet
	unheard bool         // the server's silence to it was acted upon
}

// replacing is an INVITE of ours that asks to take the call's dialog over.
type replacing struct {
	by     *sip.Call
	act    *roam.Repair
	until  time.Time
	terms  *sdp.Negotiated
	parted *dialog.Ended // the end of the old dialog, heard meanwhile
}

// talks are the dialogs that still have something to do.
type talks []*talk

// talk is one dialog. call is whose row it is or may become; nil: it is over for
// people, and waits for its end to be confirmed.
type talk struct {
	sip  *sip.Call
	acct *account
	call *call

	began   time.Time
	refusal int // the code by which its INVITE is refused once there is a way; 0: by none
}

// own has a call hear what a dialog tells; nil parts them.
func (e *Engine) own(s *sip.Call, a *account, c *call) {
	if t := e.talkOf(s); t != nil {
		t.call = c
		return
	}
	e.talks = append(e.talks, &talk{sip: s, acct: a, call: c, began: time.Now()})
}

func (e *Engine) talkOf(s *sip.Call) *talk {
	for _, t := range e.talks {
		if t.sip == s {
			return t
		}
	}
	return nil
}

// callOf finds the call of a dialog; nil: there is none.
func (e *Engine) callOf(s *sip.Call) *call {
	if t := e.talkOf(s); s != nil && t != nil {
		return t.call
	}
	return nil
}
