package sip

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"ramble/sip/locate"
)

// sharing opens stacks on one port. The first one takes any, by port 0: a port
// that was free a moment ago may be somebody else's by now.
func sharing(port uint16, ports *Ports, dialogs *Dialogs) func(*StackOptions) {
	return func(o *StackOptions) { o.Port, o.Sockets, o.Dialogs = port, ports, dialogs }
}

// TestTheNextStackTakesThePortOver: a fixed port is needed by the stack of a
// new epoch while that of the old one still serves its calls.
func TestTheNextStackTakesThePortOver(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		acct, ports, dialogs, port := account(), NewPorts(sockets{}), NewDialogs(), uint16(0)
		old := open(t, acct, p.server(), sharing(port, ports, dialogs))
		port = old.st.Local().Port()
		c, l := dialled(t, old, p)
		next := open(t, acct, p.server(), sharing(port, ports, dialogs))
		if next.st.Local() != old.st.Local() {
			t.Fatalf("%v took another port than %v", next.st.Local(), old.st.Local())
		}
		// What each asks is answered to it, whoever reads the socket.
		for range 20 {
			for _, ph := range []*phone{old, next} {
				ping := errJob(func() error { _, err := ph.st.Ping(ctxOf(t)); return err })
				p.expect("OPTIONS").reply(200, "OK", "x", "")
				if _, err := wait(t, ping); err != nil {
					t.Fatal(err)
				}
			}
		}
		old.close()
		c.MoveTo(next.st)
		if transport == locate.TCP {
			l.conn = p.dial(next.st.Local())
		}
		l.send("BYE", "")
		p.expect("SIP/2.0 200", "BYE")
		c.over(t)
		called(t, next, p)
		next.close()
		if pc, err := net.ListenPacket("udp", netip.AddrPortFrom(next.st.Local().Addr(), port).String()); err != nil {
			t.Errorf("the last one left the socket open: %v", err)
		} else {
			pc.Close()
		}
	})
}

// TestTwoAccountsOnOnePort: each gets its own calls.
func TestTwoAccountsOnOnePort(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ports := NewPorts(sockets{})
		alice, carol := account(), account()
		carol.AOR.User, carol.DisplayName = "carol", "Carol"
		first := open(t, alice, p.server(), sharing(0, ports, nil))
		phones := map[string]*phone{
			"alice": first,
			"carol": open(t, carol, p.server(), sharing(first.st.Local().Port(), ports, nil)),
		}
		if phones["carol"].st.Local() != first.st.Local() {
			t.Fatal("they do not share it")
		}
		for range 3 {
			for user, ph := range phones {
				l := p.call(ph.st.Local())
				l.remote, l.target = "<sip:"+user+"@example.test>", "sip:"+user+"@"+ph.st.Local().String()
				l.send("INVITE", sdpB)
				c := event[incoming](ph).Call
				if c.acct.AOR.User != user {
					t.Errorf("a call for %s came to %s", user, c.acct.AOR.User)
				}
				c.Reject(486)
				l.answeredBy(p.expect("SIP/2.0 486"))
				l.sendAs("ACK", l.seq, "")
			}
		}
	})
}

// TestAPortOfAnotherProgramIsStillTaken: sharing is among ourselves.
func TestAPortOfAnotherProgramIsStillTaken(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	_, err = Open(ctxOf(t), StackOptions{Account: account(), Local: netip.MustParseAddr("127.0.0.1"), Port: addrPort(pc.LocalAddr()).Port(), Sockets: NewPorts(sockets{})})
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("got %v", err)
	}
}
