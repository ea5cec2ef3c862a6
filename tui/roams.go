package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// roamsView lists every roam, the latest first, with what the one under the
// cursor cost. Enter shows its timeline.
type roamsView struct{ at int }

func (m *model) openRoams() tea.Cmd {
	m.touch()
	o := &roamsView{}
	if shown, ok := m.shownRoam(); ok && m.lower.roam {
		o.at = len(m.roams.list) - 1 - m.roams.index(shown.ID)
	}
	m.over = o
	return nil
}

func (o *roamsView) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	n := len(m.roams.list)
	var moved bool
	if o.at, moved = travel(k.String(), o.at, max(0, n-1)); moved {
		return nil, true
	}
	switch k.String() {
	case "esc", "q":
		m.over = nil
	case "ctrl+c":
		return nil, false
	case "enter":
		m.over = nil
		if o.at < n {
			m.pickRoam(m.roams.list[n-1-o.at].ID)
			m.panes.focused = paneLower
		}
	default:
		switch a := m.set.keys.find(k.String()); {
		case a != nil && a.ID == "roams":
			m.over = nil
		case a != nil && a.ID == "answer":
			return m.run(a), true
		}
	}
	return nil, true
}

// roamsWide is the widest that the list gets; more would only be space.
const roamsWide = 100

func (o *roamsView) content(m *model) box {
	w := clamp(m.w-4, 36, roamsWide)
	n := len(m.roams.list)
	about := o.about(m, m.roams.list[n-1-clamp(o.at, 0, n-1)], w-4)
	show := max(1, m.overlayRows()-len(about)-1)
	if show < 3 { // a small screen has the list alone
		about, show = nil, max(1, m.overlayRows())
	}
	show = min(show, n)
	from := clamp(o.at-show/2, 0, n-show)
	columns := m.roamColumns(w - 4)
	var rows []row
	for i := from; i < from+show; i++ {
		rows = append(rows, columns.row(m.roams.list[n-1-i], i == o.at))
	}
	if len(about) > 0 {
		rows = append(append(rows, row{}), about...)
	}
	right := "enter shows it, esc closes"
	if w < 60 {
		right = "enter, esc"
	}
	return box{w: w, title: "Roams " + fmt.Sprintf("%d of %d", o.at+1, n), right: right, frame: ruleFocus, rows: rows,
		cursor: &tea.Position{X: 2, Y: 1 + o.at - from}}
}

// about is the roam under the cursor in full.
func (o *roamsView) about(m *model, r phone.Roam, w int) (rows []row) {
	add := func(text string, ro role) {
		for _, line := range m.look.wrap(text, w) {
			rows = append(rows, row{left: []span{{line, ro}}})
		}
	}
	rows = append(rows, m.roamHead(r, w)...)
	if why := words.Facts(r.Why); why != "" {
		add("because: "+why, faint)
	}
	switch r.Phase {
	case phone.RoamDone:
		add(words.RoamEnd(r), good)
	case phone.RoamFailed:
		add(words.RoamEnd(r), bad)
	case phone.RoamSuperseded:
		add(words.RoamEnd(r), faint)
	case phone.RoamStarted:
		add("under way for "+lasting(m.roamClock(r)), busy)
	}
	return rows
}

// roamColumns are the widths of the list, which depend on all of it.
type roamColumns struct {
	m          *model
	w          int
	when, cost int
	account    int // 0: there is but one
}

// moment is when it was, with the weekday for yesterday where room is short.
func (c roamColumns) moment(r phone.Roam) string {
	text := c.m.when(r.Started)
	if rest, ok := strings.CutPrefix(text, "yesterday "); ok && c.narrow() {
		return r.Started.Format("Mon ") + rest
	}
	return text
}

// accountColumn is how wide the names of accounts may get in a list.
const accountColumn = 20

func (c roamColumns) narrow() bool { return c.w < 56 }

func (m *model) roamColumns(w int) roamColumns {
	c := roamColumns{m: m, w: w}
	for _, r := range m.roams.list {
		c.when = max(c.when, m.look.width(c.moment(r)))
		c.cost = max(c.cost, m.look.width(worst(r)))
		c.account = min(max(c.account, m.look.width(m.roamAccounts(r))), accountColumn)
	}
	return c
}

// route is from and to in the fewest words: the interfaces, or the addresses
// where it stayed on one.
func (c roamColumns) route(r phone.Roam) string {
	fromIface, fromAddr, _ := strings.Cut(pathName(r.From), " ")
	toIface, toAddr, _ := strings.Cut(pathName(r.To), " ")
	switch {
	case r.From == "" || r.To == "":
		return either(r.From == "", "nothing", fromIface) + " " + c.m.look.arrow + " " + either(r.To == "", "nothing", toIface)
	case fromIface != toIface:
		return fromIface + " " + c.m.look.arrow + " " + toIface
	case fromAddr != toAddr:
		return toIface + ", new address"
	}
	return toIface + ", same address"
}

// worst is the longest gap of a roam's calls; empty where none was measured.
func worst(r phone.Roam) string {
	var worst phone.RoamCall
	measured := false
	for _, c := range r.Calls {
		if c.Measured && (!measured || max(c.GapIn, c.GapOut) > max(worst.GapIn, worst.GapOut)) {
			worst, measured = c, true
		}
	}
	if !measured {
		return ""
	}
	return fmt.Sprintf("gap in %s, out %s", lasting(worst.GapIn), lasting(worst.GapOut))
}

// totalWidth is the width of how long a roam took, or where it failed.
func (c roamColumns) totalWidth() int { return either(c.w < 90, 9, len("failed: register")) }

func (c roamColumns) row(r phone.Roam, here bool) row {
	l := c.m.look
	mark, word := l.running, "under way"
	switch r.Phase {
	case phone.RoamDone:
		mark, word = l.check, lasting(r.Total)
	case phone.RoamFailed:
		mark, word = l.cross, "failed"
		if r.FailedStep != "" && c.totalWidth() > len(word)+9 {
			word = "failed: " + string(r.FailedStep)
		}
	case phone.RoamSuperseded:
		mark, word = l.dot, "moved on"
	case phone.RoamStarted:
	}
	ro := roamRole(r)
	if r.Phase == phone.RoamSuperseded {
		ro = faint
	}
	left := []span{
		{either(here, l.here, " ") + " ", info}, {mark + " ", ro},
		{fmt.Sprintf("%-*s  ", c.when, c.moment(r)), faint},
		{c.route(r), either(here, chosen, plain)},
	}
	right := []span{{word, ro}}
	if c.account > 0 {
		whose := l.fit(c.m.roamAccounts(r), c.account)
		left = append(left, span{"  " + whose, faint})
		if over := l.spansWidth(left) + 1 + l.width(word) - c.w; over > 0 { // the route says more
			left[len(left)-1].text = "  " + l.fit(whose, max(0, l.width(whose)-over))
		}
	}
	if gap := worst(r); c.cost > 0 && gap != "" && l.spansWidth(left)+1+c.cost+2+c.totalWidth() <= c.w {
		right = []span{{fmt.Sprintf("%-*s", c.cost, gap), faint}, {fmt.Sprintf("  %*s", c.totalWidth(), word), ro}}
	}
	return row{left: left, right: right, selected: here}
}
