package siptest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// route finds where a request goes and sends it there (RFC 3261 16.3 to 16.6).
func (p *proxy) route(tx *transaction, req *sipgo.Request, from flow, now time.Time) {
	inDialog := req.To().Params.Has("tag")
	for range 2 { // we may stand in the set twice, once per transport
		if top := req.Route(); top != nil && p.ours(&top.Address) {
			req.RemoveHeader("Route")
		}
	}
	if !p.admitted(tx, req, inDialog, from, now) {
		return
	}
	p.learn(req.Contact(), req.Method, from)
	if hops := req.MaxForwards(); hops != nil {
		if hops.Val() == 0 {
			p.reply(tx, req, 483, "")
			return
		}
		left := sipgo.MaxForwardsHeader(hops.Val() - 1)
		req.ReplaceHeader(&left)
	} else {
		hops := sipgo.MaxForwardsHeader(69)
		req.AppendHeader(&hops)
	}
	next := &req.Recipient
	if top := req.Route(); top != nil {
		next = &top.Address
	} else if p.ours(&req.Recipient) {
		b, code := p.locate(&req.Recipient, req.Method, now)
		if code != 0 {
			p.reply(tx, req, code, "")
			return
		}
		req.Recipient = *b.uri.Clone()
		if b.flow.alive() {
			p.reach[uriKey(&b.uri)] = b.flow
		}
		next = &req.Recipient
	} else if !inDialog {
		p.reply(tx, req, 403, "Not A Relay")
		return
	}
	p.forward(tx, req, next, inDialog)
}

// admitted asks for credentials where the options say so.
func (p *proxy) admitted(tx *transaction, req *sipgo.Request, inDialog bool, from flow, now time.Time) bool {
	if !p.r.o.ProxyAuth || req.Method == sipgo.ACK || (inDialog && !p.r.o.Quirks.AuthInDialog) {
		return true
	}
	if inDialog && !p.serves(req.From().Address.User) {
		return true // the far side of a dialog has no account here
	}
	user, v := p.verify(req, "Proxy-Authorization", from, now)
	switch {
	case v == passed && user == req.From().Address.User:
		for req.RemoveHeader("Proxy-Authorization") {
			continue
		}
		return true
	case v == passed:
		p.reply(tx, req, 403, "")
	default:
		p.reply(tx, req, 407, "", p.gate.challenge("Proxy-Authenticate", v == stale, from.remote, now)...)
	}
	return false
}

func (p *proxy) serves(user string) bool {
	_, ok := p.r.password(user)
	return ok
}

// verify checks against the passwords of this moment.
func (p *proxy) verify(req *sipgo.Request, header string, from flow, now time.Time) (string, verdict) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.gate.users = p.r.o.Users
	return p.gate.check(req, header, from.remote, now)
}

// locate chooses the latest binding that can still be reached; otherwise code
// is the answer.
func (p *proxy) locate(u *sipgo.Uri, method sipgo.RequestMethod, now time.Time) (b Binding, code int) {
	switch {
	case u.User == "" && method == sipgo.OPTIONS:
		return b, 200
	case !p.serves(u.User):
		return b, 404
	}
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	list := p.r.location.live(u.User, now)
	for _, b := range list {
		if b.flow.alive() {
			return b, 0
		}
	}
	if len(list) > 0 && !p.r.o.Quirks.Outbound {
		return list[0], 0 // the connection is gone; perhaps the Contact answers
	}
	return b, 480
}

// forward sends a request on, with our Via and, at the beginning of a dialog,
// our Record-Route.
func (p *proxy) forward(tx *transaction, req *sipgo.Request, next *sipgo.Uri, inDialog bool) {
	t, to, down, ok := p.nextHop(next)
	if !ok {
		p.reply(tx, req, 502, "No Address")
		return
	}
	up := tx.up.transport()
	if !inDialog && (req.Method == sipgo.INVITE || req.Method == sipgo.SUBSCRIBE) && !p.r.o.Quirks.NoRecordRoute {
		req.PrependHeader(p.recordRoute(up))
		if t != up { // one per side, so that each finds its own transport (RFC 5658)
			req.PrependHeader(p.recordRoute(t))
		}
	}
	branch := branchOf(tx.key)
	via := newVia(p.self(), t, branch)
	trying := respond(req, 100, "", "", nil)
	req.PrependHeader(via)
	tx.req, tx.raw, tx.down = req, []byte(req.String()), down
	if req.Method != sipgo.ACK {
		p.byBranch[branch+"|"+string(req.Method)] = tx
	}
	if req.Method == sipgo.INVITE {
		p.upstream(tx, trying)
		tx.backoff = t1
		tx.next = tx.born.Add(t1)
		p.resend[tx] = struct{}{}
	}
	if down.alive() {
		if err := p.wire.send(down, tx.raw); err == nil || t == UDP {
			return // what UDP loses is sent again
		}
	}
	p.dial(to, tx.raw, func(f flow, err error) {
		tx.down = f
		if err != nil && req.Method != sipgo.ACK {
			delete(p.resend, tx)
			p.refuse(tx, 480)
		}
	})
}

func (p *proxy) recordRoute(t Transport) sipgo.Header {
	u := makeURI("", p.self(), t)
	u.UriParams = append(u.UriParams, sipgo.HeaderKV{K: "lr"})
	return &sipgo.RecordRouteHeader{Address: u}
}

// nextHop is the flow to a URI: the one on which its owner was heard last,
// else its address. A TCP flow that is not there must be dialled.
func (p *proxy) nextHop(u *sipgo.Uri) (t Transport, to netip.AddrPort, f flow, ok bool) {
	if f, heard := p.reach[uriKey(u)]; heard && f.alive() {
		return f.transport(), f.remote, f, true
	}
	if to, ok = uriAddr(u); !ok {
		return t, to, f, false
	}
	t = uriTransport(u)
	f, there := p.wire.existing(t, to)
	if t == UDP && !there {
		return t, to, f, false
	}
	if !there {
		f = flow{}
	}
	return t, to, f, true
}

// register is the registrar (RFC 3261 10.3).
func (p *proxy) register(tx *transaction, req *sipgo.Request, from flow, now time.Time) {
	user := req.To().Address.User
	password, known := p.r.password(user)
	switch {
	case !p.ours(&req.Recipient):
		p.reply(tx, req, 403, "Not Our Domain")
		return
	case !known:
		p.reply(tx, req, 404, "")
		return
	}
	if password != "" {
		who, v := p.verify(req, "Authorization", from, now)
		if v != passed {
			p.reply(tx, req, 401, "", p.gate.challenge("WWW-Authenticate", v == stale, from.remote, now)...)
			return
		}
		if who != user {
			p.reply(tx, req, 403, "")
			return
		}
	}
	reg, refusal, extra := p.wishes(req, from, now)
	if refusal == 0 {
		p.r.mu.Lock()
		most := p.r.o.Quirks.MaxContacts
		if p.r.o.Quirks.ForgetOnOverflow {
			most = 0
		}
		refusal = p.r.location.apply(user, reg, p.r.o.Quirks.Outbound, most, now)
		p.r.mu.Unlock()
	}
	if refusal != 200 {
		p.reply(tx, req, refusal, "", extra...)
		return
	}
	list := p.registered(user, now)
	p.reply(tx, req, 200, "", p.accepted(req, list, from, now)...)
	p.r.bell.ring()
	if p.r.o.OnBindings != nil {
		p.r.o.OnBindings(user, list)
	}
}

// registered is the list after a change, cut where the quirk says so.
func (p *proxy) registered(user string, now time.Time) []Binding {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	list := p.r.location.live(user, now)
	if q := p.r.o.Quirks; q.ForgetOnOverflow && q.MaxContacts > 0 && len(list) > q.MaxContacts {
		list = list[:q.MaxContacts]
		p.r.location.byUser[user] = append([]Binding(nil), list...)
	}
	return list
}

// wishes reads what a REGISTER asks for; code 0 says that it can be had.
func (p *proxy) wishes(req *sipgo.Request, from flow, now time.Time) (reg registration, code int, extra []sipgo.Header) {
	q := p.r.o.Quirks
	reg = registration{callID: req.CallID().Value(), cseq: req.CSeq().SeqNo}
	general := q.MaxExpires
	if h := req.GetHeader("Expires"); h != nil {
		if n, err := strconv.ParseUint(h.Value(), 10, 32); err == nil {
			general = time.Duration(n) * time.Second
		}
	}
	for _, h := range req.GetHeaders("Contact") {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok {
			continue
		}
		if c.Address.Wildcard {
			reg.star = true
			continue
		}
		life := general
		if v, ok := c.Params.Get("expires"); ok {
			if n, err := strconv.ParseUint(v, 10, 32); err == nil {
				life = time.Duration(n) * time.Second
			}
		}
		if life > 0 && life < q.MinExpires {
			return reg, 423, []sipgo.Header{sipgo.NewHeader("Min-Expires", strconv.Itoa(int(q.MinExpires/time.Second)))}
		}
		reg.contacts = append(reg.contacts, p.binding(c, len(reg.contacts) == 0, min(life, q.MaxExpires), from, now))
	}
	if reg.star && (general != 0 || len(reg.contacts) > 0) {
		return reg, 400, nil // RFC 3261 10.3 step 6
	}
	return reg, 0, nil
}

func (p *proxy) binding(c *sipgo.ContactHeader, first bool, life time.Duration, from flow, now time.Time) Binding {
	uri := *c.Address.Clone()
	if first && p.r.o.Quirks.RewriteContact {
		uri = makeURI(uri.User, from.remote, from.transport())
	}
	b := Binding{
		Contact: uri.String(), Transport: from.transport(), Received: from.remote,
		Expires: now.Add(life), uri: uri, flow: from,
	}
	if v, ok := c.Params.Get("+sip.instance"); ok {
		b.Instance = strings.Trim(v, `"<>`)
	}
	b.RegID, _ = c.Params.Get("reg-id")
	return b
}

// accepted are the headers of the 2xx: the bindings, and what the quirks add.
func (p *proxy) accepted(req *sipgo.Request, list []Binding, from flow, now time.Time) []sipgo.Header {
	var out []sipgo.Header
	regID := false
	for _, b := range list {
		v := fmt.Sprintf("<%s>;expires=%d", b.Contact, int(b.Expires.Sub(now).Round(time.Second)/time.Second))
		if b.Instance != "" {
			v += fmt.Sprintf(`;+sip.instance="<%s>"`, b.Instance)
		}
		if b.RegID != "" {
			v += ";reg-id=" + b.RegID
			regID = true
		}
		out = append(out, sipgo.NewHeader("Contact", v))
	}
	if p.r.o.Quirks.Outbound && regID {
		out = append(out, sipgo.NewHeader("Require", "outbound"), sipgo.NewHeader("Supported", "path, outbound"))
	}
	if p.r.o.Quirks.NextNonce && req.GetHeader("Authorization") != nil {
		n := p.gate.issue(from.remote, now)
		out = append(out, sipgo.NewHeader("Authentication-Info", `nextnonce="`+n+`"`))
	}
	return out
}
