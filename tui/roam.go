package tui

import (
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// roamLog is every roam there is to look at, oldest first: what earlier runs
// left, then those of this run, of which the engine keeps the last few.
type roamLog struct {
	list []phone.Roam
	past bool // the past was read
}

func (l *roamLog) learn(s phone.State) {
	if !l.past && len(s.Past.Roams) > 0 {
		l.list, l.past = slices.Concat(s.Past.Roams, l.list), true
	}
	for _, r := range s.Roams {
		if i := l.index(r.ID); i >= 0 {
			l.list[i] = r
			continue
		}
		l.list = append(l.list, r)
	}
	l.list = l.list[max(0, len(l.list)-roamsKept):]
}

// index is -1 when there is no such roam.
func (l *roamLog) index(id phone.RoamID) int {
	return slices.IndexFunc(l.list, func(r phone.Roam) bool { return r.ID == id })
}

// shownRoam is the roam that the Roam tab is about.
func (m *model) shownRoam() (phone.Roam, bool) {
	i := m.roams.index(m.lower.picked)
	if i < 0 {
		i = len(m.roams.list) - 1
	}
	if i < 0 {
		return phone.Roam{}, false
	}
	return m.roams.list[i], true
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
		return either(words.Whole(r), good, info) // what was hung up midway was not proven
	case phone.RoamFailed:
		return bad
	}
	return busy
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
			s.Facts = asItLooked(s.Facts)
		}
		rows = append(rows, m.stepRow(r, s, w))
	}
	head, why, end := m.roamHead(r, w), m.roamReasons(r, w), m.roamEnd(r, w)
	more := m.moreReasons(r, w)
	if h > 0 {
		more = more[:clamp(h-len(rows)-len(end)-1, 0, len(more))]
	}
	rows = slices.Insert(rows, min(1, len(rows)), more...)
	fits := func(extra int) bool { return h == 0 || len(rows)+len(end)+extra <= h }
	switch gap := []row{{}}; {
	case fits(len(head) + 1 + len(why)):
		rows = slices.Concat(head, why, rows, gap)
	case fits(len(head) + len(why)):
		rows = slices.Concat(head, why, rows)
	case fits(len(head) + 1):
		rows = slices.Concat(head, rows, gap)
	case fits(len(head)):
		rows = slices.Concat(head, rows)
	case h > len(end) && len(rows) > h-len(end) && m.panes.offset[paneLower] == 0:
		// The beginning gives way: what happens now matters more.
		rows = rows[len(rows)-(h-len(end)):]
	}
	return append(rows, end...)
}

// asItLooked is the first packet without the gap, which was not final then: the
// last line has the figures.
func asItLooked(facts []phone.Fact) (list []phone.Fact) {
	for _, f := range facts {
		if f.Kind == phone.FirstPacket && f.Gap.Measured {
			f = phone.Fact{Kind: phone.Recorded, Text: "audio in"}
		}
		list = append(list, f)
	}
	return list
}

// roamHead is where from and where to, whose accounts where there are several,
// and when. Addresses that do not fit beside each other stand below each other.
func (m *model) roamHead(r phone.Roam, w int) []row {
	from, to := span{pathName(r.From), plain}, span{pathName(r.To), strong}
	left := []span{from, {" " + m.look.arrow + " ", faint}, to}
	right := m.when(r.Started)
	if r.ID > 0 {
		right = r.Started.Format(m.set.time.second)
	}
	var rows []row
	whose := m.roamAccounts(r)
	switch wide := m.look.spansWidth(left); {
	case whose != "" && wide+2+m.look.width(whose+right)+2 <= w:
		return []row{{left: append(left, span{"  " + whose, faint}), right: []span{{right, faint}}}}
	case wide+m.look.width(right)+2 <= w:
		rows = []row{{left: left, right: []span{{right, faint}}}}
	case wide <= w:
		rows = []row{{left: left}}
	default:
		from.text, to.text = m.look.fitMiddle(from.text, w), m.look.fitMiddle(to.text, w-2)
		rows = []row{{left: []span{from}}, {left: []span{{m.look.arrow + " ", faint}, to}}}
	}
	for _, line := range m.look.wrap(whose, w) {
		rows = append(rows, row{left: []span{{line, faint}}})
	}
	return rows
}

// roamAccounts names whom a roam moved, where there are several to mean.
func (m *model) roamAccounts(r phone.Roam) string {
	if !m.choice() && len(r.Parts) < 2 {
		return ""
	}
	var all []string
	for _, p := range r.Parts {
		all = append(all, m.label(p.Account))
	}
	if len(all) == 0 && r.Account != "" {
		all = []string{m.label(r.Account)}
	}
	return strings.Join(all, ", ")
}

// roamReasons is why, where the first step does not say it.
func (m *model) roamReasons(r phone.Roam, w int) []row {
	why := words.Facts(r.Why)
	if why == "" || len(r.Steps) > 0 && words.Step(r.Steps[0]) == why {
		return nil
	}
	var rows []row
	for _, line := range m.look.wrap("because: "+why, w) {
		rows = append(rows, row{left: []span{{line, faint}}})
	}
	return rows[:min(len(rows), 2)]
}

// moreReasons are those that have no room in the row of the first step. They
// stand below it.
func (m *model) moreReasons(r phone.Roam, w int) (rows []row) {
	if len(r.Steps) == 0 || r.Steps[0].Name != phone.StepSign {
		return nil
	}
	parts := words.Reasons(r.Steps[0].Facts)
	shown := len(parts) // as fitParts has it
	for shown > 1 && m.look.width(strings.Join(parts[:shown], ", ")) > m.detailRoom(w, "") {
		shown--
	}
	for _, part := range parts[shown:] {
		for _, line := range m.look.wrap(part, w-detailFrom) {
			rows = append(rows, row{left: []span{{strings.Repeat(" ", detailFrom) + line, faint}}})
		}
	}
	return rows
}

// roamEnd is what stands below the steps: how it ended, what it cost, and
// after a failure what helps, with the keys.
func (m *model) roamEnd(r phone.Roam, w int) []row {
	text, ro := "", roamRole(r)
	var rows []row
	add := func(mark, text string, ro role) {
		for i, line := range m.look.wrap(text, w-2) {
			rows = append(rows, row{left: []span{{either(i == 0, mark, " ") + " ", ro}, {line, ro}}})
		}
	}
	switch r.Phase {
	case phone.RoamStarted:
		text = "under way for " + lasting(m.roamClock(r))
		if c := m.current(); c.Recovering && c.Media.Silence > 0 {
			text = "no audio in for " + ago(c.Media.Silence) + ", " + text
		}
		add(m.look.running, text, ro)
	case phone.RoamDone:
		if text := words.RoamEnd(r); len(r.Calls) < 2 && m.look.width(text)+2 <= w {
			add(m.look.check, text, ro)
			break
		}
		add(m.look.check, words.Recovered(r), ro)
		for _, c := range r.Calls {
			add(" ", either(len(r.Calls) > 1, words.CostOf(c)+": ", "")+words.Cost(c), either(c.Measured, ro, faint))
		}
	case phone.RoamFailed:
		add(m.look.cross, words.RoamFailed(r), ro)
		if text := words.RoamFailure(r); text != "" {
			add(" ", text, plain)
		}
		if i := m.roams.index(r.ID); i == len(m.roams.list)-1 && r.ID > 0 { // what helps now helps against the latest
			rows = append(rows, m.nextRows(m.helps(r), w)...)
		}
	case phone.RoamSuperseded:
		text = words.RoamEnd(r)
		if i := m.roams.index(r.ID); i+1 < len(m.roams.list) && (r.ID < 0) == (m.roams.list[i+1].ID < 0) {
			text += ": see " + either(r.ID < 0, "the next one", "roam "+m.roamName(m.roams.list[i+1]))
		}
		add(m.look.dot, text, ro)
	}
	return rows
}

// helps is what helps against a roam that failed, as things stand now: a call
// that was not repaired and is over by now can only be dialled again.
func (m *model) helps(r phone.Roam) []string {
	if r.FailedStep != phone.StepRepair && r.FailedStep != phone.StepMedia {
		return r.Next
	}
	for _, c := range liveCalls(m.state) {
		if slices.ContainsFunc(r.Steps, func(s phone.RoamStep) bool { return s.Name == r.FailedStep && s.Call == c.ID }) {
			return r.Next
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Next), func(id string) bool { return id != "redial" })
}

// roamName is its number; one of an earlier run is known by its time.
func (m *model) roamName(r phone.Roam) string {
	if r.ID < 0 {
		return m.when(r.Started)
	}
	return "#" + grouped(uint64(r.ID))
}

func pathName(s string) string { return either(s != "", s, "no network") }

// nextRows are the keys that help, with what they do, in as many rows as they
// need. Names that this version has no action for, and what cannot be done
// now, are left out.
func (m *model) nextRows(ids []string, w int) (rows []row) {
	labels := map[string]string{"refresh": "re-INVITE", "register": "register again", "restart": "restart all", "redial": "call again"}
	const label = "next  "
	at := []span{{label, faint}}
	for _, id := range ids {
		i, known := m.set.keys.byID[id]
		if !known {
			continue
		}
		a := m.set.keys.actions[i]
		if a.Enabled != nil && !a.Enabled(m.situation()) {
			continue
		}
		caps := []span{{m.look.keyName(m.set.keys.key(id)), keycap}, {" " + either(labels[id] != "", labels[id], a.Short), plain}}
		if len(at) > 1 {
			if m.look.spansWidth(at)+3+m.look.spansWidth(caps) > w {
				rows, at = append(rows, row{left: at}), []span{{strings.Repeat(" ", len(label)), faint}}
			} else {
				at = append(at, span{"   ", plain})
			}
		}
		at = append(at, caps...)
	}
	if len(at) > 1 {
		rows = append(rows, row{left: at})
	}
	return rows
}
