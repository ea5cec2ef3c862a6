//go:build !linux && !darwin

package socket

import (
	"errors"
	"time"
)

var errNotYet = errors.New("this system's way is not known yet")

// pin is not done yet here: the routing table decides.
func pin(uintptr, string, string) error { return errNotYet }

func mayPass(err error) bool { return errors.Is(err, errNotYet) }

// mark is not done: Windows takes no traffic class from a program without a
// policy of the administrator.
func mark(uintptr, string, DSCP) error { return errNotYet }

func limitUnacked(uintptr, time.Duration) error { return nil }
