//go:build !linux

package device

import "errors"

const missingPulse = "not on this system: it is for Linux"

func openPulse(wish, int) (card, error) { return nil, errors.New(missingPulse) }
func listPulse() ([]Port, error)        { return nil, errors.New(missingPulse) }
