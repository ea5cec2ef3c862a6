package engine

import (
	"time"

	"ramble/internal/engine/roam"
	"ramble/sip"
	"ramble/sip/dialog"
)

// This file is what one turn of the loop leaves to be carried out. A machine, of
// an account or of a call, is told at once; what it asks for waits its turn here,
// in order, and is carried out by the loop (carryOut). So nothing that carries an
// action out calls back into those who decide, and no action is begun in the
// midst of another.

func (e *Engine) owe(d errand) {
	d.change = e.roams.change
	e.turn.due = append(e.turn.due, d)
}

// then has the rest of what hears news wait until what is due so far is carried
// out.
func (e *Engine) then(rest func()) { e.owe(errand{rest: rest}) }

// step tells an account's machine of something.
func (e *Engine) step(a *account, ev roam.Event) {
	for _, act := range a.machine.Step(time.Now(), ev) {
		e.owe(errand{acct: a, act: act})
	}
	e.dirty = true
}

// feed tells a dialog of something.
func (e *Engine) feed(s *sip.Call, ev dialog.Event) { e.told(s, s.Step(time.Now(), ev)) }

// moveTo has a dialog go on by another stack.
func (e *Engine) moveTo(s *sip.Call, st *stack) { e.told(s, s.Move(time.Now(), st.Stack)) }

// told takes what a dialog asks for.
func (e *Engine) told(s *sip.Call, acts []dialog.Action) {
	for _, act := range acts {
		e.owe(errand{of: s, fact: act})
	}
	e.turn.touched = append(e.turn.touched, s)
}
