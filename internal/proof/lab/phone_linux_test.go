package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// ramble is the program under test, built once for all tests.
func ramble(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("RAMBLE_LAB_BINARY"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-binary-", folderPrefix, os.Getpid()))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ramble")
	cmd := exec.Command("go", "build", "-o", path, "ramble")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

func TestRegisters(t *testing.T) {
	for _, tt := range []struct {
		name, transport string
		ipv6            bool
	}{
		{name: "UDP over IPv4", transport: "udp"},
		{name: "TCP over IPv4", transport: "tcp"},
		{name: "TLS over IPv4", transport: "tls"},
		{name: "UDP over IPv6", transport: "udp", ipv6: true},
		{name: "TCP over IPv6", transport: "tcp", ipv6: true},
		{name: "TLS over IPv6", transport: "tls", ipv6: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := open(t, Options{})
			ctx := within(t, 20*time.Second)
			k, err := l.Kamailio(ctx, "alice")
			possible(t, err)
			r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Transport: tt.transport, IPv6: tt.ipv6, CA: k.CA}))
			v4, v6 := l.Address()
			own := v4
			if tt.ipv6 {
				own = v6
			}
			e := must[Event](t)(r.Registered(ctx, 0, own.String()))
			t.Log(e.Contact)
			if err := k.AwaitBindings(ctx, "alice", own.String()); err != nil {
				t.Error(err)
			}
			if err := r.Quit(ctx); err != nil {
				t.Error(err)
			}
			if err := k.AwaitBindings(ctx, "alice"); err != nil {
				t.Error("after quit: ", err)
			}
		})
	}
}
