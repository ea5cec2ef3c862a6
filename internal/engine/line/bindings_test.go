package line

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestBindings(t *testing.T) {
	const home, cafe, train = "sip:a@192.0.2.1:5060", "sip:a@192.0.2.2:5060", "sip:a@192.0.2.3:5060"
	besides := func(t *testing.T, b *Bindings, present string, want ...string) {
		t.Helper()
		if got := b.Besides(present); !slices.Equal(got, want) {
			t.Fatalf("beside %s there may be %v, want %v", present, got, want)
		}
	}
	t.Run("a Contact may be bound as soon as it is named, and once", func(t *testing.T) {
		var b Bindings
		b.May("", time.Time{})
		b.May(home, time.Time{})
		b.May(cafe, time.Time{})
		b.May(home, time.Time{})
		besides(t, &b, "", cafe, home)
		besides(t, &b, home, cafe)
	})
	t.Run("what a 2xx does not list is not bound, what it lists from before is stale", func(t *testing.T) {
		var b Bindings
		b.May(home, time.Time{})
		b.May(cafe, time.Time{})
		b.May(train, time.Time{})
		if !b.Listed(train, train, time.Time{}, []string{train, "sip:a@192.0.2.2:5060;transport=udp", "sip:other@192.0.2.9"}) {
			t.Error("the café's is stale")
		}
		besides(t, &b, train, cafe)
		if b.Listed(train, train, time.Time{}, []string{train}) {
			t.Error("nothing is stale")
		}
		besides(t, &b, train)
		besides(t, &b, "", train)
	})
	t.Run("the present address under another name is no other", func(t *testing.T) {
		var b Bindings
		b.May("sip:a@192.0.2.1", time.Time{})
		b.May(home, time.Time{})
		if b.Listed(home, home, time.Time{}, []string{home}) {
			t.Error("the same address is not stale")
		}
	})
	t.Run("what the server rewrote is known by what it stored", func(t *testing.T) {
		const seenHome, seenCafe = "sip:a@203.0.113.9:1024;transport=TCP", "sip:a@203.0.113.9:2048;transport=TCP"
		var b Bindings
		b.May(home, time.Time{})
		b.Listed(home, seenHome, time.Time{}, []string{seenHome})
		b.May(cafe, time.Time{})
		besides(t, &b, cafe, seenHome)
		if !b.Listed(cafe, seenCafe, time.Time{}, []string{seenCafe, seenHome}) {
			t.Error("home's is stale")
		}
		if b.Listed(cafe, seenCafe, time.Time{}, []string{seenCafe}) {
			t.Error("nothing is stale")
		}
		besides(t, &b, "", seenCafe)
	})
	t.Run("the oldest are forgotten, and all when the server says so", func(t *testing.T) {
		var b Bindings
		for i := range contactsMost + 3 {
			b.May(fmt.Sprintf("sip:a@192.0.2.%d", i), time.Time{})
		}
		if got := b.Besides(""); len(got) != contactsMost || got[0] != "sip:a@192.0.2.3" {
			t.Errorf("remembered: %v", got)
		}
		b.Forget()
		besides(t, &b, "")
	})
}
