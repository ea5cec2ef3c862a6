package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
)

// role is what a piece of text means; a theme gives each one its style. No
// role is told apart by its colour alone: a mark or a word always goes with it.
type role uint8

const (
	plain     role = iota // body text, in the terminal's own colour
	strong                // names and states
	faint                 // labels, hints, things of the past
	rule                  // borders
	ruleFocus             // the border of the focused pane
	title                 // pane titles
	good
	busy
	bad
	info
	keycap   // a key to press
	badge    // MUTED, ON HOLD: a state that must not be forgotten
	alarm    // a banner that wants an answer
	chosen   // the selected row
	meterOn  // the filled part of a meter
	meterOff // the rest of it
	brand
	roles // how many there are
)

// ThemeNames are the themes that Options.Theme may name. "auto" asks the
// terminal for its background and takes dark or light.
func ThemeNames() []string { return []string{"auto", "dark", "light", "mono", "high-contrast"} }

// look is a theme and a set of glyphs: everything about how things look.
type look struct {
	glyphs
	ascii bool
	// What the terminal is sent before and after text in a role; empty where
	// the role has no style of its own. Made once: a frame has some 300 pieces.
	before, after [roles]string
}

func newLook(theme string, dark, ascii bool) *look {
	l := &look{glyphs: unicodeGlyphs, ascii: ascii}
	if ascii {
		l.glyphs = asciiGlyphs
	}
	for r, style := range styles(theme, dark) {
		l.before[r], l.after[r], _ = strings.Cut(style.Render("x"), "x")
	}
	return l
}

func styles(theme string, dark bool) [roles]lipgloss.Style {
	switch {
	case theme == "mono":
		return monoTheme()
	case theme == "high-contrast":
		return contrastTheme()
	case theme == "light", theme != "dark" && !dark:
		return colourTheme(lightColours)
	}
	return colourTheme(darkColours)
}

// blank says that a space in this role cannot be seen.
func (l *look) blank(r role) bool { return l.before[r] == "" || r == rule || r == faint }

// colours of a theme. All stand exactly on the 256-colour cube or its grey
// ramp, so that nothing shifts inside tmux; the hues follow Okabe and Ito's
// palette, which people with any kind of colour vision can tell apart.
type colours struct {
	faint, rule, focus, good, busy, bad, info, meterOff, onBadge string
}

var (
	darkColours = colours{
		faint: "#949494", rule: "#4E4E4E", focus: "#5FAFD7", good: "#5FD7AF", busy: "#FFAF00",
		bad: "#FF875F", info: "#87D7FF", meterOff: "#4E4E4E", onBadge: "#1C1C1C",
	}
	lightColours = colours{
		faint: "#6C6C6C", rule: "#B2B2B2", focus: "#005FAF", good: "#00875F", busy: "#AF5F00",
		bad: "#AF0000", info: "#005F87", meterOff: "#C6C6C6", onBadge: "#FFFFFF",
	}
)

func colourTheme(c colours) (s [roles]lipgloss.Style) {
	fg := func(hex string) lipgloss.Style { return lipgloss.NewStyle().Foreground(lipgloss.Color(hex)) }
	on := func(hex string) lipgloss.Style { return fg(c.onBadge).Background(lipgloss.Color(hex)).Bold(true) }
	s[strong] = lipgloss.NewStyle().Bold(true)
	s[faint] = fg(c.faint)
	s[rule] = fg(c.rule)
	s[ruleFocus] = fg(c.focus)
	s[title] = fg(c.focus).Bold(true)
	s[good], s[busy], s[bad], s[info] = fg(c.good), fg(c.busy), fg(c.bad), fg(c.info)
	s[keycap] = fg(c.focus).Bold(true)
	s[badge] = on(c.busy)
	s[alarm] = on(c.good)
	s[chosen] = lipgloss.NewStyle().Bold(true)
	s[meterOn] = fg(c.good)
	s[meterOff] = fg(c.meterOff)
	s[brand] = fg(c.focus).Bold(true)
	return s
}

func monoTheme() (s [roles]lipgloss.Style) {
	bold := lipgloss.NewStyle().Bold(true)
	for _, r := range []role{strong, title, keycap, chosen, brand, bad, busy} {
		s[r] = bold
	}
	s[faint] = lipgloss.NewStyle().Faint(true)
	s[rule], s[meterOff] = s[faint], s[faint]
	s[badge] = bold.Reverse(true)
	s[alarm] = s[badge]
	return s
}

func contrastTheme() (s [roles]lipgloss.Style) {
	bold := lipgloss.NewStyle().Bold(true)
	for _, r := range []role{strong, title, keycap, chosen, brand, good, busy, bad, ruleFocus} {
		s[r] = bold
	}
	s[badge] = bold.Reverse(true)
	s[alarm] = s[badge]
	return s
}

// glyphs are the marks and the box drawing. None of the Unicode ones has an
// emoji form, which some fonts draw two columns wide.
type glyphs struct {
	topLeft, topRight, bottomLeft, bottomRight, horizontal, vertical string

	on, trying, off, failed         string // registration and call states
	up, lost, here                  string // interfaces; the focused pane
	sending, receiving, silent      string
	out, in, arrow                  string
	dot, check, cross, running      string // steps
	barOn, barOff, traceOn, traceNo string
	gap, middot, ellipsis           string
	levels                          []string // low to high
}

var unicodeGlyphs = glyphs{
	topLeft: "╭", topRight: "╮", bottomLeft: "╰", bottomRight: "╯", horizontal: "─", vertical: "│",
	on: "●", trying: "◐", off: "○", failed: "✗",
	up: "▲", lost: "▼", here: "▸",
	sending: "▸", receiving: "◂", silent: "◌",
	out: "→", in: "←", arrow: "→",
	dot: "•", check: "✓", cross: "✗", running: "◐",
	barOn: "━", barOff: "─", traceOn: "━", traceNo: "·",
	gap: "·", middot: "·", ellipsis: "…",
	levels: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
}

var asciiGlyphs = glyphs{
	topLeft: "+", topRight: "+", bottomLeft: "+", bottomRight: "+", horizontal: "-", vertical: "|",
	on: "*", trying: "~", off: "-", failed: "!",
	up: "^", lost: "v", here: ">",
	sending: ">", receiving: "<", silent: "x",
	out: ">", in: "<", arrow: "->",
	dot: "*", check: "+", cross: "!", running: "~",
	barOn: "#", barOff: ".", traceOn: "#", traceNo: ".",
	gap: "x", middot: "-", ellipsis: "~",
	levels: []string{"_", ".", "-", "=", "+", "*", "#", "#"},
}

func checkTheme(name string) error {
	if name == "" {
		return nil
	}
	for _, known := range ThemeNames() {
		if name == known {
			return nil
		}
	}
	return fmt.Errorf("theme %q is unknown; there are %s", name, strings.Join(ThemeNames(), ", "))
}
