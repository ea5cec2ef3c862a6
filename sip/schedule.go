package sip

import "time"

// refreshIn says when to renew a binding that was granted for expires: at nine
// tenths of a long one, leaving at least half a minute for retries where there
// is room for it, at the half of a short one. Pure.
func refreshIn(expires time.Duration) time.Duration {
	if expires < time.Minute {
		return expires / 2
	}
	return min(expires*9/10, expires-30*time.Second)
}
