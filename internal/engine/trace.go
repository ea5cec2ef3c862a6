package engine

import (
	"ramble/internal/capture"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/sip"
)

// traced is where the stack of an epoch tells its messages; nil where nobody
// keeps them.
func (a *account) traced(epoch roam.Epoch) func(sip.TraceEntry) {
	ring := a.e.parts.Trace
	if ring == nil {
		return nil
	}
	return func(t sip.TraceEntry) {
		ring.Add(capture.Message{
			At: t.At, Account: a.cfg.Name, Epoch: uint64(epoch), Sent: t.Sent, Transport: t.Transport.String(),
			Local: t.Local, Remote: t.Remote, Text: t.Message,
		})
	}
}

// Trace implements phone.Tracer, also after Run. Without a ring there is nothing.
func (e *Engine) Trace(after uint64) phone.Trace {
	if e.parts.Trace == nil {
		return phone.Trace{}
	}
	page := e.parts.Trace.Since(after)
	out := phone.Trace{Last: page.Last, Missed: page.Missed, More: page.More}
	for _, m := range page.Messages {
		out.Messages = append(out.Messages, phone.WireMessage{
			Number: m.Number, At: m.At, Account: m.Account, Epoch: phone.Epoch(m.Epoch), CallID: m.CallID, Sent: m.Sent, Again: m.Again,
			Transport: m.Transport, Local: m.Local, Remote: m.Remote, Text: m.Text,
		})
	}
	return out
}
