package sip

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/dialog"
	"ramble/sip/wire"
)

// This file turns messages into what a machine hears.

// Call is whose it is; nil: of a call that never came to be.
func (h Heard) Call() *Call {
	if h.call == nil && h.of != nil {
		return h.of.call
	}
	return h.call
}

// Hear takes it in.
func (h Heard) Hear(now time.Time) []dialog.Action {
	c := h.Call()
	switch {
	case c == nil:
		return nil
	case h.in != nil:
		c.connected(h.in)
		return c.Step(now, c.requestOf(h))
	case h.res != nil:
		return c.Step(now, c.responseOf(h))
	}
	if o := c.sent[h.to]; o != nil && o.method != "INVITE" {
		delete(c.sent, h.to)
	}
	return c.Step(now, dialog.Failed{To: h.to, Cause: causeOf(h.err), Err: h.err})
}

// causeOf sorts the ends of requests.
func causeOf(err error) dialog.Cause {
	switch {
	case errors.Is(err, ErrStackClosed), errors.Is(err, context.Canceled):
		return dialog.Closed
	case errors.Is(err, ErrTimeout):
		return dialog.TimedOut
	case errors.Is(err, ErrTransport):
		return dialog.Transport
	}
	return dialog.Unreachable
}

// requestOf is a request as the machine hears it.
func (c *Call) requestOf(h Heard) dialog.Request {
	in := h.in
	if c.m != nil && c.m.Knows(in.raw.Tag("From")) {
		c.signalling = in.flow.remote()
	}
	r := dialog.Request{Method: string(in.req.Method), Seq: in.req.CSeq().SeqNo, Tag: in.raw.Tag("From"), Body: descriptionIn(in)}
	if uri := wire.ContactOf(in.req); uri != "" {
		r.Contact = dialog.Contact{URI: uri, Server: in.st.serves(uri)}
	}
	r.Header = headerOf(in.req)
	r.Header.Asks100rel = wire.Lists(in.raw.All("Require"), "100rel")
	r.Header.RAck = rackOf(valueOf(in, "RAck"))
	r.Header.Cause, r.Header.Text = reasonOf(in)
	switch in.req.Method {
	case sipgo.ACK:
	case sipgo.CANCEL:
		r.ID = h.of.id
	default:
		r.ID = c.number(in)
	}
	return r
}

// number gives a request its name for the machine. Older INVITEs are forgotten:
// only the last one waits for anything.
func (c *Call) number(in *inbound) dialog.ID {
	c.id.got++
	in.id, in.call = c.id.got, c
	if in.req.Method == sipgo.INVITE {
		for id, old := range c.got {
			if old.req.Method == sipgo.INVITE && old != c.first {
				delete(c.got, id)
			}
		}
	}
	c.got[in.id] = in
	return in.id
}

// responseOf is a response as the machine hears it.
func (c *Call) responseOf(h Heard) dialog.Response {
	res := h.res
	r := dialog.Response{To: h.to, Code: res.StatusCode, Seq: res.CSeq().SeqNo, Header: headerOf(res)}
	if to := res.To(); to != nil {
		r.Tag = wire.TagOf(to.Params)
	}
	if r.Code > 100 {
		if at, err := netip.ParseAddrPort(res.Source()); err == nil && r.Code < 300 {
			c.signalling = at
		}
	}
	r.Routes = reversed(wire.Values(res, "Record-Route"))
	r.Contact = dialog.Contact{URI: wire.ContactOf(res)}
	if next := firstHop(r.Routes, r.Contact.URI); next != "" {
		r.Contact.Server = h.st.serves(next)
	}
	r.Header.Reliable = reliable(res)
	if len(res.Body()) > 0 {
		r.Body = res.Body()
	}
	if r.Code >= 300 || r.Code < 200 {
		r.Err = failure(string(res.CSeq().MethodName), res)
	}
	if o := c.sent[h.to]; o != nil && r.Code >= 200 {
		if r.Again, r.Err = c.challenge(o, res, r.Err); !r.Again {
			delete(c.sent, h.to)
		}
	}
	return r
}

// challenge says whether there are credentials for a 401 or 407.
func (c *Call) challenge(o *sent, res *sipgo.Response, err error) (again bool, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if res.StatusCode != 401 && res.StatusCode != 407 {
		c.auth.accepted(res, &o.attempt)
		return false, err
	}
	if err := c.auth.challenged(res, o.method, o.scope, &o.attempt); err != nil {
		return false, err
	}
	return true, err
}

func reversed(list []string) (out []string) {
	for i := range list {
		out = append(out, list[len(list)-1-i])
	}
	return out
}

func rackOf(v string) dialog.RAck {
	part := strings.Fields(v)
	if len(part) != 3 || !strings.EqualFold(part[2], "INVITE") {
		return dialog.RAck{}
	}
	rseq, err1 := strconv.ParseUint(part[0], 10, 32)
	cseq, err2 := strconv.ParseUint(part[1], 10, 32)
	if err1 != nil || err2 != nil {
		return dialog.RAck{}
	}
	return dialog.RAck{RSeq: uint32(rseq), CSeq: uint32(cseq)}
}

// reliable reads the number of a provisional response that wants to be
// acknowledged; 0: it does not.
func reliable(res *sipgo.Response) uint32 {
	if !wire.Lists(wire.Values(res, "Require"), "100rel") {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(wire.Value(res, "RSeq")), 10, 32)
	if err != nil || n >= 1<<31 {
		return 0
	}
	return uint32(n)
}

// reasonOf reads the Reason header (RFC 3326) of a BYE or CANCEL: the cause
// where it is a SIP one, and the text.
func reasonOf(in *inbound) (code int, text string) {
	for _, v := range in.raw.All("Reason") {
		for _, one := range wire.SplitList(v, ',') {
			protocol, params, _ := strings.Cut(one, ";")
			protocol = strings.TrimSpace(protocol)
			for _, p := range wire.ParseParams(params) {
				switch {
				case strings.EqualFold(p.Name, "text") && text == "":
					text = clean.Text(p.Value)
				case strings.EqualFold(p.Name, "cause"):
					n, err := strconv.Atoi(p.Value)
					switch {
					case err != nil:
					case strings.EqualFold(protocol, "SIP") && n >= 200 && n < 700:
						code = n
					case strings.EqualFold(protocol, "Q.850") && n == 26 && code == 0: // non-selected user clearing
						code = 200
					}
				}
			}
		}
	}
	return code, text
}
