package lab

import (
	"context"
	"testing"
	"time"
)

// TestFromIPv4ToIPv6AndBack moves between networks of one family each. The
// proxy is known by name; the far end has both families.
func TestFromIPv4ToIPv6AndBack(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		for _, v := range sample() {
			t.Run(transport+", "+v.name, func(t *testing.T) {
				ctx := within(t, 90*time.Second)
				survive(t, ctx, play(t, ctx, sceneOptions{
					transport: transport, named: true, far: "ramble",
					lab: Options{WLAN: Access{Family: OnlyIPv4}, WWAN: Access{Family: OnlyIPv6}, OthersPlain: true},
				}), v)
			})
		}
	}
}

// TestTwoPhonesMoveAtOnce has both ends of a call change their networks in the
// same moment: neither knows where the other went.
func TestTwoPhonesMoveAtOnce(t *testing.T) {
	both := func(v variant) variant {
		return variant{"both: " + v.name, func(ctx context.Context, l *Lab) (Move, error) {
			far := make(chan error, 1)
			go func() {
				_, err := l.Phone(2).Roam(ctx, l.Phone(2).Other(), 0)
				far <- err
			}()
			m, err := v.move(ctx, l)
			if other := <-far; err == nil {
				err = other
			}
			return m, err
		}, -1, 0}
	}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			ctx := within(t, 90*time.Second)
			survive(t, ctx, play(t, ctx, sceneOptions{transport: transport, far: "ramble"}), both(variants()[0]))
		})
	}
}
