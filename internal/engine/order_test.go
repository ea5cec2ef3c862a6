package engine

import (
	"net/netip"
	"testing"

	"ramble/audio/path"
	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/sdp"
)

// TestAnOfferWaitsForTheAnswerBeforeIt: the peer answers our offer and makes one
// of its own at once, and the loop hears of that first.
func TestAnOfferWaitsForTheAnswerBeforeIt(t *testing.T) {
	here, there := sdp.Transport{RTP: netip.MustParseAddrPort("192.0.2.1:4000")}, sdp.Transport{RTP: netip.MustParseAddrPort("192.0.2.2:4000")}
	side := func(at sdp.Transport) *sdp.Local {
		return sdp.NewLocal(at.RTP.Addr(), 1, []sdp.Codec{{Name: "PCMU", ClockRate: 8000}})
	}
	for name, c := range map[string]*call{
		"the INVITE":  {view: phone.Call{State: phone.Trying, Direction: phone.Outgoing}},
		"a re-INVITE": {view: phone.Call{State: phone.Up}, modifying: true},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := side(here), side(there)
			offer, err := sdp.Parse(ours.Offer(here, sdp.SendRecv))
			if err != nil {
				t.Fatal(err)
			}
			answer, _, err := theirs.Answer(offer, there, sdp.SendRecv)
			if err != nil {
				t.Fatal(err)
			}
			c.sdp, c.sock = ours, new(path.Transport)
			c.offered(sip.Offered{Offer: theirs.Offer(there, sdp.SendOnly)})
			if c.theirs == nil {
				t.Error("it did not wait")
			}
			if _, err := c.acceptAnswer(answer); err != nil {
				t.Error(err)
			}
		})
	}
}
