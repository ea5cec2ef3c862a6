package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"ramble/internal/app/ground"
	"ramble/internal/leaf/safego"
)

// The hosts of every lab. More phones are called phone2, phone3 ...
const (
	Phone  = "phone"
	Core   = "core"
	PBX    = "pbx"
	Callee = "callee"
)

// The uplinks of a phone.
const (
	WLAN = "wlan0"
	WWAN = "wwan0"
)

// Options for a lab. The zero value is a lab with direct links whose files
// are removed at the end.
type Options struct {
	// Phones is how many phones there are, each a host with two uplinks of its
	// own; 0: one.
	Phones int
	// WLAN and WWAN are what the uplinks of that name offer.
	WLAN, WWAN Access
	// OthersPlain leaves that to the first phone: the uplinks of the others have
	// both families and no translation.
	OthersPlain bool
	// Emulate puts a link emulator into the phones' uplinks and the callee's
	// link, see Wire. Without it links are as fast as the kernel is.
	Emulate bool
	// Dir keeps the files of the lab (logs, recordings, captures). Empty: a
	// temporary folder that Close removes.
	Dir   string
	Log   *slog.Logger // nil: discard
	Guard *safego.Guard
}

// Access is what an uplink offers. The zero value has both families and is
// routed like any other network.
type Access struct {
	Family Family
	// NAT translates IPv4 addresses and ports, see Outer and Rebind.
	NAT bool
	// NAT64 leads to the IPv4 addresses of the others below NAT64Prefix.
	NAT64 bool
}

// Family says which families an uplink has.
type Family int

// Both is the zero value.
const (
	Both Family = iota
	OnlyIPv4
	OnlyIPv6
)

// Lab is a running lab. Its verbs, which are those of the first phone, may be
// called from one goroutine at a time; hosts and programs may be used from any.
type Lab struct {
	*Handset // the first phone

	Dir string // files of the programs

	hosts  map[string]*Host
	phones []*Handset
	wires  map[string]*Wire
	nat64  bool // tayga runs
	log    *slog.Logger
	guard  *safego.Guard
	keep   bool

	mu       sync.Mutex
	programs []*Program
	closers  []func()             // of what is no program
	events   map[*Program]*Output // what some report besides
}

// Unable is why there can be no lab here. Tests skip with it.
type Unable = ground.Unable

// New builds the namespaces, the links between them and their routes. wlan0 of
// each phone is up, wwan0 is not. Close takes all of it away; so does the end of the process,
// in whatever way it ends.
func New(o Options) (*Lab, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Lab{
		Dir: o.Dir, keep: o.Dir != "", log: o.Log, guard: o.Guard,
		hosts: map[string]*Host{}, events: map[*Program]*Output{}, wires: map[string]*Wire{},
	}
	sweep(os.TempDir(), o.Log)
	if !l.keep {
		dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
		if err != nil {
			return nil, err
		}
		l.Dir = dir
	}
	if err := l.build(o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Host returns the host of that name; there is one, or the name is misspelt
// and it panics.
func (l *Lab) Host(name string) *Host {
	h, ok := l.hosts[name]
	if !ok {
		panic("lab: no host " + name)
	}
	return h
}

// Close stops the programs, the youngest first, and gives the namespaces back.
func (l *Lab) Close() error {
	l.mu.Lock()
	programs, closers := l.programs, l.closers
	l.programs, l.closers = nil, nil
	l.mu.Unlock()
	var errs []error
	for i := len(programs) - 1; i >= 0; i-- {
		programs[i].Kill()
	}
	for _, end := range closers {
		end()
	}
	for _, w := range l.wires {
		w.close()
	}
	for _, h := range l.hosts {
		errs = append(errs, h.Close())
	}
	if !l.keep {
		errs = append(errs, os.RemoveAll(l.Dir))
	}
	return errors.Join(errs...)
}

// Logs is what every program said, for the report of a test that failed.
func (l *Lab) Logs() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, p := range l.programs {
		fmt.Fprintf(&b, "---- %s\n%s\n", p.Name, p.Output.Tail(200))
		if e, ok := l.events[p]; ok {
			fmt.Fprintf(&b, "---- %s, events\n%s\n", p.Name, e.Tail(50))
		}
	}
	return b.String()
}

// folderPrefix begins the names of temporary folders; the process id follows.
const folderPrefix = "ramble-lab-"

// sweep removes the folders of labs whose process is gone.
func sweep(dir string, log *slog.Logger) {
	found, _ := filepath.Glob(filepath.Join(dir, folderPrefix+"*"))
	for _, path := range found {
		id, _, ok := strings.Cut(strings.TrimPrefix(filepath.Base(path), folderPrefix), "-")
		pid, err := strconv.Atoi(id)
		if !ok || err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		log.Info("sweeping a dead lab", "folder", path)
		if err := os.RemoveAll(path); err != nil {
			log.Warn("sweeping a dead lab", "error", err)
		}
	}
}

// patience turns a context that ended into words.
func patience(ctx context.Context, what string) error {
	return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
}
