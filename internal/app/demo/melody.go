package demo

import "math"

// melody is a music box that never repeats exactly and never ends: plucked
// notes of a pentatonic scale over a slow bass, so that a gap in the sound is
// heard at once and nobody is annoyed by it.
type melody struct {
	rate  int
	at    int // samples since the start
	state uint32
	notes [4]pluck
	next  int
}

// pluck is one decaying note.
type pluck struct {
	step, phase, level float64
}

// beat is the length of a note.
const beatMillis = 280

// scale is A minor pentatonic, in semitones from A4.
func scale(i uint32) float64 {
	semitones := [...]float64{-12, -9, -7, -5, -2, 0, 3, 5, 7}
	return 440 * math.Pow(2, semitones[int(i)%len(semitones)]/12)
}

func newMelody(rate int, seed uint32) *melody { return &melody{rate: rate, state: seed | 1} }

// fill writes the next samples.
func (m *melody) fill(dst []int16) {
	beat := m.rate * beatMillis / 1000
	decay := math.Exp(-1 / (0.35 * float64(m.rate)))
	for i := range dst {
		if m.at%beat == 0 {
			m.strike(m.at / beat)
		}
		m.at++
		sum := 0.0
		for n := range m.notes {
			p := &m.notes[n]
			sum += p.level * (math.Sin(p.phase) + 0.3*math.Sin(2*p.phase))
			p.phase += p.step
			p.level *= decay
		}
		dst[i] = int16(max(-1, min(1, sum)) * 30000)
	}
}

// strike plucks the next note; every fourth beat a bass note below it.
func (m *melody) strike(n int) {
	m.state ^= m.state << 13
	m.state ^= m.state >> 17
	m.state ^= m.state << 5
	if n%4 == 0 {
		m.pluck(110*[...]float64{1, 1.189, 0.891, 1.335}[n/4%4], 0.22)
	}
	if m.state%5 != 0 { // a rest now and then
		m.pluck(scale(m.state>>8), 0.2)
	}
}

func (m *melody) pluck(hz, level float64) {
	m.notes[m.next] = pluck{step: 2 * math.Pi * hz / float64(m.rate), level: level}
	m.next = (m.next + 1) % len(m.notes)
}
