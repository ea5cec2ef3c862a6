package lab

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// Ports of the proxy, on the pbx's IPv4 and IPv6 address.
const (
	SIPPort  = 5060 // UDP and TCP
	SIPSPort = 5061 // TLS
)

// Domain is what the users' addresses end in. It is in no DNS: phones get the
// proxy's address.
const Domain = "lab.example"

//go:embed kamailio.cfg.tmpl
var kamailioConfig string

// Kamailio is a running proxy and registrar: digest authentication of
// registrations and calls, Record-Route, GRUU, bindings in memory.
type Kamailio struct {
	*Program
	lab  *Lab
	host string
	ctl  string
	CA   string // certificate of the lab's own authority, PEM; a file
}

// Password of every user of the lab.
func Password(user string) string { return "secret-of-" + user }

// KamailioOptions say how the proxy behaves. The zero value knows nobody.
type KamailioOptions struct {
	Users []string
	// RewriteContacts has it do what Asterisk's rewrite_contact does: the first
	// Contact of each request is taken to be where the request came from, in a
	// removal too. There are no GRUUs then.
	RewriteContacts bool
	// Host is where it runs; empty: the pbx.
	Host string
	// At are its addresses; none: those of the pbx.
	At []netip.Addr
	// Between has it pass from one of its networks to the other, with a
	// Record-Route for each.
	Between bool
	Challenge
	// TLS is OpenSSL's name of the only version of TLS spoken, "TLSv1.2" or
	// "TLSv1.3"; empty: both.
	TLS string
}

// Challenge is how the proxy asks for a login. The zero value is of the lab's domain,
// with MD5 and qop=auth.
type Challenge struct {
	Realm, Algorithm string
	QOP              string // as Kamailio numbers them: "0" none, "1" auth, "2" auth-int; empty: auth
}

// Kamailio starts the proxy on the pbx for these users and waits until it
// listens.
func (l *Lab) Kamailio(ctx context.Context, users ...string) (*Kamailio, error) {
	return l.KamailioWith(ctx, KamailioOptions{Users: users})
}

// KamailioWith is Kamailio with more to say about it.
func (l *Lab) KamailioWith(ctx context.Context, o KamailioOptions) (*Kamailio, error) {
	pbx := l.Host(PBX)
	o.Host, o.Realm, o.QOP = cmp.Or(o.Host, PBX), cmp.Or(o.Realm, Domain), cmp.Or(o.QOP, "1")
	if len(o.At) == 0 {
		o.At = []netip.Addr{pbx.IPv4, pbx.IPv6}
	}
	dir := filepath.Join(l.Dir, "kamailio")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := writeCertificates(dir, Domain, o.At...); err != nil {
		return nil, err
	}
	k := &Kamailio{lab: l, host: o.Host, ctl: filepath.Join(dir, "ctl"), CA: filepath.Join(dir, "ca.pem")}
	values := struct {
		Dir, Domain string
		At          []string
		Between     bool
		SIP, SIPS   int
		Passwords   map[string]string
		Rewrite     bool
		Challenge
	}{dir, Domain, written(o.At), o.Between, SIPPort, SIPSPort, map[string]string{}, o.RewriteContacts, o.Challenge}
	for _, u := range o.Users {
		values.Passwords[u] = Password(u)
	}
	var text strings.Builder
	if err := template.Must(template.New("kamailio").Parse(kamailioConfig)).Execute(&text, values); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(config, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	version := o.TLS
	if version == "" {
		version = "TLSv1.2+"
	}
	tls := fmt.Sprintf("[server:default]\nmethod = %[2]s\nprivate_key = %[1]s/key.pem\ncertificate = %[1]s/cert.pem\nverify_certificate = no\n", dir, version)
	if err := os.WriteFile(filepath.Join(dir, "tls.cfg"), []byte(tls), 0o644); err != nil {
		return nil, err
	}
	// -DD: stay in the foreground with all children. With one D there is no
	// TCP listener.
	p, err := l.Exec(o.Host, Command{Path: "/usr/sbin/kamailio", Args: []string{"-DD", "-E", "-f", config, "-Y", dir, "-m", "64", "-M", "8", "-P", filepath.Join(dir, "pid")}})
	if err != nil {
		return nil, err
	}
	k.Program = p
	if err := p.Output.AwaitText(ctx, "lab: ready"); err != nil {
		return nil, fmt.Errorf("kamailio: %w\n%s", err, p.Output.Tail(40))
	}
	return k, nil
}

// written are addresses as they stand in URIs.
func written(addrs []netip.Addr) (list []string) {
	for _, a := range addrs {
		if a.Is6() {
			list = append(list, "["+a.String()+"]")
		} else {
			list = append(list, a.String())
		}
	}
	return list
}

// Bindings are the contacts of a user, as the registrar has them now.
func (k *Kamailio) Bindings(ctx context.Context, user string) ([]string, error) {
	p, err := k.lab.Exec(k.host, Command{Name: "kamcmd", Path: "/usr/sbin/kamcmd", Args: []string{"-s", "unixs:" + k.ctl, "ul.dump"}})
	if err != nil {
		return nil, err
	}
	defer k.lab.forget(p)
	if err := p.Wait(ctx); err != nil {
		return nil, fmt.Errorf("kamcmd: %w: %s", err, p.Output.Tail(3))
	}
	return bindings(p.Output.text(), user), nil
}

// bindings reads the output of `kamcmd ul.dump`: an AoR line, and below it an
// Address and a State line for each contact.
func bindings(dump, user string) []string {
	var out []string
	mine, contact := false, ""
	for line := range strings.Lines(dump) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "AoR":
			mine = value == user
		case "Address":
			contact = value
		case "Expires":
			if mine && value != "deleted" && value != "expired" {
				out = append(out, contact)
			}
		}
	}
	return out
}

// AwaitBindings waits until the registrar has these contacts for the user and
// no other: each is a part of a contact, an address for example. The registrar
// cannot tell when it changes, so it is asked again and again.
func (k *Kamailio) AwaitBindings(ctx context.Context, user string, want ...string) error {
	for {
		got, err := k.Bindings(ctx, user)
		if err == nil && matches(got, want) {
			return nil
		}
		if waited := wait(ctx, 100*time.Millisecond); waited != nil {
			return fmt.Errorf("bindings of %s: %q, want %q: %w", user, got, want, errors.Join(waited, err))
		}
	}
}

func matches(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || strings.Contains(g, w)
		}
		if !found {
			return false
		}
	}
	return true
}
