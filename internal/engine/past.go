package engine

import (
	"time"

	"ramble/internal/history"
	"ramble/internal/leaf/phone"
)

// Recall reads what earlier runs left. The notes are for a person: what could
// not be read, and why. Without a history there is no past.
func Recall(book *history.Book) (past phone.Past, notes []string) {
	if book == nil {
		return past, nil
	}
	if _, err := book.Adopt(); err != nil {
		notes = append(notes, "calls of a run that was killed are not in the history: "+err.Error())
	}
	note := func(what string, r history.Report, err error) {
		if err != nil {
			notes = append(notes, "the "+what+" cannot be read: "+err.Error())
		} else if !r.Whole() {
			notes = append(notes, "the "+what+" is not whole: "+r.String())
		}
	}
	calls, report, err := book.Calls()
	note("history of calls", report, err)
	for i, c := range calls {
		past.Calls = append(past.Calls, pastCall(c, phone.CallID(i-len(calls))))
	}
	roams, report, err := book.Roams()
	note("history of roams", report, err)
	for i, r := range roams {
		past.Roams = append(past.Roams, pastRoam(r, phone.RoamID(i-len(roams))))
	}
	return past, notes
}

func pastCall(c history.Call, id phone.CallID) phone.Call {
	out := phone.Call{
		ID: id, Account: c.Account, State: phone.Ended, Peer: c.Peer, Name: c.Name, SIPCallID: c.CallID, Codec: c.Codec,
		Code: c.Code, Reason: c.Reason, Hint: c.Hint, NeedsRedial: c.NeedsRedial,
		Started: c.Started.Local(), Ended: c.Ended.Local(), Roams: c.Roams, LongestGap: time.Duration(c.LongestGap),
	}
	if c.Direction == phone.Incoming.String() {
		out.Direction = phone.Incoming
	}
	if !c.Answered.IsZero() {
		out.Answered = c.Answered.Local()
	}
	return out
}

func recordOfCall(c phone.Call) history.Call {
	return history.Call{
		Account: c.Account, Direction: c.Direction.String(), Peer: c.Peer, Name: c.Name, CallID: c.SIPCallID, Codec: c.Codec,
		Code: c.Code, Reason: c.Reason, Hint: c.Hint, NeedsRedial: c.NeedsRedial,
		Started: inUTC(c.Started), Answered: inUTC(c.Answered), Ended: inUTC(c.Ended), Roams: c.Roams, LongestGap: history.Millis(c.LongestGap),
	}
}

func pastRoam(r history.Roam, id phone.RoamID) phone.Roam {
	out := phone.Roam{
		ID: id, Account: r.Account, Epoch: phone.Epoch(r.Epoch), From: r.From, To: r.To, Reasons: r.Reasons,
		Started: r.Started.Local(), Total: time.Duration(r.Total), Failure: r.Detail, FailedStep: phone.StepName(r.FailedStep), Next: r.Next,
	}
	for _, p := range []phone.RoamPhase{phone.RoamDone, phone.RoamFailed, phone.RoamSuperseded} {
		if p.String() == r.Phase {
			out.Phase = p
		}
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, phone.RoamStep{
			Name: phone.StepName(s.Step), Offset: time.Duration(s.Offset), Duration: time.Duration(s.Duration), OK: s.OK,
			Detail: s.Detail, Call: phone.CallID(s.Call),
		})
	}
	for _, c := range r.Calls {
		cost := phone.RoamCall{Call: phone.CallID(c.Call), Peer: c.Peer, Name: c.Name}
		if c.GapIn != nil && c.GapOut != nil && c.LostIn != nil {
			cost.Measured = true
			cost.GapIn, cost.GapOut, cost.LostIn = time.Duration(*c.GapIn), time.Duration(*c.GapOut), *c.LostIn
		}
		out.Calls = append(out.Calls, cost)
	}
	return out
}

func recordOfRoam(r phone.Roam) history.Roam {
	out := history.Roam{
		Roam: int(r.ID), Account: r.Account, Epoch: uint64(r.Epoch), Phase: r.Phase.String(), From: r.From, To: r.To,
		Reasons: r.Reasons, Started: inUTC(r.Started), Total: history.Millis(r.Total),
		Detail: r.Failure, FailedStep: string(r.FailedStep), Next: r.Next,
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, history.Step{
			Step: string(s.Name), Offset: history.Millis(s.Offset), Duration: history.Millis(s.Duration), OK: s.OK,
			Detail: s.Detail, Call: int(s.Call),
		})
	}
	for _, c := range r.Calls {
		cost := history.RoamCall{Call: int(c.Call), Peer: c.Peer, Name: c.Name}
		if c.Measured {
			in, gone, lost := history.Millis(c.GapIn), history.Millis(c.GapOut), c.LostIn
			cost.GapIn, cost.GapOut, cost.LostIn = &in, &gone, &lost
		}
		out.Calls = append(out.Calls, cost)
	}
	return out
}

// inUTC keeps what is no time no time.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
