package history

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/clean"
)

// version is the "v" of every record.
const version = 1

// Call is a call that is over.
type Call struct {
	Account   string `json:"account"`
	Direction string `json:"direction"` // "in", "out"
	State     string `json:"state"`     // "ended"
	Peer      string `json:"peer,omitempty"`
	Name      string `json:"name,omitempty"`
	CallID    string `json:"call_id,omitempty"`
	Codec     string `json:"codec,omitempty"`
	Code      int    `json:"code,omitempty"` // final SIP status, where one ended it
	Reason    string `json:"reason,omitempty"`
	CallEnd
	Started    time.Time `json:"started"`
	Answered   time.Time `json:"answered,omitzero"` // zero: never
	Ended      time.Time `json:"ended"`
	Roams      int       `json:"roams,omitempty"` // lived through
	LongestGap Millis    `json:"longest_gap_ms,omitzero"`
}

// CallEnd is what can be done about the end of a call, and the facts that this
// and Reason were made from; old records have none of the facts.
type CallEnd struct {
	Hint        string `json:"hint,omitempty"`
	NeedsRedial bool   `json:"needs_redial,omitempty"` // the other side lost the dialog
	EndedBy     string `json:"ended_by,omitempty"`
	EndedIn     string `json:"ended_in,omitempty"`
	Cause       string `json:"cause,omitempty"`
	Phrase      string `json:"phrase,omitempty"` // the other side's own words
	After       Millis `json:"after_ms,omitzero"`
	Fault       string `json:"fault,omitempty"`
}

// Roam is a roam that is over, with its timeline.
type Roam struct {
	Roam       int        `json:"roam"` // its number in that run
	Account    string     `json:"account"`
	Epoch      uint64     `json:"epoch"`
	Phase      string     `json:"phase"` // "done", "failed", "superseded"
	From       string     `json:"from,omitempty"`
	To         string     `json:"to,omitempty"`
	Reasons    []string   `json:"reasons,omitempty"`
	Started    time.Time  `json:"started"`
	Total      Millis     `json:"total_ms"`
	Steps      []Step     `json:"steps,omitempty"`
	Calls      []RoamCall `json:"calls,omitempty"`
	Detail     string     `json:"detail,omitempty"` // why it failed and what follows
	FailedStep string     `json:"failed_step,omitempty"`
	Next       []string   `json:"next,omitempty"` // commands that help

	Accounts []RoamAccount `json:"accounts,omitempty"` // where it moved several
}

// RoamAccount is what a roam was to one of its accounts.
type RoamAccount struct {
	Account string `json:"account"`
	Epoch   uint64 `json:"epoch"`
	Phase   string `json:"phase"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Total   Millis `json:"total_ms"`
	Detail  string `json:"detail,omitempty"`
}

// Step is one line of a timeline.
type Step struct {
	Step     string `json:"step"`
	Offset   Millis `json:"offset_ms"`
	Duration Millis `json:"duration_ms"`
	OK       bool   `json:"ok"`
	Detail   string `json:"detail,omitempty"`
	Call     int    `json:"call,omitempty"`
	Account  string `json:"account,omitempty"` // where the roam has several
}

// RoamCall is what a roam cost one call. The gaps are nil where no audio was
// due.
type RoamCall struct {
	Call   int     `json:"call"`
	Peer   string  `json:"peer,omitempty"`
	Name   string  `json:"name,omitempty"`
	GapIn  *Millis `json:"gap_in_ms,omitempty"`
	GapOut *Millis `json:"gap_out_ms,omitempty"`
	LostIn *uint64 `json:"lost_in,omitempty"`
	HungUp bool    `json:"hung_up,omitempty"` // it was over before it was whole again
}

// Millis is a duration that is written in milliseconds with up to three
// decimals: records are exact to the microsecond.
type Millis time.Duration

// MarshalJSON writes milliseconds.
func (m Millis) MarshalJSON() ([]byte, error) {
	us := time.Duration(m).Round(time.Microsecond).Microseconds()
	return strconv.AppendFloat(nil, float64(us)/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads milliseconds, up to some years of them.
func (m *Millis) UnmarshalJSON(data []byte) error {
	ms, err := strconv.ParseFloat(string(data), 64)
	if err != nil || math.IsNaN(ms) || math.Abs(ms) > 1e12 {
		return errors.New("not a duration in milliseconds: " + string(data))
	}
	*m = Millis(math.Round(ms*1000) * float64(time.Microsecond))
	return nil
}

// Longest texts of a record, in runes, and longest lists. They leave room for
// a whole record in maxLine.
const (
	maxURI   = 1024
	maxWords = 512
	maxSteps = 200
	maxList  = 64
)

// cleaned is the record fit for every output: no control characters, nothing
// endless, no password in an address (RFC 3261 19.1.1 allows one).
func (c Call) cleaned() Call {
	for _, s := range []*string{&c.Account, &c.Direction, &c.State, &c.Name, &c.Codec, &c.EndedBy, &c.EndedIn, &c.Cause} {
		*s = clean.Text(*s)
	}
	c.Peer, c.CallID = clean.Limit(withoutPassword(c.Peer), maxURI), clean.Limit(c.CallID, maxURI)
	for _, s := range []*string{&c.Reason, &c.Hint, &c.Phrase, &c.Fault} {
		*s = clean.Limit(*s, maxWords)
	}
	return c
}

func (r Roam) cleaned() Roam {
	for _, s := range []*string{&r.Account, &r.Phase, &r.From, &r.To, &r.FailedStep} {
		*s = clean.Text(*s)
	}
	r.Detail = clean.Limit(r.Detail, maxWords)
	r.Reasons, r.Next = cleanList(r.Reasons), cleanList(r.Next)
	steps := r.Steps[:min(len(r.Steps), maxSteps)]
	r.Steps = nil
	for _, s := range steps {
		s.Step, s.Account, s.Detail = clean.Text(s.Step), clean.Text(s.Account), clean.Limit(s.Detail, maxWords)
		r.Steps = append(r.Steps, s)
	}
	calls := r.Calls[:min(len(r.Calls), maxList)]
	r.Calls = nil
	for _, c := range calls {
		c.Peer, c.Name = clean.Limit(withoutPassword(c.Peer), maxURI), clean.Text(c.Name)
		r.Calls = append(r.Calls, c)
	}
	parts := r.Accounts[:min(len(r.Accounts), maxList)]
	r.Accounts = nil
	for _, p := range parts {
		for _, s := range []*string{&p.Account, &p.Phase, &p.From, &p.To} {
			*s = clean.Text(*s)
		}
		p.Detail = clean.Limit(p.Detail, maxWords)
		r.Accounts = append(r.Accounts, p)
	}
	return r
}

func cleanList(list []string) (out []string) {
	for _, s := range list[:min(len(list), maxList)] {
		out = append(out, clean.Text(s))
	}
	return out
}

// withoutPassword takes the password out of user:password@host.
func withoutPassword(uri string) string {
	at := strings.LastIndexByte(uri, '@')
	scheme := strings.IndexByte(uri, ':') + 1
	if at < scheme {
		return uri
	}
	if user, _, secret := strings.Cut(uri[scheme:at], ":"); secret {
		return uri[:scheme] + user + uri[at:]
	}
	return uri
}

// valid says what a record lacks. A line can be sound JSON and still none of
// ours.
func (c Call) valid() error {
	if c.Direction != "in" && c.Direction != "out" || c.Ended.IsZero() {
		return errors.New("it lacks its direction or its end")
	}
	return nil
}

func (r Roam) valid() error {
	switch r.Phase {
	case "done", "failed", "superseded":
	default:
		return fmt.Errorf("it has the phase %q", r.Phase)
	}
	if r.Started.IsZero() {
		return errors.New("it lacks its start")
	}
	return nil
}
