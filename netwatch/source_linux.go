package netwatch

import (
	"bufio"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// addrFlags reads the flags of IPv6 addresses. A system without IPv6 has no
// such file, and no such flags.
func addrFlags() map[ownedAddr]Addr {
	f, err := os.Open("/proc/net/if_inet6")
	if err != nil {
		return nil
	}
	defer f.Close()
	return parseInet6(f)
}

// parseInet6 reads lines of "address index length scope flags name", all
// numbers in hex. Lines that are not understood are skipped.
func parseInet6(r io.Reader) map[ownedAddr]Addr {
	out := map[ownedAddr]Addr{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		field := strings.Fields(lines.Text())
		if len(field) < 6 {
			continue
		}
		raw, err := hex.DecodeString(field[0])
		ip, ok := netip.AddrFromSlice(raw)
		index, err2 := strconv.ParseUint(field[1], 16, 31)
		flags, err3 := strconv.ParseUint(field[4], 16, 32)
		if err != nil || err2 != nil || err3 != nil || !ok || !ip.Is6() {
			continue
		}
		out[ownedAddr{int(index), ip.Unmap()}] = Addr{
			// An optimistic address is usable while it is being checked (RFC 4429).
			Tentative:  flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0 || flags&unix.IFA_F_DADFAILED != 0,
			Temporary:  flags&unix.IFA_F_TEMPORARY != 0,
			Deprecated: flags&unix.IFA_F_DEPRECATED != 0,
		}
	}
	return out
}
