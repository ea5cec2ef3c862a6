package netwatchtest

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPacketContract(t *testing.T) {
	inBubble(t, "ports: a taken one is refused, 0 is any", func(w world) {
		a := w.packet(w.phone, "192.168.1.23:0")
		b := w.packet(w.phone, "192.168.1.23:0")
		if a.LocalAddr().String() == b.LocalAddr().String() {
			w.t.Errorf("both are %v", a.LocalAddr())
		}
		_, err := w.phone.ListenPacket(w.t.Context(), packet(a).local, "")
		w.is(err, syscall.EADDRINUSE)
		w.must(a.Close())
		c, err := w.phone.ListenPacket(w.t.Context(), packet(a).local, "")
		w.must(err)
		w.must(c.Close())
	})
	inBubble(t, "an address that is not there is refused", func(w world) {
		_, err := w.phone.ListenPacket(w.t.Context(), at("10.1.1.1:0"), "")
		w.is(err, syscall.EADDRNOTAVAIL)
		_, err = w.phone.ListenPacket(w.t.Context(), at("0.0.0.0:0"), "eth7")
		w.is(err, syscall.ENODEV)
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		_, err = w.phone.ListenPacket(w.t.Context(), at("192.168.1.23:0"), "usb0")
		w.is(err, syscall.EADDRNOTAVAIL)
	})
	inBubble(t, "Close unblocks readers and says so afterwards", func(w world) {
		a := w.packet(w.phone, "192.168.1.23:5060")
		errs := make(chan error, 2)
		for range 2 {
			go func() { _, _, err := a.ReadFrom(make([]byte, 1)); errs <- err }()
		}
		synctest.Wait()
		w.must(a.Close())
		w.is(<-errs, net.ErrClosed)
		w.is(<-errs, net.ErrClosed)
		_, err := a.WriteTo([]byte("x"), udpAddr("10.9.0.2:5060"))
		w.is(err, net.ErrClosed)
		w.is(a.SetReadDeadline(soon()), net.ErrClosed)
		w.is(a.Close(), net.ErrClosed)
	})
	inBubble(t, "deadlines pass, move and end", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.must(a.SetDeadline(past()))
		_, _, err := a.ReadFrom(make([]byte, 1))
		w.is(err, os.ErrDeadlineExceeded)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			w.t.Errorf("%v is no timeout", err)
		}
		_, err = a.WriteTo([]byte("x"), udpAddr("10.9.0.2:5060"))
		w.is(err, os.ErrDeadlineExceeded)
		w.must(a.SetDeadline(time.Time{}))
		w.send(a, "10.9.0.2:5060", "x")

		// A deadline set while a reader waits applies to it, and an earlier
		// one that was replaced does not.
		w.must(a.SetReadDeadline(time.Now().Add(ms(10))))
		w.must(a.SetReadDeadline(time.Now().Add(ms(500))))
		start := time.Now()
		got := make(chan error, 1)
		go func() { _, _, err := a.ReadFrom(make([]byte, 1)); got <- err }()
		time.Sleep(ms(100))
		w.must(a.SetReadDeadline(time.Now().Add(ms(100))))
		w.is(<-got, os.ErrDeadlineExceeded)
		if d := time.Since(start); d != ms(200) {
			w.t.Errorf("waited %v", d)
		}
		w.hears(b, "192.168.1.23:5060", "x")
	})
	inBubble(t, "a buffer too small cuts the datagram, a datagram too big is refused", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		w.send(a, "10.9.0.2:5060", "long")
		w.send(a, "10.9.0.2:5060", "next")
		small := make([]byte, 2)
		if n, _, err := b.ReadFrom(small); err != nil || string(small[:n]) != "lo" {
			w.t.Errorf("read %q, %v", small[:n], err)
		}
		w.hears(b, "192.168.1.23:5060", "next")
		_, err := a.WriteTo(make([]byte, maxDatagram+1), udpAddr("10.9.0.2:5060"))
		w.is(err, syscall.EMSGSIZE)
	})
	inBubble(t, "the sender may use its buffer again", func(w world) {
		a, b := w.packet(w.phone, "192.168.1.23:5060"), w.packet(w.pbx, "10.9.0.2:5060")
		buf := []byte("one")
		_, err := a.WriteTo(buf, udpAddr("10.9.0.2:5060"))
		w.must(err)
		copy(buf, "two")
		w.hears(b, "192.168.1.23:5060", "one")
	})
	inBubble(t, "Close of the network closes everything", func(w world) {
		w.n.Delay("phone", "pbx", time.Hour)
		a := w.packet(w.phone, "192.168.1.23:5060")
		w.send(a, "10.9.0.2:5060", "never arrives")
		w.n.Close()
		_, _, err := a.ReadFrom(make([]byte, 1))
		w.is(err, net.ErrClosed)
		_, err = w.phone.ListenPacket(w.t.Context(), at("192.168.1.23:0"), "")
		w.is(err, net.ErrClosed)
		w.n.Close()
	})
}
