//go:build !linux

package netwatch

// addrFlags knows no flags yet on this system.
func addrFlags() map[ownedAddr]Addr { return nil }
