package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"ramble/internal/engine/fault"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
)

// Times of finding and opening a server.
const (
	// resolveAgain is how soon a server name that could not be resolved is
	// tried again while the network stays as it is; a change of network tries
	// at once.
	resolveAgain = 5 * time.Second
	// openLimit and registerLimit bound one server when there is no other. The
	// latter is Timer F (RFC 3261 17.1.2.2).
	openLimit     = 20 * time.Second
	registerLimit = 32 * time.Second
	// tryLimit bounds one server when there is another to try. Timer F, which
	// RFC 3263 4.3 waits for, is longer than people do; in 4 s a REGISTER is
	// sent five times.
	tryLimit = 4 * time.Second
	// maxTries bounds the servers of one opening; the rest have their turn in
	// the next, since those that failed go to the end.
	maxTries = 5
)

// resolve finds the account's servers beside everything else. The last good
// addresses stay in use meanwhile: names are never on the critical path of a
// roam.
func (a *account) resolve() {
	a.resolveAt = time.Time{}
	if a.resolving {
		return
	}
	a.resolving = true
	e := a.e
	e.job("resolve "+a.cfg.Name, 10*time.Second, func(ctx context.Context) {
		found, err := locate.Resolve(ctx, locate.Options{Lookup: e.parts.Lookup, Guard: e.parts.Guard}, locate.For(nextHop(a.sip), a.sip.Transport))
		e.post(func() { a.resolved(found, err) })
	})
}

func (a *account) resolved(found []locate.Server, err error) {
	a.resolving = false
	if err != nil {
		a.resolveAt = time.Now().Add(resolveAgain)
		if len(a.servers.List()) == 0 {
			a.view.State, a.view.Fault = phone.RegistrationFailed, fault.Of(err)
			a.changed()
		}
		return
	}
	first := len(a.servers.List()) == 0
	if !a.servers.Replace(found) {
		a.say(phone.Warn, phone.News{Kind: phone.NoSecureServer})
		return
	}
	if first {
		a.view.Server, a.view.Transport = found[0].Addr.String(), found[0].Transport.String()
	}
	before := a.path
	a.lookAtPath([]phone.Fact{{Kind: phone.FirstLook}}, time.Now())
	a.e.watchPeers()
	if a.path != before && len(a.e.network.Interfaces) > 0 { // else the first look is still to come, and tells it
		a.e.tellNetwork(a.e.watcher.State())
	}
}

// choose picks the first server that a path leads to: on a network with one
// family only, servers of the other are no choice.
func (a *account) choose(now time.Time) netwatch.Path {
	list := a.servers.Order(now)
	if len(list) == 0 {
		return netwatch.Path{}
	}
	was := a.chosen
	a.chosen = list[0]
	var path netwatch.Path
	for _, s := range list {
		if path = a.e.pathTo(s.Addr.Addr()); path.Valid() {
			a.chosen = s
			break
		}
	}
	if a.chosen != was && was.Addr.IsValid() {
		a.e.watchPeers()
	}
	return path
}

// lookAtPath asks for the path towards the server and tells the machine when
// it is not the one in use.
func (a *account) lookAtPath(why []phone.Fact, since time.Time) {
	if !a.cfg.Enabled || len(a.servers.List()) == 0 {
		return
	}
	now := a.choose(time.Now())
	if now == a.path && a.machine.Epoch() != 0 {
		a.lookAtOld(why, since)
		return
	}
	old := a.path
	a.path = now
	if !old.Valid() || !now.Valid() {
		a.e.watchPeers() // without a path, the ways to all servers
	}
	if !now.Valid() { // one may have come before it was watched
		if now = a.choose(time.Now()); now.Valid() {
			a.path = now
			a.e.watchPeers()
		}
	}
	if old.Valid() && now.Valid() {
		a.resolve() // beside: the name may point elsewhere from here
	}
	a.e.step(a, roam.PathChanged{
		Path: roam.Path(now), OldAlive: a.e.alive(old), Since: since, Why: why,
	})
	a.e.then(func() { a.showPath(now.Valid()) })
}

// showPath shows that no path leads to the server, or that one does again.
func (a *account) showPath(there bool) {
	switch {
	case !there:
		a.view.State = phone.NoNetwork
	case a.view.State == phone.NoNetwork:
		a.view.State = phone.Unregistered
	default:
		return
	}
	a.view.Fault = phone.Fault{}
	a.changed()
}

// lookAtOld tells the machine when a path of before, whose stack is kept beside
// the present one for the calls on it, is gone too.
func (a *account) lookAtOld(why []phone.Fact, since time.Time) {
	present := a.stacks.At(a.machine.Epoch())
	for _, st := range a.stacks.All() {
		if st != present && !a.e.alive(st.path) {
			a.e.step(a, roam.PathChanged{Path: roam.Path(a.path), Since: since, Why: why})
			return
		}
	}
}

// open carries out roam.Open: the servers on that path, one after the other,
// until one takes us (RFC 3263 4.3).
func (a *account) open(act roam.Open) {
	var list []locate.Server
	for _, s := range a.servers.Order(time.Now()) {
		if roam.Path(a.e.pathTo(s.Addr.Addr())) == act.Path && len(list) < maxTries {
			list = append(list, s)
		}
	}
	if len(list) == 0 { // the path changed again: it will be told
		list = []locate.Server{a.chosen}
	}
	limit := openLimit
	if len(list) > 1 || a.another(list[0]) {
		limit = tryLimit
	}
	told := make(chan struct{}) // closed when the loop has been told of the stack
	o := a.stackOptions(act, told)
	e := a.e
	stun := a.stun
	e.job("open stack "+a.cfg.Name, time.Duration(len(list))*limit+time.Second+stunPatience, func(ctx context.Context) {
		defer close(told)
		o.STUN = sameFamily(a.findSTUN(ctx, stun), o.Local)
		st, dead, err := openFirst(ctx, o, list, limit)
		if err != nil {
			e.post(func() { a.openFailed(act.Epoch, dead, err) })
			return
		}
		run, cancel := context.WithCancel(e.ctx)
		e.jobs.Add(1)
		e.parts.Guard.Go("sip stack", func() {
			defer e.jobs.Done()
			_ = st.Run(run) // its end is told by StackFailed or was asked for
		})
		select {
		case <-st.Ready():
		case <-ctx.Done():
		}
		opened := &stack{Stack: st, cancel: cancel, path: netwatch.Path(act.Path)}
		if !e.post(func() { a.failed(dead); a.opened(act.Epoch, opened) }) {
			opened.drop()
		}
	})
}

// stackOptions are those of a stack towards a server that is still to be named.
// What the stack has to tell waits until told is closed: the loop knows nothing
// of it before, and would drop where it is seen from, or that it has failed.
func (a *account) stackOptions(act roam.Open, told <-chan struct{}) sip.StackOptions {
	e := a.e
	o := sip.StackOptions{
		Local: act.Path.Source, Interface: act.Path.Interface, Port: e.parts.SIPPort,
		Sockets: e.parts.Sockets, Account: a.sip, Shared: sip.Shared{Auth: a.auth, Dialogs: a.dialogs, Sessions: a.tls, Lookup: e.parts.Lookup, UserAgent: e.parts.UserAgent, Guard: e.parts.Guard, Log: e.parts.Log},
		Events: func(ev sip.Event) { <-told; e.post(func() { e.sipEvent(a, act.Epoch, ev) }) },
		Trace:  a.traced(act.Epoch), KeepAlive: cmp.Or(e.parts.KeepAlive, -1),
	}
	for _, s := range a.servers.List() {
		o.Trusted = append(o.Trusted, s.Addr.Addr()) // any of them may bring a call
	}
	return o
}

// openFirst opens a stack to the first server that takes it, and names those
// that did not.
func openFirst(ctx context.Context, o sip.StackOptions, list []locate.Server, limit time.Duration) (st *sip.Stack, dead []locate.Server, err error) {
	var errs []error
	for _, o.Server = range list {
		try, cancel := context.WithTimeout(ctx, limit)
		st, err = sip.Open(try, o)
		cancel()
		if err == nil {
			return st, dead, nil
		}
		errs = append(errs, err)
		if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, sip.ErrPortInUse) || errors.Is(err, sip.ErrNotSecure) {
			break // not that server's fault
		}
		dead = append(dead, o.Server)
	}
	return nil, dead, errors.Join(errs...)
}

func (a *account) failed(dead []locate.Server) {
	for _, s := range dead {
		a.servers.Fail(s, time.Now())
		a.e.parts.Log.Info("server does not answer", "account", a.cfg.Name, "server", s.Addr, "transport", s.Transport)
	}
}

// openFailed shows why there is no way to a server. Where another path leads
// to another server, that is taken; else the machine tries again.
func (a *account) openFailed(epoch roam.Epoch, dead []locate.Server, err error) {
	a.failed(dead)
	if epoch == a.machine.Epoch() && a.view.State != phone.RegistrationRefused && !a.e.quitting {
		a.view.State, a.view.Code, a.view.Fault = phone.RegistrationFailed, 0, fault.Of(err)
		a.view.Contact, a.view.Expires, a.view.Until = "", 0, time.Time{}
		a.changed()
		if next, ok := a.alternative(time.Now()); ok && a.e.pathTo(next.Addr.Addr()) != a.path && len(dead) > 0 {
			a.lookAtPath([]phone.Fact{{Kind: phone.NoServerHere}, {Kind: phone.TryingServer, Text: next.Addr.String()}}, time.Now())
			return
		}
	}
	a.e.step(a, roam.OpenFailed{Epoch: epoch, Failure: fault.Failure(err)})
}

// alternative is a server that did not fail lately and can be reached.
func (a *account) alternative(now time.Time) (locate.Server, bool) {
	return a.servers.Next(now, a.reaches)
}

// another says whether there is something to try after a server.
func (a *account) another(srv locate.Server) bool {
	return a.servers.Another(srv, time.Now(), a.reaches)
}

// reaches says whether a path leads to a server.
func (a *account) reaches(srv locate.Server) bool { return a.e.pathTo(srv.Addr.Addr()).Valid() }

// patience is how long a server may think about a REGISTER.
func (a *account) patience(srv locate.Server) time.Duration {
	if a.another(srv) {
		return tryLimit
	}
	return registerLimit
}

// unanswered says that another server may do better (RFC 3263 4.3).
func unanswered(f roam.Failure) bool {
	return f.Kind == roam.TimedOut || f.Kind == roam.Transport || f.Kind == roam.Answered && f.Code == 503
}

// failOver leaves a server whose REGISTER came to nothing, where there is
// another one.
func (a *account) failOver(epoch roam.Epoch, srv locate.Server, why phone.Fault) {
	a.failed([]locate.Server{srv})
	next, ok := a.alternative(time.Now())
	if !ok || a.e.quitting {
		return
	}
	reasons := []phone.Fact{{Kind: phone.ServerFailed, Text: srv.Addr.String(), Fault: why}, {Kind: phone.TryingServer, Text: next.Addr.String()}}
	if a.e.pathTo(next.Addr.Addr()) != a.path {
		a.lookAtPath(reasons, time.Now())
		return
	}
	a.choose(time.Now())
	a.e.step(a, roam.StackLost{Epoch: epoch, Why: reasons})
}

// way is how the server is reached, in words.
func way(st *stack) string {
	if st.Transport() == locate.UDP {
		return "UDP " + st.Local().String()
	}
	kind := strings.ToUpper(st.Transport().String())
	if cs := st.TLS(); cs.HandshakeComplete {
		kind = tls.VersionName(cs.Version)
		if cs.DidResume {
			kind += " resumed,"
		}
	}
	return kind + " connected to " + st.Server().Addr.String()
}
