package roam

import "time"

// Policy is what the user has decided about roaming. DefaultPolicy has the
// usual choices; in a Policy of one's own, times left zero take them too.
type Policy struct {
	// Enabled false: changes of path are noted, nothing acts on them until the
	// user forces it.
	Enabled bool
	// Register: the account registers at all.
	Register bool
	// RemoveOld: ask the server to drop the binding of the former epoch.
	RemoveOld bool
	// MediaFirst: where the old path is dead, send audio from the new address
	// before any signalling; peers that latch lose nothing more.
	MediaFirst bool
	// Refresh is how an idle call tells its peer the new address.
	Refresh Refresh
	// Retries are the waits before each new try of a repair that got no answer
	// or a 5xx; the last one repeats until KeepFor has passed.
	Retries []time.Duration
	// KeepFor is how long calls are kept without a network, and how long a
	// roam that has a path may take until it counts as failed.
	KeepFor time.Duration
	// HangupOnLost ends calls at once when there is no network.
	HangupOnLost bool
	// ProofWait is how long after the 2xx audio may take to arrive before the
	// call is refreshed once more.
	ProofWait time.Duration
	// ReplaceWait is how long a refresh may go unanswered, while the server does
	// answer, until the peer is looked for by its address of record: it may have
	// moved too. Who did not make the Call-ID waits as long again and a little
	// more, so that the two do not cross.
	ReplaceWait time.Duration
	// RegisterBackoff are the upper bounds of the waits after a failed
	// REGISTER or a stack that could not be opened; the last one repeats.
	RegisterBackoff []time.Duration
	// Between picks a time from lo to hi: the machine has no dice of its own.
	// Nil picks the middle.
	Between func(lo, hi time.Duration) time.Duration
}

// Refresh is how an idle call is refreshed.
type Refresh int

// The ways of refreshing.
const (
	Reinvite Refresh = iota
	Update           // where the peer allows it; falls back to re-INVITE
	None             // not at all: only the media move, for peers that latch
)

const (
	maxGlares   = 4                // answers of 491 to one repair that may be crossings; more are an INVITE to where we were
	timerC      = 3 * time.Minute  // the longest that a server keeps an INVITE without an answer (RFC 3261 16.6)
	maxReplaces = 4                // INVITEs with Replaces in one repair
	surelyOver  = 2                // answers of 603 to them that end the call
	lingerFor   = 32 * time.Second // 64*T1: what follows a call that ended comes within it (RFC 3261 17.2.1)
	// soonAfterGlare is the part of the waits of RFC 3261 14.1 from which the first is drawn.
	soonAfterGlare = 200 * time.Millisecond
	shortestTry    = time.Second      // between tries once Retries are used up, whatever they say
	youngDeath     = 30 * time.Second // a stack that answered nothing and lived no longer is opened anew with a back-off
)

// DefaultPolicy returns the choices of a user who made none.
func DefaultPolicy() Policy {
	return Policy{Enabled: true, Register: true, RemoveOld: true, MediaFirst: true}.complete()
}

// complete fills in what is left zero.
func (p Policy) complete() Policy {
	if len(p.Retries) == 0 {
		p.Retries = []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}
	}
	if p.KeepFor <= 0 {
		p.KeepFor = 45 * time.Second
	}
	if p.ProofWait <= 0 {
		p.ProofWait = 2 * time.Second
	}
	if p.ReplaceWait <= 0 {
		p.ReplaceWait = time.Second
	}
	if len(p.RegisterBackoff) == 0 {
		p.RegisterBackoff = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second}
	}
	return p
}

// between asks the dice and holds them to their word.
func (p Policy) between(lo, hi time.Duration) time.Duration {
	if p.Between == nil {
		return lo + (hi-lo)/2
	}
	return min(max(p.Between(lo, hi), lo), hi)
}

// backoff is the wait after so many failures in a row: 50 to 100 % of the
// bound (RFC 5626 4.5), never shorter than the server asked for.
func (p Policy) backoff(failures int, retryAfter time.Duration) time.Duration {
	i := min(max(failures, 1), len(p.RegisterBackoff)) - 1
	bound := max(p.RegisterBackoff[i], shortestTry)
	return max(p.between(bound/2, bound), retryAfter)
}

// placeWait is the wait after so many 403s in a row to a login that the server has
// accepted before: it gives the account one place, and who has that keeps it for
// minutes or an hour. To ask more often frees nothing, and some servers lock out
// who is refused too often.
func (p Policy) placeWait(times int, retryAfter time.Duration) time.Duration {
	waits := [...]time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}
	return max(waits[min(max(times, 1), len(waits))-1], retryAfter)
}

// Times of RFC 5626 4.5, where all flows (the only one) have failed.
const (
	flowBase = 30 * time.Second
	flowMax  = 30 * time.Minute
)

// flowRecovery is the wait after so many failures in a row by RFC 5626 4.5:
// 30 to 60 s, then twice as long each time, up to half an hour.
func (p Policy) flowRecovery(failures int, retryAfter time.Duration) time.Duration {
	bound := min(flowMax, flowBase<<min(max(failures, 1), 6))
	return max(p.between(bound/2, bound), retryAfter)
}

// retryWait is the wait before the next try of a repair; used counts the ones
// before. exhausted: the list is used up.
func (p Policy) retryWait(used int, retryAfter time.Duration) (wait time.Duration, exhausted bool) {
	if used < len(p.Retries) {
		return max(p.Retries[used], retryAfter), false
	}
	return max(p.Retries[len(p.Retries)-1], retryAfter, shortestTry), true
}

// replaceWait is how long a refresh may go unanswered until the peer is looked
// for by its address of record.
func (p Policy) replaceWait(ownsCallID bool) time.Duration {
	if ownsCallID {
		return p.ReplaceWait
	}
	return p.ReplaceWait * 9 / 4
}

// GlareWait is the wait after the nth 491 to a repair (RFC 3261 14.1): 2.1 to 4 s
// for the owner of the Call-ID, 0 to 2 s for the other, in units of 10 ms. The first time it
// is from the beginning of that range: the crossing is over as soon as one of the two goes
// first, and somebody waits for sound.
func (p Policy) GlareWait(ownsCallID bool, nth int) time.Duration {
	lo, hi := time.Duration(0), 2*time.Second
	if ownsCallID {
		lo, hi = 2100*time.Millisecond, 4*time.Second
	}
	if nth <= 1 {
		hi = lo + soonAfterGlare
	}
	return p.between(lo, hi).Round(10 * time.Millisecond)
}
