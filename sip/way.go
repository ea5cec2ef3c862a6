package sip

import (
	"context"
	"errors"

	"ramble/sip/dialog"
	"ramble/sip/locate"
	"ramble/sip/wire"
)

// This file finds the way of requests within dialogs.

// firstHop is the URI that the next request is sent towards.
func firstHop(routes []string, target string) string {
	if len(routes) > 0 {
		if a, err := wire.ParseAddress(routes[0]); err == nil {
			return a.URI
		}
	}
	return target
}

func (s *Stack) serves(uri string) bool {
	u, err := wire.ParseURI(uri)
	return err == nil && s.servesURI(u)
}

// draft starts a request within a dialog (RFC 3261 12.2.1.1).
func (id identity) draft(d dialog.Dialog, method string, seq uint32) wire.Draft {
	out := wire.Draft{Method: method, Target: d.Target, Routes: d.Routes, From: id.local + ";tag=" + id.tag,
		To: id.remote, CallID: id.callID, Seq: seq}
	if d.RemoteTag != "" {
		out.To += ";tag=" + d.RemoteTag
	}
	if first, err := wire.ParseURI(firstHop(d.Routes, d.Target)); err == nil && len(d.Routes) > 0 {
		if _, loose := first.Param("lr"); !loose { // a strict router
			out.Target = first.String()
			out.Routes = append(append([]string(nil), d.Routes[1:]...), "<"+d.Target+">")
		}
	}
	return out
}

// hop finds the way for a request of a dialog from this stack. A dialog whose
// next hop was the account's server follows that to whatever address it has on
// this path (another family, for one), and so does one whose route has no address
// of this path's family at all.
func (s *Stack) hop(ctx context.Context, d dialog.Dialog) (f flow, server bool, err error) {
	if s.transport != locate.TLS && isSecure(d.Target) {
		return nil, false, ErrNotSecure
	}
	if d.Server && s.o.Server.Addr.IsValid() {
		f, err = s.serverFlow()
		return f, true, err
	}
	at, name, server, err := s.nextHop(ctx, firstHop(d.Routes, d.Target))
	if errors.Is(err, locate.ErrNoFamily) && len(d.Routes) > 0 && s.o.Server.Addr.IsValid() {
		// A server of both families may record one address for all: to it, the
		// request came by the way that this path has to the account's server.
		server, err = true, nil
	}
	if err != nil {
		return nil, false, err
	}
	if server {
		f, err = s.serverFlow()
		return f, true, err
	}
	f, err = s.flowTo(ctx, at, name)
	return f, false, err
}

// sameHop is the next hop that an INVITE went to, from this stack: the server
// at whatever address it has here, or the peer itself (RFC 3261 9.1).
func (s *Stack) sameHop(ctx context.Context, o *sent) (flow, error) {
	if s.o.Server.Addr.IsValid() && o.flow.remote() == o.st.o.Server.Addr {
		return s.serverFlow()
	}
	return s.flowTo(ctx, o.flow.remote(), "")
}

// flowBack is where responses go after the stack that brought the request is
// gone (RFC 3261 18.2.2).
func (s *Stack) flowBack(ctx context.Context, in *inbound) (flow, error) {
	if in.flow.remote().Addr() == in.st.o.Server.Addr.Addr() {
		return s.serverFlow()
	}
	return s.flowTo(ctx, in.flow.remote(), "")
}

func isSecure(uri string) bool { return len(uri) > 5 && (uri[:5] == "sips:" || uri[:5] == "SIPS:") }
