package roam

import "time"

// Seeks reports whether the machine still looks for a server that answers.
func (m *Machine) Seeks() bool {
	return m.path.Valid() && (m.stack.state != open || m.reg.pending() || m.reg.slow)
}

// NextTry is when a server is tried again; zero while a try is under way, or
// nothing is sought.
func (m *Machine) NextTry() time.Time {
	switch {
	case m.stack.state == shut:
		return m.stack.retryAt
	case m.stack.state == open && (m.reg.pending() || m.reg.slow):
		return m.reg.due
	}
	return time.Time{}
}
