package tui

import (
	"fmt"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// stepWidths: offset, mark and name stand in columns.
const (
	offsetWidth = 7
	nameWidth   = 9
	tookWidth   = 7
	barsFrom    = 76 // columns from which the waterfall is drawn
	detailFrom  = offsetWidth + 1 + 2 + nameWidth
)

// stepRow is one step: when, how, what, how long. With room the waterfall
// shows where in the roam's time it lay.
func (m *model) stepRow(r phone.Roam, s phone.RoamStep, w int) row {
	mark, ro := m.look.stepMark(s)
	took := s.Duration
	if s.Running {
		took = max(0, m.roamClock(r)-s.Offset)
	}
	tookText := ""
	if took > 0 {
		tookText = either(took < time.Millisecond/2, "<1ms", lasting(took)) // no wider than 0 ms would be
	}
	detail := stepDetail(s)
	if name := m.whose(r, s); name != "" {
		detail = strings.TrimSpace(name + " " + detail)
	}
	spans := []span{
		{fmt.Sprintf("%*s ", offsetWidth, "+"+lasting(s.Offset)), faint},
		{mark + " ", ro},
		{fmt.Sprintf("%-*s", nameWidth, s.Name), either(r.Phase == phone.RoamFailed && s.Name == r.FailedStep && !s.OK, bad, either(s.Running, strong, plain))},
	}
	right := []span{{fmt.Sprintf("%*s", tookWidth, tookText), either(s.Running, busy, faint)}}
	if w < barsFrom {
		right[0].text = strings.TrimSpace(tookText)
		return row{left: append(spans, span{m.look.fitParts(detail, m.detailRoom(w, right[0].text)), faint}), right: right}
	}
	bars := barsWidth(w)
	room := m.detailRoom(w, tookText)
	detail = m.look.fitParts(detail, room)
	detail += strings.Repeat(" ", max(0, room-m.look.width(detail)))
	spans = append(spans, span{detail + " ", faint})
	return row{left: append(spans, m.waterfall(r, s.Offset, took, bars, ro)...), right: right}
}

func barsWidth(w int) int { return clamp(w/3, 20, 60) }

// detailRoom is how wide the detail of a step may be, beside how long it took.
func (m *model) detailRoom(w int, took string) int {
	if w < barsFrom {
		return w - detailFrom - m.look.width(took) - 1
	}
	return w - detailFrom - barsWidth(w) - tookWidth - 2
}

// stepDetail is a step's detail without what its name says already: what is
// registered is a REGISTER.
func stepDetail(s phone.RoamStep) string {
	text := words.Step(s)
	if n := len(s.Name) + 1; len(text) > n && strings.EqualFold(text[:n], string(s.Name)+" ") {
		return text[n:]
	}
	return text
}

// fitParts keeps of a list as many whole parts as fit, at least the first.
func (l *look) fitParts(s string, max int) string {
	for l.width(s) > max {
		cut := strings.LastIndex(s, ", ")
		if cut < 0 {
			return l.fit(s, max)
		}
		s = s[:cut]
	}
	return s
}

// waterfall is one step's place in the roam's time.
func (m *model) waterfall(r phone.Roam, offset, took time.Duration, cells int, ro role) []span {
	total := max(m.roamClock(r), time.Millisecond)
	from := clamp(int(offset*time.Duration(cells)/total), 0, cells-1)
	to := clamp(int((offset+took)*time.Duration(cells)/total), from+1, cells)
	return []span{
		{strings.Repeat(m.look.traceNo, from), rule},
		{strings.Repeat(m.look.traceOn, to-from), either(ro == plain, info, ro)},
		{strings.Repeat(m.look.traceNo, cells-to), rule},
	}
}

// roamClock is how long the roam has lasted, or took.
func (m *model) roamClock(r phone.Roam) time.Duration {
	if r.Phase == phone.RoamStarted {
		return m.now.Sub(r.Started)
	}
	total := r.Total
	for _, s := range r.Steps {
		total = max(total, s.Offset+s.Duration)
	}
	return total
}

func (l *look) stepMark(s phone.RoamStep) (string, role) {
	switch {
	case s.Running:
		return l.running, busy
	case !s.OK:
		return l.cross, bad
	case s.Name == phone.StepSign || s.Name == phone.StepPath:
		return l.dot, info
	}
	return l.check, good
}

// whose names the call or the account of a step where there is more than one to mean.
func (m *model) whose(r phone.Roam, s phone.RoamStep) string {
	if s.Call == 0 && len(r.Parts) > 1 {
		return s.Account
	}
	return m.callOf(r, s.Call)
}

// callOf names the call of a step where there is more than one to mean.
func (m *model) callOf(r phone.Roam, id phone.CallID) string {
	if id == 0 {
		return ""
	}
	for _, c := range r.Calls {
		if c.Call == id && len(r.Calls) > 1 {
			return words.CostOf(c)
		}
	}
	if r.ID < 0 || len(r.Calls) > 0 || len(m.state.Calls) < 2 {
		return ""
	}
	for _, c := range m.state.Calls {
		if c.ID == id {
			return who(c)
		}
	}
	return ""
}
