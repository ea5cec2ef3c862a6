package sip

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"ramble/sip/locate"
)

func TestStreams(t *testing.T) {
	dial := func(t *testing.T, ph *phone) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", ph.st.Local().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		return c
	}
	tcp := func(t *testing.T) *phone {
		acct := account()
		acct.Transport, acct.AllowAny = locate.TCP, true
		return open(t, acct, locate.Server{})
	}
	options := func(c net.Conn) string {
		return strings.Replace(request("OPTIONS", &attacker{conn: udpLike{c}}), "/UDP", "/TCP", 1)
	}
	read := func(t *testing.T, c net.Conn) string {
		t.Helper()
		buf := make([]byte, 1<<16)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	closes := func(t *testing.T, c net.Conn) {
		t.Helper()
		buf := make([]byte, 1<<16)
		for {
			if _, err := c.Read(buf); err != nil {
				var ne net.Error
				if errors.As(err, &ne) && ne.Timeout() {
					t.Fatal("the connection stays open")
				}
				return
			}
		}
	}
	t.Run("messages are found whatever the pieces they come in", func(t *testing.T) {
		c := dial(t, tcp(t))
		msg := options(c)
		for i := range len(msg) {
			c.Write([]byte(msg[i : i+1]))
		}
		if got := read(t, c); !strings.HasPrefix(got, "SIP/2.0 200 ") {
			t.Fatalf("got %q", got)
		}
		c.Write([]byte("\r\n\r\n" + options(c) + options(c)))
		got := ""
		for strings.Count(got, "SIP/2.0 200 ") < 2 {
			got += read(t, c)
		}
		if !strings.HasPrefix(got, "\r\n") {
			t.Error("the ping was not answered")
		}
	})
	t.Run("a wrong or missing Content-Length closes the connection", func(t *testing.T) {
		ph := tcp(t)
		for _, length := range []string{"Content-Length: 4294967295", "Content-Length: -5", "Content-Length: 0\r\nl: 0", "X: 0", "Content-Length: 70000"} {
			c := dial(t, ph)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.Write([]byte(strings.Replace(options(c), "Content-Length: 0", length, 1)))
			closes(t, c)
			if runtime.ReadMemStats(&after); after.HeapAlloc > before.HeapAlloc+(4<<20) {
				t.Errorf("%s: %d bytes more", length, after.HeapAlloc-before.HeapAlloc)
			}
		}
	})
	t.Run("headers without an end close the connection", func(t *testing.T) {
		c := dial(t, tcp(t))
		line := []byte("X-Filler: " + strings.Repeat("x", 1000) + "\r\n")
		for range 100 {
			if _, err := c.Write(line); err != nil {
				break
			}
		}
		closes(t, c)
	})
	t.Run("one address has a bounded number of connections", func(t *testing.T) {
		acct := account()
		acct.Transport = locate.TCP
		ph := open(t, acct, locate.Server{})
		var conns []net.Conn
		for range maxConnsPerAddr + 3 {
			conns = append(conns, dial(t, ph))
		}
		for _, c := range conns[maxConnsPerAddr:] {
			closes(t, c)
		}
		ph.st.mu.Lock()
		n := len(ph.st.conns)
		ph.st.mu.Unlock()
		if n != maxConnsPerAddr {
			t.Errorf("%d connections", n)
		}
	})
}

// udpLike lets request ask a connection for its address.
type udpLike struct{ c net.Conn }

func (u udpLike) LocalAddr() net.Addr                  { return u.c.LocalAddr() }
func (udpLike) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }
func (udpLike) WriteTo([]byte, net.Addr) (int, error)  { return 0, net.ErrClosed }
func (udpLike) Close() error                           { return nil }
func (udpLike) SetDeadline(time.Time) error            { return nil }
func (udpLike) SetReadDeadline(time.Time) error        { return nil }
func (udpLike) SetWriteDeadline(time.Time) error       { return nil }

func TestOptionsFlood(t *testing.T) {
	p := newPeer(t, locate.UDP)
	ph := open(t, account(), p.server())
	a := newAttacker(t, ph.st.Local())
	for range 2000 {
		a.send(request("OPTIONS", a))
	}
	// They cost no state, and our own requests go through meanwhile.
	if _, n := ph.st.inProgress(); n > 0 {
		t.Errorf("%d requests in progress", n)
	}
	p.setAuto(newRegistrar().serve)
	if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
		t.Error(err)
	}
}

func TestPing(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		p.setAuto(func(m *message) bool { m.reply(404, "Not Found", "x", ""); return true })
		ph := open(t, account(), p.server())
		if _, err := ph.st.Ping(ctxOf(t)); err != nil {
			t.Error(err)
		}
		p.setAuto(func(*message) bool { return true })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := ph.st.Ping(ctx); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
}

func TestKeepAlive(t *testing.T) {
	t.Run("a server that answered pings and stops is noticed", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			buf := make([]byte, 16)
			for i := 0; ; i++ {
				if n, err := c.Read(buf); err != nil || string(buf[:n]) != "\r\n\r\n" {
					return
				}
				if i < 2 {
					c.Write([]byte("\r\n"))
				}
			}
		}()
		ph := open(t, account(), locate.Server{Transport: locate.TCP, Addr: addrPort(ln.Addr())}, func(o *StackOptions) { o.KeepAlive = 20 * time.Millisecond })
		if e := event[StackFailed](ph); !errors.Is(e.Err, ErrTimeout) {
			t.Errorf("got %v", e.Err)
		}
		ph.close()
		<-gone
	})
}
