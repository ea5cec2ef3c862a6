package engine

import (
	"time"

	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// Recall reads what earlier runs left. The news say what could not be read, and
// why. Without a history there is no past.
func Recall(book *history.Book) (past phone.Past, news []phone.News) {
	if book == nil {
		return past, nil
	}
	if _, err := book.Adopt(); err != nil {
		news = append(news, phone.News{Kind: phone.HistoryLacks, Text: err.Error()})
	}
	note := func(of string, r history.Report, err error) {
		if err != nil {
			news = append(news, phone.News{Kind: phone.HistoryUnread, Name: of, Text: err.Error()})
		} else if !r.Whole() {
			news = append(news, phone.News{Kind: phone.HistoryNotWhole, Name: of, Damage: damage(r)})
		}
	}
	calls, report, err := book.Calls()
	note("calls", report, err)
	for i, c := range calls {
		past.Calls = append(past.Calls, pastCall(c, phone.CallID(i-len(calls))))
	}
	roams, report, err := book.Roams()
	note("roams", report, err)
	for i, r := range roams {
		past.Roams = append(past.Roams, pastRoam(r, phone.RoamID(i-len(roams))))
	}
	return past, news
}

func damage(r history.Report) *phone.Damage {
	d := &phone.Damage{File: r.File, Torn: r.Torn, Newer: r.Newer, Skipped: r.Skipped, Good: r.Good}
	for _, line := range r.Damaged {
		d.Lines = append(d.Lines, line.Line)
	}
	if len(r.Damaged) > 0 {
		d.Why = r.Damaged[0].Why
	}
	return d
}

func pastCall(c history.Call, id phone.CallID) phone.Call {
	out := phone.Call{
		ID: id, Account: c.Account, State: phone.Ended, Whom: phone.Whom{Peer: c.Peer, Name: c.Name, SIPCallID: c.CallID}, Sound: phone.Sound{Codec: c.Codec},
		Outcome: phone.Outcome{Code: c.Code, Reason: c.Reason, Hint: c.Hint, NeedsRedial: c.NeedsRedial},
		Times:   phone.Times{Started: c.Started.Local(), Ended: c.Ended.Local()}, Roamed: phone.Roamed{Roams: c.Roams, LongestGap: time.Duration(c.LongestGap)},
	}
	if c.Direction == phone.Incoming.String() {
		out.Direction = phone.Incoming
	}
	out.End = pastEnd(c)
	if !c.Answered.IsZero() {
		out.Answered = c.Answered.Local()
	}
	return out
}

// pastEnd is how a call of an earlier run ended; zero where only its words were
// kept.
func pastEnd(c history.Call) phone.End {
	end := phone.End{Code: c.Code, Phrase: c.Phrase, After: time.Duration(c.After)}
	for by := phone.ByUs; by <= phone.ByNetwork; by++ {
		if by.String() == c.EndedBy {
			end.By = by
		}
	}
	for state := phone.Dialing; state <= phone.Up; state++ {
		if state.String() == c.EndedIn {
			end.In = state
		}
	}
	for cause := phone.HungUp; cause <= phone.RequestFailed; cause++ {
		if cause.String() == c.Cause {
			end.Cause = cause
		}
	}
	if c.Fault != "" {
		end.Fault = phone.Fault{Kind: phone.FaultLocal, Text: c.Fault}
	}
	return end
}

func recordOfCall(c phone.Call) history.Call {
	said := words.End(c)
	return history.Call{
		Account: c.Account, Direction: c.Direction.String(), Peer: c.Peer, Name: c.Name, CallID: c.SIPCallID, Codec: c.Codec,
		Code: c.Code, Reason: said.Text,
		CallEnd: history.CallEnd{
			Hint: said.Hint, NeedsRedial: c.NeedsRedial,
			EndedBy: c.End.By.String(), EndedIn: c.End.In.String(), Cause: c.End.Cause.String(), Phrase: c.End.Phrase,
			After: history.Millis(c.End.After), Fault: words.Fault(c.End.Fault),
		},
		Started: inUTC(c.Started), Answered: inUTC(c.Answered), Ended: inUTC(c.Ended), Roams: c.Roams, LongestGap: history.Millis(c.LongestGap),
	}
}

func pastRoam(r history.Roam, id phone.RoamID) phone.Roam {
	out := phone.Roam{
		ID: id, Account: r.Account, Epoch: phone.Epoch(r.Epoch), From: r.From, To: r.To, Why: recorded(r.Reasons...),
		Started: r.Started.Local(), Total: time.Duration(r.Total), Failures: recorded(r.Detail), FailedStep: phone.StepName(r.FailedStep), Next: r.Next,
	}
	out.Phase = phaseNamed(r.Phase)
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, phone.RoamStep{
			Name: phone.StepName(s.Step), Offset: time.Duration(s.Offset), Duration: time.Duration(s.Duration), OK: s.OK,
			Facts: recorded(s.Detail), Call: phone.CallID(s.Call), Account: s.Account,
		})
	}
	for _, c := range r.Calls {
		cost := phone.RoamCall{Call: phone.CallID(c.Call), Peer: c.Peer, Name: c.Name, HungUp: c.HungUp}
		if c.GapIn != nil && c.GapOut != nil && c.LostIn != nil {
			cost.Measured = true
			cost.GapIn, cost.GapOut, cost.LostIn = time.Duration(*c.GapIn), time.Duration(*c.GapOut), *c.LostIn
		}
		out.Calls = append(out.Calls, cost)
	}
	for _, p := range r.Accounts {
		out.Parts = append(out.Parts, phone.RoamPart{
			Account: p.Account, Epoch: phone.Epoch(p.Epoch), Phase: phaseNamed(p.Phase), From: p.From, To: p.To,
			Started: out.Started, Total: time.Duration(p.Total), Failures: recorded(p.Detail),
		})
	}
	return out
}

// recorded are texts of the history as facts, which are nothing but text.
func recorded(texts ...string) (list []phone.Fact) {
	for _, text := range texts {
		if text != "" {
			list = append(list, phone.Fact{Kind: phone.Recorded, Text: text})
		}
	}
	return list
}

func recordOfRoam(r phone.Roam) history.Roam {
	out := history.Roam{
		Roam: int(r.ID), Account: r.Account, Epoch: uint64(r.Epoch), Phase: r.Phase.String(), From: r.From, To: r.To,
		Reasons: words.Reasons(r.Why), Started: inUTC(r.Started), Total: history.Millis(r.Total),
		Detail: words.RoamFailure(r), FailedStep: string(r.FailedStep), Next: r.Next,
	}
	account := func(s phone.RoamStep) string {
		if len(r.Parts) < 2 {
			return "" // the roam says it
		}
		return s.Account
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, history.Step{
			Step: string(s.Name), Offset: history.Millis(s.Offset), Duration: history.Millis(s.Duration), OK: s.OK,
			Detail: words.Step(s), Call: int(s.Call), Account: account(s),
		})
	}
	for _, c := range r.Calls {
		cost := history.RoamCall{Call: int(c.Call), Peer: c.Peer, Name: c.Name, HungUp: c.HungUp}
		if c.Measured {
			in, gone, lost := history.Millis(c.GapIn), history.Millis(c.GapOut), c.LostIn
			cost.GapIn, cost.GapOut, cost.LostIn = &in, &gone, &lost
		}
		out.Calls = append(out.Calls, cost)
	}
	if len(r.Parts) > 1 {
		for _, p := range r.Parts {
			one := phone.Roam{Phase: p.Phase, Calls: r.Calls, Failures: p.Failures}
			out.Accounts = append(out.Accounts, history.RoamAccount{
				Account: p.Account, Epoch: uint64(p.Epoch), Phase: p.Phase.String(), From: p.From, To: p.To,
				Total: history.Millis(p.Total), Detail: words.RoamFailure(one),
			})
		}
	}
	return out
}

func phaseNamed(name string) phone.RoamPhase {
	for _, p := range []phone.RoamPhase{phone.RoamDone, phone.RoamFailed, phone.RoamSuperseded} {
		if p.String() == name {
			return p
		}
	}
	return phone.RoamStarted
}

// inUTC keeps what is no time no time.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
