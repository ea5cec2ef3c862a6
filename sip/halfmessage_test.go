package sip

import (
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"ramble/sip/locate"
)

// deadlines is a connection that remembers its read deadline.
type deadlines struct {
	net.Conn
	set chan time.Time
}

func (d deadlines) SetReadDeadline(t time.Time) error {
	d.set <- t
	return d.Conn.SetReadDeadline(t)
}

func TestHalfMessages(t *testing.T) {
	t.Run("bytes that trickle in do not move the deadline of their message", func(t *testing.T) {
		ours, theirs := net.Pipe()
		d := deadlines{ours, make(chan time.Time, 8)}
		st := &Stack{o: StackOptions{Account: account()}, log: slog.New(slog.DiscardHandler)}
		f := newStream(st, d, d, "", false)
		done := errJob(f.read)
		idle := <-d.set
		if left := time.Until(idle); left <= 0 || left > strangerIdle {
			t.Errorf("a silent stranger has %v", left)
		}
		theirs.Write([]byte("O"))
		first := <-d.set
		if left := time.Until(first); left <= 0 || left > halfMessage {
			t.Errorf("half a message has %v", left)
		}
		theirs.Write([]byte("P"))
		if again := <-d.set; !again.Equal(first) {
			t.Error("the deadline moved")
		}
		theirs.Close()
		if _, err := wait(t, done); err == nil {
			t.Error("no error")
		}
		ours.Close()
	})
	for name, cut := range map[string]string{
		"in the middle of a header":  "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0",
		"before the end of the body": "SIP/2.0 200 OK\r\nContent-Length: 400\r\n\r\nv=0",
		"after half a status line":   "SIP/2.0 2",
	} {
		t.Run("a registrar that closes "+name+" is told at once, and another connection registers", func(t *testing.T) {
			p := newPeer(t, locate.TCP)
			ph := open(t, account(), p.server())
			reg := NewRegistration(ph.acct, ph.auth)
			done := job(func() (Registered, error) { return reg.Register(ctxOf(t), ph.st, RegisterOptions{}) })
			m := p.expect("REGISTER")
			start := time.Now()
			p.write(m.from, m.conn, cut)
			p.dropConns()
			_, err := wait(t, done)
			if !errors.Is(err, ErrTransport) || time.Since(start) > time.Second {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
			if e := event[StackFailed](ph); e.Stack != ph.st {
				t.Errorf("got %+v", e)
			}
			p.setAuto(newRegistrar("MD5").serve)
			again := open(t, account(), p.server())
			if got, err := reg.Register(ctxOf(t), again.st, RegisterOptions{}); err != nil || !got.Listed {
				t.Errorf("the next try: %+v, %v", got, err)
			}
		})
	}
}
