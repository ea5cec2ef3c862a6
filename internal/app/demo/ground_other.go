//go:build !linux

package demo

import (
	"errors"

	"ramble/internal/leaf/safego"
)

// NewReal is for Linux, which has network namespaces.
func NewReal(*safego.Guard) (Ground, error) {
	return nil, errors.New("a private network needs Linux")
}
