package sip

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// note takes what a message of the peer says about it. The caller holds mu.
func (c *Call) note(msg interface{ GetHeaders(string) []sip.Header }, source string) {
	if allow := values(msg, "Allow"); len(allow) > 0 {
		c.allow = "," + strings.ToUpper(strings.NewReplacer(" ", "", "\t", "").Replace(strings.Join(allow, ","))) + ","
	}
	if list := values(msg, "Supported"); len(list) > 0 {
		c.supports.replaces = lists(list, "replaces")
	}
	if at, err := netip.ParseAddrPort(source); err == nil {
		c.signalling = at
	}
}

// retarget follows the peer's Contact (RFC 3261 12.2.1.2, 12.2.2).
func (c *Call) retarget(st *Stack, contact string) {
	if contact == "" {
		return
	}
	c.mu.Lock()
	if e := c.changeable(); e != nil {
		e.d.target = contact
		c.mu.Unlock()
		return
	}
	moved := c.d.target != contact
	c.d.target = contact
	if len(c.d.routes) == 0 {
		c.d.viaServer = st.serves(contact)
	}
	c.mu.Unlock()
	if moved {
		st.emit(TargetMoved{Call: c})
	}
}
