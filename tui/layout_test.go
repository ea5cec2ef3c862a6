package tui

import (
	"strings"
	"testing"
)

// drawn is a layout as a picture: one character for four columns and two rows,
// with the letter of the pane that stands there.
func drawn(a arrangement) string {
	l := arrange(a)
	letters := map[pane]byte{paneAccounts: 'A', paneNetwork: 'N', paneCall: 'C', paneLower: 'L', paneSide: 'E'}
	var b strings.Builder
	for y := 0; y < a.h; y += 2 {
		for x := 0; x < a.w; x += 4 {
			at := byte('.')
			in := func(r rect) bool { return x+2 >= r.x && x+2 < r.x+r.w && y+1 >= r.y && y+1 < r.y+r.h }
			for p, letter := range letters {
				if in(l.pane[p]) {
					at = letter
				}
			}
			switch {
			case in(l.dial) || in(l.keys):
				at = '-'
			case l.tiny:
				at = '!'
			}
			b.WriteByte(at)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestArrange(t *testing.T) {
	for _, tc := range []struct {
		name string
		a    arrangement
		want string
	}{
		{"80x24 has the accounts and the network to the left", arrangement{w: 80, h: 24, focused: paneCall, accRows: 5}, `
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
NNNNNNNNCCCCCCCCCCCC
NNNNNNNNCCCCCCCCCCCC
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
--------------------
`},
		{"80x24 while a roam is watched: the call gives way", arrangement{w: 80, h: 24, focused: paneCall, accRows: 5, roamTab: true, callRows: 6, inCall: true}, `
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
AAAAAAAACCCCCCCCCCCC
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
NNNNNNNNLLLLLLLLLLLL
--------------------
`},
		{"100x36 while a roam is watched: events below it", arrangement{w: 100, h: 36, focused: paneCall, accRows: 5, roamTab: true, callRows: 6, roamRows: 8}, `
AAAAAAAAACCCCCCCCCCCCCCCC
AAAAAAAAACCCCCCCCCCCCCCCC
AAAAAAAAACCCCCCCCCCCCCCCC
AAAAAAAAACCCCCCCCCCCCCCCC
NNNNNNNNNLLLLLLLLLLLLLLLL
NNNNNNNNNLLLLLLLLLLLLLLLL
NNNNNNNNNLLLLLLLLLLLLLLLL
NNNNNNNNNLLLLLLLLLLLLLLLL
NNNNNNNNNLLLLLLLLLLLLLLLL
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
NNNNNNNNNEEEEEEEEEEEEEEEE
-------------------------
`},
		{"160x20 has a third column for events", arrangement{w: 160, h: 20, focused: paneCall, accRows: 5}, `
AAAAAAAAACCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
AAAAAAAAACCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
AAAAAAAAACCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
NNNNNNNNNCCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
NNNNNNNNNCCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
NNNNNNNNNCCCCCCCCCCCCCCCCCEEEEEEEEEEEEEE
NNNNNNNNNLLLLLLLLLLLLLLLLLEEEEEEEEEEEEEE
NNNNNNNNNLLLLLLLLLLLLLLLLLEEEEEEEEEEEEEE
NNNNNNNNNLLLLLLLLLLLLLLLLLEEEEEEEEEEEEEE
----------------------------------------
`},
		{"48x20 when idle: call and accounts", arrangement{w: 48, h: 20, focused: paneCall}, `
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
AAAAAAAAAAAA
AAAAAAAAAAAA
AAAAAAAAAAAA
------------
`},
		{"48x20 with the network focused: call and network", arrangement{w: 48, h: 20, focused: paneNetwork, inCall: true, callRows: 6}, `
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
CCCCCCCCCCCC
NNNNNNNNNNNN
NNNNNNNNNNNN
NNNNNNNNNNNN
------------
`},
		{"80x12 is the call only", arrangement{w: 80, h: 12, focused: paneCall}, `
CCCCCCCCCCCCCCCCCCCC
CCCCCCCCCCCCCCCCCCCC
CCCCCCCCCCCCCCCCCCCC
CCCCCCCCCCCCCCCCCCCC
CCCCCCCCCCCCCCCCCCCC
--------------------
`},
		{"80x12 zoomed is the focused pane only", arrangement{w: 80, h: 12, focused: paneNetwork, zoomed: true}, `
NNNNNNNNNNNNNNNNNNNN
NNNNNNNNNNNNNNNNNNNN
NNNNNNNNNNNNNNNNNNNN
NNNNNNNNNNNNNNNNNNNN
NNNNNNNNNNNNNNNNNNNN
--------------------
`},
		{"under 40x10 is one line", arrangement{w: 36, h: 4, focused: paneCall}, `
!!!!!!!!!
!!!!!!!!!
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := "\n" + drawn(tc.a); got != tc.want {
				t.Fatalf("got:%s\nwant:%s", got, tc.want)
			}
		})
	}
}

// Whatever the size, panes tile the body: none overlaps, none sticks out, and
// none is too small to hold a line.
func TestArrangeTilesTheBodyAtEverySize(t *testing.T) {
	for w := minWidth; w <= 210; w += 7 {
		for h := minHeight; h <= 70; h++ {
			for bits := range 32 {
				a := arrangement{w: w, h: h, focused: pane(bits % int(panes)), zoomed: bits&8 != 0, roamTab: bits&1 != 0,
					inCall: bits&2 != 0, callRows: bits, accRows: bits / 3, roamRows: bits / 2,
					mode: []string{"auto", "wide", "stacked", "focus"}[bits/8]}
				l := arrange(a)
				cells := make([]bool, w*h)
				area := 0
				for p, r := range l.pane {
					if !r.shown() {
						continue
					}
					if r.h < 3 || r.w < 10 {
						t.Fatalf("%+v: pane %d is %v", a, p, r)
					}
					for y := r.y; y < r.y+r.h; y++ {
						for x := r.x; x < r.x+r.w; x++ {
							if y < l.body.y || y >= l.body.y+l.body.h || x < 0 || x >= w || cells[y*w+x] {
								t.Fatalf("%+v: pane %d at %v overlaps or sticks out at %d,%d", a, p, r, x, y)
							}
							cells[y*w+x] = true
							area++
						}
					}
				}
				if area != l.body.w*l.body.h {
					t.Fatalf("%+v: %d of %d cells covered: %+v", a, area, l.body.w*l.body.h, l.pane)
				}
			}
		}
	}
}
