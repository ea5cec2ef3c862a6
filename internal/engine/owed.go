package engine

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"ramble/internal/engine/line"
	"ramble/internal/leaf/phone"
	"ramble/internal/ledger"
	"ramble/sip"
	"ramble/sip/dialog"
)

// This file is what the phone owes to servers and peers: it is on disk before it is
// made, and what could not be said by the end of a run is said by the next one.

// ledgerPatience is how long a REGISTER waits for what it binds to be on disk.
const ledgerPatience = 100 * time.Millisecond

func newClerk(book *ledger.Ledger) *clerk {
	written := make(chan struct{})
	close(written)
	return &clerk{book: book, box: newMailbox(), written: written}
}

// run writes until the box says that nothing follows.
func (c *clerk) run() {
	for !c.ended {
		<-c.box.filled
		for _, fn := range c.box.take() {
			fn()
		}
	}
}

// inherit takes over what earlier runs owe, before the loop begins.
func (e *Engine) inherit() {
	c := e.clerk
	if c == nil {
		return
	}
	page, unread := c.book.Adopt(time.Now())
	for _, u := range unread {
		e.say(phone.Warn, phone.News{Kind: phone.LedgerUnread, Name: u.Aside, Text: u.Err.Error()})
	}
	for _, owed := range page.Accounts {
		i := slices.IndexFunc(e.accounts, func(a *account) bool { return a.view.URI == owed.AOR })
		if i < 0 {
			c.others = append(c.others, owed)
			continue
		}
		a := e.accounts[i]
		if owed.Login == a.login() {
			a.accepted = owed.Accepted
		}
		for _, b := range owed.Bindings {
			if _, err := sip.ParseURI(b.URI); err == nil {
				a.bindings.Inherit(line.Contact{URI: b.URI, Stored: b.Stored, Until: b.Until})
			}
		}
		for _, call := range owed.Calls {
			a.debts = append(a.debts, &debt{Call: call})
		}
	}
}

// login is the user name that the server knows the account by.
func (a *account) login() string { return cmp.Or(a.sip.AuthUser, a.sip.AOR.User) }

// owed is all that the phone owes at the moment.
func (e *Engine) owed() ledger.Page {
	now := time.Now().UTC()
	page := ledger.Page{Accounts: slices.Clone(e.clerk.others)}
	for _, a := range e.accounts {
		one := ledger.Account{AOR: a.view.URI, Login: a.login(), Accepted: a.accepted}
		for _, c := range a.bindings.All() {
			one.Bindings = append(one.Bindings, ledger.Binding{URI: c.URI, Stored: c.Stored, Until: c.Until.UTC().Truncate(time.Second)})
		}
		for _, d := range a.debts {
			one.Calls = append(one.Calls, d.Call)
		}
		for _, t := range e.talks {
			if o, ok := t.sip.Owes(); ok && t.acct == a && !t.sip.IsOver() {
				one.Calls = append(one.Calls, callOwed(o, t.began, now))
			}
		}
		if !one.Accepted.IsZero() || len(one.Bindings)+len(one.Calls) > 0 {
			page.Accounts = append(page.Accounts, one)
		}
	}
	return page
}

// callOwed is a call whose end was not heard; began is when it was dialled.
func callOwed(o sip.Owed, began, now time.Time) ledger.Call {
	c := ledger.Call{CallID: o.CallID, Local: o.Local, LocalTag: o.LocalTag, Remote: o.Remote, RemoteTag: o.Dialog.RemoteTag,
		Target: o.Dialog.Target, Routes: slices.Clone(o.Dialog.Routes), Server: o.Dialog.Server, Seq: o.Seq,
		Alive: now.Truncate(time.Hour)}
	if i := o.Invite; i.Branch != "" {
		c.Invite = &ledger.Invite{Branch: i.Branch, Transport: i.Transport, SentBy: i.SentBy, At: began.UTC().Truncate(time.Second)}
	}
	return c
}

// noteOwed has what the phone owes written where that has changed. The channel is
// closed when it is on disk, or the disk has refused it.
func (e *Engine) noteOwed() <-chan struct{} {
	c := e.clerk
	if c == nil {
		return nil
	}
	page := e.owed()
	if reflect.DeepEqual(page, c.page) {
		return c.written
	}
	written := make(chan struct{})
	c.page, c.written = page, written
	c.box.put(func() {
		err := c.book.Write(page)
		close(written)
		if err != nil {
			e.post(func() { e.ledgerTrouble(err) })
		}
	})
	return written
}

// onDisk waits for what is noted, not for long: a phone with a slow disk phones.
func onDisk(ctx context.Context, written <-chan struct{}) {
	if written == nil {
		return
	}
	select {
	case <-written:
	case <-time.After(ledgerPatience):
	case <-ctx.Done():
	}
}

func (e *Engine) ledgerTrouble(err error) {
	e.parts.Log.Warn("the ledger is not written", "error", err)
	if !e.clerk.warned {
		e.clerk.warned = true
		e.say(phone.Warn, phone.News{Kind: phone.LedgerUnwritten, Text: err.Error()})
	}
}

// finishOwed writes the last page and lets run end. The loop has ended.
func (e *Engine) finishOwed() {
	e.noteOwed()
	e.clerk.box.put(func() {
		e.clerk.ended = true
		e.clerk.book.Close()
	})
}

// stillOwed keeps the end of a call, or of an INVITE, that nobody confirmed: it is said when there is
// another stack, or by the next run.
func (a *account) stillOwed(t *talk) {
	if o, ok := t.sip.Owes(); ok && a.e.clerk != nil {
		a.debts = append(a.debts, &debt{Call: callOwed(o, t.began, time.Now().UTC())})
	}
}

// byeLimit is Timer F (RFC 3261 17.1.2.2).
const byeLimit = 32 * time.Second

// payDebts says, on a new stack, what was left unsaid: the ends of calls, and, where
// nobody registers now, that what an earlier run had bound is not wanted.
func (a *account) payDebts() {
	st := a.stacks.At(a.machine.Epoch())
	if st == nil {
		return
	}
	if a.bindings.Inherited() && !a.machine.Wanted() && a.e.leaving == 0 {
		a.unregister(a.machine.Epoch(), func(error) {})
	}
	now := time.Now()
	a.debts = slices.DeleteFunc(a.debts, func(d *debt) bool { return !d.said && !d.Fresh(now) })
	for _, d := range a.debts {
		if d.said {
			continue
		}
		d.said = true
		o := d.owed()
		e := a.e
		e.job("hang up for an earlier run", byeLimit, func(ctx context.Context) {
			err := st.HangUp(ctx, a.sip, a.auth, o)
			e.post(func() { a.paid(d, err) })
		})
	}
}

// owed is the debt in the words of SIP.
func (d *debt) owed() sip.Owed {
	o := sip.Owed{CallID: d.CallID, LocalTag: d.LocalTag, Local: d.Local, Remote: d.Remote, Seq: d.Seq,
		Dialog: dialog.Dialog{RemoteTag: d.RemoteTag, Target: d.Target, Routes: d.Routes, Server: d.Server}}
	if i := d.Invite; i != nil {
		o.Invite = sip.Invite{Branch: i.Branch, Transport: i.Transport, SentBy: i.SentBy}
	}
	return o
}

// paid hears how the end of a call from before was taken. What did not come through is
// said again on the next stack; what cannot be said at all is let go.
func (a *account) paid(d *debt, err error) {
	d.said = false
	switch {
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, sip.ErrTransport), errors.Is(err, sip.ErrStackClosed):
		return
	case err == nil && d.Invite != nil:
		a.say(phone.Info, phone.News{Kind: phone.CancelledLate})
	case err == nil:
		a.say(phone.Info, phone.News{Kind: phone.HungUpLate})
	}
	a.debts = slices.DeleteFunc(a.debts, func(other *debt) bool { return other == d })
	a.e.dirty = true
}
