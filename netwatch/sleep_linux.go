package netwatch

import (
	"time"

	"golang.org/x/sys/unix"
)

// awake is a clock that goes on while the machine sleeps; only differences
// mean anything. CLOCK_BOOTTIME does, and nobody sets it.
func awake() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(ts.Nano())
}
