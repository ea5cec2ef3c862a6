package sip

import (
	"testing"

	"ramble/sip/locate"
)

// TestMessagesWaiting: the account's server tells of them unasked and is
// answered 200 (RFC 3842); nothing else comes without a subscription.
func TestMessagesWaiting(t *testing.T) {
	both(t, func(t *testing.T, transport locate.Transport) {
		p := newPeer(t, transport)
		ph := open(t, account(), p.server())
		for event, want := range map[string]string{"message-summary": "SIP/2.0 200", "Message-Summary;id=4": "SIP/2.0 200", "check-sync": "SIP/2.0 481"} {
			l := p.call(ph.st.Local())
			l.send("NOTIFY", "", "Event: "+event, "Subscription-State: active")
			p.expect(want, "NOTIFY")
		}
	})
}
