package audio

// Mix sums sounds of equal length and hands out the sum, whole or without one
// of its parts. What exceeds full scale is cut there.
type Mix struct {
	sum []int32
}

// Reset empties the mix and makes it n samples long.
func (m *Mix) Reset(n int) {
	if cap(m.sum) < n {
		m.sum = make([]int32, n)
	}
	m.sum = m.sum[:n]
	clear(m.sum)
}

// Add takes part into the sum; what is longer than the mix is left out.
func (m *Mix) Add(part []int16) {
	part = part[:min(len(part), len(m.sum))]
	for i, s := range part {
		m.sum[i] += int32(s)
	}
}

// All writes the sum to dst.
func (m *Mix) All(dst []int16) {
	for i := range min(len(dst), len(m.sum)) {
		dst[i] = Clamp(m.sum[i])
	}
}

// Without writes the sum less part to dst: what a member of a conference
// hears (N-1). The part must be one that was added, unchanged. It may be dst.
func (m *Mix) Without(dst, part []int16) {
	for i := range min(len(dst), len(part), len(m.sum)) {
		dst[i] = Clamp(m.sum[i] - int32(part[i]))
	}
}
