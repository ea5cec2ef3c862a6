package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
)

// STUNPort is where coturn listens, on both addresses of the pbx.
const STUNPort = 3478

// STUN starts coturn on the pbx, as a STUN server (RFC 8489) and nothing else,
// and waits until it listens.
func (l *Lab) STUN(ctx context.Context) (netip.AddrPort, error) {
	pbx := l.Host(PBX)
	p, err := l.Exec(PBX, Command{Path: "turnserver", Args: []string{
		"-n", "--stun-only", "--no-tls", "--no-dtls", "--no-cli", "--log-file=stdout", "--simple-log",
		"--pidfile=/dev/null", "--userdb=/dev/null", "-p", fmt.Sprint(STUNPort), "-L", pbx.IPv4.String(), "-L", pbx.IPv6.String(),
	}})
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(pbx.IPv4, STUNPort), l.listening(ctx, p, PBX, STUNPort)
}

// DNS starts dnsmasq on the pbx, which knows Domain with both addresses of the
// pbx and what records say besides (options of dnsmasq), and has the phones ask
// it. Programs that run already ask it from now on too. In a lab with a NAT64
// the IPv6 address is the IPv4 one below the prefix, as a DNS64 makes it
// (RFC 6147).
func (l *Lab) DNS(ctx context.Context, records ...string) error {
	pbx := l.Host(PBX)
	six := pbx.IPv6
	if l.nat64 {
		six = Below64(pbx.IPv4)
	}
	args := append([]string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--log-facility=-",
		"--local=/" + Domain + "/", fmt.Sprintf("--host-record=%s,%s,%s", Domain, pbx.IPv4, six),
	}, records...)
	p, err := l.Exec(PBX, Command{Path: "dnsmasq", Args: args})
	if err != nil {
		return err
	}
	text := fmt.Sprintf("nameserver %s\nnameserver %s\noptions timeout:1 attempts:2\n", pbx.IPv4, six)
	for _, h := range l.phones {
		if err := os.WriteFile(h.host.resolve, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return l.listening(ctx, p, PBX, 53)
}

// listening waits until somebody on the host has the UDP port: most servers
// say nothing about being ready.
func (l *Lab) listening(ctx context.Context, p *Program, host string, port uint16) error {
	for !listensUDP(l.Host(host), port) {
		err := wait(ctx, 5*time.Millisecond)
		if err == nil && !p.Running() {
			err = ErrEnded
		}
		if err != nil {
			return fmt.Errorf("%s does not listen: %w\n%s", p.Name, err, strings.TrimSpace(p.Output.Tail(20)))
		}
	}
	return nil
}
