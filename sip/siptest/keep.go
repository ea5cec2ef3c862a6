package siptest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// keepRegistered returns an error when the first registration fails; later
// ones are tried again.
func (p *Peer) keepRegistered(ctx context.Context) error {
	first := true
	for {
		granted, err := p.register(ctx, p.o.Expires)
		if err != nil && first && ctx.Err() == nil {
			return fmt.Errorf("register %s: %w", p.URI(), err)
		}
		if first && err == nil {
			first = false
			close(p.ready)
		}
		wait := granted * 8 / 10
		if err != nil {
			p.o.Log.Warn("registration failed", "peer", p.o.User, "error", err)
			wait = 2 * time.Second
		}
		select {
		case <-time.After(max(wait, time.Second)):
		case <-ctx.Done():
			return nil
		}
	}
}

// register adds the present Contact, or removes it where expires is 0.
func (p *Peer) register(ctx context.Context, expires time.Duration) (granted time.Duration, err error) {
	p.regMu.Lock()
	defer p.regMu.Unlock()
	aor := p.aor()
	build := func() *sipgo.Request {
		p.reg.cseq++
		req := sipgo.NewRequest(sipgo.REGISTER, sipgo.Uri{Scheme: "sip", Host: aor.Host, Port: aor.Port})
		callID := sipgo.CallIDHeader(p.reg.callID)
		hops := sipgo.MaxForwardsHeader(70)
		req.AppendHeader(&hops)
		req.AppendHeader(&sipgo.FromHeader{Address: aor, Params: sipgo.HeaderParams{{K: "tag", V: newTag()}}})
		req.AppendHeader(&sipgo.ToHeader{Address: aor})
		req.AppendHeader(&callID)
		req.AppendHeader(&sipgo.CSeqHeader{SeqNo: p.reg.cseq, MethodName: sipgo.REGISTER})
		req.AppendHeader(&sipgo.ContactHeader{Address: p.contact()})
		req.AppendHeader(sipgo.NewHeader("Expires", fmt.Sprint(int(expires/time.Second))))
		req.SetBody(nil)
		return req
	}
	res, err := p.authorized(ctx, build, p.o.Registrar, nil)
	if err != nil {
		return 0, err
	}
	if !res.IsSuccess() {
		return 0, &Refused{res.StatusCode, res.Reason}
	}
	return p.granted(res, expires), nil
}

// granted is the lifetime of our binding in a 2xx to REGISTER.
func (p *Peer) granted(res *sipgo.Response, asked time.Duration) time.Duration {
	mine := p.contact()
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok || uriKey(&c.Address) != uriKey(&mine) {
			continue
		}
		v, _ := c.Params.Get("expires")
		if n, err := strconv.ParseUint(v, 10, 31); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return asked
}
