// Package ledger keeps on disk what a run owes to others: the bindings that
// servers list, the calls that are up, and which logins were accepted. A run that
// is killed, or that ends without a network, cannot say goodbye; the next start
// finds here what is to be said.
//
// Each run has a file of its own in the state directory, owed-*.json, with a lock
// that the system drops with the process. Each page is a line behind the ones
// before, since a REGISTER in a move waits for it and a new file costs milliseconds;
// the last whole line counts. It is not synced: a power cut may lose the last
// change, and bindings and calls end by themselves.
//
// There is no secret in it. It is a leaf: what is on disk does not change with the
// vocabulary of the program.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ramble/internal/leaf/flock"
)

// Bounds on what is kept and read.
const (
	// KeepCall is how long after a call was last known to live its BYE is worth
	// saying: nobody talks for longer, and a peer that still has it by then ends it by
	// its session timer or for want of sound.
	KeepCall = 12 * time.Hour
	// KeepRinging is how long after an INVITE its CANCEL is worth saying: a proxy gives it
	// up after some three minutes (Timer C, RFC 3261 16.6).
	KeepRinging = 4 * time.Minute
	// KeepLogin is how long it counts that a login was accepted.
	KeepLogin = 30 * 24 * time.Hour

	maxFile     = 256 << 10
	longFile    = 64 << 10 // a new file is begun rather than a longer one
	maxFiles    = 16
	maxAccounts = 64
	maxBindings = 16
	maxCalls    = 64
)

// Page is all that a run owes, by account.
type Page struct {
	Version  int       `json:"v"`
	Accounts []Account `json:"accounts"`
}

// Account is what is owed for one address of record.
type Account struct {
	AOR      string    `json:"aor"`
	Login    string    `json:"login"` // the user name that was accepted, not the password
	Accepted time.Time `json:"accepted,omitzero"`
	Bindings []Binding `json:"bindings,omitempty"`
	Calls    []Call    `json:"calls,omitempty"`
}

// Binding is a Contact that the registrar lists, or may list.
type Binding struct {
	URI    string    `json:"uri"`              // as it was sent
	Stored string    `json:"stored,omitempty"` // as the server listed it; "" where it did not
	Until  time.Time `json:"until"`            // when it ends by itself
}

// Call is a dialog that is up, as its BYE needs it (RFC 3261 12), or an INVITE that
// rings.
type Call struct {
	CallID    string    `json:"call_id"`
	Local     string    `json:"local"` // name-addr of From
	LocalTag  string    `json:"local_tag"`
	Remote    string    `json:"remote"` // name-addr of To
	RemoteTag string    `json:"remote_tag"`
	Target    string    `json:"target"`
	Routes    []string  `json:"routes,omitempty"`
	Server    bool      `json:"server,omitempty"` // the next hop is the account's server
	Seq       uint32    `json:"cseq"`             // of our last request
	Alive     time.Time `json:"alive"`            // when it was last known to live, to the hour
	Invite    *Invite   `json:"invite,omitempty"` // a call that rings, and has no dialog yet
}

// Invite is what a CANCEL takes over from its INVITE (RFC 3261 9.1).
type Invite struct {
	Branch    string         `json:"branch"`
	Transport string         `json:"transport"` // as Via names it
	SentBy    netip.AddrPort `json:"sent_by"`
	At        time.Time      `json:"at"` // when it was sent, to the second
}

// Fresh says whether its end is worth saying.
func (c *Call) Fresh(now time.Time) bool {
	if c.Invite != nil {
		return now.Sub(c.Invite.At) < KeepRinging
	}
	return now.Sub(c.Alive) < KeepCall
}

// version of the file.
const version = 1

// Ledger is the file of this run, and those that others left. One goroutine uses it
// at a time.
type Ledger struct {
	dir     string
	path    string   // empty: not made yet
	file    *os.File // nil: the next page begins the file anew
	size    int      // bytes in file
	release func()
	adopted []string // files of earlier runs whose content this run's file does not have yet
}

// Open names the directory; it touches nothing.
func Open(dir string) *Ledger { return &Ledger{dir: dir} }

// Adopt reads what runs that have ended still owe. Files that cannot be used are put
// aside, and told of. The files that were read go with the next Write, which has to
// hold what they held.
func (l *Ledger) Adopt(now time.Time) (p Page, unread []Unread) {
	names, err := filepath.Glob(filepath.Join(l.dir, "owed-*.json"))
	if err != nil {
		return p, nil // the pattern is good
	}
	for i, name := range names {
		release, err := flock.Take(lockOf(name), 0)
		if err != nil { // its run lives, or this disk cannot tell
			continue
		}
		one, err := read(name)
		if err == nil && i >= maxFiles {
			err = fmt.Errorf("there are more than %d files", maxFiles)
		}
		switch {
		case errors.Is(err, os.ErrNotExist): // another start was faster
		case err != nil:
			unread = append(unread, putAside(name, err))
		default:
			l.adopted = append(l.adopted, name)
			p = merged(p, one.fresh(now))
		}
		release()
	}
	return p, unread
}

func lockOf(name string) string { return name + ".lock" }

// Unread is a file that cannot be used, and why.
type Unread struct {
	Aside string // where it is now; empty: it could not be put aside
	Err   error
}

// putAside keeps a file that cannot be used, for people.
func putAside(name string, why error) Unread {
	aside := strings.TrimSuffix(name, ".json") + ".broken"
	if err := os.Rename(name, aside); err != nil {
		return Unread{Err: why}
	}
	_ = os.Remove(lockOf(name))
	return Unread{Aside: aside, Err: why}
}

func read(name string) (p Page, err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for its other end
		return p, errors.New("it is no regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return p, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return p, err
	case len(text) > maxFile:
		return p, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	if whole := bytes.LastIndexByte(text, '\n'); whole >= 0 {
		text = text[:whole] // behind it is a line that was cut off
	}
	if err := json.Unmarshal(text[bytes.LastIndexByte(text, '\n')+1:], &p); err != nil {
		return p, err
	}
	if p.Version != version {
		return p, fmt.Errorf("it is of version %d, and this program knows %d", p.Version, version)
	}
	return p, nil
}

// fresh leaves out what is not worth saying any more, and what is too much.
func (p Page) fresh(now time.Time) (out Page) {
	for _, a := range p.Accounts {
		b := Account{AOR: a.AOR, Login: a.Login}
		if now.Sub(a.Accepted) < KeepLogin {
			b.Accepted = a.Accepted
		}
		for _, one := range a.Bindings {
			if now.Before(one.Until) && len(b.Bindings) < maxBindings {
				b.Bindings = append(b.Bindings, one)
			}
		}
		for _, one := range a.Calls {
			if one.Fresh(now) && len(b.Calls) < maxCalls {
				b.Calls = append(b.Calls, one)
			}
		}
		if len(out.Accounts) < maxAccounts && (!b.Accepted.IsZero() || len(b.Bindings)+len(b.Calls) > 0) {
			out.Accounts = append(out.Accounts, b)
		}
	}
	return out
}

// merged is what both pages have.
func merged(p, q Page) Page {
next:
	for _, a := range q.Accounts {
		for i := range p.Accounts {
			if b := &p.Accounts[i]; b.AOR == a.AOR {
				if a.Accepted.After(b.Accepted) {
					b.Accepted, b.Login = a.Accepted, a.Login
				}
				b.Bindings, b.Calls = append(b.Bindings, a.Bindings...), append(b.Calls, a.Calls...)
				continue next
			}
		}
		p.Accounts = append(p.Accounts, a)
	}
	return p
}

// Write puts a page behind the one before, whole or not at all.
func (l *Ledger) Write(p Page) error {
	p.Version = version
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("what the phone owes was not written: %w", err)
	}
	if l.path == "" {
		path := filepath.Join(l.dir, fmt.Sprintf("owed-%d-%d.json", os.Getpid(), time.Now().UnixNano()))
		release, err := flock.Take(lockOf(path), 0)
		if errors.Is(err, flock.ErrNone) { // nobody could tell whether this run lives
			return nil
		}
		if err != nil {
			return err
		}
		l.path, l.release = path, release
	}
	if err := l.put(append(text, '\n')); err != nil {
		return fmt.Errorf("what the phone owes was not written: %w", err)
	}
	for _, name := range l.adopted {
		_ = os.Remove(name)
		_ = os.Remove(lockOf(name))
	}
	l.adopted = nil
	return nil
}

// put adds a line to the file, or begins a new one where that would become too long.
func (l *Ledger) put(line []byte) error {
	if l.file == nil || l.size+len(line) > longFile {
		return l.begin(line)
	}
	n, err := l.file.Write(line)
	if l.size += n; err != nil {
		l.shut() // half a line may be in it: the next page begins anew
	}
	return err
}

// begin puts a file with one line in the place of the one before.
func (l *Ledger) begin(line []byte) (err error) {
	l.shut()
	next := l.path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(line); err == nil {
		err = os.Rename(next, l.path)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(next)
		return err
	}
	l.file, l.size = f, len(line)
	return nil
}

func (l *Ledger) shut() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// Close gives the file to the next start.
func (l *Ledger) Close() {
	l.shut()
	if l.release != nil {
		l.release()
		_ = os.Remove(lockOf(l.path))
		l.release, l.path = nil, ""
	}
}
