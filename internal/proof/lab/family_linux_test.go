package lab

import (
	"context"
	"testing"
	"time"
)

// TestFromIPv4ToIPv6AndBack moves between networks of one family each. The
// proxy is known by name; the far end has both families.
func TestFromIPv4ToIPv6AndBack(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp", "tls"} {
		for _, v := range sample() {
			t.Run(transport+", "+v.name, func(t *testing.T) {
				t.Parallel()
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
	t.Parallel()
	both := func(v variant) variant {
		return variant{"both: " + v.name, func(ctx context.Context, l *Lab) (Move, error) {
			far := make(chan error, 1)
			go func() {
				_, err := l.Phone(2).Take(ctx, "roam other")
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

// TestANAT64InACall moves a call from an IPv4 network to one that has nothing
// but IPv6 and a NAT64, and back. The signalling goes by way of the NAT64, the
// audio to a far end that has both families. The server takes Contacts for where
// they came from: an IPv6 one means nothing to it.
func TestANAT64InACall(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			ctx := within(t, 60*time.Second)
			s := play(t, ctx, sceneOptions{
				transport: transport, named: true, far: "ramble",
				kamailio: KamailioOptions{RewriteContacts: true},
				lab:      Options{WLAN: Access{Family: OnlyIPv4}, WWAN: Access{Family: OnlyIPv6, NAT64: true}, OthersPlain: true},
			})
			captures, keep := s.captured(t)
			defer keep()
			for _, byFar := range []bool{true, false} {
				if err := s.alice.call(ctx, s.target()); err != nil {
					t.Fatal(err)
				}
				if err := flowing(ctx, captures[Phone], s.ownAddress(s.Address()), time.Time{}, 50); err != nil {
					t.Fatal(err)
				}
				m := must[Move](t)(s.Take(ctx, "roam other"))
				if err := flowing(ctx, captures[Phone], s.ownAddress(m.To, m.To6), m.T0, 75); err != nil {
					t.Error(err)
				}
				hangUp(ctx, s.alice, s.farEnd(), byFar, t.Error)
				if t.Failed() {
					return
				}
			}
			if err := s.alice.Quit(ctx); err != nil {
				t.Error(err)
			}
			if err := s.k.AwaitBindings(ctx, "alice"); err != nil {
				t.Error("after quit: ", err)
			}
		})
	}
}
