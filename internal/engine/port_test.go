package engine_test

import (
	"testing"

	"ramble/audio/path"
	"ramble/internal/engine"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// TestAFixedPortIsTakenOver: the phone acts as if the network changed, in the
// same place, with one SIP port and one pair of RTP ports. What the old epoch
// holds, the new one gets.
func TestAFixedPortIsTakenOver(t *testing.T) {
	bubbles(t, func(t *testing.T, transport locate.Transport) {
		r := script{phone: func(p *engine.Parts) {
			p.SIPPort, p.Media.Ports = 5060, path.Range{Low: 16000, High: 16001}
		}}.run(t, transport)
		id := r.call("melody")
		for n := range 3 {
			r.do(phone.NetworkSign{})
			r.until("the roam began", func(s phone.State) bool { return len(s.Roams) > n })
			r.done()
			r.registered()
		}
		if c := find(r.state1(), id); c.State != phone.Up || c.LocalMedia.Port() != 16000 {
			t.Errorf("%+v", c)
		}
		r.do(phone.Hangup{Call: id})
		r.thereIs("melody", "hung up", func(s siptest.CallState) bool { return s.Phase == siptest.Ended })
		r.bound("one contact", func(b []siptest.Binding) bool { return len(b) == 1 })
	})
}
