package automation

import (
	"io"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// roamHead is which roam it is, in every line about one.
type roamHead struct {
	Roam    phone.RoamID `json:"roam"`
	Account string       `json:"account"`
	Epoch   phone.Epoch  `json:"epoch"`
	Phase   string       `json:"phase"`
	From    string       `json:"from,omitempty"`
	To      string       `json:"to,omitempty"`
	Reasons []string     `json:"reasons,omitempty"`

	Accounts []partBody `json:"accounts,omitempty"` // where it moved several
}

// partBody is what a roam is to one of its accounts.
type partBody struct {
	Account string      `json:"account"`
	Epoch   phone.Epoch `json:"epoch"`
	Phase   string      `json:"phase"`
	From    string      `json:"from,omitempty"`
	To      string      `json:"to,omitempty"`
	Total   *millis     `json:"total_ms,omitempty"`
}

func parts(r phone.Roam) (list []partBody) {
	if len(r.Parts) < 2 {
		return nil
	}
	for _, p := range r.Parts {
		one := partBody{Account: p.Account, Epoch: p.Epoch, Phase: p.Phase.String(), From: p.From, To: p.To}
		if p.Phase != phone.RoamStarted {
			total := millis(p.Total)
			one.Total = &total
		}
		list = append(list, one)
	}
	return list
}

func headOf(r phone.Roam, phase string) roamHead {
	return roamHead{Roam: r.ID, Account: r.Account, Epoch: r.Epoch, Phase: phase, From: r.From, To: r.To, Reasons: words.Reasons(r.Why), Accounts: parts(r)}
}

type roamBody struct {
	roamHead
	Started stamp          `json:"started,omitzero"` // first sign
	Detail  string         `json:"detail,omitempty"` // why it failed and what follows
	Failed  string         `json:"failed_step,omitempty"`
	Next    []string       `json:"next,omitempty"` // commands that help
	Total   *millis        `json:"total_ms,omitempty"`
	Calls   []roamCallBody `json:"calls,omitempty"`
	Steps   []stepBody     `json:"steps,omitempty"` // in snapshots and in the history
}

type roamCallBody struct {
	Call   phone.CallID `json:"call"`
	Peer   string       `json:"peer,omitempty"`
	Name   string       `json:"name,omitempty"`
	GapIn  *millis      `json:"gap_in_ms,omitempty"` // these three are absent when no audio was due
	GapOut *millis      `json:"gap_out_ms,omitempty"`
	LostIn *uint64      `json:"lost_in,omitempty"`
	HungUp bool         `json:"hung_up,omitempty"` // it was over before it was whole again
}

type stepBody struct {
	Step     string       `json:"step"`
	Offset   millis       `json:"offset_ms"`
	Duration *millis      `json:"duration_ms,omitempty"` // this and ok are absent while the step runs
	OK       *bool        `json:"ok,omitempty"`
	Detail   string       `json:"detail,omitempty"`
	Call     phone.CallID `json:"call,omitempty"`
	Method   string       `json:"method,omitempty"` // the request that it is about
	Code     int          `json:"code,omitempty"`   // and the SIP status that it failed with
}

type stepObject struct {
	head
	roamHead
	stepBody
}

func roamEvent(at time.Time, r roamBody) any {
	return struct {
		head
		roamBody
	}{begin(at, "roam"), r}
}

// roam is a roam without its steps, each of which is an event of its own.
func roam(r phone.Roam) roamBody {
	out := roamBody{
		roamHead: headOf(r, r.Phase.String()), Started: stamp(r.Started), Detail: clean.Limit(words.RoamFailure(r), 1024), Failed: string(r.FailedStep), Next: r.Next,
	}
	if r.Phase != phone.RoamStarted {
		total := millis(r.Total)
		out.Total = &total
	}
	for _, c := range r.Calls {
		body := roamCallBody{Call: c.Call, Peer: clean.Limit(c.Peer, 1024), Name: clean.Text(c.Name), HungUp: c.HungUp}
		if c.Measured {
			in, gone, lost := millis(c.GapIn), millis(c.GapOut), c.LostIn
			body.GapIn, body.GapOut, body.LostIn = &in, &gone, &lost
		}
		out.Calls = append(out.Calls, body)
	}
	return out
}

// timeline is a roam with its steps.
func timeline(r phone.Roam) roamBody {
	out := roam(r)
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, step(s))
	}
	return out
}

func step(s phone.RoamStep) stepBody {
	out := stepBody{Step: string(s.Name), Offset: millis(s.Offset), Detail: clean.Limit(words.Step(s), 1024), Call: s.Call}
	if len(s.Facts) > 0 {
		out.Method, out.Code = s.Facts[0].Method, s.Facts[0].Fault.Code
	}
	if !s.Running {
		duration, ok := millis(s.Duration), s.OK
		out.Duration, out.OK = &duration, &ok
	}
	return out
}

func stepEvent(at time.Time, r phone.Roam, s phone.RoamStep) any {
	return stepObject{begin(at, "roam"), headOf(r, "step"), step(s)}
}

// WriteCalls writes calls that are over as call events of the moment at which
// they ended, one a line.
func WriteCalls(w io.Writer, list []phone.Call) error {
	return writeLines(w, list, func(c phone.Call) any { return event(phone.Notice{At: c.Ended, What: phone.CallChanged{Call: c}}) })
}

// WriteRoams writes roams that are over as the last event of each, with its
// steps, one a line.
func WriteRoams(w io.Writer, list []phone.Roam) error {
	return writeLines(w, list, func(r phone.Roam) any { return roamEvent(r.Started.Add(r.Total), timeline(r)) })
}

func writeLines[T any](w io.Writer, list []T, object func(T) any) error {
	encoder := newEncoder(w)
	for _, one := range list {
		if err := encoder.Encode(object(one)); err != nil {
			return err
		}
	}
	return nil
}
