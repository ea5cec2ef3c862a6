package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// maxInstances bounds the search for a free identity. The seventeenth copy at
// once gets one that does not outlive it.
const maxInstances = 16

// Instance is the identity of this copy of the program towards registrars
// (+sip.instance, RFC 5626 4.1). It stays the same over restarts; a second
// running copy holds another one.
type Instance struct {
	URN  string // "urn:uuid:..."
	file *os.File
}

// OpenInstance takes the first identity in the state directory that no other
// running copy holds, and makes it where there is none. The hold ends with
// Close, and with the process however it ends.
func OpenInstance(stateDir string) (*Instance, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	for i := 1; i <= maxInstances; i++ {
		name := filepath.Join(stateDir, fmt.Sprintf("instance-%d", i))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if !lock(f) {
			_ = f.Close()
			continue
		}
		urn, err := identity(f)
		if err != nil {
			_ = f.Close()
			return nil, err
		}
		return &Instance{URN: urn, file: f}, nil
	}
	return TemporaryInstance(), nil
}

// TemporaryInstance is an identity for this run alone.
func TemporaryInstance() *Instance { return &Instance{URN: "urn:uuid:" + uuid.NewString()} }

// Close gives the identity back to the next copy that starts.
func (i *Instance) Close() error {
	if i.file == nil {
		return nil
	}
	return i.file.Close()
}

// identity reads the identity, or writes a new one over an empty or torn file.
func identity(f *os.File) (string, error) {
	data, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if id, ok := strings.CutPrefix(text, "urn:uuid:"); ok && uuid.Validate(id) == nil && len(id) == 36 {
		return text, nil
	}
	urn := "urn:uuid:" + uuid.NewString()
	if err := f.Truncate(0); err != nil {
		return "", err
	}
	if _, err := f.WriteAt([]byte(urn+"\n"), 0); err != nil {
		return "", err
	}
	return urn, f.Sync()
}
