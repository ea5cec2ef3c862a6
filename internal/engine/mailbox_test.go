package engine

import "testing"

func TestMailbox(t *testing.T) {
	t.Run("putting never waits and keeps the order", func(t *testing.T) {
		m := newMailbox()
		var got []int
		for i := range 1000 { // nobody takes: the loop hangs on somebody's lock
			m.put(func() { got = append(got, i) })
		}
		<-m.filled
		for _, fn := range m.take() {
			fn()
		}
		for i, n := range got {
			if n != i {
				t.Fatalf("number %d came as %d", n, i)
			}
		}
		if len(got) != 1000 {
			t.Fatalf("%d of 1000 arrived", len(got))
		}
	})
	t.Run("a closed box refuses, and hands out what it had", func(t *testing.T) {
		m := newMailbox()
		m.put(func() {})
		if n := len(m.close()); n != 1 {
			t.Fatalf("%d left", n)
		}
		if m.put(func() {}) {
			t.Fatal("took one more")
		}
	})
}
