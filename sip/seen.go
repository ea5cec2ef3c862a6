package sip

import (
	"net/netip"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// seen is the address under which the server sees this stack, from the Via
// that it sent back (RFC 3581 4). Zero where it did not say, or said what
// cannot be: the Via is not the one that was sent, a parameter is missing,
// twice there or malformed. Whether the address is believed is the policy's.
func (s *Stack) seen(res *sipgo.Response) netip.AddrPort {
	vias := res.GetHeaders("Via")
	if len(vias) != 1 {
		return netip.AddrPort{} // RFC 3261 18.1.2: misrouted
	}
	via, ok := vias[0].(*sipgo.ViaHeader)
	if !ok || !sameHost(via.Host, s.local.Addr()) || via.Port != int(s.local.Port()) {
		return netip.AddrPort{}
	}
	return seenIn(via)
}

// seenIn reads received and rport. A server that fills in rport adds received
// too (RFC 3581 4); one that leaves it out means the address in the Via.
func seenIn(via *sipgo.ViaHeader) netip.AddrPort {
	host, n := only(via.Params, "received")
	if n == 0 {
		host = via.Host
	}
	rport, m := only(via.Params, "rport")
	if n > 1 || m != 1 {
		return netip.AddrPort{}
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if err != nil || addr.Zone() != "" {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(rport, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

// only returns a parameter's first value and how often it is there.
func only(params sipgo.HeaderParams, name string) (value string, n int) {
	for _, p := range params {
		if strings.EqualFold(p.K, name) {
			if n++; n == 1 {
				value = p.V
			}
		}
	}
	return value, n
}

func sameHost(host string, a netip.Addr) bool {
	got, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && got.Unmap() == a
}
