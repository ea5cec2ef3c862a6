package engine

import (
	"context"
	"crypto/tls"
	"net/netip"
	"strings"
	"time"

	"ramble/audio/codec"
	"ramble/internal/engine/line"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/ledger"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
	"ramble/sip/sdp"
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

	finding
	standing
	codecs []sdp.Codec // in order of preference
	stacks line.Stacks[roam.Epoch, *stack]
	roam   *roamPart // in progress
	view   phone.Account
	told   phone.Account // as last noticed
}

// finding is which server an account uses, and by which way.
type finding struct {
	servers   line.Servers
	chosen    locate.Server // whose path is the account's; zero while none is known
	resolving bool
	resolveAt time.Time
	stun      []netip.AddrPort // the STUN server's, as last looked up
	path      netwatch.Path    // towards the chosen server, as last told to the machine
}

// standing is how an account stands with its server.
type standing struct {
	bindings   line.Bindings
	accepted   time.Time // the day on which the server last accepted the login, in this run or one before; zero: never
	unplaced   bool      // a roam is over: whether its calls' audio stands right is to be looked at
	forgot     time.Time // when the server last seemed to have forgotten us
	debts      []*debt   // ends of calls that no peer has confirmed
	doubted    time.Time // since when the server keeps silent to a call; zero: it does not
	unverified bool      // nobody checks the server's certificate
	listing    listing
	granted    sip.Registered // by the last 2xx
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
	a := &account{e: e, cfg: cfg}
	a.sip = &a.cfg.SIP
	if e.parts.NoRegister {
		a.cfg.Policy.Register = false
	}
	if a.cfg.Policy.KeepFor <= 0 {
		a.cfg.Policy.KeepFor = roam.DefaultPolicy().KeepFor
	}
	a.codecs = preferred(cfg.Codecs)
	a.machine = roam.New(a.cfg.Policy)
	a.auth = sip.NewCredentials(a.sip, e.parts.Log)
	a.dialogs = sip.NewDialogs()
	a.reg = sip.NewRegistration(a.sip, a.auth)
	a.tls = tls.NewLRUClientSessionCache(8)
	a.view = phone.Account{
		Name: cfg.Name, URI: a.sip.AOR.String(), Enabled: cfg.Enabled, Registers: cfg.Register,
		Way: phone.Way{Transport: a.sip.Transport.String()},
	}
	a.told = a.view
	return a
}

// preferred are an account's codecs for the offer.
func preferred(names []string) []sdp.Codec {
	list := make([]sdp.Codec, 0, len(names))
	for _, name := range names {
		f, err := codec.Named(name)
		if err != nil {
			continue // the configuration was checked; a build may lack one
		}
		list = append(list, sdp.Codec{Name: f.Name, ClockRate: f.ClockRate, Channels: f.Channels, Fmtp: f.Fmtp})
	}
	return list
}

// account finds an account by its label or address; "" is the first enabled.
func (e *Engine) account(name string) (*account, error) {
	for _, a := range e.accounts {
		if (name == "" && a.cfg.Enabled) || (name != "" && (a.cfg.Name == name || a.view.URI == name)) {
			return a, nil
		}
	}
	if name == "" {
		return nil, &phone.Error{Why: phone.NoAccountEnabled}
	}
	return nil, &phone.Error{Why: phone.NoSuchAccount, Name: name, Others: e.accountNames()}
}

// say queues something about the account for a person.
func (a *account) say(l phone.Level, n phone.News) {
	n.Account = a.cfg.Name
	a.e.say(l, n)
}

// changed tells of the account when anything a person could see differs.
func (a *account) changed() {
	a.view.Warnings = a.warnings()
	a.told.Trying = a.view.Trying // a search alone is no change of the registration
	if a.view != a.told {
		a.told = a.view
		a.e.tell(phone.RegistrationChanged{Account: a.view})
	}
	a.e.dirty = true
}

// stackFor returns the present stack, or a *phone.Error.
func (a *account) stackFor() (*stack, error) {
	if st := a.stacks.At(a.machine.Epoch()); st != nil {
		return st, nil
	}
	if !a.path.Valid() {
		return nil, &phone.Error{Why: phone.NoPathTo, Name: nextHop(a.sip).String()}
	}
	return nil, &phone.Error{Why: phone.NotConnected, Name: a.view.Server, Fault: a.view.Fault}
}

// nextHop is where an account's requests go: its outbound proxy, its
// registrar, or the domain of its address.
func nextHop(a *sip.Account) sip.URI {
	switch {
	case !a.Proxy.IsZero():
		return a.Proxy
	case !a.Registrar.IsZero():
		return a.Registrar
	}
	u := a.AOR
	u.User = ""
	return u
}

func (e *Engine) accountNames() string {
	var names []string
	for _, a := range e.accounts {
		names = append(names, a.cfg.Name)
	}
	return strings.Join(names, ", ")
}

// roamPart is an account's part in a roam.
type roamPart struct {
	of     *phone.Roam
	at     int // index in of.Parts
	change int // the verdict of the watcher that began it; 0: something else did
}

// debt is a call that is over, and whose peer has not heard of it.
type debt struct {
	ledger.Call
	said bool // its BYE or CANCEL is under way
}

// listing is what the registrar's last 2xx said about our binding.
type listing int

const (
	notTold listing = iota
	listed
	mute    // it lists nobody
	missing // it lists others
)

// warnings are what stays wrong while all works, for the view.
func (a *account) warnings() phone.Warnings {
	w := phone.Warnings{
		Unverified: a.unverified, WeakerLogin: a.auth.Weaker(),
		Unlisted: a.listing == missing && a.view.State == phone.Registered,
	}
	if g := a.granted; g.Expires <= g.RefreshIn && a.view.State == phone.Registered {
		w.Granted, w.Renewed = g.Expires, g.RefreshIn
	}
	return w
}

// drop ends the stack: transactions fail at once, sockets close.
func (st *stack) drop() {
	_ = st.Close()
	st.cancel()
}

// unregister carries out roam.Unregister.
func (a *account) unregister(epoch roam.Epoch, done func(error)) {
	st := a.stacks.At(epoch)
	if st == nil {
		done(sip.ErrStackClosed)
		return
	}
	e, old := a.e, a.bindings.Besides("")
	e.job("unregister "+a.cfg.Name, farewell, func(ctx context.Context) {
		err := a.reg.Unregister(ctx, st.Stack, old...)
		e.post(func() {
			if err == nil {
				a.bindings.Forget()
				a.view.State, a.view.Contact, a.view.Expires, a.view.Until = phone.Unregistered, "", 0, time.Time{}
				a.view.Code, a.view.Fault = 0, phone.Fault{}
				a.changed()
			}
			done(err)
		})
	})
}

// farewell bounds the time between Quit and the end of Run.
const farewell = 2 * time.Second
