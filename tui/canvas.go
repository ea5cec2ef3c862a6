package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"ramble/internal/leaf/clean"
)

// span is a piece of text in one role.
type span struct {
	text string
	role role
}

// row is one line of a pane: left is cut with an ellipsis so that right, which
// is pinned to the right edge, always fits.
type row struct {
	left, right []span
	selected    bool
}

// cell is one screen cell. A rune of two columns fills its cell and leaves the
// next one empty (text "").
type cell struct {
	text string
	role role
}

// canvas is the screen as a grid of cells. Everything is drawn through put,
// which clips, so no line can be wider than the screen, and sanitizes, so no
// string from the network can steer the terminal, whoever forgot to do so.
type canvas struct {
	w, h  int
	cells []cell
	look  *look
}

func newCanvas(w, h int, l *look) *canvas {
	c := &canvas{w: w, h: h, cells: make([]cell, w*h), look: l}
	for i := range c.cells {
		c.cells[i].text = " "
	}
	return c
}

// put writes s at (x, y), over no more than max columns, and returns the
// columns it filled. It never writes outside the grid.
func (c *canvas) put(x, y, max int, s string, r role) int {
	if y < 0 || y >= c.h || x < 0 {
		return 0
	}
	max = min(max, c.w-x)
	used, last := 0, -1
	for i, size := 0, 0; i < len(s); i += size {
		size = 1
		text, width := s[i:i+1], 1
		if s[i] < ' ' || s[i] >= 0x7f {
			var u rune
			u, size = utf8.DecodeRuneInString(s[i:])
			text, width = c.look.drawable(u, s[i:i+size])
		}
		if width == 0 {
			// A combining mark joins the letter before it; a heap of them
			// (four letters' worth of bytes) is an attack on the reader.
			if last >= 0 && text != "" && len(c.cells[last].text) < 16 {
				c.cells[last].text += text
			}
			continue
		}
		if used+width > max {
			break
		}
		if width == 2 {
			c.set(x+used+1, y, cell{" ", r})
		}
		c.set(x+used, y, cell{text, r})
		last = y*c.w + x + used
		if width == 2 {
			c.cells[last+1].text = ""
		}
		used += width
	}
	return used
}

// set writes one cell and repairs a wide rune that it cuts in half.
func (c *canvas) set(x, y int, v cell) {
	i := y*c.w + x
	if c.cells[i].text == "" && x > 0 {
		c.cells[i-1].text = " "
	}
	if x+1 < c.w && c.cells[i+1].text == "" {
		c.cells[i+1].text = " "
	}
	c.cells[i] = v
}

// drawable returns what stands for a rune outside printable ASCII, and its
// width in columns.
func (l *look) drawable(r rune, s string) (string, int) {
	switch {
	case r >= 0x1f1e6 && r <= 0x1f1ff: // a flag: terminals disagree on its width, letters are safe
		i := int(r - 0x1f1e6)
		return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i : i+1], 1
	case r >= 0x1f3fb && r <= 0x1f3ff: // a skin tone: likewise
		return "", 0
	case l.ascii && unicode.In(r, unicode.Mn, unicode.Me):
		return "", 0
	case l.ascii:
		return "?", 1
	}
	if s = clean.Text(s); s == "" {
		return "", 0
	}
	return s, ansi.StringWidthWc(s)
}

// width is the columns that put needs for s.
func (l *look) width(s string) int {
	n := 0
	for i, size := 0, 0; i < len(s); i += size {
		size = 1
		if s[i] >= ' ' && s[i] < 0x7f {
			n++
			continue
		}
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		_, w := l.drawable(r, s[i:i+size])
		n += w
	}
	return n
}

// fit cuts s to max columns, with an ellipsis where something is lost.
func (l *look) fit(s string, max int) string {
	if l.width(s) <= max {
		return s
	}
	return l.head(s, max-l.width(l.ellipsis)) + l.ellipsis
}

// head is the longest beginning of s within max columns.
func (l *look) head(s string, max int) string {
	n := 0
	for i, size := 0, 0; i < len(s); i += size {
		_, size = utf8.DecodeRuneInString(s[i:])
		if n += l.width(s[i : i+size]); n > max {
			return s[:i]
		}
	}
	return s
}

// fitMiddle cuts s in its middle: the ends of an address tell more.
func (l *look) fitMiddle(s string, max int) string {
	if l.width(s) <= max || max < 5 || len(s) != utf8.RuneCountInString(s) {
		return l.fit(s, max)
	}
	e := l.width(l.ellipsis)
	tail := (max - e) / 2
	return s[:max-e-tail] + l.ellipsis + s[len(s)-tail:]
}

func (l *look) spansWidth(spans []span) int {
	n := 0
	for _, s := range spans {
		n += l.width(s.text)
	}
	return n
}

// area is a rectangle of the canvas with its own coordinates.
type area struct {
	c    *canvas
	x, y int
	w, h int
}

func (c *canvas) all() area { return area{c, 0, 0, c.w, c.h} }

func (c *canvas) at(r rect) area { return area{c, r.x, r.y, r.w, r.h} }

// inset is the area without its border and padding.
func (a area) inset() area {
	return area{a.c, a.x + 2, a.y + 1, max(0, a.w-4), max(0, a.h-2)}
}

// row draws r at line y of the area.
func (a area) row(y int, r row) {
	if y < 0 || y >= a.h {
		return
	}
	l := a.c.look
	right := min(l.spansWidth(r.right), a.w)
	room := a.w
	if right > 0 {
		room = max(0, a.w-right-1)
	}
	cut := l.spansWidth(r.left) > room
	if cut {
		room -= l.width(l.ellipsis)
	}
	x := 0
	for _, s := range r.left {
		x += a.c.put(a.x+x, a.y+y, room-x, s.text, s.role)
		if x >= room {
			break
		}
	}
	if cut && room >= 0 {
		a.c.put(a.x+x, a.y+y, l.width(l.ellipsis), l.ellipsis, r.left[0].role)
	}
	x = a.w - right
	for _, s := range r.right {
		x += a.c.put(a.x+x, a.y+y, a.w-x, s.text, s.role)
	}
}

// fill overwrites the area with blanks.
func (a area) fill(r role) {
	for y := range a.h {
		a.c.put(a.x, a.y+y, a.w, strings.Repeat(" ", a.w), r)
	}
}

// box draws a border with a title to the left and one to the right.
func (a area) box(frame role, title, right []span) {
	if a.w < 2 || a.h < 2 {
		return
	}
	l := a.c.look
	bar := strings.Repeat(l.horizontal, a.w-2)
	a.c.put(a.x, a.y, a.w, l.topLeft+bar+l.topRight, frame)
	for y := 1; y < a.h-1; y++ {
		a.c.put(a.x, a.y+y, 1, l.vertical, frame)
		a.c.put(a.x+a.w-1, a.y+y, 1, l.vertical, frame)
	}
	a.c.put(a.x, a.y+a.h-1, a.w, l.bottomLeft+bar+l.bottomRight, frame)
	head := area{a.c, a.x + 2, a.y, max(0, a.w-4), 1}
	pad := func(s []span) []span {
		if len(s) == 0 {
			return nil
		}
		return append(append([]span{{" ", frame}}, s...), span{" ", frame})
	}
	r := row{left: pad(title), right: pad(right)}
	if l.spansWidth(r.left)+l.spansWidth(r.right)+1 > head.w {
		r.right = nil
	}
	head.row(0, r)
}

// render writes the grid as lines with styles. Blank cells that cannot be seen
// are left out at the end of a line.
func (c *canvas) render() string {
	var out strings.Builder
	out.Grow(c.w * c.h * 2)
	for y := range c.h {
		if y > 0 {
			out.WriteByte('\n')
		}
		line := c.cells[y*c.w : (y+1)*c.w]
		end := len(line)
		for end > 0 && line[end-1].text == " " && c.look.blank(line[end-1].role) {
			end--
		}
		for x := 0; x < end; {
			r := line[x].role
			out.WriteString(c.look.before[r])
			for ; x < end && line[x].role == r; x++ {
				out.WriteString(line[x].text)
			}
			out.WriteString(c.look.after[r])
		}
	}
	return out.String()
}
