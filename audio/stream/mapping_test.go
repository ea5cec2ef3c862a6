package stream

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"ramble/audio/path"
)

// TestAnswersOfASTUNServerPassBesideTheGate: they are neither audio nor garbage,
// and what the gate knows stays as it is. A stranger's are garbage.
func TestAnswersOfASTUNServerPassBesideTheGate(t *testing.T) {
	r := newRig(t, nil)
	r.run(200 * time.Millisecond)
	server, l := openPath(t), r.a.leg(0)
	gate, garbage, strange := r.a.gate, r.a.count.garbage, r.a.count.strange
	var seen path.Seen
	var failed error
	var asking sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	asking.Go(func() { seen, failed = l.sock.Ask(ctx, server.RTP()) })
	public := netip.MustParseAddr("203.0.113.9")
	buf, answered := make([]byte, maxDatagram), map[netip.AddrPort][]byte{}
	for len(answered) < 2 {
		n, from, err := server.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		if answered[from] != nil {
			continue // it was asked again in the meantime
		}
		q := &stun.Message{Raw: buf[:n]}
		if err := q.Decode(); err != nil {
			t.Fatal(err)
		}
		a, err := stun.Build(stun.NewTransactionIDSetter(q.TransactionID), stun.BindingSuccess,
			&stun.XORMappedAddress{IP: public.AsSlice(), Port: int(from.Port())})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Send(a.Raw, from); err != nil {
			t.Fatal(err)
		}
		if answered[from] = a.Raw; from == l.sock.RTP() {
			r.a.read(l, 1)
		} else {
			r.a.readControl(l)
		}
	}
	asking.Wait()
	want := path.Seen{RTP: netip.AddrPortFrom(public, l.sock.RTP().Port()), RTCP: netip.AddrPortFrom(public, l.sock.RTCP().Port())}
	if failed != nil || seen != want {
		t.Fatalf("%v (%v), want %v", seen, failed, want)
	}
	if r.a.gate != gate || r.a.count.garbage != garbage || r.a.count.strange != strange {
		t.Errorf("the gate was %+v and is %+v; %d garbage, %d strange", gate, r.a.gate, r.a.count.garbage, r.a.count.strange)
	}
	r.a.datagram(r.a.cfg.Now(), l, &r.a.pkt, answered[l.sock.RTP()], server.RTP())
	if r.a.gate != gate || r.a.count.garbage != garbage+1 {
		t.Errorf("an answer to nothing: the gate was %+v and is %+v; %d garbage", gate, r.a.gate, r.a.count.garbage)
	}
}
