package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSIPp(t *testing.T) {
	ctx := within(t, 60*time.Second)
	l := open(t, Options{})
	_, err := l.Kamailio(ctx, "alice")
	possible(t, err)
	r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{
		Binary: ramble(t), User: "alice", Account: "auto_answer = \"always\"\nallow_from = [\"any\"]",
	}))
	e := must[Event](t)(r.Registered(ctx, 0, "10.1.0.2"))
	_, at, _ := strings.Cut(e.Contact, "@")
	at, _, _ = strings.Cut(at, ";")
	contact := must[netip.AddrPort](t)(netip.ParseAddrPort(at))
	passes := func(t *testing.T, p *Program) {
		t.Helper()
		if err := p.Wait(ctx); err != nil {
			for _, name := range []string{"errors.log", "messages.log"} {
				text, _ := os.ReadFile(filepath.Join(p.Home, name))
				t.Logf("%s\n%s", name, text)
			}
			t.Errorf("sipp: %v", err)
		}
	}
	t.Run("calls the phone and hangs up", func(t *testing.T) {
		p, err := l.SIPp(ctx, SIPpOptions{Scenario: "uac", Remote: contact, User: "alice", Args: []string{"-d", "500"}})
		possible(t, err)
		passes(t, p)
		if _, _, err := r.CallState(ctx, 0, 1, "ended"); err != nil {
			t.Error(err)
		}
	})
	t.Run("answers the phone, which hangs up", func(t *testing.T) {
		p, err := l.SIPp(ctx, SIPpOptions{Scenario: "uas"})
		possible(t, err)
		if err := r.call(ctx, "sip:service@10.8.0.2:5060"); err != nil {
			t.Fatal(err)
		}
		if err := r.hangUp(ctx); err != nil {
			t.Error(err)
		}
		passes(t, p)
	})
}
