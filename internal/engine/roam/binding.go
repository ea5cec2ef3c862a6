package roam

// This file is about what the server may list beside the present Contact: the
// binding of a former epoch, and those of REGISTERs that nobody answered. Their
// 2xx may be lost with the path; the binding is there all the same, and takes
// calls that never ring.

// binding is what the server may list of us.
type binding struct {
	bound   Epoch // the epoch of the last grant; 0 none
	doubt   Epoch // of the first REGISTER since then that nobody answered: the server may have taken it; 0 none
	stale   bool  // the server lists a binding that was to go
	swept   bool  // it was asked once more because of that, on this stack
	owed    bool  // the binding is to be removed, and nobody has answered that yet
	leaving Epoch // of the Unregister in flight; 0 none
}

// unanswered notes that the REGISTER in flight ended without a word from the server.
func (r *registration) unanswered() {
	if r.doubt == 0 {
		r.doubt = r.flight
	}
}

// mayBeTaken reports whether the server may have done what a request asked for,
// although it failed here.
func (f Failure) mayBeTaken() bool {
	return f.Kind != Answered && f.Kind != Refused || f.Code == 408 || f.Code == 504
}

// leftBehind reports whether the server may list a Contact of another stack.
func (m *Machine) leftBehind() bool {
	before := func(e Epoch) bool { return e != 0 && e < m.stack.from }
	return before(m.reg.bound) || before(m.reg.doubt)
}

// sweep takes in what a 2xx lists. A binding that was to go and is there, because
// its REGISTER came late by a slower path, is removed once more at once; one that
// stays even then, with every refresh.
func (m *Machine) sweep(stale bool) {
	r := &m.reg
	r.doubt, r.stale = 0, stale
	if stale && m.policy.RemoveOld && !r.swept && !r.leave {
		r.swept, r.again = true, true
	}
}
