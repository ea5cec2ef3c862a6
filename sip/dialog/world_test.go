package dialog

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ramble/sip/sdp"
)

// A world in virtual time: two machines, what keeps their transactions (RFC 3261
// 17), and a network that loses, delays, reorders and doubles. No goroutine, no
// clock.

type world struct {
	t     testing.TB
	dice  *rand.Rand
	now   time.Time
	queue agenda
	count int
	ends  [2]*end
	log   strings.Builder
	calm  bool // the network loses nothing any more
	loss  float64
	bad   []string
}

type entry struct {
	at time.Time
	n  int
	fn func()
}

type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].n < a[j].n
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

func (w *world) after(d time.Duration, fn func()) {
	w.count++
	heap.Push(&w.queue, entry{w.now.Add(d), w.count, fn})
}

// run plays until t.
func (w *world) run(t time.Time) {
	for len(w.queue) > 0 && !w.queue[0].at.After(t) {
		e := heap.Pop(&w.queue).(entry)
		w.now = e.at
		e.fn()
	}
	w.now = t
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(&w.log, "%8.3f ", w.now.Sub(start()).Seconds())
	fmt.Fprintf(&w.log, format+"\n", args...)
}

func (w *world) breach(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.say("BREACH %s", text)
	w.bad = append(w.bad, text)
}

func start() time.Time { return time.Unix(1000, 0) }

// packet is one datagram. key names its transaction.
type packet struct {
	key      string
	request  bool
	method   string
	seq      uint32
	from, to string // tags
	code     int
	contact  string
	body     []byte
	header   Header
	back     string // where responses go
	of       string // key of the INVITE, for a CANCEL
}

// end is one side: a machine and its transactions.
type end struct {
	w       *world
	name    string
	tag     string
	m       *Machine
	other   *end
	at      int // which address it has
	clients map[string]*client
	servers map[string]*server
	byID    map[ID]*server
	sent    map[ID]*client
	lastIn  ID
	timer   int
	law     law
	remote  netip.AddrPort // where it sends its media
	heard   sdp.Direction  // as agreed
	ended   *Ended
	retry   int
	repair  bool // a move is not told yet
	grace   time.Time
}

// law is what the laws are checked by.
type law struct {
	offers  map[ID]bool       // ours that are out
	finals  map[ID]int        // final responses to theirs
	seqs    map[string]uint32 // per dialog
	applied bool
	up      bool
	acks    map[uint32]bool // in this step
	over    bool
}

type client struct {
	p      packet
	to     string
	id     ID
	invite bool
	wait   time.Duration
	quiet  bool // no more repetitions
	done   bool
	addr   string // the path it is on
}

type server struct {
	id    ID
	p     packet
	last  *packet
	addr  string
	acked bool
	wait  time.Duration
}

func (e *end) addr() string { return fmt.Sprintf("%s@%d", e.name, e.at) }

func (e *end) media() Media {
	n := byte(1)
	if e.name == "b" {
		n = 2
	}
	ip := netip.AddrFrom4([4]byte{10, n, byte(e.at >> 8), byte(e.at)})
	return Media{RTP: netip.AddrPortFrom(ip, 4000)}
}

func session(n uint64) *sdp.Local {
	return sdp.NewLocal(netip.MustParseAddr("192.0.2.1"), n, []sdp.Codec{{Name: "PCMU", ClockRate: 8000}})
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, dice: rand.New(rand.NewPCG(seed, 7)), now: start()}
	for i, name := range []string{"a", "b"} {
		w.ends[i] = &end{w: w, name: name, tag: "tag" + name, clients: map[string]*client{}, servers: map[string]*server{},
			byID: map[ID]*server{}, sent: map[ID]*client{},
			law: law{offers: map[ID]bool{}, finals: map[ID]int{}, seqs: map[string]uint32{}}}
	}
	w.ends[0].other, w.ends[1].other = w.ends[1], w.ends[0]
	return w
}

func (w *world) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(w.dice.Int64N(int64(hi-lo)+1))
}

// post carries a datagram, or does not.
func (w *world) post(to string, p packet) {
	copies := 1
	if !w.calm {
		if w.dice.Float64() < w.loss {
			copies = 0
		} else if w.dice.Float64() < 0.05 {
			copies = 2
		}
	}
	for range copies {
		delay := time.Duration(5+w.dice.IntN(30)) * time.Millisecond
		if !w.calm && w.dice.Float64() < 0.1 {
			delay = time.Duration(w.dice.IntN(900)) * time.Millisecond
		}
		w.after(delay, func() {
			for _, e := range w.ends {
				if e.addr() == to {
					e.receive(p)
				}
			}
		})
	}
}

func (e *end) receive(p packet) {
	if p.request {
		e.takeRequest(p)
		return
	}
	c := e.clients[p.key]
	r := Response{Code: p.code, Seq: p.seq, Tag: p.to, Contact: Contact{URI: p.contact}, Body: p.body, Header: p.header, Err: fmt.Errorf("%d", p.code)}
	switch {
	case c == nil || c.done:
		if p.method == "INVITE" && p.code >= 300 && c != nil {
			e.hopACK(c, p)
		}
		if p.method == "INVITE" && p.code/100 == 2 {
			e.hear2xx(r)
		}
		return
	case p.code < 200:
		c.quiet = c.invite || c.quiet
	default:
		c.done = true
		delete(e.law.offers, c.id)
		if c.invite && p.code >= 300 {
			e.hopACK(c, p)
		}
	}
	r.To = c.id
	if c.invite && p.code/100 == 2 {
		e.hear2xx(r)
		return
	}
	e.step(r)
}

// hear2xx: law 2, each 2xx to an INVITE is acknowledged.
func (e *end) hear2xx(r Response) {
	e.law.acks = map[uint32]bool{}
	e.step(r)
	if !e.law.acks[r.Seq] {
		e.w.breach("%s did not acknowledge a 2xx to INVITE %d", e.name, r.Seq)
	}
}

func (e *end) hopACK(c *client, p packet) {
	e.w.post(c.to, packet{key: c.p.key, request: true, method: "ACK-hop", seq: p.seq, from: e.tag})
}

func (e *end) takeRequest(p packet) {
	if s := e.servers[p.key]; s != nil {
		switch {
		case p.method == "ACK-hop":
			s.acked = true
		case s.last != nil:
			e.w.post(s.p.back, *s.last)
		}
		return
	}
	switch p.method {
	case "ACK-hop":
		return
	case "ACK":
		var of ID
		for id, s := range e.byID {
			if s.p.method == "INVITE" && s.p.seq == p.seq {
				of = id
			}
		}
		if e.m != nil {
			e.step(Request{Method: "ACK", ID: of, Seq: p.seq, Tag: p.from, Body: p.body})
		}
		return
	case "CANCEL":
		code, s := 481, e.servers[p.of]
		if s != nil {
			code = 200
		}
		e.w.post(p.back, packet{key: p.key, method: "CANCEL", seq: p.seq, code: code, from: p.from, to: e.tag})
		if s != nil {
			e.step(Request{Method: "CANCEL", ID: s.id, Seq: p.seq, Tag: p.from})
		}
		return
	}
	e.lastIn++
	s := &server{id: e.lastIn, p: p, addr: e.addr()}
	e.servers[p.key], e.byID[s.id] = s, s
	r := Request{ID: s.id, Method: p.method, Seq: p.seq, Tag: p.from, Contact: Contact{URI: p.contact}, Body: p.body, Header: p.header}
	switch {
	case p.to == "" && e.m == nil:
		e.m = Answering(Config{Session: session(2), Between: e.w.between}, Dialog{RemoteTag: p.from, Target: p.contact}, r)
		e.ring()
	case p.to != e.tag || e.m == nil:
		e.do(Reply{To: s.id, Code: 481})
	case p.method == "OPTIONS":
		e.do(Reply{To: s.id, Code: 200})
	default:
		e.step(r)
	}
}
