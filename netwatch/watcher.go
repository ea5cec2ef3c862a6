package netwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path"
	"slices"
	"sync"
	"time"

	"ramble/internal/leaf/safego"
)

// Defaults of Options, and what a look is worth.
const (
	defaultPoll      = 500 * time.Millisecond
	defaultSettle    = 300 * time.Millisecond
	defaultSettleMax = 3 * time.Second
	// sleptAfter is how late a look must be to count as a sleep.
	sleptAfter = 5 * time.Second
	// lookGap keeps a storm of notifications from being a storm of looks; a
	// lone notification is never delayed by it.
	lookGap = 2 * time.Millisecond
	// maxLosses bounds what is remembered between two looks. More than that
	// means a storm, in which the snapshot itself tells enough.
	maxLosses = 64
	// maxCauses bounds the sentences about failed sockets in one change.
	maxCauses = 3
)

// Options make a Watcher. The zero value watches the operating system by
// polling.
type Options struct {
	Poll       time.Duration // 0: 500 ms
	Source     Source        // nil: the operating system
	Router     Router        // nil: the operating system
	Hints      []Hinter
	Ignore     []string      // patterns (path.Match) of interfaces whose changes alone are noise
	Interfaces []string      // only paths through these count; empty: all
	Settle     time.Duration // first quiet time of a network that keeps changing; 0: 300 ms
	SettleMax  time.Duration // longest; 0: 3 s
	SleptAfter time.Duration // how late a look must be to count as a sleep; 0: 5 s
	// OnChange is called by Run, in order, one at a time. The first call tells
	// the first look. The watcher waits for it, so it should hand over and return.
	OnChange func(Change)
	Log      *slog.Logger  // nil: discard
	Guard    *safego.Guard // nil: plain goroutines
}

// Watcher looks at the network and tells what changed. Its methods may be
// called from any goroutine, before and during Run.
type Watcher struct {
	opt   Options
	log   *slog.Logger
	awake func() time.Duration

	wake chan struct{} // capacity 1: there was a sign

	signs

	mu     sync.Mutex // guards all following; held during a look
	state  State
	peers  []netip.Addr
	book   book
	teller teller
	looked time.Time     // last look
	clock  time.Duration // awake at the last look
	failed string        // last error of Source, logged once
}

// signs are what came since the last look, under their own lock: who gives a sign
// does not wait for a look.
type signs struct {
	signsMu sync.Mutex
	losses  []Reason  // signs that a snapshot may not show any more
	causes  []Reason  // signs worth telling with the change that they led to
	signed  time.Time // when the first sign since the last look came; zero when none did
}

// New returns a Watcher; nothing runs before Run.
func New(o Options) *Watcher {
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	if o.Settle <= 0 {
		o.Settle = defaultSettle
	}
	if o.SettleMax <= 0 {
		o.SettleMax = defaultSettleMax
	}
	if o.Source == nil {
		o.Source = System{}
	}
	if o.Router == nil {
		o.Router = System{Interfaces: o.Interfaces}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{
		opt: o, log: o.Log, awake: awake,
		wake:   make(chan struct{}, 1),
		book:   newBook(),
		teller: teller{settle: settle{quiet: o.Settle, max: o.SettleMax}},
	}
}

// Run watches until ctx ends, which is no error. It returns after the hinters.
func (w *Watcher) Run(ctx context.Context) error {
	var hinters sync.WaitGroup
	defer hinters.Wait()
	for _, h := range w.opt.Hints {
		hinters.Add(1)
		w.opt.Guard.Go("netwatch hints", func() {
			defer hinters.Done()
			if err := h.Run(ctx, w.hint); err != nil && ctx.Err() == nil {
				w.log.Warn("no more notifications from the system, polling goes on", "error", err)
			}
		})
	}
	poll := time.NewTicker(w.opt.Poll)
	defer poll.Stop()
	held := time.NewTimer(time.Hour)
	defer held.Stop()
	for {
		w.look(time.Now())
		w.mu.Lock()
		due := w.teller.next()
		w.mu.Unlock()
		held.Stop()
		if !due.IsZero() {
			held.Reset(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case <-held.C:
		case <-w.wake:
			if !w.pause(ctx) {
				return nil
			}
		}
	}
}

// pause keeps looks apart. It reports false when ctx ended.
func (w *Watcher) pause(ctx context.Context) bool {
	w.mu.Lock()
	rest := lookGap - time.Since(w.looked)
	w.mu.Unlock()
	if rest <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Look asks for another look now. Of what caused it only losses and failed
// sockets are remembered, so that no storm of other signs can push one out. A
// failure is told with the change that the look finds, and is noise where it
// finds none.
func (w *Watcher) Look(r Reason) {
	w.signsMu.Lock()
	if w.signed.IsZero() {
		w.signed = time.Now()
	}
	if r.loss() && len(w.losses) < maxLosses && !slices.Contains(w.losses, r) {
		w.losses = append(w.losses, r)
	}
	if r.Kind == Failed && len(w.causes) < maxCauses && !slices.Contains(w.causes, r) {
		w.causes = append(w.causes, r)
	}
	w.signsMu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// hint is Look for notifications: those of ignored interfaces wait for the
// next poll, unless a path in use leads through them, and neighbours count only
// as the next hop of one.
func (w *Watcher) hint(r Reason) {
	if r.Interface != "" && w.ignored(r.Interface) && !w.used(r.Interface) {
		return
	}
	if r.Kind == HopMoved && !w.hopMoved(r) {
		return
	}
	w.Look(r)
}

// hopMoved reports whether a next hop in use has a link address that is news.
func (w *Watcher) hopMoved(r Reason) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.state.Paths {
		if p.Interface == r.Interface && p.NextHop == r.Addr && w.book.link(p) != r.Detail {
			return true
		}
	}
	return false
}

func (w *Watcher) used(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.state.Paths {
		if p.Interface == name {
			return true
		}
	}
	return false
}

func (w *Watcher) ignored(name string) bool {
	for _, pattern := range w.opt.Ignore {
		// A bad pattern matches nothing; the configuration refuses it earlier.
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

// takeSigns returns the losses and causes told since the last look, and when
// the first sign for this one came: now, if it is a look without one.
func (w *Watcher) takeSigns(now time.Time) (losses, causes []Reason, first time.Time) {
	w.signsMu.Lock()
	defer w.signsMu.Unlock()
	losses, causes, first = w.losses, w.causes, w.signed
	w.losses, w.causes, w.signed = nil, nil, time.Time{}
	if first.IsZero() {
		first = now
	}
	return losses, causes, first
}

// look takes a snapshot and tells what there is to tell.
func (w *Watcher) look(now time.Time) {
	w.mu.Lock()
	changes := w.observe(now)
	w.mu.Unlock()
	for _, c := range changes {
		w.log.Info("network changed", "reasons", c.String(), "moved", c.PathsMoved)
		if w.opt.OnChange != nil {
			w.opt.OnChange(c)
		}
	}
}

// observe makes the next state. Call with mu held.
func (w *Watcher) observe(now time.Time) []Change {
	losses, causes, signed := w.takeSigns(now)
	slept := w.slept(now)
	w.looked, w.clock = now, w.awake()
	interfaces, err := w.opt.Source.Snapshot()
	if err != nil {
		if err.Error() != w.failed {
			w.failed = err.Error()
			w.log.Warn("cannot list the interfaces", "error", err)
		}
		return nil
	}
	w.failed = ""
	for i := range interfaces {
		interfaces[i].Ignored = w.ignored(interfaces[i].Name)
	}
	w.book.observe(w.state.Interfaces, interfaces, losses)
	next := State{At: now, Interfaces: interfaces, Paths: make(map[netip.Addr]Path, len(w.peers))}
	for _, peer := range w.peers {
		next.Paths[peer], _ = w.pathTo(peer, interfaces)
	}
	for _, r := range Diff(w.state, next) {
		if r.Noise != "" && !w.state.At.IsZero() {
			w.log.Debug("network noise", "reason", r.String())
		}
	}
	w.state = next
	var out []Change
	w.teller.blame(causes)
	if c, ok := w.teller.observe(now, signed, next, slept); ok {
		out = append(out, c)
	}
	if c, ok := w.teller.release(now); ok {
		out = append(out, c)
	}
	if len(out) == 0 && w.teller.next().IsZero() {
		for _, r := range causes {
			r.Noise = "the network is as it was"
			w.log.Debug("network noise", "reason", r.String())
		}
	}
	return out
}

// slept says how long the machine slept, or the process was stopped, if it
// did: the look came much later than the poll asked for.
func (w *Watcher) slept(now time.Time) []Reason {
	if w.looked.IsZero() {
		return nil
	}
	late := max(now.Sub(w.looked), w.awake()-w.clock) - w.opt.Poll
	if late <= cmp.Or(w.opt.SleptAfter, sleptAfter) {
		return nil
	}
	return []Reason{{Kind: Slept, Detail: late.Round(time.Second).String()}}
}

// pathTo asks for a path and completes it. Call with mu held. A path through
// an interface that is down is none, whatever the kernel says: it goes on
// routing into a cable that is out.
func (w *Watcher) pathTo(peer netip.Addr, interfaces []Interface) (Path, error) {
	p, err := w.opt.Router.PathTo(peer)
	if err != nil {
		return Path{}, err
	}
	if len(w.opt.Interfaces) > 0 && !slices.Contains(w.opt.Interfaces, p.Interface) {
		return Path{}, fmt.Errorf("%w: %s would be used, which the configuration does not list", ErrNoPath, p.Interface)
	}
	i, known := find(interfaces, Interface{Index: p.Index, Name: p.Interface})
	if known && !i.Up {
		return Path{}, fmt.Errorf("%w: %s is down", ErrNoPath, p.Interface)
	}
	return w.book.stamp(p), nil
}

// SetPeers makes the paths towards these addresses part of each snapshot, in
// place of those before. The paths of new peers are recorded at once, so a
// change after SetPeers is told even when no look came between.
func (w *Watcher) SetPeers(addrs []netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peers = nil
	paths := make(map[netip.Addr]Path, len(addrs))
	for _, a := range addrs {
		a = a.Unmap()
		if _, twice := paths[a]; twice || !a.IsValid() {
			continue
		}
		w.peers = append(w.peers, a)
		p, known := w.state.Paths[a]
		if !known {
			p, _ = w.pathTo(a, w.state.Interfaces)
		}
		paths[a] = p
	}
	w.state.Paths = paths
	w.teller.watch(paths)
}

// State is what the last look saw.
func (w *Watcher) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// PathTo asks for the path to a peer as it is now, watched or not, with its
// losses filled in. The error wraps ErrNoPath when there is none.
func (w *Watcher) PathTo(peer netip.Addr) (Path, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, err := w.pathTo(peer.Unmap(), w.state.Interfaces)
	if err != nil && !errors.Is(err, ErrNoPath) {
		err = fmt.Errorf("%w: %w", ErrNoPath, err)
	}
	return p, err
}
