package sip

import (
	"log/slog"
	"net"
	"testing"
	"time"
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
}
