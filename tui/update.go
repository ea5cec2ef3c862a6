package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// Messages that the interface sends itself.
type (
	updated struct { // the engine's latest word; ok false: the engine is gone
		update phone.Update
		ok     bool
	}
	ticked struct{ generation int } // time went on
	done   struct {                 // the engine accepted or refused a command
		action string
		was    phone.CallID // the current call when it was asked
		reply  phone.Reply
		err    error
	}
)

// Update implements tea.Model. It only routes.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.now = m.set.Now()
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		if !m.set.userTheme {
			m.look = newLook(m.set.theme, msg.IsDark(), m.set.ascii)
		}
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	case tea.MouseClickMsg:
		m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		cmd = m.wheel(msg.Mouse())
	case tea.PasteMsg:
		cmd = m.paste(msg.Content)
	case tea.ResumeMsg:
		cmd = m.do("network-changed", phone.NetworkSign{})
	case updated:
		if !msg.ok {
			return m, tea.Quit
		}
		cmd = tea.Batch(m.apply(msg.update), m.listen(m.set.interval))
	case done:
		m.finish(msg)
	case ticked:
		if msg.generation != m.tick.generation {
			return m, nil // an older clock
		}
		m.tick.due = time.Time{}
		m.events.tellCut(m.now)
		m.watchRoams()
		if !m.now.Before(m.flash.until) {
			m.flash = flash{}
		}
		if !m.leaving.since.IsZero() && m.now.Sub(m.leaving.since) >= leaveWithin {
			return m, tea.Quit
		}
	}
	return m, tea.Batch(cmd, m.rearm())
}

// key sends a key to whoever has the keys: the incoming call, an overlay, the
// dial line, or the table of actions.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	if s == "ctrl+c" && m.interrupt() {
		return tea.Quit
	}
	switch {
	case !m.leaving.since.IsZero():
		return nil
	case m.asking() && s != "ctrl+c":
		return m.incomingKey(s)
	case m.dial.open && s != "ctrl+c":
		return m.dialKey(k)
	case m.over != nil:
		if cmd, handled := m.over.key(m, k); handled {
			return cmd
		}
	}
	if k.Text != "" && strings.Contains(dialKeys, k.Text) && len(k.Text) == 1 {
		if c := m.current(); c.State == phone.Up && c.ID != 0 {
			if m.set.keys.find(s) == nil {
				return m.keypadWith(s)
			}
		} else if c.ID == 0 && m.ring.id == 0 {
			return m.dialWith(k.Text)
		}
	}
	a := m.set.keys.find(s)
	if a == nil {
		return nil
	}
	return m.run(a)
}

// interrupt notes a ctrl+c, and says whether it is the second one, which ends
// the program whatever stands.
func (m *model) interrupt() bool {
	twice := m.now.Sub(m.leaving.interrupted) < forceWithin
	m.leaving.interrupted = m.now
	return twice
}

// run does what an action says, or says why not.
func (m *model) run(a *Action) tea.Cmd {
	s := m.situation()
	if a.Enabled != nil && !a.Enabled(s) {
		m.say(either(a.Short != "", a.Short, a.name())+" needs "+either(a.Needs != "", a.Needs, "something else first"), true)
		return nil
	}
	switch {
	case a.effect != nil:
		return a.effect(m)
	case a.Command != nil:
		if a.ID == "unregister" || a.Group == GroupNetwork {
			m.say("asked for: "+a.name(), false)
		}
		return m.do(a.ID, a.Command(s))
	case a.Do != nil:
		return m.job(a.ID, func(ctx context.Context) (phone.Reply, error) { return phone.Reply{}, a.Do(ctx) })
	}
	return nil
}

// do asks the engine, off the interface's goroutine.
func (m *model) do(action string, c phone.Command) tea.Cmd {
	doer := m.set.Doer
	return m.job(action, func(ctx context.Context) (phone.Reply, error) { return doer.Do(ctx, c) })
}

func (m *model) job(action string, fn func(context.Context) (phone.Reply, error)) tea.Cmd {
	guard, parent, was := m.set.Guard, m.set.ctx, m.state.Current
	return func() tea.Msg {
		defer guard.Recover("interface: " + action)
		ctx, cancel := context.WithTimeout(parent, doWithin)
		defer cancel()
		reply, err := fn(ctx)
		return done{action, was, reply, err}
	}
}

// focusing are the commands whose call is the current one once the engine has
// answered. Whoever types fast means that call with the next key, unless the
// engine has named another one meanwhile.
func focusing() []string { return []string{"dial", "answer", "focus", "redial"} }

// finish notes how the engine took a command. What came of it arrives as an
// update.
func (m *model) finish(d done) {
	if d.err == nil {
		if slices.Contains(focusing(), d.action) && d.reply.Call != 0 && m.state.Current == d.was {
			m.state.Current = d.reply.Call // the engine's word; its next update says so too
		}
		return
	}
	if !m.leaving.since.IsZero() {
		m.leaving.since = m.now.Add(-leaveWithin)
		return
	}
	m.set.Log.Warn("not done", "action", d.action, "error", d.err)
	text := strings.ReplaceAll(d.action, "-", " ") + ": "
	if errors.Is(d.err, context.DeadlineExceeded) {
		text += "the engine did not answer"
	} else {
		text += words.Line(words.Refused(d.err))
	}
	m.events.add(m.now, bad, text)
	m.say(text, true)
}

// listen waits for the engine's next update, at the earliest after a pause, so
// that no more are drawn than the settings allow. The first one after a quiet
// time is drawn at once.
func (m *model) listen(pause time.Duration) tea.Cmd {
	updates, ctx, guard := m.set.Updates, m.set.ctx, m.set.Guard
	return func() tea.Msg {
		defer guard.Recover("interface: updates")
		if !wait(ctx, pause) {
			return nil
		}
		select {
		case u, ok := <-updates:
			return updated{u, ok}
		case <-ctx.Done():
			return nil
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ticker is the one running clock, which redraws what changes with time alone.
type ticker struct {
	generation int
	due        time.Time
}

// rearm starts a clock where the running one would be too late.
func (m *model) rearm() tea.Cmd {
	due := m.now.Add(m.pace())
	if !m.tick.due.IsZero() && !due.Before(m.tick.due) {
		return nil
	}
	m.tick.generation++
	m.tick.due = due
	generation, pause, ctx, guard := m.tick.generation, m.pace(), m.set.ctx, m.set.Guard
	return func() tea.Msg {
		defer guard.Recover("interface: clock")
		if !wait(ctx, pause) {
			return nil
		}
		return ticked{generation}
	}
}

// pace is how soon something on the screen changes by itself.
func (m *model) pace() time.Duration {
	fast := m.set.interval
	if !m.set.motion {
		fast = time.Second
	}
	if roaming(m.state) {
		return fast
	}
	live := liveCalls(m.state)
	for _, c := range live {
		if c.Recovering {
			return fast
		}
	}
	searching := slices.ContainsFunc(m.state.Accounts, func(a phone.Account) bool { return !a.Trying.Since.IsZero() })
	soon := len(live) > 0 || searching || m.flash.text != "" || !m.leaving.since.IsZero() || !m.lower.closeAt.IsZero()
	if soon || m.now.Sub(m.state.Network.Changed) < time.Minute {
		// On the second, so that a call's clock does not stutter.
		for _, c := range live {
			if from := c.Answered; !from.IsZero() {
				return time.Second - m.now.Sub(from)%time.Second
			}
		}
		return time.Second
	}
	return 15 * time.Second
}

// say flashes a word in the dial line's row.
func (m *model) say(text string, bad bool) {
	m.flash = flash{text: text, until: m.now.Add(flashFor), bad: bad}
}

// paste puts text where text is taken; elsewhere it starts to dial.
func (m *model) paste(s string) tea.Cmd {
	switch o := m.over.(type) {
	case *palette:
		o.insert(s)
	case *keypad:
		return o.send(m, s)
	case nil:
		switch {
		case m.asking():
		case m.dial.open:
			m.dial.insert(s)
		default:
			return m.dialWith(strings.TrimSpace(s))
		}
	}
	return nil
}

// keypadWith opens the keypad and sends the digit that opened it.
func (m *model) keypadWith(digit string) tea.Cmd {
	m.openKeypad()
	m.say(fmt.Sprintf("keypad: %s", digit), false)
	return m.over.(*keypad).send(m, digit)
}
