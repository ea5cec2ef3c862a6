package engine

import (
	"context"
	"sync"
	"time"

	"ramble/audio"
	"ramble/audio/stream"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/ledger"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/dialog"
)

// Engine is the actor. Make one with New, Run it, and Join it at any time.
type Engine struct {
	parts   Parts
	mailbox *mailbox
	stopped chan struct{} // closed when the loop has ended
	jobs    sync.WaitGroup
	ctx     context.Context // of Run; jobs descend from it

	turn turn

	// sipEvent is a way back: what a stack hears is told to those whose it is.
	// run.go sets it, so that those who open stacks know nothing of who hears.
	sipEvent func(*account, roam.Epoch, sip.Event)

	watcher  *netwatch.Watcher
	accounts []*account
	book
	current phone.CallID
	memory
	shown
	life
	news
}

// memory is what the engine keeps of roams and of what is over.
type memory struct {
	roams    timelines
	past     phone.Past // read once, at the start
	recorder *recorder  // nil without a history
	clerk    *clerk     // nil without a ledger
}

// shown is the phone's own part of the state that everybody sees, and its sound.
type shown struct {
	network phone.Network
	refused phone.Refused
	audio   phone.Audio
	tone    toneState
	reactor *stream.Reactor // reads the sockets of all calls
	// soundless is why the device failed; empty while there is none or it runs
	soundless string
}

// life is how far the engine is between its start and its end.
type life struct {
	readyBy  time.Time // zero once Ready was told
	isReady  bool      // it was
	quitting bool
	leaving  int // jobs of the farewell still out
	closed   phone.Closed
}

// news is what there is to tell, and who hears it.
type news struct {
	outlets   []*outlet
	newcomers []*outlet // have not got their first update
	notices   []phone.Notice
	dirty     bool
	last      phone.Update // what there is to tell after the end; set before stopped is closed
}

// post runs fn on the loop, later. It reports false, and drops fn, once the
// loop has ended: what fn was to take over is the caller's to close.
func (e *Engine) post(fn func()) bool { return e.mailbox.put(fn) }

// job runs fn on a goroutine of its own, under a context that ends with the
// engine or after limit. Run waits for every job.
func (e *Engine) job(name string, limit time.Duration, fn func(ctx context.Context)) {
	e.jobs.Add(1)
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	e.parts.Guard.Go(name, func() {
		defer e.jobs.Done()
		defer cancel()
		fn(ctx)
	})
}

// clerk writes the ledger. The loop never waits for the disk. All but the box and
// the book belongs to the loop.
type clerk struct {
	book    *ledger.Ledger
	box     *mailbox // pages to be written, in order; emptied by run
	ended   bool     // run's: nothing follows
	page    ledger.Page
	written chan struct{}    // closed when page is on disk
	others  []ledger.Account // of accounts that this phone does not have
	warned  bool
}

// toneState is the tone that sounds, and the end of one that ends by itself.
type toneState struct {
	now   audio.ToneKind
	busy  bool
	until time.Time
}

// timelines are the roams of this run.
type timelines struct {
	list    []*phone.Roam // oldest first, the last few
	last    phone.RoamID
	change  int // what may move several accounts at once, while they are told; else 0
	changes int // counts those
}

// outlet is one subscriber's end: a channel that holds at most one update,
// the newest. The loop is its only sender, so taking the unread update back
// to merge it is safe without a lock: state is replaced, notices are appended.
type outlet struct{ ch chan phone.Update }

// turn is what is still to be carried out, oldest first.
type turn struct {
	due     []errand
	touched []*sip.Call // dialogs that were told of something: their calls may stand otherwise now
	peers   bool        // whom calls talk to changed: other paths matter at its end
}

// errand is an action of an account's machine, one of a dialog, or the rest of
// what hears news. One of the three is set.
type errand struct {
	acct *account
	act  roam.Action
	of   *sip.Call
	fact dialog.Action
	rest func()

	change int // the change of several accounts to which it belongs, see oneChange; else 0
}
