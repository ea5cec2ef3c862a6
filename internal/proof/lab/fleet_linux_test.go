package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"ramble/internal/app/ground"
	"ramble/internal/automation"
	"ramble/internal/proof/soak"
	"ramble/sip/siptest"
)

// fleet is several phones, the real program each, with one talker for all.
type fleet struct {
	*Lab
	t      *testing.T
	k      *Kamailio
	talker *soak.Talker
	ships  []*ship
	end    func() // of the talker and of those who read the phones
}

// ship is one phone of the fleet.
type ship struct {
	*soak.Site
	transport string
	program   *Ramble
	handset   *Handset
	before    automation.Process
}

// launch builds a lab with a phone for each of the transports.
func launch(t *testing.T, ctx context.Context, o Options, transports []string) *fleet {
	t.Helper()
	o.Phones = len(transports)
	f := &fleet{Lab: open(t, o), t: t}
	users := []string{"talker"}
	for n := range transports {
		users = append(users, fmt.Sprint("phone", n+1))
	}
	var err error
	f.k, err = f.Kamailio(ctx, users...)
	possible(t, err)
	possible(t, f.DNS(ctx))
	callee := f.Host(Callee)
	f.talker = soak.NewTalker(soak.TalkerOptions{
		User: "talker", Domain: Domain, Addr: netip.AddrPortFrom(callee.IPv4, SIPPort), IPv6: callee.IPv6, Transport: siptest.UDP,
		Registrar: netip.AddrPortFrom(f.Host(PBX).IPv4, SIPPort), Password: Password("talker"), Sockets: ground.Sockets{Host: callee.Host},
	})
	run, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	f.end = sync.OnceFunc(func() { cancel(); all.Wait() })
	t.Cleanup(f.end)
	all.Go(func() {
		if err := f.talker.Run(run); err != nil {
			t.Errorf("the talker: %v", err)
		}
	})
	select {
	case <-f.talker.Peer.Ready():
	case <-ctx.Done():
		t.Fatal("the talker is not registered")
	}
	for n, transport := range transports {
		s := f.crew(ctx, n+1, transport)
		f.ships = append(f.ships, s)
		all.Go(func() { s.follow(run) })
	}
	return f
}

// crew starts the nth phone.
func (f *fleet) crew(ctx context.Context, n int, transport string) *ship {
	f.t.Helper()
	s := &ship{transport: transport, handset: f.Phone(n)}
	user := fmt.Sprint("phone", n)
	s.program = must[*Ramble](f.t)(f.Ramble(ctx, RambleOptions{
		Binary: ramble(f.t), Host: s.handset.HostName(), User: user, Transport: transport, CA: f.k.CA, Server: Domain, Stats: "200ms",
	}))
	s.Site = &soak.Site{
		Phone: soak.NewPhone(user, s.program.Say), Talker: f.talker, Domain: Domain, Move: s.move,
		Bindings: func(ctx context.Context) ([]string, error) { return f.k.Bindings(ctx, user) },
	}
	return s
}

// follow feeds the phone's lines to its image.
func (s *ship) follow(ctx context.Context) {
	for from := 0; ; {
		line, next, err := s.program.Output.Await(ctx, from, "a line", func(l Line) bool { return !l.Error })
		if err != nil {
			s.Phone.Gone()
			return
		}
		s.Phone.Feed(line.Text)
		from = next
	}
}

// move is how a phone of the lab moves.
func (s *ship) move(ctx context.Context, r soak.Round) (soak.Moved, error) {
	m, err := s.handset.Take(ctx, r.Move())
	if m.To.IsValid() {
		return soak.Moved{T0: m.T0, Addr: m.To}, err
	}
	return soak.Moved{T0: m.T06, Addr: m.To6}, err
}

// needs asks a phone at rest what it needs of its system, and counts for itself
// where it can.
func (f *fleet) needs(ctx context.Context, s *ship) (automation.Process, error) {
	p, err := s.Phone.Process(ctx)
	if err != nil {
		return p, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.program.PID))
	if err != nil {
		return p, err
	}
	if d := len(open) - p.Descriptors; d < -1 || d > 1 {
		return p, fmt.Errorf("it says %d descriptors, the system %d", p.Descriptors, len(open))
	}
	return p, nil
}

var errLeak = errors.New("it needs more than before")

// rest waits until a phone needs no more than before: old sockets are read on
// for a while, and transactions end by themselves.
func (f *fleet) rest(ctx context.Context, s *ship) (automation.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		p, err := f.needs(ctx, s)
		if err == nil && p.Goroutines <= s.before.Goroutines && p.Descriptors <= s.before.Descriptors {
			return p, nil
		}
		if waited := wait(ctx, time.Second); waited != nil {
			return p, errors.Join(errLeak, err)
		}
	}
}
