package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// palette runs actions by name. "dial bob" and "call bob" place a call.
type palette struct {
	field
	at int
}

func (m *model) openPalette() tea.Cmd {
	m.over = &palette{field: field{limit: 200}}
	return nil
}

// name is an action's name in the palette.
func (a Action) name() string { return strings.ReplaceAll(a.ID, "-", " ") }

func (o *palette) key(m *model, k tea.KeyPressMsg) (tea.Cmd, bool) {
	found := o.found(m)
	switch k.String() {
	case "esc":
		m.over = nil
	case "up", "ctrl+p":
		o.at = max(0, o.at-1)
	case "down", "ctrl+n", "tab":
		o.at = min(max(0, len(found)-1), o.at+1)
	case "enter":
		m.over = nil
		if target, ok := o.target(); ok {
			return m.call(target), true
		}
		if o.at < len(found) {
			return m.run(&found[o.at]), true
		}
	case "ctrl+c":
		return nil, false
	default:
		if o.field.key(k) {
			o.at = 0
		} else if a := m.set.keys.find(k.String()); a != nil && a.ID == "answer" {
			return m.run(a), true
		}
	}
	return nil, true
}

// target is who "dial bob" and "call bob" mean.
func (o *palette) target() (string, bool) {
	verb, target, ok := strings.Cut(strings.TrimSpace(o.value()), " ")
	return strings.TrimSpace(target), ok && (verb == "dial" || verb == "call")
}

// found are the actions that work now and match, the best match first.
func (o *palette) found(m *model) []Action {
	typed := strings.ToLower(strings.TrimSpace(o.value()))
	s := m.situation()
	type hit struct {
		action Action
		score  int
	}
	var hits []hit
	for _, a := range m.set.keys.actions {
		if a.ID == "palette" || a.ID == "back" || a.Enabled != nil && !a.Enabled(s) {
			continue
		}
		if score, ok := fuzzy(typed, a.name()); ok {
			hits = append(hits, hit{a, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.score - b.score })
	var out []Action
	for _, h := range hits {
		out = append(out, h.action)
	}
	return out
}

// fuzzy says whether the letters of typed appear in name in their order, and
// how badly they do: 0 is the very name, a prefix is good, gaps are bad.
func fuzzy(typed, name string) (int, bool) {
	switch {
	case typed == name:
		return 0, true
	case strings.HasPrefix(name, typed):
		return 1, true
	case strings.Contains(name, typed):
		return 2, true
	}
	score, at := 3, 0
	for i := range len(typed) {
		if typed[i] == ' ' {
			continue
		}
		j := strings.IndexByte(name[at:], typed[i])
		if j < 0 {
			return 0, false
		}
		score += j
		at += j + 1
	}
	return score, true
}

// paletteRows is how many actions show at once.
const paletteRows = 12

func (o *palette) content(m *model) box {
	found := o.found(m)
	w := clamp(m.w-6, 30, 64)
	text, at := o.view(m.look, w-8)
	rows := []row{{left: []span{{": ", keycap}, {text, plain}}}, {}}
	show := clamp(m.overlayRows()-2, 1, paletteRows)
	from := clamp(o.at-show+1, 0, max(0, len(found)-show))
	for i := from; i < len(found) && i < from+show; i++ {
		a := found[i]
		here := i == o.at
		rows = append(rows, row{
			left: []span{{either(here, m.look.here, " ") + " ", info}, {m.look.pad(a.name(), 17), either(here, chosen, plain)},
				{a.Help, faint}},
			right: []span{{m.look.keyNames(a.Keys), keycap}}, selected: here})
	}
	if len(found) == 0 {
		text := "nothing by that name works now; esc closes"
		if target, ok := o.target(); ok {
			text = "enter calls " + target
		}
		rows = append(rows, row{left: []span{{text, faint}}})
	}
	for len(rows) < show+2 {
		rows = append(rows, row{}) // the box keeps its size while one types
	}
	return box{w: w, title: "Commands", right: "enter runs, esc closes", frame: ruleFocus, rows: rows,
		cursor: &tea.Position{X: 4 + at, Y: 1}}
}
