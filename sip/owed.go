package sip

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/dialog"
	"ramble/sip/digest"
	"ramble/sip/wire"
)

// Owed is a dialog whose peer has not heard of its end, as a BYE needs it
// (RFC 3261 12.2.1.1), or an INVITE without a final answer, as a CANCEL does (9.1). It
// can be said by a later run of the program.
type Owed struct {
	CallID, LocalTag string
	Local, Remote    string // name-addr of From and To, without tags
	Seq              uint32 // of our last request in it
	Dialog           dialog.Dialog
	Invite           Invite // zero: a dialog
}

// Invite is what a CANCEL takes over from the Via of its INVITE.
type Invite struct {
	Branch, Transport string
	SentBy            netip.AddrPort
}

// owedSeq is how many requests of ours may have gone out since Seq was noted. A
// peer takes any higher number (RFC 3261 12.2.2).
const owedSeq = 1000

// Owes says whether the call's peer would have to hear a BYE, or a server a CANCEL, if
// all ended now.
func (c *Call) Owes() (Owed, bool) {
	if id, rings := c.m.Rings(); rings {
		return c.rings(id)
	}
	d, seq, ok := c.m.Owes()
	return Owed{CallID: c.id.callID, LocalTag: c.id.tag, Local: c.id.local, Remote: c.id.remote, Seq: seq, Dialog: d}, ok
}

// rings is an INVITE without a final answer. Of a large one the Via may name another
// transport than the stack's.
func (c *Call) rings(id dialog.ID) (Owed, bool) {
	o := c.sent[id]
	if o == nil {
		return Owed{}, false
	}
	req, st, f := o.way()
	if req == nil || f == nil {
		return Owed{}, false
	}
	via := req.Via()
	branch, _ := via.Params.Get("branch")
	by, err := netip.ParseAddrPort(net.JoinHostPort(strings.Trim(via.Host, "[]"), strconv.Itoa(via.Port)))
	if err != nil || branch == "" {
		return Owed{}, false
	}
	out := Owed{CallID: c.id.callID, LocalTag: c.id.tag, Local: c.id.local, Remote: c.id.remote, Seq: req.CSeq().SeqNo,
		Invite: Invite{Branch: branch, Transport: via.Transport, SentBy: by}}
	out.Dialog.Target = req.Recipient.String()
	out.Dialog.Server = st.o.Server.Addr.IsValid() && f.remote() == st.o.Server.Addr
	for _, h := range req.GetHeaders("Route") {
		out.Dialog.Routes = append(out.Dialog.Routes, h.Value())
	}
	return out, true
}

// HangUp says the BYE of a dialog that no Call has any more, or the CANCEL of an
// INVITE. Any final answer is as good as 200: a peer that does not know the dialog has
// ended it. Errors: ErrTimeout,
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
	if o.Invite.Branch != "" {
		return s.cancelOwed(ctx, auth, f, o)
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

// cancelOwed says the CANCEL of an INVITE of before: with its Via, by the path of now
// (RFC 3261 9.1).
func (s *Stack) cancelOwed(ctx context.Context, auth *Credentials, f flow, o Owed) error {
	cancel := sender{st: s, auth: auth, flow: f, build: func() (*sipgo.Request, error) {
		return wire.Draft{Method: "CANCEL", Target: o.Dialog.Target, Routes: o.Dialog.Routes, From: o.Local + ";tag=" + o.LocalTag,
			To: o.Remote, CallID: o.CallID, Seq: o.Seq, Branch: o.Invite.Branch}.Request(o.Invite.Transport, o.Invite.SentBy, s.o.UserAgent)
	}}
	_, _, err := cancel.run(ctx)
	return err
}
