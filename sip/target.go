package sip

import (
	"context"
	"net/netip"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// note takes what a message of the peer says about it. The caller holds mu.
func (c *Call) note(msg interface{ GetHeaders(string) []sipgo.Header }, source string) {
	if allow := wire.Values(msg, "Allow"); len(allow) > 0 {
		c.allow = "," + strings.ToUpper(strings.NewReplacer(" ", "", "\t", "").Replace(strings.Join(allow, ","))) + ","
	}
	if list := wire.Values(msg, "Supported"); len(list) > 0 {
		c.supports.replaces = wire.Lists(list, "replaces")
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

// Expires is how long the INVITE that made an incoming call is good for (RFC
// 3261 13.3.1); 0: it does not say.
func (c *Call) Expires() time.Duration {
	if c.first == nil {
		return 0
	}
	return wire.RetryAfter(valueOf(c.first.in, "Expires"))
}

// Ask asks the peer whether it still knows the dialog (RFC 3261 11.2). For a
// call that rings here it tells again, by the present stack, that it does:
// the caller may not know our tag yet. A *ResponseError with 481: it does not.
func (c *Call) Ask(ctx context.Context) error {
	if c.isRinging() {
		if err := c.Ring(ctx, 180); err != nil {
			return err
		}
	}
	res, _, err := c.do(ctx, "OPTIONS", nil)
	if err == nil && !res.IsSuccess() {
		err = failure("OPTIONS", res)
	}
	return err
}
