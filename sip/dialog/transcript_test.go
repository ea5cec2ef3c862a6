package dialog

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ramble/sip/sdp"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// TestTranscripts plays testdata/*.txt: a line is an event, and behind the arrow
// stands what follows from it. Letters are addresses: of our media, of theirs, of
// Contacts. "go test -update" writes what follows anew; read the diff.
//
//	dial | ring CODE | accept | reject CODE | hang up | spare | drop | ask | forgo
//	want DIRECTION LETTER URGENCY [update]
//	moved | moving | settled | after DURATION
//	CODE METHOD [tag T] [sdp DIRECTION LETTER] [rel N] [contact LETTER] [retry N] [again]
//	METHOD CSEQ [tag T] [sdp DIRECTION LETTER] [contact LETTER] [rack N N] [reason CODE]
//	    both: [timer SECONDS REFRESHER] [min SECONDS] [knows-timer] [allows]
//	failed METHOD closed|timeout|transport|unreachable
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("it plays otherwise:\n%s", got)
			}
		})
	}
}

// stage is a machine in a transcript.
type stage struct {
	t       *testing.T
	m       *Machine
	now     time.Time
	methods map[ID]string // of requests of ours that are out
	theirs  map[ID]string
	last    ID
}

func play(t *testing.T, text string) string {
	s := &stage{t: t, now: start(), methods: map[ID]string{}, theirs: map[ID]string{}}
	var out strings.Builder
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			out.WriteString(line + "\n")
			continue
		}
		event, _, _ := strings.Cut(line, "->")
		event = strings.TrimSpace(event)
		fmt.Fprintf(&out, "%-40s -> %s\n", event, strings.Join(s.line(event), "; "))
	}
	return out.String()
}

func letter(l string) sdp.Transport {
	n := l[0] - 'A' + 1
	return sdp.Transport{RTP: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 4000)}
}

func named(at netip.AddrPort) string { return string(rune('A' + at.Addr().As4()[3] - 1)) }

func direction(s string) sdp.Direction {
	for d := sdp.SendRecv; d <= sdp.Inactive; d++ {
		if d.String() == s {
			return d
		}
	}
	return sdp.Inactive
}

// theirSDP is what the peer says.
func theirSDP(dir, at string) []byte {
	return []byte(fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=%s\r\n",
		letter(at).RTP.Addr(), dir))
}

func (s *stage) line(event string) (out []string) {
	w := strings.Fields(event)
	if w[0] == "after" {
		d, err := time.ParseDuration(w[1])
		if err != nil {
			s.t.Fatal(err)
		}
		for until := s.now.Add(d); ; {
			next := s.m.Next()
			if next.IsZero() || next.After(until) {
				s.now = until
				return out
			}
			s.now = next
			out = append(out, s.say(s.m.Step(s.now, Tick{}))...)
		}
	}
	return s.say(s.feed(event, w))
}

func (s *stage) feed(event string, w []string) []Action {
	c := Config{Session: session(1), To: Dialog{Target: "peer"}}
	if s.m == nil && w[0] == "dial" {
		s.m = New(c)
	}
	if code, err := strconv.Atoi(w[0]); err == nil {
		return s.m.Step(s.now, s.response(code, w))
	}
	if s.m == nil {
		s.last++
		s.theirs[s.last] = "INVITE"
		s.m = Answering(c, Dialog{RemoteTag: "t", Target: "peer"}, s.request(w))
		return nil
	}
	return s.m.Step(s.now, s.event(event, w))
}

func (s *stage) event(event string, w []string) Event {
	urgencies := map[string]Urgency{"noted": Noted, "quietly": Quietly, "soon": Soon, "once": Once, "now": Now}
	switch event {
	case "dial":
		return Dial{Wish: Wish{At: letter("A")}}
	case "accept":
		return Accept{Wish: Wish{At: letter("A")}}
	case "hang up":
		return Hangup{}
	case "spare":
		return Hangup{Spare: true}
	case "drop":
		return Drop{}
	case "ask":
		return Ask{}
	case "forgo":
		return Forgo{}
	case "moved":
		return Moved{}
	case "moving":
		return Moving{On: true}
	case "settled":
		return Moving{}
	}
	switch w[0] {
	case "ring":
		n, _ := strconv.Atoi(w[1])
		return Ring{Code: n}
	case "reject":
		n, _ := strconv.Atoi(w[1])
		return Reject{Code: n}
	case "want":
		e := Want{Wish: Wish{At: letter(w[2]), Direction: direction(w[1])}, Urgency: urgencies[w[3]]}
		if len(w) > 4 {
			e.By = Update
		}
		return e
	case "failed":
		causes := map[string]Cause{"closed": Closed, "timeout": TimedOut, "transport": Transport, "unreachable": Unreachable}
		return Failed{To: s.out(w[1]), Cause: causes[w[2]], Err: errors.New(w[2])}
	}
	return s.request(w)
}

// out is the newest request of ours with a method.
func (s *stage) out(method string) (newest ID) {
	for id, m := range s.methods {
		if m == method && id > newest {
			newest = id
		}
	}
	return newest
}

func (s *stage) response(code int, w []string) Response {
	r := Response{To: s.out(w[1]), Code: code, Tag: "t", Err: fmt.Errorf("%d", code)}
	if f := s.m.find(r.To); f != nil {
		r.Seq = f.Seq
	} else {
		r.To, r.Seq = 0, 1
	}
	s.options(w[2:], &r.Tag, &r.Body, &r.Contact, &r.Header, &r.Again)
	return r
}

func (s *stage) request(w []string) Request {
	n, _ := strconv.ParseUint(w[1], 10, 32)
	r := Request{Method: w[0], Seq: uint32(n), Tag: "t"}
	switch w[0] {
	case "ACK":
	case "CANCEL":
		for id, m := range s.theirs {
			if m == "INVITE" {
				r.ID = max(r.ID, id)
			}
		}
	default:
		if s.m != nil {
			s.last++
			s.theirs[s.last] = w[0]
		}
		r.ID = s.last
	}
	s.options(w[2:], &r.Tag, &r.Body, &r.Contact, &r.Header, new(bool))
	return r
}

func (s *stage) options(w []string, tag *string, body *[]byte, contact *Contact, h *Header, again *bool) {
	number := func(v string) uint32 { n, _ := strconv.ParseUint(v, 10, 32); return uint32(n) }
	for i := 0; i < len(w); i++ {
		switch w[i] {
		case "tag":
			i++
			*tag = w[i]
		case "sdp":
			*body = theirSDP(w[i+1], w[i+2])
			i += 2
		case "nonsense":
			*body = []byte("nonsense")
		case "rel":
			i++
			h.Reliable = number(w[i])
		case "100rel":
			h.Asks100rel = true
		case "timer":
			h.Timer.Every, h.Timer.Refresher = time.Duration(number(w[i+1]))*time.Second, w[i+2]
			i += 2
		case "min":
			i++
			h.Timer.Min = time.Duration(number(w[i])) * time.Second
		case "knows-timer":
			h.Supported = []string{"timer"}
		case "allows":
			h.Allow = []string{"UPDATE"}
		case "contact":
			i++
			contact.URI = w[i]
		case "retry":
			i++
			h.RetryAfter = time.Duration(number(w[i])) * time.Second
		case "rack":
			h.RAck = RAck{RSeq: number(w[i+1]), CSeq: number(w[i+2])}
			i += 2
		case "reason":
			i++
			h.Cause = int(number(w[i]))
		case "again":
			*again = true
		default:
			s.t.Fatalf("what is %q?", w[i])
		}
	}
}

// say puts actions into the words of the RFCs.
func (s *stage) say(acts []Action) (out []string) {
	timed := func(t Timer) (text string) {
		if t.Every > 0 {
			text = fmt.Sprintf(" timer %d %s", int(t.Every.Seconds()), t.Refresher)
		}
		if t.Min > 0 {
			text += fmt.Sprintf(" min %d", int(t.Min.Seconds()))
		}
		return text
	}
	described := func(body []byte) string {
		d, err := sdp.Parse(body)
		if err != nil {
			return ""
		}
		return fmt.Sprintf(" (%s at %s)", d.Audio.Direction, named(d.Audio.RTP))
	}
	for _, a := range acts {
		text := ""
		switch a := a.(type) {
		case Send:
			s.methods[a.ID] = a.Method
			text = fmt.Sprintf("%s %d", a.Method, a.Seq) + described(a.Body) + timed(a.Timer)
			if a.Dialog.RemoteTag != "t" && a.Dialog.RemoteTag != "" {
				text += " to " + a.Dialog.RemoteTag
			}
			if a.Method == "PRACK" {
				text += fmt.Sprintf(" of %d", a.RAck.RSeq)
			}
			if a.Dialog.Target != "peer" {
				text += " at " + a.Dialog.Target
			}
		case Cancel:
			s.methods[a.ID] = "CANCEL"
			text = "CANCEL"
		case Ack:
			text = fmt.Sprintf("ACK %d", a.Seq)
			if a.Dialog.RemoteTag != "t" {
				text += " to " + a.Dialog.RemoteTag
			}
			if a.Repeat {
				text += " where the first is lost"
			}
			s.methods[a.ID] = "ACK"
		case Stop:
			text = "stop " + s.methods[a.ID]
		case Reply:
			text = fmt.Sprintf("%d %s", a.Code, s.theirs[a.To]) + described(a.Body) + timed(a.Timer)
			if a.RSeq > 0 {
				text += fmt.Sprintf(" reliably, %d", a.RSeq)
			}
			if a.RetryAfter {
				text += " retry-after"
			}
		case Apply:
			text = fmt.Sprintf("apply %s to %s", a.Negotiated.Direction, named(a.Negotiated.Remote.RTP))
			if a.Early {
				text += ", early"
			}
		case Progress:
			text = fmt.Sprintf("progress %d", a.Code)
		case Established:
			text = "established"
		case Outcome:
			text = fmt.Sprintf("outcome ok=%v", a.Result.OK)
			if a.Result.Answered && a.Result.Code >= 300 {
				text += fmt.Sprintf(" %d", a.Result.Code)
			}
			if a.Result.Unheard {
				text += ", unheard"
			}
		case Ended:
			text = fmt.Sprintf("ended by %s: %s", a.By, a.How)
			if a.Code > 0 {
				text += fmt.Sprintf(" %d", a.Code)
			}
		case Retargeted:
			text = "the peer is at " + a.To
		case Settled:
			text = "settled"
		}
		out = append(out, text)
	}
	return out
}
