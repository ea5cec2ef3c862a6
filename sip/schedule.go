package sip

import "time"

// soonestRefresh is the shortest time between two REGISTERs that a grant can
// ask for: a registrar that grants a second would have two requests in each,
// for ever. Its binding is gone for part of the time then, which is its wish.
const soonestRefresh = 5 * time.Second

// refreshIn says when to renew a binding that was granted for expires: at nine
// tenths of a long one, leaving at least half a minute for retries where there
// is room for it, at the half of a short one, but never sooner than a server can
// reasonably want. Pure.
func refreshIn(expires time.Duration) time.Duration {
	if expires < time.Minute {
		return max(expires/2, soonestRefresh)
	}
	return min(expires*9/10, expires-30*time.Second)
}
