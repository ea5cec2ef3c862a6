package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// twoOn has two phones of ours on one host, registered, the second of which answers.
func twoOn(t *testing.T, ctx context.Context, l *Lab, k *Kamailio, host, transport, config string) (alice, bob *Ramble) {
	t.Helper()
	says, answers := tonesFor(t, l)
	start := func(user, says, account string) *Ramble {
		r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), Host: host, User: user, Says: says, Transport: transport,
			CA: k.CA, Stats: "100ms", Account: account, Config: config}))
		must[Event](t)(r.Registered(ctx, 0, ""))
		return r
	}
	return start("alice", says, ""), start("bob", answers, "auto_answer = \"always\"\nallow_from = [\"any\"]")
}

// hear waits until each phone has got sound, a second of packets more than it had.
func hear(t *testing.T, ctx context.Context, phones ...*Ramble) {
	t.Helper()
	for i, r := range phones {
		from := r.Output.Len()
		first, next, err := r.Expect(ctx, from, "figures of the sound", func(e Event) bool { return e.Type == "media" })
		if err != nil {
			t.Fatalf("phone %d: %v", i+1, err)
		}
		if _, _, err := r.Expect(ctx, next, "sound", func(e Event) bool { return e.Type == "media" && e.Rx >= first.Rx+50 }); err != nil {
			t.Fatalf("phone %d hears nothing: %v", i+1, err)
		}
	}
}

// TestAServerOnTheSameHost: the registrar and both phones run on one machine, and meet
// by the address that it has in its network.
func TestAServerOnTheSameHost(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			ramble(t) // is built before the time runs
			l := open(t, Options{})
			ctx := within(t, 30*time.Second)
			k, err := l.Kamailio(ctx, "alice", "bob")
			possible(t, err)
			alice, bob := twoOn(t, ctx, l, k, PBX, transport, "")
			if err := alice.call(ctx, "bob"); err != nil {
				t.Fatal(err)
			}
			hear(t, ctx, alice, bob)
			if err := alice.hangUp(ctx); err != nil {
				t.Error(err)
			}
			if err := bob.ended(ctx); err != nil {
				t.Error(err)
			}
			for _, r := range []*Ramble{alice, bob} {
				if err := r.Quit(ctx); err != nil {
					t.Error(err)
				}
			}
			for _, user := range []string{"alice", "bob"} {
				if err := k.AwaitBindings(ctx, user); err != nil {
					t.Error("after quit: ", err)
				}
			}
		})
	}
}

// TestTwoPhonesOnOneHostMove: two phones on a machine that moves talk to each other,
// and their sound takes no way outside. After each move both hear.
func TestTwoPhonesOnOneHostMove(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		for _, move := range []string{"overlap other 300ms", "roam other", "renumber"} {
			t.Run(transport+", "+move, func(t *testing.T) {
				ramble(t) // is built before the time runs
				l := open(t, Options{})
				ctx := within(t, 40*time.Second)
				k, err := l.Kamailio(ctx, "alice", "bob")
				possible(t, err)
				alice, bob := twoOn(t, ctx, l, k, Phone, transport, "")
				if err := alice.call(ctx, "bob"); err != nil {
					t.Fatal(err)
				}
				hear(t, ctx, alice, bob)
				from := []int{alice.Output.Len(), bob.Output.Len()}
				must[Move](t)(l.Take(ctx, move))
				began := time.Now()
				for i, r := range []*Ramble{alice, bob} {
					end, _, err := r.Expect(ctx, from[i], "the end of the roam", func(e Event) bool {
						return e.Type == "roam" && (e.Phase == "done" || e.Phase == "failed")
					})
					if err != nil {
						t.Fatal(err)
					}
					// The re-INVITEs of both cross, and the old addresses answer for another 300 ms.
					if gap := gapIn(t, end); gap > time.Second && strings.HasPrefix(move, "overlap") {
						t.Errorf("phone %d heard nothing for %v, though both networks were there for a while", i+1, gap)
					}
				}
				hear(t, ctx, alice, bob)
				t.Logf("both hear a second of sound %v after the move", time.Since(began).Round(10*time.Millisecond))
			})
		}
	}
}

// gapIn is the longest time for which a call of a roam heard nothing.
func gapIn(t *testing.T, e Event) time.Duration {
	t.Helper()
	var roam struct {
		Calls []struct {
			Gap float64 `json:"gap_in_ms"`
		}
	}
	if err := json.Unmarshal([]byte(e.Line), &roam); err != nil {
		t.Fatal(err)
	}
	gap := 0.0
	for _, c := range roam.Calls {
		gap = max(gap, c.Gap)
	}
	return time.Duration(gap * float64(time.Millisecond))
}

// TestTheServerReturns: a server that was away and knows nobody any more is registered
// at within three seconds of its return.
func TestTheServerReturns(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		for _, gone := range []time.Duration{time.Second, 12 * time.Second} {
			t.Run(fmt.Sprintf("%s, away for %v", transport, gone), func(t *testing.T) {
				l := open(t, Options{})
				ctx := within(t, 60*time.Second)
				k, err := l.Kamailio(ctx, "alice")
				possible(t, err)
				r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Transport: transport, CA: k.CA,
					Config: "[network]\nkeepalive = \"1s\""}))
				must[Event](t)(r.Registered(ctx, 0, ""))
				from := r.Output.Len()
				_ = k.Stop()
				if err := wait(ctx, gone); err != nil {
					t.Fatal(err)
				}
				k, err = l.Kamailio(ctx, "alice")
				possible(t, err)
				began := time.Now()
				if err := k.AwaitBindings(ctx, "alice", "10.1.0.2"); err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				t.Logf("registered again %v after the server's return", took.Round(10*time.Millisecond))
				if took > 3*time.Second {
					t.Errorf("after %v", took)
				}
				must[Event](t)(r.Registered(ctx, from, ""))
			})
		}
	}
}
