package tui

// rect is a rectangle of screen cells; the zero rect is not shown.
type rect struct{ x, y, w, h int }

func (r rect) shown() bool { return r.w > 0 && r.h > 0 }

// pane names a part of the screen that can be focused.
type pane int

const (
	paneAccounts pane = iota
	paneNetwork
	paneCall
	paneLower // tabs: Events or Roam
	paneSide  // Events by themselves, where there is room beside the Roam tab
	panes
)

// arrangement is everything that the layout depends on.
type arrangement struct {
	w, h     int
	mode     string // "auto", "wide", "stacked", "focus"
	focused  pane
	zoomed   bool
	roamTab  bool // the lower pane shows the Roam tab
	inCall   bool
	callRows int // lines the Call pane would like to show
	accRows  int // lines the Accounts pane would like to show
	roamRows int // lines the Roam tab would like to show
}

// layout says where everything is. A pane that is not shown has a zero rect.
type layout struct {
	tiny   bool // too small for panes: one line of state
	header rect
	dial   rect
	keys   rect
	body   rect
	pane   [panes]rect
}

// Sizes at which the layout changes its shape.
const (
	minWidth, minHeight = 40, 10 // below: one line
	twoColumns          = 64     // from here on Accounts and Network stand to the left
	widerLeft           = 100    // from here on the left column is widerLeft columns wide
	threeColumns        = 160    // from here on Events have a column of their own
	portraitHeight      = 40     // a narrow screen this high shows all panes in one column
	callOnlyHeight      = 14     // below: the Call pane only
	stackHeight         = 30     // from here on Events show below the Roam tab
	leftNarrow          = 31
	leftWide            = 36
	sideWidth           = 56
	callCompact         = 8  // the Call pane while a roam is watched, at least
	roamKeeps           = 10 // and what it leaves to the roam
	callNormal          = 11
	callTall            = 18
)

// arrange is the layout as a pure function of its arguments.
func arrange(a arrangement) layout {
	if a.w < minWidth || a.h < minHeight {
		return layout{tiny: true, header: rect{0, 0, a.w, min(a.h, 1)}}
	}
	l := layout{
		header: rect{0, 0, a.w, 1},
		dial:   rect{0, a.h - 2, a.w, 1},
		keys:   rect{0, a.h - 1, a.w, 1},
		body:   rect{0, 1, a.w, a.h - 3},
	}
	switch {
	case a.zoomed:
		l.pane[a.focused] = l.body
	case a.mode == "focus", a.mode != "wide" && a.mode != "stacked" && a.w < twoColumns && a.h < portraitHeight:
		l.focusShape(a)
	case a.mode == "stacked", a.mode != "wide" && a.w < twoColumns:
		l.stackedShape(a)
	default:
		l.wideShape(a)
	}
	return l
}

// focusShape is one column: the call, and below it what matters most now.
func (l *layout) focusShape(a arrangement) {
	if a.h < callOnlyHeight {
		p := paneCall
		if a.focused != paneCall {
			p = a.focused
		}
		l.pane[p] = l.body
		return
	}
	second := a.focused
	if second == paneCall || second == paneSide {
		second = paneLower
		if !a.roamTab && !a.inCall {
			second = paneAccounts
		}
	}
	top, bottom := l.body.split(callHeight(a, l.body.h))
	l.pane[paneCall], l.pane[second] = top, bottom
}

// stackedShape is one column with everything in it.
func (l *layout) stackedShape(a arrangement) {
	if l.body.h < callNormal+4+5+6 {
		l.focusShape(a)
		return
	}
	acc := clamp(a.accRows+2, 4, 6)
	top, bottom := l.body.split(l.body.h - acc - clamp(l.body.h/4, 5, 10))
	l.pane[paneCall], l.pane[paneLower] = top.split(callHeight(a, top.h))
	l.pane[paneAccounts], l.pane[paneNetwork] = bottom.split(acc)
}

// wideShape is two columns, or three where there is room.
func (l *layout) wideShape(a arrangement) {
	if a.h < callOnlyHeight && a.w < widerLeft {
		p := paneCall
		if a.focused != paneCall {
			p = a.focused
		}
		l.pane[p] = l.body
		return
	}
	leftW := leftNarrow
	if a.w >= widerLeft {
		leftW = leftWide
	}
	left := rect{l.body.x, l.body.y, leftW, l.body.h}
	right := rect{l.body.x + leftW, l.body.y, l.body.w - leftW, l.body.h}
	if a.w >= threeColumns {
		l.pane[paneSide] = rect{right.x + right.w - sideWidth, right.y, sideWidth, right.h}
		right.w -= sideWidth
	}
	acc := clamp(a.accRows+2, 6, max(6, left.h/3))
	if a.h < 24 {
		acc = clamp(a.accRows+2, 4, 6)
	}
	l.pane[paneAccounts], l.pane[paneNetwork] = left.split(clamp(acc, 3, left.h-4))

	if a.h < callOnlyHeight {
		l.pane[either(a.focused == paneLower, paneLower, paneCall)] = right
		return
	}
	call, lower := right.split(callHeight(a, right.h))
	l.pane[paneCall], l.pane[paneLower] = call, lower
	if a.roamTab && a.w < threeColumns && a.h >= stackHeight {
		h := clamp(a.roamRows+2, 8, lower.h-6)
		l.pane[paneLower], l.pane[paneSide] = lower.split(h)
	}
}

// callHeight is the height of the Call pane over a lower pane: what it needs
// while a roam is watched, a steady size otherwise, so that nothing jumps.
func callHeight(a arrangement, room int) int {
	most := room - 5 // the lower pane keeps three lines
	if a.roamTab {
		return clamp(a.callRows+2, callCompact, clamp(room-roamKeeps, callCompact, max(6, most)))
	}
	normal := clamp(room/2, callNormal, callTall)
	return clamp(max(normal, a.callRows+2), 6, max(6, most))
}

// split cuts a rect into an upper part of height h and the rest.
func (r rect) split(h int) (top, bottom rect) {
	h = clamp(h, 0, r.h)
	return rect{r.x, r.y, r.w, h}, rect{r.x, r.y + h, r.w, r.h - h}
}

func clamp(v, low, high int) int { return max(low, min(v, high)) }
