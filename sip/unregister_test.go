package sip

import (
	"slices"
	"strings"
	"testing"

	"ramble/sip/locate"
)

func TestUnregister(t *testing.T) {
	ph, p, reg := registering(t, locate.UDP, newRegistrar())
	removed := func(want ...string) {
		t.Helper()
		if err := reg.Unregister(ctxOf(t), ph.st, "sip:alice@192.0.2.7", "sip:alice@192.0.2.8"); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		last := p.seen[len(p.seen)-1].All("Contact")
		for i, c := range last {
			last[i], _, _ = strings.Cut(c, ">")
			if !strings.HasSuffix(c, ";expires=0") {
				t.Errorf("contact %s", c)
			}
		}
		if !slices.Equal(last, want) {
			t.Errorf("contacts %q", last)
		}
	}
	t.Run("removes what may be listed where it has no binding of its own", func(*testing.T) {
		removed("<"+ph.st.Contact(ph.acct), "<sip:alice@192.0.2.7", "<sip:alice@192.0.2.8")
	})
	t.Run("removes its own binding with it", func(t *testing.T) {
		if _, err := reg.Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		removed("<"+ph.st.Contact(ph.acct), "<sip:alice@192.0.2.7", "<sip:alice@192.0.2.8")
	})
}
