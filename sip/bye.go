package sip

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ramble/internal/leaf/clean"
	"ramble/sip/wire"
)

// Bye hangs up a call that is up. A BYE that could not be delivered (ErrTimeout,
// ErrTransport, ErrStackClosed, a 408 or 5xx) leaves the call known, and Bye
// may be called again, after a Move for instance; Drop ends that. A peer that
// knows nothing of the call any more counts as hung up.
//
// Called before the peer acknowledged our answer, it waits for that first
// (RFC 3261 15).
func (c *Call) Bye(ctx context.Context) error {
	c.mu.Lock()
	if c.state == ended {
		c.mu.Unlock()
		return nil
	}
	if c.state != up && c.state != leaving {
		c.mu.Unlock()
		return fmt.Errorf("%w: it is not up", ErrWrongState)
	}
	c.state = leaving
	t := c.theirs
	c.mu.Unlock()
	if t != nil && t.initial {
		select {
		case <-t.acked:
		case <-t.expired:
		case <-c.Over():
			return nil
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
	res, _, err := c.do(ctx, "BYE", nil)
	switch {
	case c.isOver(): // their BYE crossed ours
		return nil
	case err == nil && (res.StatusCode == 408 || res.StatusCode >= 500):
		return failure("BYE", res)
	case err != nil:
		var answered *ResponseError // a 401 that is not ours to answer is an answer
		if !errors.As(err, &answered) {
			return err
		}
	}
	c.end()
	return nil
}

func (c *Call) isOver() bool { return c.life.Err() != nil }

// onBye answers the peer's BYE and ends the call.
func (c *Call) onBye(in *inbound) {
	if !c.newer(in) {
		return
	}
	in.st.refuse(in, 200, "OK")
	c.mu.Lock()
	t, leave := c.theirs, c.state == leaving
	c.mu.Unlock()
	if t != nil && t.settle() { // an INVITE of theirs waits: it ends with the call
		if err := c.respond(t, 487, "Request Terminated", nil); err != nil {
			in.st.log.Debug("ending an INVITE", "err", err)
		}
	}
	if !c.end() || leave {
		return
	}
	code, reason := reasonOf(in, 200)
	in.st.emit(Ended{Call: c, Code: code, Reason: reason})
}

// newer checks the CSeq of a request within the dialog and answers one that
// comes out of order (RFC 3261 12.2.2).
func (c *Call) newer(in *inbound) bool {
	seq := in.req.CSeq().SeqNo
	c.mu.Lock()
	ok := seq > c.d.remoteSeq
	if ok {
		c.d.remoteSeq = seq
	}
	c.mu.Unlock()
	if !ok {
		in.st.refuse(in, 500, "CSeq Out Of Order")
	}
	return ok
}

// reasonOf reads the Reason header (RFC 3326) of a BYE or CANCEL: the cause
// where it is a SIP one, and the text.
func reasonOf(in *inbound, code int) (int, string) {
	text := ""
	for _, v := range in.raw.All("Reason") {
		for _, one := range wire.SplitList(v, ',') {
			protocol, params, _ := strings.Cut(one, ";")
			for _, p := range wire.ParseParams(params) {
				switch {
				case strings.EqualFold(p.Name, "text") && text == "":
					text = clean.Text(p.Value)
				case strings.EqualFold(p.Name, "cause") && strings.EqualFold(strings.TrimSpace(protocol), "SIP"):
					if n, err := strconv.Atoi(p.Value); err == nil && n >= 200 && n < 700 {
						code = n
					}
				}
			}
		}
	}
	return code, text
}
