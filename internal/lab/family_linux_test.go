package lab

import (
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
