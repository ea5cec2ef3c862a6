package netwatch

import (
	"context"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Notifications returns what tells of changes on this system: the IP helper's
// notifications of addresses, interfaces and routes.
func Notifications() []Hinter { return []Hinter{ipHelper{}} }

// ipHelper is the Hinter of the IP helper library. It tells that something
// changed, not what: a loss and return between two looks is left to the paths.
type ipHelper struct{}

// Run is Hinter's. The system calls back on threads of its own, which only
// ring a bell.
func (ipHelper) Run(ctx context.Context, hint func(Reason)) error {
	bell := make(chan Reason, 1) // capacity 1: one look serves all that rang before it
	// Context, row, kind of change; the answer is not looked at.
	ring := func(of string) uintptr {
		return windows.NewCallback(func(_, _ uintptr, kind uintptr) uintptr {
			select {
			case bell <- mibNotice(of, kind):
			default:
			}
			return 0
		})
	}
	for _, notify := range []struct {
		of     string
		listen func(family uint16, callback uintptr, context unsafe.Pointer, initial bool, handle *windows.Handle) error
	}{
		{"an address", windows.NotifyUnicastIpAddressChange},
		{"an interface", windows.NotifyIpInterfaceChange},
		{"a route", windows.NotifyRouteChange2},
	} {
		var h windows.Handle
		if err := notify.listen(windows.AF_UNSPEC, ring(notify.of), nil, false, &h); err != nil {
			return fmt.Errorf("no notifications when %s changes: %w", notify.of, err)
		}
		// It waits for callbacks that still run, none of which waits for us.
		defer windows.CancelMibChangeNotify2(h)
	}
	hint(Reason{Kind: Notified, Detail: "notifications begin"})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-bell:
			hint(r)
		}
	}
}
