package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ramble/internal/phone"
)

// shownRoam is the roam that the Roam tab is about.
func (m *model) shownRoam() (phone.Roam, bool) {
	for _, r := range slices.Backward(m.state.Roams) {
		if m.lower.picked == 0 || r.ID == m.lower.picked {
			return r, true
		}
	}
	return phone.Roam{}, false
}

// watchRoams opens the Roam tab when a roam starts, or is over before it could
// be drawn, and the user is not busy with a pane. It closes it a while after a
// success.
func (m *model) watchRoams() {
	if len(m.state.Roams) == 0 {
		return
	}
	last := m.state.Roams[len(m.state.Roams)-1]
	if last.ID != m.lower.announce {
		m.lower.announce = last.ID
		m.lower.closeAt = time.Time{}
		if last.Phase != phone.RoamSuperseded && m.now.Sub(m.panes.touched) >= untouched {
			m.lower.auto = m.lower.auto || !m.lower.roam
			m.lower.roam, m.lower.picked = true, 0
		}
	}
	if !m.lower.auto {
		return
	}
	if last.Phase == phone.RoamDone && m.lower.closeAt.IsZero() {
		m.lower.closeAt = m.now.Add(roamLinger)
	}
	if !m.lower.closeAt.IsZero() && !m.now.Before(m.lower.closeAt) {
		m.lower.roam, m.lower.auto, m.lower.closeAt = false, false, time.Time{}
	}
}

// roaming says that a roam is under way.
func roaming(s phone.State) bool {
	return len(s.Roams) > 0 && s.Roams[len(s.Roams)-1].Phase == phone.RoamStarted
}

func roamRole(r phone.Roam) role {
	switch r.Phase {
	case phone.RoamDone:
		return good
	case phone.RoamFailed:
		return bad
	}
	return busy
}

// roamLine is a roam in one sentence.
func roamLine(r phone.Roam) string {
	n := fmt.Sprintf("roam %d: ", r.ID)
	switch r.Phase {
	case phone.RoamDone:
		return n + recovered(r)
	case phone.RoamFailed:
		return n + either(r.Failure != "", r.Failure, "failed")
	case phone.RoamSuperseded:
		return n + "the network changed again"
	}
	if len(r.Reasons) == 0 {
		return n + "the network changed"
	}
	return n + strings.Join(r.Reasons, ", ")
}

// recovered is how a roam ended: in what time, and what it cost each call.
func recovered(r phone.Roam) string {
	text := "Recovered in " + lasting(r.Total)
	for _, c := range r.Calls {
		if len(r.Calls) > 1 {
			text += fmt.Sprintf("; call %d", c.Call)
		}
		if !c.Measured {
			text += "; no audio was due"
			continue
		}
		text += fmt.Sprintf("; gap in %s, out %s, %s lost", lasting(c.GapIn), lasting(c.GapOut), counted(c.LostIn, "packet"))
	}
	return text
}

// roamRows is the content of the Roam tab.
func (m *model) roamRows(w, h int) []row {
	r, ok := m.shownRoam()
	if !ok {
		var rows []row
		text := "No roam yet. When this machine's address changes, each step of the recovery is shown here with its time."
		for _, line := range m.look.wrap(text, w) {
			rows = append(rows, row{left: []span{{line, faint}}})
		}
		return append(rows, row{}, row{left: m.keycaps("network-changed")})
	}
	var rows []row
	for _, s := range r.Steps {
		if s.Name == phone.StepProven && r.Phase == phone.RoamDone {
			continue // the last line says it, with the gaps of all calls
		}
		if s.Name == phone.StepMedia && r.Phase == phone.RoamDone {
			s.Detail, _, _ = strings.Cut(s.Detail, ", gap ") // as it looked then: the last line has the final figures
		}
		rows = append(rows, m.stepRow(r, s, w))
	}
	end := m.roamEnd(r, w)
	head := row{left: []span{{pathName(r.From), plain}, {" " + m.look.arrow + " ", faint}, {pathName(r.To), strong}}}
	if len(rows)+len(end)+1 <= h || h == 0 {
		rows = append([]row{head}, rows...)
		if len(rows)+len(end)+1 <= h || h == 0 {
			rows = append(rows, row{})
		}
	} else if room := h - len(end); room > 0 && len(rows) > room && m.panes.offset[paneLower] == 0 {
		// The beginning gives way: what happens now matters more.
		rows = rows[len(rows)-room:]
	}
	return append(rows, end...)
}

func pathName(s string) string { return either(s != "", s, "no network") }

// stepWidths: offset, mark and name stand in columns.
const (
	offsetWidth = 7
	nameWidth   = 9
	tookWidth   = 7
	barsFrom    = 76 // columns from which the waterfall is drawn
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
		tookText = lasting(took)
	}
	detail := stepDetail(s)
	if s.Call != 0 && len(m.state.Calls) > 1 {
		if name := m.callName(s.Call); name != "" {
			detail = strings.TrimSpace(name + " " + detail)
		}
	}
	spans := []span{
		{fmt.Sprintf("%*s ", offsetWidth, "+"+lasting(s.Offset)), faint},
		{mark + " ", ro},
		{fmt.Sprintf("%-*s", nameWidth, s.Name), either(s.Running, strong, plain)},
	}
	right := []span{{fmt.Sprintf("%*s", tookWidth, tookText), either(s.Running, busy, faint)}}
	if w < barsFrom {
		right[0].text = strings.TrimSpace(tookText)
		return row{left: append(spans, span{m.look.fitParts(detail, w-m.look.spansWidth(spans)-m.look.width(right[0].text)-1), faint}), right: right}
	}
	bars := clamp(w/3, 20, 60)
	room := w - m.look.spansWidth(spans) - bars - tookWidth - 2
	detail = m.look.fitParts(detail, room)
	detail += strings.Repeat(" ", max(0, room-m.look.width(detail)))
	spans = append(spans, span{detail + " ", faint})
	return row{left: append(spans, m.waterfall(r, s.Offset, took, bars, ro)...), right: right}
}

// stepDetail is a step's detail without what its name says already: what is
// registered is a REGISTER.
func stepDetail(s phone.RoamStep) string {
	if n := len(s.Name) + 1; len(s.Detail) > n && strings.EqualFold(s.Detail[:n], string(s.Name)+" ") {
		return s.Detail[n:]
	}
	return s.Detail
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

// roamEnd is what stands below the steps.
func (m *model) roamEnd(r phone.Roam, w int) []row {
	text, ro := "", roamRole(r)
	switch r.Phase {
	case phone.RoamStarted:
		text = "under way for " + lasting(m.roamClock(r))
		if c := m.current(); c.Recovering && c.Media.Silence > 0 {
			text = "no audio in for " + ago(c.Media.Silence) + ", " + text
		}
	case phone.RoamDone:
		text = recovered(r)
		if marked := m.look.check + " " + text; m.look.width(marked) <= w {
			text = marked
		}
	default:
		text = roamLine(r)
	}
	var rows []row
	for _, line := range m.look.wrap(text, w) {
		rows = append(rows, row{left: []span{{line, ro}}})
	}
	return rows
}

func (m *model) callName(id phone.CallID) string {
	for _, c := range m.state.Calls {
		if c.ID == id {
			return who(c)
		}
	}
	return ""
}
