package lab

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"ramble/internal/proof/event"
)

// RambleOptions say how the phone under test is started.
type RambleOptions struct {
	Binary    string // of ramble
	Host      string // empty: the phone
	User      string // its name at the proxy
	Transport string // udp, tcp, tls; empty: udp
	CA        string // PEM file of the authority to believe; for tls
	IPv6      bool   // reach the proxy by IPv6
	Server    string // of the proxy, instead of its address: needs DNS where it is a name
	Says      string // WAV file; empty: nothing is said
	Stats     string // how often calls tell of their packets, "200ms"; empty: at their end
	Config    string // more lines for the end of the configuration
	Account   string // more lines for the account
	ByDNS     bool   // look the domain's servers up, instead of being told the proxy; transport auto unless said
	Sound     string // sound system, for --audio; empty: Says and a recording
	Env       []string
}

// Ramble is a running `ramble headless`.
type Ramble struct {
	*Program
	Recording string // what it heard: a WAV file, complete after Quit
	number    atomic.Uint64
}

// Event is one object that it wrote.
type Event = event.Event

// server is the proxy as this phone reaches it.
func (o *RambleOptions) server(l *Lab) string {
	host, port := l.Host(PBX).IPv4, uint16(SIPPort)
	if o.IPv6 {
		host = l.Host(PBX).IPv6
	}
	if o.Transport == "tls" {
		port = SIPSPort
	}
	if o.Server != "" {
		return fmt.Sprint(o.Server, ":", port)
	}
	return netip.AddrPortFrom(host, port).String()
}

// Ramble starts the phone and waits until it is ready for commands. Whether it
// is registered then is for the caller to see.
func (l *Lab) Ramble(ctx context.Context, o RambleOptions) (*Ramble, error) {
	if o.Host == "" {
		o.Host = Phone
	}
	if o.Transport == "" && !o.ByDNS {
		o.Transport = "udp"
	}
	o.Transport = cmp.Or(o.Transport, "auto")
	dir := filepath.Join(l.Dir, "ramble-"+o.User)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte(l.rambleFile(o)), 0o600); err != nil {
		return nil, err
	}
	r := &Ramble{Recording: filepath.Join(dir, "heard.wav")}
	sound := "file:out=" + r.Recording
	if o.Says != "" {
		sound = "file:in=" + o.Says + ",out=" + r.Recording
	}
	sound = cmp.Or(o.Sound, sound)
	args := []string{"headless", "--config", config, "--audio", sound, "--log-file", "-", "--log-level", "debug", "--stats", cmp.Or(o.Stats, "0s")}
	p, err := l.Exec(o.Host, Command{Name: "ramble-" + o.User, Path: o.Binary, Input: true, Env: o.Env, Args: args})
	if err != nil {
		return nil, err
	}
	r.Program = p
	if _, _, err := r.Expect(ctx, 0, "ready", func(e Event) bool { return e.Type == "ready" }); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, p.Output.Tail(40))
	}
	return r, nil
}

// rambleFile is its configuration.
func (l *Lab) rambleFile(o RambleOptions) string {
	if o.Transport == "tls" {
		o.Account += fmt.Sprintf("\ntls_ca = %q", o.CA)
	}
	if !o.ByDNS {
		o.Account += fmt.Sprintf("\nregistrar = \"sip:%[1]s\"\nproxy = \"sip:%[1]s\"", o.server(l))
	}
	return fmt.Sprintf(`[[account]]
name = "lab"
uri = "sip:%s@%s"
password = "%s"
transport = "%s"
%s
%s
`, o.User, Domain, Password(o.User), o.Transport, o.Account, o.Config)
}

// Expect waits for an event, not before line from, and returns it with the
// number of the line after it.
func (r *Ramble) Expect(ctx context.Context, from int, what string, match func(Event) bool) (Event, int, error) {
	var found Event
	_, next, err := r.Output.Await(ctx, from, what+" of ramble", func(line Line) bool {
		e, ok := parseEvent(line)
		if ok && match(e) {
			found = e
			return true
		}
		return false
	})
	return found, next, err
}

func parseEvent(line Line) (Event, bool) {
	if line.Error || !strings.HasPrefix(line.Text, "{") {
		return Event{}, false
	}
	return event.Parse(line.Text)
}

// Do sends a command and waits for its answer. It returns the number of the
// call that was meant or made, and the line after the answer.
func (r *Ramble) Do(ctx context.Context, command string) (call uint64, next int, err error) {
	id := fmt.Sprint("lab", r.number.Add(1))
	from := r.Output.Len()
	if err := r.Say("@" + id + " " + command); err != nil {
		return 0, from, err
	}
	e, next, err := r.Expect(ctx, from, "answer to "+command, func(e Event) bool { return e.ID == id })
	if err != nil {
		return 0, next, err
	}
	if e.Type != "ok" {
		return 0, next, fmt.Errorf("%s: %s", command, e.Reason)
	}
	return e.Call, next, nil
}

// Registered waits until it is registered with a contact that contains part.
func (r *Ramble) Registered(ctx context.Context, from int, part string) (Event, error) {
	e, _, err := r.Expect(ctx, from, "registration with "+part, func(e Event) bool {
		return e.Type == "registration" && e.State == "registered" && strings.Contains(e.Contact, part)
	})
	return e, err
}

// CallState waits until a call, or any for 0, is in that state.
func (r *Ramble) CallState(ctx context.Context, from int, call uint64, state string) (Event, int, error) {
	return r.Expect(ctx, from, fmt.Sprintf("call %d %s", call, state), func(e Event) bool {
		return e.Type == "call" && e.State == state && (call == 0 || e.Call == call)
	})
}

// Quit ends it as a user would and waits for that.
func (r *Ramble) Quit(ctx context.Context) error {
	if err := r.Say("quit"); err != nil {
		return err
	}
	return r.Wait(ctx)
}
