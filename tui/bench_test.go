package tui

import "testing"

// BenchmarkFrame is one update with its frame, in a call at 120x36.
func BenchmarkFrame(b *testing.B) {
	set, err := Options{Looks: Looks{Theme: "dark", ASCII: "off", Motion: "on"}, Terminal: Terminal{Environ: []string{}}}.settle(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	m := newModel(set)
	m.w, m.h = 120, 36
	s := inCall()
	for _, n := range history() {
		m.events.tell(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.state = s
		_ = m.View()
	}
}
