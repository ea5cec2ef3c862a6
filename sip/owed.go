package sip

import (
	"context"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/dialog"
	"ramble/sip/digest"
)

// Owed is a dialog whose peer has not heard of its end, as a BYE needs it
// (RFC 3261 12.2.1.1). It can be said by a later run of the program.
type Owed struct {
	CallID, LocalTag string
	Local, Remote    string // name-addr of From and To, without tags
	Seq              uint32 // of our last request in it
	Dialog           dialog.Dialog
}

// owedSeq is how many requests of ours may have gone out since Seq was noted. A
// peer takes any higher number (RFC 3261 12.2.2).
const owedSeq = 1000

// Owes says whether the call's peer would have to hear a BYE if all ended now.
func (c *Call) Owes() (Owed, bool) {
	d, seq, ok := c.m.Owes()
	return Owed{CallID: c.id.callID, LocalTag: c.id.tag, Local: c.id.local, Remote: c.id.remote, Seq: seq, Dialog: d}, ok
}

// HangUp says the BYE of a dialog that no Call has any more. Any final answer is as
// good as 200: a peer that does not know the dialog has ended it. Errors: ErrTimeout,
// ErrTransport, ErrStackClosed and those of finding the way.
func (s *Stack) HangUp(ctx context.Context, acct *Account, auth *Credentials, o Owed) error {
	f, server, err := s.hop(ctx, o.Dialog)
	if err != nil {
		return wayError(s, err)
	}
	sc := digest.Scope{InDialog: true, Routed: len(o.Dialog.Routes) > 0}
	if server {
		sc.Server = s.o.Server.Addr
	}
	id := identity{callID: o.CallID, tag: o.LocalTag, local: o.Local, remote: o.Remote}
	seq := o.Seq + owedSeq
	bye := sender{st: s, auth: auth, flow: f, scope: sc, build: func() (*sipgo.Request, error) {
		seq++
		return s.build(id.draft(o.Dialog, "BYE", seq))
	}}
	_, _, err = bye.run(ctx)
	return err
}
