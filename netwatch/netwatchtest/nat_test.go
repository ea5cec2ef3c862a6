package netwatchtest

import (
	"testing"
	"time"
)

func TestNAT(t *testing.T) {
	inBubble(t, "maps one inside address to one outside, for those that it talked to", func(w world) {
		w.n.NAT("cafe", ip("192.0.2.77"))
		w.n.Delay("phone", "pbx", 10*time.Millisecond)
		stranger := w.n.Host("stranger")
		stranger.Plug("eth0", "elsewhere", pre("198.51.100.5/24"))
		phone, pbx := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		other := w.packet(stranger, "198.51.100.5:5060")
		w.send(pbx, "192.0.2.77:20000", "before it was asked")
		w.send(phone, "10.9.0.2:5060", "hello")
		w.hears(pbx, "192.0.2.77:20000", "hello")
		w.send(pbx, "192.0.2.77:20000", "you too")
		w.hears(phone, "10.9.0.2:5060", "you too")
		w.send(other, "192.0.2.77:20000", "who are you?")
		w.hearsNothing(phone)
		w.send(phone, "198.51.100.5:5060", "the same mapping")
		w.hears(other, "192.0.2.77:20000", "the same mapping")
		second := w.packet(w.phone, "192.168.1.23:6000")
		w.send(second, "10.9.0.2:5060", "another")
		w.hears(pbx, "192.0.2.77:20001", "another")
	})
	inBubble(t, "lets nobody reach an inside address, and leaves neighbours alone", func(w world) {
		w.n.NAT("cafe", ip("192.0.2.77"))
		neighbour := w.n.Host("neighbour")
		neighbour.Plug("eth0", "cafe", pre("192.168.1.50/24"))
		phone, pbx, next := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060"), w.packet(neighbour, "192.168.1.50:5060")
		w.send(pbx, "192.168.1.23:5060", "not this way")
		w.hearsNothing(phone)
		w.send(next, "192.168.1.23:5060", "good morning")
		w.hears(phone, "192.168.1.50:5060", "good morning")
		if n := w.n.Dropped()[DropNoHost]; n != 1 {
			w.t.Errorf("%d dropped", n)
		}
	})
}
