package soak

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ramble/internal/automation"
	"ramble/internal/proof/event"
)

// Phone is a phone as its lines show it. Feed it what the phone writes, from
// one goroutine; the rest may be used from any.
type Phone struct {
	User string // its name at the registrar
	say  func(line string) error

	mu      sync.Mutex
	news    chan struct{} // closed, and made anew, with each line
	number  int
	answers map[string]event.Event // by id, of commands that wait
	calls   map[uint64]Call
	account
	process   automation.Process
	snapshots int      // so far
	story     []string // lines worth telling
	gone      bool
}

// account is what a Phone tells of its registration and its roams.
type account struct {
	state   string // of the registration
	contact string
	roaming bool
	roams   int // that ended
	failed  int // of them
}

// Call is a call as the phone tells of it.
type Call struct {
	ID          uint64
	Out         bool
	State       string // dialing, trying, ringing, early, up, ended
	Held        string // none, local, remote, both
	CallID      string
	Reason      string
	LocalMedia  netip.AddrPort
	Heard, Sent uint64 // packets
}

// maxStory bounds the lines that are kept for a failure.
const maxStory = 600

// NewPhone makes a Phone. say passes a command line on.
func NewPhone(user string, say func(line string) error) *Phone {
	return &Phone{
		User: user, say: say, news: make(chan struct{}), answers: map[string]event.Event{}, calls: map[uint64]Call{},
	}
}

// Feed takes a line that the phone wrote.
func (p *Phone) Feed(line string) {
	e, ok := event.Parse(line)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Type != "media" && e.Type != "snapshot" {
		p.tell(line)
	}
	switch e.Type {
	case "ok", "error":
		if _, asked := p.answers[e.ID]; asked {
			p.answers[e.ID] = e
		}
	case "registration":
		p.state, p.contact = e.State, e.Contact
	case "call":
		c := p.calls[e.Call]
		c.ID, c.Out, c.State, c.Held, c.CallID, c.Reason = e.Call, e.Direction == "out", e.State, e.Held, e.CallID, e.Reason
		c.LocalMedia = e.LocalMedia
		p.calls[e.Call] = c
	case "media":
		if c, known := p.calls[e.Call]; known {
			c.Heard, c.Sent = e.Rx, e.Tx
			p.calls[e.Call] = c
		}
	case "roam":
		p.roam(e.Phase)
	case "snapshot":
		p.process = e.Process
		p.snapshots++
	}
	close(p.news)
	p.news = make(chan struct{})
}

func (p *Phone) roam(phase string) {
	switch phase {
	case "started":
		p.roaming = true
	case "done", "failed":
		p.roaming = false
		p.roams++
		if phase == "failed" {
			p.failed++
		}
	}
}

// Gone says that the phone writes no more.
func (p *Phone) Gone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	close(p.news)
	p.news = make(chan struct{})
}

// Note puts a remark between the lines of the story.
func (p *Phone) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(time.Now().UTC().Format("15:04:05.000 ") + fmt.Sprintf("**** "+format, args...))
}

func (p *Phone) tell(line string) {
	p.story = append(p.story, line)
	if len(p.story) > 2*maxStory {
		p.story = append(p.story[:0], p.story[maxStory:]...)
	}
}

// Story is what happened lately, for a failure.
func (p *Phone) Story() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.story[max(0, len(p.story)-maxStory):], "\n")
}

// Call is one of its calls.
func (p *Phone) Call(id uint64) Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[id]
}

// Live are its calls that have not ended.
func (p *Phone) Live() (list []Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if c.State != "ended" {
			list = append(list, c)
		}
	}
	return list
}

// Contact is what it last registered; empty while it is not registered.
func (p *Phone) Contact() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != "registered" {
		return ""
	}
	return p.contact
}

// Steady says that no roam is under way.
func (p *Phone) Steady() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.roaming
}

// Process asks what it needs of its system now.
func (p *Phone) Process(ctx context.Context) (now automation.Process, err error) {
	seen := func() (n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		now = p.process
		return p.snapshots
	}
	before := seen()
	if _, err := p.Do(ctx, "snapshot"); err != nil {
		return now, err
	}
	err = p.Until(ctx, func() bool { return seen() > before })
	return now, err
}

var errGone = errors.New("the phone is gone")

// Until waits for something about the phone, or returns the error of ctx. What
// is not of the phone is looked at again many times a second.
func (p *Phone) Until(ctx context.Context, ok func() bool) error {
	for {
		p.mu.Lock()
		news, gone := p.news, p.gone
		p.mu.Unlock()
		switch {
		case ok():
			return nil
		case gone:
			return errGone
		}
		look := time.NewTimer(look)
		select {
		case <-news:
		case <-look.C:
		case <-ctx.Done():
			look.Stop()
			return ctx.Err()
		}
		look.Stop()
	}
}

// look is how often something is looked at that tells no one when it changes.
const look = 20 * time.Millisecond

// Do gives a command and returns the number of the call that was meant or made.
func (p *Phone) Do(ctx context.Context, command string) (uint64, error) {
	p.mu.Lock()
	p.number++
	id := fmt.Sprint("soak", p.number)
	p.answers[id] = event.Event{}
	p.mu.Unlock()
	p.Note("%s", command)
	if err := p.say("@" + id + " " + command); err != nil {
		return 0, err
	}
	var e event.Event
	err := p.Until(ctx, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		e = p.answers[id]
		return e.Type != ""
	})
	p.mu.Lock()
	delete(p.answers, id)
	p.mu.Unlock()
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", command, err)
	case e.Type == "error":
		return 0, fmt.Errorf("%s: %s", command, e.Reason)
	}
	return e.Call, nil
}

// Forget drops the calls that have ended.
func (p *Phone) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.calls {
		if c.State == "ended" {
			delete(p.calls, id)
		}
	}
}
