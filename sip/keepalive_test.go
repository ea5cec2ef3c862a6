package sip

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	pion "github.com/pion/stun/v3"

	"ramble/internal/leaf/stun"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

func beating(o *StackOptions) { o.KeepAlive = 60 * time.Millisecond }

func TestKeepAliveOverUDP(t *testing.T) {
	t.Run("a server that never answers is not taken for dead, and gets CRLFs alone after three OPTIONS", func(t *testing.T) {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		ph := open(t, account(), locate.Server{Addr: addrPort(pc.LocalAddr())}, beating)
		buf := make([]byte, 2000)
		pc.SetReadDeadline(time.Now().Add(patience))
		asked, row := map[string]bool{}, 0
		for row < 3 { // CRLFs in a row
			n, _, err := pc.ReadFrom(buf)
			switch text := string(buf[:n]); {
			case err != nil:
				t.Fatal(err)
			case text == "\r\n\r\n":
				row++
			case strings.HasPrefix(text, "OPTIONS "):
				row = 0
				asked[text] = true
			default:
				t.Fatalf("%q", text)
			}
		}
		if len(asked) != maxUnheard {
			t.Errorf("%d OPTIONS", len(asked))
		}
		if len(ph.events) != 0 {
			t.Errorf("an event: %+v", <-ph.events)
		}
	})
	t.Run("a server that answered and stops is noticed", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		var answered atomic.Int32
		p.setAuto(func(m *message) bool {
			if answered.Add(1) <= 2 {
				m.reply(404, "Not Found", "x", "")
			}
			return true
		})
		ph := open(t, account(), p.server(), beating)
		if e := event[StackFailed](ph); !errors.Is(e.Err, ErrTimeout) || !strings.Contains(e.Err.Error(), "keep-alive") {
			t.Errorf("got %v", e.Err)
		}
	})
	t.Run("where the server sees us elsewhere, that is told, once", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		var n atomic.Int32
		p.setAuto(func(m *message) bool {
			at := []string{"203.0.113.9:40112", "203.0.113.9:40112", "203.0.113.9:40112", "203.0.113.9:51000"}[min(n.Add(1)-1, 3)]
			m.replyVia(at)
			return true
		})
		ph := open(t, account(), p.server(), beating)
		for _, want := range []string{"203.0.113.9:40112", "203.0.113.9:51000"} {
			if e := event[Mapped](ph); e.At.String() != want || e.STUN || e.Stack != ph.st {
				t.Errorf("got %+v, want %s", e, want)
			}
		}
		if n.Load() < 4 {
			t.Error("told too soon")
		}
	})
	t.Run("a Flow-Timer makes them come sooner, and never later than it says", func(t *testing.T) {
		p := newPeer(t, locate.UDP)
		ph := open(t, account(), p.server(), func(o *StackOptions) { o.KeepAlive = time.Hour })
		asked := make(chan struct{}, 100)
		r := newRegistrar()
		r.extra = []string{"Require: outbound", "Flow-Timer: 1"}
		p.setAuto(func(m *message) bool {
			if m.Method() == "OPTIONS" {
				m.reply(200, "OK", "x", "")
				asked <- struct{}{}
				return true
			}
			return r.serve(m)
		})
		got, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{})
		if err != nil || got.FlowTimer != time.Second {
			t.Fatal(got.FlowTimer, err)
		}
		start := time.Now()
		select {
		case <-asked:
		case <-time.After(patience):
			t.Fatal("no OPTIONS came")
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("the first came after %v", took)
		}
		for range 200 {
			if d := ph.st.interval(); d < 800*time.Millisecond || d > time.Second {
				t.Fatal(d)
			}
		}
	})
}

// replyVia answers with a received and rport of its own making.
func (m *message) replyVia(at string) {

	host, port, _ := net.SplitHostPort(at)
	v := strings.Replace(m.value("Via"), ";rport", ";rport="+port+";received="+host, 1)
	m.p.write(m.from, m.conn, "SIP/2.0 200 OK\r\nVia: "+v+"\r\nFrom: "+m.value("From")+"\r\nTo: "+m.value("To")+";tag=x\r\nCall-ID: "+
		m.value("Call-ID")+"\r\nCSeq: "+m.value("CSeq")+"\r\nContent-Length: 0\r\n\r\n")
}

// stunServer answers on a socket of its own, once others have tried to.
func stunServer(t *testing.T, names ...string) netip.AddrPort {
	t.Helper()
	open := func() net.PacketConn {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close() })
		return pc
	}
	pc, stranger := open(), open()
	answer := func(from net.PacketConn, to net.Addr, id stun.ID, at string) {
		a := netip.MustParseAddrPort(at)
		m, err := pion.Build(pion.NewTransactionIDSetter(id), pion.BindingSuccess, &pion.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())})
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = from.WriteTo(m.Raw, to)
	}
	go func() {
		buf := make([]byte, 1500)
		for i := 0; ; i++ {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if !stun.Is(buf[:n]) {
				t.Errorf("%q", buf[:n])
				return
			}
			id := stun.ID(buf[8:20])
			answer(stranger, from, id, "203.0.113.66:1")
			answer(pc, from, stun.NewID(), "203.0.113.66:2")
			answer(pc, from, id, names[min(i, len(names)-1)])
		}
	}()
	return addrPort(pc.LocalAddr())
}

func TestSTUNOnTheSIPPort(t *testing.T) {
	t.Run("tells where we are seen, at once and when it changes, and believes its server alone", func(t *testing.T) {
		at := stunServer(t, "203.0.113.9:40112", "203.0.113.9:40112", "0.0.0.0:5", "127.0.0.1:5", "203.0.113.9:51000")
		p := newPeer(t, locate.UDP)
		p.setAuto(func(m *message) bool { m.reply(200, "OK", "x", ""); return true })
		ph := open(t, account(), p.server(), func(o *StackOptions) { beating(o); o.STUN = at })
		for _, want := range []string{"203.0.113.9:40112", "203.0.113.9:51000"} {
			for e := event[Mapped](ph); ; e = event[Mapped](ph) {
				if !e.STUN { // the server, of our own address
					continue
				}
				if e.At.String() != want {
					t.Errorf("got %+v, want %s", e, want)
				}
				break
			}
		}
	})
	t.Run("asks once where keep-alives are off, and a dead server harms nothing", func(t *testing.T) {
		ph := open(t, account(), newPeer(t, locate.UDP).server(), func(o *StackOptions) { o.STUN = stunServer(t, "203.0.113.9:40112") })
		if e := event[Mapped](ph); !e.STUN {
			t.Errorf("%+v", e)
		}
		dead, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer dead.Close()
		p := newPeer(t, locate.UDP)
		p.setAuto(newRegistrar().serve)
		ph = open(t, account(), p.server(), func(o *StackOptions) { o.STUN = addrPort(dead.LocalAddr()) })
		if _, err := NewRegistration(ph.acct, ph.auth).Register(ctxOf(t), ph.st, RegisterOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func TestSeen(t *testing.T) {
	for params, want := range map[string]string{
		"rport=40112;received=203.0.113.9":                   "203.0.113.9:40112",
		"received=203.0.113.9;branch=x;rport=40112":          "203.0.113.9:40112",
		"received=[2001:db8::9];rport=1":                     "[2001:db8::9]:1",
		"received=2001:db8::9;rport=1":                       "[2001:db8::9]:1",
		"received=::ffff:203.0.113.9;rport=1":                "203.0.113.9:1",
		"rport=40112":                                        "192.0.2.7:40112", // as in the Via
		"":                                                   "",
		"rport":                                              "",
		"received=203.0.113.9":                               "", // the port is not known
		"received=203.0.113.9;rport":                         "",
		"received=203.0.113.9;rport=0":                       "",
		"received=203.0.113.9;rport=65536":                   "",
		"received=203.0.113.9;rport=-1":                      "",
		"received=203.0.113.9;rport=99999999999999999999":    "",
		"received=203.0.113.9;rport=0x50":                    "",
		"received=203.0.113.9;rport=1;rport=2":               "",
		"received=203.0.113.9;received=203.0.113.10;rport=1": "",
		"received=;rport=1":                                  "",
		"received=evil.example;rport=1":                      "",
		"received=203.0.113.999;rport=1":                     "",
		"received=fe80::1%eth0;rport=1":                      "",
		"received=203.0.113.9:5060;rport=1":                  "",
	} {
		if at := seenIn(via(params)); at.IsValid() != (want != "") || at.IsValid() && at.String() != want {
			t.Errorf("%q: %v, want %q", params, at, want)
		}
	}
	s := &Stack{local: netip.MustParseAddrPort("192.0.2.7:5060")}
	res := sipgo.NewResponse(200, "OK")
	res.AppendHeader(via("received=203.0.113.9;rport=1"))
	if at := s.seen(res); at.String() != "203.0.113.9:1" {
		t.Error(at)
	}
	other := via("received=203.0.113.9;rport=1")
	other.Host = "192.0.2.8"
	res = sipgo.NewResponse(200, "OK")
	res.AppendHeader(other)
	if at := s.seen(res); at.IsValid() {
		t.Error("a Via that is not ours was believed:", at)
	}
	res.PrependHeader(via("received=203.0.113.9;rport=1"))
	if at := s.seen(res); at.IsValid() {
		t.Error("two Vias were believed:", at)
	}
}

func via(params string) *sipgo.ViaHeader {
	v := &sipgo.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: "192.0.2.7", Port: 5060}
	for p := range strings.SplitSeq(params, ";") {
		if k, val, _ := strings.Cut(p, "="); k != "" {
			v.Params = append(v.Params, sipgo.HeaderKV{K: k, V: val})
		}
	}
	return v
}

func FuzzSeen(f *testing.F) {
	f.Add("rport=40112;received=203.0.113.9")
	f.Add("received=::1;rport=65535;RPORT=1")
	f.Fuzz(func(t *testing.T, params string) {
		at := seenIn(via(params))
		if at != (netip.AddrPort{}) && (!at.IsValid() || at.Port() == 0 || at.Addr().Is4In6() || at.Addr().Zone() != "") {
			t.Fatalf("%q: %v", params, at)
		}
		// And through the whole of a message, as it comes from a socket.
		text := "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKx;" + params +
			"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
		m, err := wire.Scan([]byte(text))
		if err != nil || wire.Validate(m, true) != nil {
			return
		}
		s := &Stack{parser: wire.NewParser(), local: netip.MustParseAddrPort("192.0.2.7:5060")}
		msg, err := s.parser.Parse(m.Bytes())
		if err != nil {
			return
		}
		if res, ok := msg.(*sipgo.Response); ok {
			if at := s.seen(res); at != (netip.AddrPort{}) && (!at.IsValid() || at.Port() == 0) {
				t.Fatalf("%q: %v", text, at)
			}
		}
	})
}
