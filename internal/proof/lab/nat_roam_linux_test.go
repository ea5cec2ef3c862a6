package lab

import (
	"testing"
	"time"
)

// TestCallsSurviveANAT moves from a plain network to one behind a NAT, and
// back: the registrar must know the outer address, or the peer's BYE goes
// nowhere. Over UDP the phone's Contact follows what the server sees. Over TCP
// it cannot, since nobody listens at a connection's port: there the server
// takes a Contact for where it came from.
func TestCallsSurviveANAT(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		transport string
		rewrites  bool
	}{{"udp", false}, {"tcp", true}, {"tls", true}} {
		for _, v := range sample() {
			t.Run(tt.transport+", "+v.name, func(t *testing.T) {
				t.Parallel()
				ctx := within(t, 90*time.Second)
				survive(t, ctx, play(t, ctx, sceneOptions{
					transport: tt.transport, far: "latcher", lab: Options{WWAN: Access{NAT: true}},
					kamailio: KamailioOptions{RewriteContacts: tt.rewrites},
				}), v)
			})
		}
	}
}
