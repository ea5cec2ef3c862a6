package lab

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestALidThatTakesTheLink: the lid is closed for 8 s, which stops the phone and takes
// the carrier with the addresses, and is opened in the same place. The SIP port is
// fixed and the range of RTP ports the smallest, so that the phone's own old sockets
// hold what the new ones need.
func TestALidThatTakesTheLink(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ramble(t) // is built before the time runs
			ctx := within(t, 60*time.Second)
			s := play(t, ctx, sceneOptions{transport: transport, config: "[network]\nsip_port = 5062\nrtp_ports = \"20000-20008\""})
			wire := must[*Capture](t)(s.Capture(Phone))
			defer wire.Stop()
			if err := s.alice.call(ctx, s.target()); err != nil {
				t.Fatal(err)
			}
			own := s.ownAddress(s.Address())
			if err := flowing(ctx, wire, own, time.Time{}, 50); err != nil {
				t.Fatal(err)
			}
			from := s.alice.Output.Len()
			opened, err := s.lid(ctx, 8*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.alice.Expect(ctx, from, "the end of the roam", func(e Event) bool { return e.Type == "roam" && e.Phase == "done" }); err != nil {
				t.Fatal(err)
			}
			if err := flowing(ctx, wire, own, opened, 75); err != nil {
				t.Fatal(err)
			}
			t.Logf("75 packets each way %v after the lid was opened", time.Since(opened).Round(10*time.Millisecond))
			if err := s.alice.hangUp(ctx); err != nil {
				t.Error(err)
			}
			if err := s.alice.Quit(ctx); err != nil {
				t.Error(err)
			}
			if err := s.k.AwaitBindings(ctx, "alice"); err != nil {
				t.Error("after quit: ", err)
			}
			if said := s.alice.Output.text(); strings.Contains(said, "taken by another program") {
				t.Error("the phone takes itself for another program")
			}
		})
	}
}

// lid stops the phone, and with it its link, and gives both back in the same place.
func (s scene) lid(ctx context.Context, closed time.Duration) (opened time.Time, err error) {
	if err := syscall.Kill(s.alice.PID, syscall.SIGSTOP); err != nil {
		return opened, err
	}
	defer func() { _ = syscall.Kill(s.alice.PID, syscall.SIGCONT) }()
	at, network := s.uplinks[WLAN].address(true), s.uplinks[WLAN].CoreIface
	if err := s.Unplug(WLAN); err != nil {
		return opened, err
	}
	if err := wait(ctx, closed); err != nil {
		return opened, err
	}
	err = s.Plug(WLAN, network, networks(at, s.uplinks[WLAN].address(false))...)
	return time.Now(), err
}
