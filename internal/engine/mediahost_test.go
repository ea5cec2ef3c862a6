package engine_test

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// named are sockets whose owner says a host name where its media address would
// stand, one of the same length.
type named struct {
	siptest.Sockets
	address, name string
}

func (n named) ListenPacket(ctx context.Context, local netip.AddrPort, iface string) (net.PacketConn, error) {
	c, err := n.Sockets.ListenPacket(ctx, local, iface)
	return &renaming{c, n}, err
}

type renaming struct {
	net.PacketConn
	by named
}

func (r *renaming) WriteTo(b []byte, to net.Addr) (int, error) {
	return r.PacketConn.WriteTo(bytes.ReplaceAll(b, []byte("c=IN IP4 "+r.by.address), []byte("c=IN IP4 "+r.by.name)), to)
}

// slowNames knows one more host, after a while.
type slowNames struct {
	locate.Lookup
	host string
	at   []netip.Addr
}

func (s slowNames) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if host != s.host {
		return s.Lookup.LookupNetIP(ctx, network, host)
	}
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if len(s.at) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return s.at, nil
}

// namedPeer is a world in which one peer says a host name for its media.
func namedPeer(t *testing.T, user string, found bool, more ...func(*engine.Parts)) *rig {
	var address string
	var at []netip.Addr
	name := func(address string) string { return "media.example.org"[:len(address)-4] + ".org" }
	s := script{
		world: demo.Options{Peer: func(o *siptest.PeerOptions) {
			if o.User != user {
				return
			}
			address = o.Addr.Addr().String()
			o.Sockets = named{o.Sockets, address, name(address)}
			at = []netip.Addr{o.Addr.Addr()}
		}},
		phone: func(p *engine.Parts) {
			names := slowNames{Lookup: p.Lookup, host: name(address)}
			if found {
				names.at = at
			}
			p.Lookup = names
			for _, set := range more {
				set(p)
			}
		},
	}
	return s.run(t, locate.UDP)
}

func answersAlways(p *engine.Parts) { p.Accounts[0].AutoAnswer = engine.AutoAlways }

// TestAMediaHostIsLookedUpBesideTheLoop: both ways, and both ends.
func TestAMediaHostIsLookedUpBesideTheLoop(t *testing.T) {
	t.Run("in their answer", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "melody", true)
			id := r.call("melody")
			r.until("the host's address is known", func(s phone.State) bool { return find(s, id).RemoteMedia.IsValid() })
			r.until("audio flows both ways", func(s phone.State) bool {
				m := find(s, id).Media
				return m.TxPackets > 20 && m.RxPackets > 20
			})
		})
	})
	t.Run("in their offer", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "carol", true)
			id, done := r.incoming()
			r.do(phone.Answer{Call: id})
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			r.until("audio leaves", func(s phone.State) bool { return find(s, id).Media.TxPackets > 20 })
		})
	})
	t.Run("in their offer, and nobody knows it", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "carol", false)
			id, done := r.incoming()
			r.until("it is refused", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Ended && c.Code == 488 && c.End.Cause == phone.Unusable
			})
			if err := <-done; err == nil {
				t.Error("the caller was not told")
			}
		})
	})
	t.Run("in their offer, and nobody knows it, to a phone that answers by itself", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "carol", false, answersAlways)
			id, done := r.incoming()
			if err := <-done; err == nil {
				t.Error("the call was answered")
			}
			r.until("it is refused", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Ended && c.Code == 488 && c.Answered.IsZero()
			})
		})
	})
	t.Run("in their offer, to a phone that answers by itself", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "carol", true, answersAlways)
			id, done := r.incoming()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			r.until("audio leaves", func(s phone.State) bool { return find(s, id).Media.TxPackets > 20 })
		})
	})
	t.Run("in their answer, and nobody knows it", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r := namedPeer(t, "melody", false)
			id := r.dial("melody")
			r.until("it ends", func(s phone.State) bool {
				c := find(s, id)
				return c.State == phone.Ended && c.End.Cause == phone.Unusable
			})
			r.thereIs("melody", "hung up", func(s siptest.CallState) bool { return s.Phase == siptest.Ended })
		})
	})
}
