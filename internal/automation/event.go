package automation

import (
	"cmp"
	"encoding/json"
	"io"
	"math"
	"net/netip"
	"strconv"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// version is the "v" of every object.
const version = 1

// head begins every object.
type head struct {
	V    int    `json:"v"`
	Time stamp  `json:"time"`
	Type string `json:"type"`
}

// newEncoder writes one object a line, with the text as it is.
func newEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func begin(at time.Time, kind string) head { return head{version, stamp(at), kind} }

// stamp is written as RFC 3339 with nine digits after the point, in UTC, so
// that lines sort as text.
type stamp time.Time

// IsZero lets a moment that never was be absent.
func (s stamp) IsZero() bool { return time.Time(s).IsZero() }

func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000000Z07:00"), nil
}

// millis is a duration in milliseconds, with up to three decimals.
type millis time.Duration

func (m millis) MarshalJSON() ([]byte, error) {
	ms := float64(time.Duration(m).Round(time.Microsecond)) / float64(time.Millisecond)
	return strconv.AppendFloat(nil, ms, 'f', -1, 64), nil
}

type readyObject struct {
	head
	Version  string                    `json:"version"`
	PID      int                       `json:"pid"`
	Accounts []string                  `json:"accounts"`
	Listen   map[string]netip.AddrPort `json:"listen"`
}

type registrationBody struct {
	Account   string `json:"account"`
	State     string `json:"state"`
	Contact   string `json:"contact,omitempty"`
	Expires   int64  `json:"expires,omitempty"` // seconds
	Code      int    `json:"code,omitempty"`
	Warning   string `json:"warning,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Hint      string `json:"hint,omitempty"` // what can be done
	Server    string `json:"server,omitempty"`
	Transport string `json:"transport,omitempty"`
	Trying    stamp  `json:"trying_since,omitzero"` // no server has answered since
	NextTry   stamp  `json:"next_try,omitzero"`
}

type callBody struct {
	callHead
	peerBody
	CallID      string         `json:"call_id,omitempty"`
	Codec       string         `json:"codec,omitempty"`
	SRTP        string         `json:"srtp,omitempty"`
	Code        int            `json:"code,omitempty"`
	Reason      string         `json:"reason,omitempty"`
	Duration    *millis        `json:"duration_ms,omitempty"` // since the answer
	LocalMedia  netip.AddrPort `json:"local_media,omitzero"`
	RemoteMedia netip.AddrPort `json:"remote_media,omitzero"`
	endBody
	timesBody
	Roams      int    `json:"roams,omitempty"` // lived through
	LongestGap millis `json:"longest_gap_ms,omitzero"`
}

// callHead is which call it is, and how it stands.
type callHead struct {
	Call      phone.CallID `json:"call"`
	Account   string       `json:"account"`
	Direction string       `json:"direction"`
	State     string       `json:"state"`
	Held      string       `json:"held"`
}

// timesBody are the moments of a call.
type timesBody struct {
	Started  stamp `json:"started,omitzero"`
	Answered stamp `json:"answered,omitzero"`
	Ended    stamp `json:"ended,omitzero"`
}

// peerBody is who is at the other end.
type peerBody struct {
	Peer    string `json:"peer,omitempty"`
	Name    string `json:"name,omitempty"`
	NextHop string `json:"next_hop,omitempty"` // the host that our INVITE goes to
}

// endBody is what can be done about the end of a call, and the facts that this
// and the reason are made from.
type endBody struct {
	Hint    string   `json:"hint,omitempty"`
	Next    []string `json:"next,omitempty"` // commands that help
	EndedBy string   `json:"ended_by,omitempty"`
	EndedIn string   `json:"ended_in,omitempty"`
	Cause   string   `json:"cause,omitempty"`
	Phrase  string   `json:"phrase,omitempty"`       // the other side's own words
	MovedTo string   `json:"moved_to,omitempty"`     // the address that a 3xx gave; nobody but who sent it vouches for it
	Redial  bool     `json:"needs_redial,omitempty"` // the other side lost the call; dial again
}

type mediaBody struct {
	Call phone.CallID `json:"call"`
	packetsBody
	Jitter    *millis `json:"jitter_ms,omitempty"` // absent until packets came
	RTT       millis  `json:"rtt_ms,omitzero"`
	Delay     millis  `json:"delay_ms,omitzero"`
	Buffer    millis  `json:"buffer_ms"`
	Concealed millis  `json:"concealed_ms"`
	MOS       float64 `json:"mos,omitempty"`
	LevelIn   float64 `json:"level_in,omitempty"`
	LevelOut  float64 `json:"level_out,omitempty"`
	Loss      float64 `json:"loss"` // percent not heard in time, over the last 10 s
	LossCall  float64 `json:"loss_call"`
	MOSCall   float64 `json:"mos_call,omitempty"`
	Sending   bool    `json:"sending"`
}

type packetsBody struct {
	TxPackets  uint64 `json:"tx_packets"`
	RxPackets  uint64 `json:"rx_packets"`
	Lost       uint64 `json:"lost"`
	Late       uint64 `json:"late"`
	Duplicates uint64 `json:"duplicates"`
	Refused    uint64 `json:"refused,omitempty"`
	Unsent     uint64 `json:"unsent,omitempty"` // of ours that the system did not take
}

type networkBody struct {
	Interfaces []interfaceBody     `json:"interfaces"`
	Path       map[string]pathBody `json:"path"`
	Reasons    []string            `json:"reasons,omitempty"`
}

type interfaceBody struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
	Up        bool         `json:"up"`
	UsedBy    []string     `json:"used_by,omitempty"`
}

type pathBody struct {
	Interface string     `json:"interface,omitempty"`
	Source    netip.Addr `json:"source,omitzero"`
	NextHop   netip.Addr `json:"next_hop,omitzero"`
}

type dtmfObject struct {
	head
	Call     phone.CallID `json:"call"`
	Digit    string       `json:"digit"`
	Duration millis       `json:"duration_ms"`
	Method   string       `json:"method"`
}

type noticeObject struct {
	head
	Level string `json:"level"`
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

type okObject struct {
	head
	ID      string       `json:"id,omitempty"`
	Call    phone.CallID `json:"call,omitempty"`
	Devices []soundBody  `json:"devices,omitzero"` // of "audio list"
}

type soundBody struct {
	Direction string `json:"direction"` // "in", "out"
	Name      string `json:"name"`
	About     string `json:"about,omitempty"`
	Backend   string `json:"backend"`
	Default   bool   `json:"default,omitempty"`
	InUse     bool   `json:"in_use,omitempty"`
}

type errorObject struct {
	head
	ID      string `json:"id,omitempty"`
	Command string `json:"command"`
	Reason  string `json:"reason"`
	Hint    string `json:"hint,omitempty"` // what can be done; the reason ends with it too
}

// event is the object for a notice; phone.Ready has its own way.
func event(n phone.Notice) any {
	switch w := n.What.(type) {
	case phone.RegistrationChanged:
		return struct {
			head
			registrationBody
		}{begin(n.At, "registration"), registration(w.Account)}
	case phone.CallChanged:
		return struct {
			head
			callBody
		}{begin(n.At, "call"), call(n.At, w.Call)}
	case phone.NetworkChanged:
		return struct {
			head
			networkBody
		}{begin(n.At, "network"), network(w.Network)}
	case phone.RoamChanged:
		if w.Step != nil {
			return stepEvent(n.At, w.Roam, *w.Step)
		}
		return roamEvent(n.At, roam(w.Roam))
	case phone.MediaReport:
		return struct {
			head
			mediaBody
		}{begin(n.At, "media"), media(w.Call, w.Media)}
	case phone.DigitHeard:
		return dtmfObject{begin(n.At, "dtmf"), w.Call, string(w.Digit), millis(w.Duration), w.Method}
	case phone.Said:
		text, hint := words.News(w.News)
		return noticeEvent(n.At, w.Level, text, hint)
	case phone.Closed:
		return noticeEvent(n.At, phone.Info, words.Closed(w), "")
	}
	return nil
}

func (s *session) readyEvent(at time.Time, r phone.Ready) any {
	o := readyObject{begin(at, "ready"), s.Version, s.PID, r.Accounts, r.Listen}
	if o.Accounts == nil {
		o.Accounts = []string{}
	}
	if o.Listen == nil {
		o.Listen = map[string]netip.AddrPort{}
	}
	return o
}

func noticeEvent(at time.Time, level phone.Level, text, hint string) any {
	return noticeObject{begin(at, "notice"), level.String(), clean.Limit(text, 1024), clean.Limit(hint, 1024)}
}

func acceptance(at time.Time, r request, reply phone.Reply) any {
	return okObject{begin(at, "ok"), r.id, reply.Call, soundDevices(r, reply.Sound)}
}

// soundDevices is nil but for the command that asked for them.
func soundDevices(r request, list []phone.SoundDevice) []soundBody {
	if _, asked := r.command.(phone.ListAudio); !asked {
		return nil
	}
	out := []soundBody{}
	for _, d := range list {
		body := soundBody{"in", clean.Text(d.Name), clean.Text(d.About), d.Backend, d.Default, d.InUse}
		if d.Output {
			body.Direction = "out"
		}
		out = append(out, body)
	}
	return out
}

func refusal(at time.Time, r request, err error) any {
	text, hint := words.Refused(err)
	return errorObject{begin(at, "error"), r.id, r.echo, clean.Limit(words.Line(text, hint), 1024), clean.Limit(hint, 1024)}
}

func snapshotEvent(at time.Time, st phone.State, process *Process) any {
	type state struct {
		Accounts []registrationBody `json:"accounts"`
		Calls    []callBody         `json:"calls"`
		Network  networkBody        `json:"network"`
		Roams    []roamBody         `json:"roams"`
		Current  phone.CallID       `json:"current,omitempty"`
	}
	out := state{[]registrationBody{}, []callBody{}, network(st.Network), []roamBody{}, st.Current}
	for _, a := range st.Accounts {
		out.Accounts = append(out.Accounts, registration(a))
	}
	for _, c := range st.Calls {
		out.Calls = append(out.Calls, call(at, c))
	}
	for _, r := range st.Roams {
		out.Roams = append(out.Roams, timeline(r))
	}
	return struct {
		head
		Process *Process `json:"process,omitempty"`
		State   state    `json:"state"`
	}{begin(at, "snapshot"), process, out}
}

func registration(a phone.Account) registrationBody {
	reason, hint := words.Registration(a)
	return registrationBody{
		Account: a.Name, State: a.State.String(), Contact: clean.Limit(a.Contact, 1024),
		Expires: int64(a.Expires / time.Second), Code: a.Code, Reason: clean.Limit(reason, 1024), Hint: clean.Limit(hint, 1024), Warning: clean.Text(words.Warnings(a.Warnings)),
		Server: clean.Text(cmp.Or(a.Trying.Server, a.Server)), Transport: a.Transport,
		Trying: stamp(a.Trying.Since), NextTry: stamp(a.Trying.Next),
	}
}

func call(at time.Time, c phone.Call) callBody {
	out := callBody{
		callHead: callHead{Call: c.ID, Account: c.Account, Direction: c.Direction.String(), State: c.State.String(), Held: c.Held.String()},
		peerBody: peerBody{Peer: clean.Limit(c.Peer, 1024), Name: clean.Text(c.Name), NextHop: clean.Text(c.NextHop)}, CallID: clean.Limit(c.SIPCallID, 1024),
		Codec: clean.Text(c.Codec), SRTP: c.SRTP, Code: c.Code, Reason: clean.Text(c.Reason),
		LocalMedia: c.LocalMedia, RemoteMedia: c.RemoteMedia, endBody: endBody{Hint: clean.Limit(c.Hint, 1024), Redial: c.NeedsRedial},
		timesBody: timesBody{Started: stamp(c.Started), Answered: stamp(c.Answered), Ended: stamp(c.Ended)}, Roams: c.Roams, LongestGap: millis(c.LongestGap),
	}
	if !c.Answered.IsZero() {
		until := at
		if !c.Ended.IsZero() {
			until = c.Ended
		}
		d := millis(max(0, until.Sub(c.Answered)))
		out.Duration = &d
	}
	if c.State == phone.Ended {
		said := words.End(c)
		out.Reason, out.Hint, out.Next = clean.Limit(said.Text, 1024), clean.Limit(said.Hint, 1024), said.Next
		out.MovedTo = clean.Limit(c.MovedTo(), 1024)
		out.EndedBy, out.Cause, out.Phrase = c.End.By.String(), c.End.Cause.String(), clean.Text(c.End.Phrase)
		if c.End.Cause != phone.NoCause {
			out.EndedIn = c.End.In.String()
		}
	}
	return out
}

func media(id phone.CallID, m phone.Media) mediaBody {
	out := mediaBody{
		Call: id,
		packetsBody: packetsBody{
			TxPackets: m.TxPackets, RxPackets: m.RxPackets, Lost: m.Lost, Late: m.Late, Duplicates: m.Duplicates, Refused: m.Refused, Unsent: m.Unsent,
		},
		RTT: millis(m.RTT), Delay: millis(m.Delay), Buffer: millis(m.Buffer), Concealed: millis(m.Concealed),
		Loss: finite(100*m.Loss, 10), LossCall: finite(100*m.Call.Loss, 10), MOS: finite(m.MOS, 100), MOSCall: finite(m.Call.MOS, 100),
		Sending: m.Sending, LevelIn: finite(m.LevelIn, 10), LevelOut: finite(m.LevelOut, 10),
	}
	if m.RxPackets > 0 {
		jitter := millis(m.Jitter)
		out.Jitter = &jitter
	}
	return out
}

// finite rounds to 1/parts. JSON has no infinity: digital silence becomes
// -127 dBFS, the lowest level of RFC 6464.
func finite(v float64, parts float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return math.Round(min(max(v, -127), 127)*parts) / parts
}

func network(n phone.Network) networkBody {
	out := networkBody{Interfaces: []interfaceBody{}, Path: map[string]pathBody{}, Reasons: words.Reasons(n.Why)}
	for _, i := range n.Interfaces {
		body := interfaceBody{i.Name, i.Addresses, i.Up, i.UsedBy}
		if body.Addresses == nil {
			body.Addresses = []netip.Addr{}
		}
		out.Interfaces = append(out.Interfaces, body)
	}
	for _, p := range n.Paths {
		out.Path[p.Account] = pathBody{p.Interface, p.Source, p.NextHop}
	}
	return out
}
