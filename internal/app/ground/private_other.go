//go:build !linux

package ground

import (
	"errors"
	"runtime"

	"ramble/internal/leaf/safego"
)

// Private is for Linux, which has network namespaces.
func Private(*safego.Guard) (code int, done bool, err error) {
	return 0, false, errors.New("private networks need Linux, this is " + runtime.GOOS)
}
