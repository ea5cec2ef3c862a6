package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"ramble/internal/app/ground"
)

// The ports that a NAT maps to, in turns: Rebind takes the other half.
var natPorts = [2]string{"20000-29999", "30000-39999"}

// nat is the address and port translation of an uplink. A mapping is the same
// for every peer, and only a peer that was spoken to may answer, from the port
// that was spoken to (RFC 4787: endpoint-independent mapping, address and
// port-dependent filtering).
type nat struct {
	uplink *uplink
	outer  netip.Addr
	turn   int
}

// Outer is the address that an uplink with a NAT shows to others; invalid for
// one without.
func (h *Handset) Outer(uplink string) netip.Addr {
	if u, ok := h.uplinks[uplink]; ok && u.nat != nil {
		return u.nat.outer
	}
	return netip.Addr{}
}

// Rebind makes the NAT of an uplink forget all mappings; the next packet of each
// socket gets another port. The phone sees no sign of it.
func (h *Handset) Rebind(ctx context.Context, uplink string) error {
	u, ok := h.uplinks[uplink]
	if !ok || u.nat == nil {
		return fmt.Errorf("uplink %q has no NAT to rebind", uplink)
	}
	u.nat.turn = 1 - u.nat.turn
	if err := h.lab.translate(ctx, u.nat); err != nil {
		return err
	}
	if err := u.Core.Links.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("forgetting mappings: %w", err)
	}
	return nil
}

// translators are what the uplink's Access asks for.
func (l *Lab) translators(ctx context.Context, u *uplink) error {
	if u.access.NAT {
		if err := l.addNAT(ctx, u); err != nil {
			return err
		}
	}
	if u.access.NAT64 {
		return l.addNAT64(ctx)
	}
	return nil
}

// addNAT puts a NAT into core. Its outer address is public (RFC 5737), since
// phones tell private addresses from others.
func (l *Lab) addNAT(ctx context.Context, u *uplink) error {
	u.nat = &nat{uplink: u, outer: netip.AddrFrom4([4]byte{203, 0, 113, u.subnet})}
	lo, err := u.Core.Links.LinkByName("lo")
	if err != nil {
		return err
	}
	outer := ground.Address(netip.PrefixFrom(u.nat.outer, 32))
	if err := u.Core.Links.AddrAdd(lo, outer); err != nil {
		return err
	}
	return l.translate(ctx, u.nat)
}

// translate writes the rules of a NAT anew. What comes for it without a mapping
// is dropped without a word, and nobody reaches the addresses behind it.
func (l *Lab) translate(ctx context.Context, n *nat) error {
	text := fmt.Sprintf(`table ip nat_%[1]s
delete table ip nat_%[1]s
table ip nat_%[1]s {
	chain out {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s meta l4proto { tcp, udp } snat to %[3]s:%[4]s
		ip saddr %[2]s snat to %[3]s
	}
	chain in {
		type filter hook forward priority filter;
		oifname "%[1]s" ct state established,related accept
		oifname "%[1]s" drop
	}
	chain unknown {
		type filter hook input priority filter;
		iifname != "lo" ip daddr %[3]s drop
	}
}
`, n.uplink.CoreIface, netip.PrefixFrom(ipv4(n.uplink.subnet, 0), 24), n.outer, natPorts[n.turn])
	path := filepath.Join(l.Dir, "nat-"+n.uplink.CoreIface+".nft")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	return l.run(ctx, Core, "nft", "-f", path)
}

// run runs a short program on a host to its end.
func (l *Lab) run(ctx context.Context, host, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	p, err := l.Exec(host, Command{Path: program, Args: args})
	if err != nil {
		return err
	}
	defer l.forget(p)
	if err := p.Wait(ctx); err != nil {
		return errors.New(p.Name + ": " + err.Error() + ": " + p.Output.Tail(5))
	}
	return nil
}
