package line

import (
	"fmt"
	"slices"
	"testing"
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
		b.May("")
		b.May(home)
		b.May(cafe)
		b.May(home)
		besides(t, &b, "", cafe, home)
		besides(t, &b, home, cafe)
	})
	t.Run("what a 2xx does not list is not bound, what it lists from before is stale", func(t *testing.T) {
		var b Bindings
		b.May(home)
		b.May(cafe)
		b.May(train)
		if !b.Listed(train, []string{train, "sip:a@192.0.2.2:5060;transport=udp", "sip:other@192.0.2.9"}) {
			t.Error("the café's is stale")
		}
		besides(t, &b, train, cafe)
		if b.Listed(train, []string{train}) {
			t.Error("nothing is stale")
		}
		besides(t, &b, train)
		besides(t, &b, "", train)
	})
	t.Run("the present address under another name is no other", func(t *testing.T) {
		var b Bindings
		b.May("sip:a@192.0.2.1")
		b.May(home)
		if b.Listed(home, []string{home}) {
			t.Error("the same address is not stale")
		}
	})
	t.Run("the oldest are forgotten, and all when the server says so", func(t *testing.T) {
		var b Bindings
		for i := range contactsMost + 3 {
			b.May(fmt.Sprintf("sip:a@192.0.2.%d", i))
		}
		if got := b.Besides(""); len(got) != contactsMost || got[0] != "sip:a@192.0.2.3" {
			t.Errorf("remembered: %v", got)
		}
		b.Forget()
		besides(t, &b, "")
	})
}
