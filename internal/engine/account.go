package engine

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"ramble/internal/engine/line"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
)

// account is one address of record at run time.
type account struct {
	e       *Engine
	cfg     Account
	machine *roam.Machine
	sip     *sip.Account
	auth    *sip.Credentials
	dialogs *sip.Dialogs // finds the call of an in-dialog request, on whatever stack it arrives
	reg     *sip.Registration
	tls     tls.ClientSessionCache // shared by the stacks: a roam resumes

	servers    line.Servers
	chosen     locate.Server // whose path is the account's; zero while none is known
	resolving  bool
	resolveAt  time.Time
	stun       []netip.AddrPort // the STUN server's, as last looked up
	path       netwatch.Path    // towards the chosen server, as last told to the machine
	stacks     map[roam.Epoch]*stack
	kept       map[roam.Epoch]roam.Epoch // epochs whose stack serves a newer one too
	named      []named                   // Contacts that REGISTERs named, the newest last
	roam       *roamPart                 // in progress
	unverified bool                      // nobody checks the server's certificate
	listing    listing
	view       phone.Account
	told       phone.Account // as last noticed
}

// stack is a SIP stack and the way to end it.
type stack struct {
	*sip.Stack
	cancel context.CancelFunc
	path   netwatch.Path

	announced netip.AddrPort    // what its Contact says in place of its own address
	seen      [2]netip.AddrPort // where others see it, by roam.Witness
}

func newAccount(e *Engine, cfg Account) *account {
	a := &account{e: e, cfg: cfg, stacks: map[roam.Epoch]*stack{}, kept: map[roam.Epoch]roam.Epoch{}}
	a.sip = &a.cfg.SIP
	if e.parts.NoRegister {
		a.cfg.Policy.Register = false
	}
	a.machine = roam.New(a.cfg.Policy)
	a.auth = sip.NewCredentials(a.sip, e.parts.Log)
	a.dialogs = sip.NewDialogs()
	a.reg = sip.NewRegistration(a.sip, a.auth)
	a.tls = tls.NewLRUClientSessionCache(8)
	a.view = phone.Account{
		Name: cfg.Name, URI: a.sip.AOR.String(), Enabled: cfg.Enabled, Registers: cfg.Register,
		Transport: a.sip.Transport.String(),
	}
	a.told = a.view
	return a
}

// account finds an account by its label or address; "" is the first enabled.
func (e *Engine) account(name string) (*account, error) {
	for _, a := range e.accounts {
		if (name == "" && a.cfg.Enabled) || (name != "" && (a.cfg.Name == name || a.view.URI == name)) {
			return a, nil
		}
	}
	if name == "" {
		return nil, &phone.Error{Code: phone.ErrNoSuchAccount, Text: "no account is enabled", Hint: "set enabled = true for one in the configuration"}
	}
	return nil, &phone.Error{Code: phone.ErrNoSuchAccount, Text: "there is no account " + quote(name), Hint: "accounts: " + e.accountNames()}
}

func (a *account) start() {
	if a.cfg.Enabled {
		a.resolve()
	}
}

// changed tells of the account when anything a person could see differs.
func (a *account) changed() {
	a.view.Warning = a.warning()
	if a.view != a.told {
		a.told = a.view
		a.e.tell(phone.RegistrationChanged{Account: a.view})
	}
	a.e.dirty = true
}

// stackFor returns the present stack, or an error a person can use.
func (a *account) stackFor() (*stack, error) {
	if st := a.stacks[a.machine.Epoch()]; st != nil {
		return st, nil
	}
	if !a.path.Valid() {
		return nil, &phone.Error{Code: phone.ErrNoNetwork, Text: "no network leads to " + nextHop(a.sip).String(), Hint: "try again when the account is registered"}
	}
	return nil, &phone.Error{Code: phone.ErrNoNetwork, Text: "the connection to " + a.view.Server + " is not up yet", Hint: a.view.Reason}
}

func (a *account) opened(epoch roam.Epoch, st *stack) {
	newest := epoch
	for next, kept := a.kept[newest]; kept; next, kept = a.kept[newest] {
		newest = next
	}
	if newest != a.machine.Epoch() || a.e.quitting {
		st.drop()
		return
	}
	for at := epoch; at != newest; at = a.kept[at] {
		a.stacks[at] = st
	}
	a.stacks[newest] = st
	a.e.announce(false)
	if srv := st.Server(); srv != a.chosen {
		a.chosen = srv
		a.e.watchPeers()
	}
	if !a.machine.Wanted() && st.Transport() != locate.UDP { // no REGISTER will tell
		a.servers.Worked(st.Server())
	}
	a.view.Server, a.view.Transport = st.Server().Addr.String(), st.Transport().String()
	a.warn(st)
	a.e.step(a, roam.Opened{Epoch: epoch, Detail: way(st), Local: a.follows(st)})
	if a.view.State == phone.RegistrationFailed { // to open it had failed, and nothing is to be registered
		a.view.State, a.view.Reason, a.view.Hint = phone.Unregistered, "", ""
		a.changed()
	}
	a.sayOwed()
}

// keep lets the stack of one epoch, standing or still opening, serve a newer
// one too.
func (a *account) keep(act roam.Keep) {
	a.kept[act.Of] = act.Epoch
	if st := a.stacks[act.Of]; st != nil {
		a.stacks[act.Epoch] = st
	}
}

// close drops the stack of an epoch, under every epoch that it served.
func (a *account) close(epoch roam.Epoch) {
	st := a.stacks[epoch]
	if st == nil {
		return
	}
	for e, s := range a.stacks {
		if s == st {
			delete(a.stacks, e)
			delete(a.kept, e)
		}
	}
	st.drop()
}

// drop ends the stack: transactions fail at once, sockets close.
func (st *stack) drop() {
	_ = st.Close()
	st.cancel()
}

// announce tells Ready, once: when every enabled account has its sockets, or
// at last with those that have.
func (e *Engine) announce(atLast bool) {
	if e.readyBy.IsZero() {
		return
	}
	ready, all := e.listening()
	if !all && !atLast {
		return
	}
	e.readyBy, e.isReady = time.Time{}, true
	e.tell(ready)
}

// register carries out roam.Register.
func (a *account) register(act roam.Register) {
	st := a.stacks[act.Epoch]
	if st == nil {
		a.e.step(a, roam.RegisterFailed{Epoch: act.Epoch, Failure: roam.Failure{Kind: roam.Cancelled}})
		return
	}
	if a.view.State != phone.Registered {
		a.view.State, a.view.Code, a.view.Reason, a.view.Hint = phone.Registering, 0, "", ""
	}
	a.changed()
	e := a.e
	var old []string
	if act.RemoveOld {
		old = a.boundBefore(st.Contact(a.sip))
	}
	a.mayBind(st.Contact(a.sip))
	e.job("register "+a.cfg.Name, a.patience(st.Server()), func(ctx context.Context) {
		if act.OldFirst {
			_ = a.reg.Unregister(ctx, st.Stack, old...) // the server has room for one: what it says now is the REGISTER's to tell
		}
		res, err := a.reg.Register(ctx, st.Stack, sip.RegisterOptions{Remove: old})
		e.post(func() { a.registered(act.Epoch, res, err) })
	})
}

func (a *account) registered(epoch roam.Epoch, res sip.Registered, err error) {
	a.mayBind(res.Contact)
	if a.stacks[epoch] == nil { // its stack was closed meanwhile
		a.e.step(a, roam.RegisterFailed{Epoch: epoch, Failure: roam.Failure{Kind: roam.Cancelled}})
		return
	}
	if err != nil {
		a.registerFailed(epoch, err)
		return
	}
	a.servers.Worked(a.stacks[epoch].Server())
	a.view.State, a.view.Code, a.view.Reason, a.view.Hint = phone.Registered, 200, "OK", ""
	a.view.Contact, a.view.Expires = res.Contact, res.Expires
	a.view.Until = time.Now().Add(res.Expires)
	a.view.Source, a.view.Interface = a.path.Source, a.path.Interface
	a.heedListing(res)
	a.e.step(a, roam.Registered{
		Epoch: epoch, RefreshIn: res.RefreshIn, Detail: "REGISTER 200 OK", Seen: res.Received, Outbound: res.ServerDoesOutbound,
		Missing: res.Missing(), Stale: a.stale(res),
	})
}

func (a *account) registerFailed(epoch roam.Epoch, err error) {
	f := failure(err)
	text, hint := sip.Explain(err)
	a.view.Code, a.view.Reason, a.view.Hint = f.Code, text, hint
	a.view.Contact, a.view.Expires, a.view.Until = "", 0, time.Time{}
	a.e.step(a, roam.RegisterFailed{Epoch: epoch, Failure: f})
	switch {
	case a.machine.Refused():
		a.view.State = phone.RegistrationRefused
	case f.Kind != roam.Cancelled:
		a.view.State = phone.RegistrationFailed
	}
	a.changed()
	if a.stacks[epoch] != nil && unanswered(f) {
		a.failOver(epoch, a.stacks[epoch].Server(), f.Fault)
	}
}

// forgotten registers again at once: an answer says that a call is not known any
// more, and who forgot it, a server that was restarted, may have forgotten us.
func (a *account) forgotten() {
	if a.view.State == phone.Registered && a.machine.Wanted() && !a.e.quitting {
		a.e.step(a, roam.Forced{What: roam.ForceRegister})
	}
}

// unregistered tells how a removal ended.
func (a *account) unregistered(epoch roam.Epoch, err error) {
	if err != nil {
		a.e.step(a, roam.UnregisterFailed{Epoch: epoch, Failure: failure(err)})
		return
	}
	a.e.step(a, roam.Unregistered{Epoch: epoch})
}

// unregister carries out roam.Unregister.
func (a *account) unregister(epoch roam.Epoch, done func(error)) {
	st := a.stacks[epoch]
	if st == nil {
		done(sip.ErrStackClosed)
		return
	}
	e, old := a.e, a.boundBefore("")
	e.job("unregister "+a.cfg.Name, farewell, func(ctx context.Context) {
		err := a.reg.Unregister(ctx, st.Stack, old...)
		e.post(func() {
			if err == nil {
				a.named = nil
				a.view.State, a.view.Contact, a.view.Expires, a.view.Until = phone.Unregistered, "", 0, time.Time{}
				a.view.Code, a.view.Reason, a.view.Hint = 0, "", ""
				a.changed()
			}
			done(err)
		})
	})
}
