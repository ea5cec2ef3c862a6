package netwatchtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"
)

func (w world) write(c net.Conn, text string) {
	w.t.Helper()
	if n, err := c.Write([]byte(text)); err != nil || n != len(text) {
		w.t.Fatalf("wrote %d, %v", n, err)
	}
}

// reads expects exactly that text within a minute of bubble time.
func (w world) reads(c net.Conn, text string) {
	w.t.Helper()
	w.must(c.SetReadDeadline(soon()))
	b := make([]byte, len(text))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != text {
		w.t.Fatalf("read %q, %v; want %q", b[:n], err, text)
	}
}

func (w world) readsNothing(c net.Conn) {
	w.t.Helper()
	w.must(c.SetReadDeadline(soon()))
	if n, err := c.Read(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("read %d bytes, %v", n, err)
	}
}

func TestStreams(t *testing.T) {
	inBubble(t, "bytes go both ways, with the addresses of the net package", func(w world) {
		a, b := w.connect()
		w.write(a, "REGISTER")
		w.reads(b, "REGISTER")
		w.write(b, "200")
		w.reads(a, "200")
		if l, ok := a.LocalAddr().(*net.TCPAddr); !ok || l.AddrPort().Addr() != ip("192.168.1.23") || b.RemoteAddr().String() != a.LocalAddr().String() {
			w.t.Errorf("local %v, remote of the peer %v", a.LocalAddr(), b.RemoteAddr())
		}
		if a.RemoteAddr().String() != "10.9.0.2:5060" || b.LocalAddr().String() != "10.9.0.2:5060" {
			w.t.Errorf("remote %v, local of the peer %v", a.RemoteAddr(), b.LocalAddr())
		}
	})
	inBubble(t, "opening takes a round trip, the first bytes another half", func(w world) {
		w.n.Delay("phone", "pbx", ms(40))
		start := time.Now()
		a, b := w.connect()
		if d := time.Since(start); d != ms(120) { // Accept returned: SYN, SYN-ACK, ACK
			w.t.Errorf("accepted after %v", d)
		}
		start = time.Now()
		w.write(a, "x")
		w.reads(b, "x")
		if d := time.Since(start); d != ms(40) {
			w.t.Errorf("arrived after %v", d)
		}
	})
	inBubble(t, "a connection whose address went away stalls without a reset", func(w world) {
		a, b := w.connect()
		w.phone.Unplug("wlan0")
		w.write(a, "x")
		w.write(b, "y")
		w.readsNothing(a)
		w.readsNothing(b)
		// A full buffer blocks the writer until its deadline.
		w.must(a.SetWriteDeadline(soon()))
		n, err := a.Write(make([]byte, 2*bufferLen))
		w.is(err, os.ErrDeadlineExceeded)
		if n != bufferLen-1 {
			w.t.Errorf("wrote %d", n)
		}
	})
	inBubble(t, "the same address back on the same network lets it go on", func(w world) {
		a, b := w.connect()
		w.phone.Unplug("wlan0")
		w.write(a, "while away, ")
		w.write(b, "to nowhere, ")
		time.Sleep(5 * time.Second)
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
		w.write(a, "and back")
		w.reads(b, "while away, and back")
		w.reads(a, "to nowhere, ")
	})
	inBubble(t, "the same address on another network does not", func(w world) {
		a, b := w.connect()
		w.phone.Plug("wlan0", "another cafe", pre("192.168.1.23/24"))
		w.write(a, "x")
		w.write(b, "y")
		w.readsNothing(a)
		w.readsNothing(b)
		c, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.must(err)
		w.must(c.Close())
	})
	inBubble(t, "what was under way when the path went is sent again", func(w world) {
		w.n.Delay("phone", "pbx", ms(40))
		a, b := w.connect()
		w.write(a, "12")
		time.Sleep(ms(20))
		w.write(a, "34")
		w.phone.Unplug("wlan0")
		time.Sleep(ms(30)) // the first was lost, the second is on its way
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
		w.write(a, "56")
		w.reads(b, "123456")
	})
	inBubble(t, "a stall holds everything back until it flows", func(w world) {
		a, b := w.connect()
		w.n.Stall("office")
		w.write(a, "x")
		w.readsNothing(b)
		w.n.Flow("office")
		w.reads(b, "x")
	})
	inBubble(t, "a lost segment arrives late and in order", func(w world) {
		a, b := w.connect()
		w.n.Loss("cafe", 1)
		start := time.Now()
		w.write(a, "1")
		w.n.Loss("cafe", 0)
		w.write(a, "2")
		w.reads(b, "12")
		if d := time.Since(start); d != lateBy {
			w.t.Errorf("arrived after %v", d)
		}
	})
	inBubble(t, "two uplinks carry connections at once", func(w world) {
		a, b := w.connect()
		w.phone.Plug("usb0", "lte", pre("172.20.10.4/28"))
		c, err := w.phone.Dial(w.t.Context(), at("0.0.0.0:0"), at("10.9.0.2:5060"), "")
		w.must(err)
		if got := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); got != ip("172.20.10.4") {
			w.t.Errorf("the new one leaves from %v", got)
		}
		w.write(a, "old")
		w.reads(b, "old")
		w.phone.Unplug("wlan0")
		w.write(c, "new")
		w.must(c.Close())
	})
	inBubble(t, "Close lets the peer read to the end", func(w world) {
		w.n.Delay("phone", "pbx", ms(40))
		a, b := w.connect()
		w.write(a, "bye")
		w.must(a.Close())
		got, err := io.ReadAll(b)
		if err != nil || string(got) != "bye" {
			w.t.Errorf("read %q, %v", got, err)
		}
		_, err = b.Read(make([]byte, 1))
		w.is(err, io.EOF)
	})
	inBubble(t, "Close on a dead path is told when the path is back", func(w world) {
		a, b := w.connect()
		w.phone.Unplug("wlan0")
		w.write(a, "bye")
		w.must(a.Close())
		w.readsNothing(b)
		w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
		w.must(b.SetDeadline(time.Time{}))
		got, err := io.ReadAll(b)
		if err != nil || string(got) != "bye" {
			w.t.Errorf("read %q, %v", got, err)
		}
	})
	inBubble(t, "writing to a closed peer is answered by a reset", func(w world) {
		w.n.Delay("phone", "pbx", ms(40))
		a, b := w.connect()
		w.must(b.Close())
		w.write(a, "x")
		_, err := io.ReadAll(a) // the end of the stream arrives first
		w.must(err)
		time.Sleep(ms(100))
		_, err = a.Read(make([]byte, 1))
		w.is(err, syscall.ECONNRESET)
		_, err = a.Write([]byte("y"))
		w.is(err, syscall.EPIPE)
	})
	inBubble(t, "a network forgets connections that both ends closed", func(w world) {
		a, b := w.connect()
		w.must(a.Close())
		w.must(b.Close())
		if n := len(w.n.streams); n != 0 {
			w.t.Errorf("it keeps %d", n)
		}
	})
}

func TestDial(t *testing.T) {
	inBubble(t, "nobody listens: refused after a round trip", func(w world) {
		w.n.Delay("phone", "pbx", ms(40))
		start := time.Now()
		_, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.is(err, syscall.ECONNREFUSED)
		if d := time.Since(start); d != ms(80) {
			w.t.Errorf("after %v", d)
		}
	})
	inBubble(t, "nobody there: until the context ends", func(w world) {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		_, err := w.phone.Dial(ctx, at("192.168.1.23:0"), at("10.9.0.99:5060"), "")
		w.is(err, context.DeadlineExceeded)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			w.t.Errorf("%v is no timeout", err)
		}
		if n := len(w.n.streams); n != 0 {
			w.t.Errorf("the network keeps %d handshakes", n)
		}
		ctx, stop := context.WithCancel(w.t.Context())
		stop()
		_, err = w.phone.Dial(ctx, at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.is(err, context.Canceled)
	})
	inBubble(t, "a handshake waits out a stall", func(w world) {
		w.listen(w.pbx, "10.9.0.2:5060")
		w.n.Stall("cafe")
		time.AfterFunc(time.Second, func() { w.n.Flow("cafe") })
		start := time.Now()
		c, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.must(err)
		w.must(c.Close())
		if d := time.Since(start); d != time.Second {
			w.t.Errorf("opened after %v", d)
		}
	})
	inBubble(t, "no such local address, no route", func(w world) {
		_, err := w.phone.Dial(w.t.Context(), at("10.1.1.1:0"), at("10.9.0.2:5060"), "")
		w.is(err, syscall.EADDRNOTAVAIL)
		w.phone.Unplug("wlan0")
		_, err = w.phone.Dial(w.t.Context(), at("0.0.0.0:0"), at("10.9.0.2:5060"), "")
		w.is(err, syscall.ENETUNREACH)
	})
	inBubble(t, "a listener that closes ends Accept and resets who waits", func(w world) {
		l := w.listen(w.pbx, "10.9.0.2:5060")
		_, err := w.pbx.Listen(w.t.Context(), at("10.9.0.2:5060"), "")
		w.is(err, syscall.EADDRINUSE)
		c, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.must(err)
		w.must(l.Close())
		_, err = c.Read(make([]byte, 1))
		w.is(err, syscall.ECONNRESET)
		_, err = l.Accept()
		w.is(err, net.ErrClosed)
		w.must(c.Close())
		_, err = w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), "")
		w.is(err, syscall.ECONNREFUSED)
	})
	inBubble(t, "Close of the network ends a handshake, an Accept and a Read", func(w world) {
		a, _ := w.connect()
		l := w.listen(w.pbx, "10.9.0.2:5062")
		errs := make(chan error, 3)
		go func() { _, err := l.Accept(); errs <- err }()
		go func() { _, err := a.Read(make([]byte, 1)); errs <- err }()
		go func() {
			_, err := w.phone.Dial(w.t.Context(), at("192.168.1.23:0"), at("10.9.0.99:5060"), "")
			errs <- err
		}()
		synctest.Wait()
		w.n.Close()
		for range 3 {
			w.is(<-errs, net.ErrClosed)
		}
	})
}

// TestConn runs the conformance tests for net.Conn of golang.org/x/net.
func TestConn(t *testing.T) {
	for name, delay := range map[string]time.Duration{"at once": 0, "with a delay": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				n, phone, pbx := newWorld(t)
				n.Delay("phone", "pbx", delay)
				l, err := pbx.Listen(t.Context(), at("10.9.0.2:5060"), "")
				if err != nil {
					return nil, nil, nil, err
				}
				if c1, err = phone.Dial(t.Context(), at("192.168.1.23:0"), at("10.9.0.2:5060"), ""); err != nil {
					return nil, nil, nil, err
				}
				c2, err = l.Accept()
				return c1, c2, n.Close, err
			})
		})
	}
}

func TestBulk(t *testing.T) {
	inBubble(t, "a megabyte crosses a slow, lossy, interrupted path unharmed", func(w world) {
		w.n.Delay("phone", "pbx", ms(20))
		w.n.Loss("cafe", 0.05)
		a, b := w.connect()
		sent := make([]byte, 1<<20)
		for i := range sent {
			sent[i] = byte(i * i >> 7)
		}
		go func() {
			a.Write(sent)
			a.Close()
		}()
		go func() {
			for range 20 {
				time.Sleep(ms(100))
				w.phone.Unplug("wlan0")
				time.Sleep(ms(30))
				w.phone.Plug("wlan0", "cafe", pre("192.168.1.23/24"))
			}
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, sent) {
			w.t.Errorf("read %d bytes, %v", len(got), err)
		}
		time.Sleep(time.Minute)
	})
}
