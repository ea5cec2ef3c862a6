package drill

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/app/ground"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
	"ramble/sip/siptest"
)

// Setup is what a scenario needs to be built: the caller brings a ground for
// the world and the phone that lives in it.
type Setup struct {
	World     demo.Options
	Transport Transport
	KeepFor   time.Duration // 0: as the phone has it
}

// Stage is a running world with a running phone. End stops both and returns
// when they have; it is the runner's to call.
type Stage struct {
	World   *demo.World
	Phone   phone.Doer
	Updates <-chan phone.Update
	End     func()
}

// Options of a run.
type Options struct {
	Transport Transport // of scenarios that do not say; empty: udp
	Build     func(ctx context.Context, s Setup) (*Stage, error)
	Guard     *safego.Guard
	Log       *slog.Logger
}

// peers are who can be called.
func peers() []string { return demo.Peers() }

// isUplink is nil for the name of one of the phone's interfaces.
func isUplink(name string) error {
	var names []string
	for _, s := range demo.Spots() {
		if s.Name == name {
			return nil
		}
		names = append(names, s.Name)
	}
	return ground.UnknownSpot(name, names)
}

// bound is what the server listed at a moment.
type bound struct {
	at       time.Time
	contacts []string
}

// listed notes a change at the server. It is called from there.
func (p *play) listed(user string, list []siptest.Binding) {
	if user != demo.User {
		return
	}
	b := bound{at: time.Now()}
	for _, one := range list {
		b.contacts = append(b.contacts, one.Contact)
	}
	p.mu.Lock()
	p.bounds = append(p.bounds, b)
	p.mu.Unlock()
	p.wake()
}

// isAt reports whether a Contact is at an address.
func isAt(contact string, a netip.Addr) bool {
	_, host, ok := strings.Cut(contact, "@")
	if !ok {
		_, host, _ = strings.Cut(contact, ":")
	}
	if end := strings.IndexAny(host, ";>?"); end >= 0 {
		host = host[:end]
	}
	if full, err := netip.ParseAddrPort(host); err == nil {
		return full.Addr() == a
	}
	alone, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && alone == a
}
