package tui

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
)

// wants says what the engine was asked for since the last time.
func (d *hand) wants(commands ...phone.Command) {
	d.Helper()
	got := d.doer.take()
	if len(got) == 0 && len(commands) == 0 {
		return
	}
	if !reflect.DeepEqual(got, commands) {
		d.Fatalf("asked for %#v, want %#v", got, commands)
	}
}

func (d *hand) sees(texts ...string) {
	d.Helper()
	s := screen(d)
	for _, text := range texts {
		if !strings.Contains(s, text) {
			d.Fatalf("%q is not on the screen:\n%s", text, s)
		}
	}
}

func (d *hand) seesNot(texts ...string) {
	d.Helper()
	s := screen(d)
	for _, text := range texts {
		if strings.Contains(s, text) {
			d.Fatalf("%q is on the screen:\n%s", text, s)
		}
	}
}

// got says whether a command gave Bubble Tea a message of the same type and value.
func (d *hand) got(want tea.Msg) bool {
	for _, msg := range d.sent {
		if reflect.DeepEqual(msg, want) {
			return true
		}
	}
	return false
}

func TestKeysAskTheEngine(t *testing.T) {
	held, muted := inCall(), inCall()
	held.Calls[0].Held, muted.Calls[0].Muted = phone.HeldLocal, true
	dialing, lost := inCall(), inCall()
	dialing.Calls[0].State, lost.Calls[0].NeedsRedial = phone.Trying, true
	off := idle()
	off.Accounts[0].State = phone.Unregistered
	for _, tc := range []struct {
		name  string
		state phone.State
		keys  string
		want  []phone.Command
	}{
		{"m mutes", inCall(), "m", []phone.Command{phone.Mute{Call: 1}}},
		{"m unmutes what the engine calls muted", muted, "m", []phone.Command{phone.Unmute{Call: 1}}},
		{"x holds", inCall(), "x", []phone.Command{phone.HoldCall{Call: 1}}},
		{"x resumes", held, "x", []phone.Command{phone.ResumeCall{Call: 1}}},
		{"x does not hold what is not answered", dialing, "x", nil},
		{"b hangs up", inCall(), "b", []phone.Command{phone.Hangup{Call: 1}}},
		{"b cancels", dialing, "b", []phone.Command{phone.Hangup{Call: 1}}},
		{"b without a call does nothing", idle(), "b", nil},
		{"a without a ringing call does nothing", inCall(), "a", nil},
		{"I refreshes", inCall(), "I", []phone.Command{phone.Refresh{Call: 1}}},
		{"N is a sign of the network", idle(), "N", []phone.Command{phone.NetworkSign{}}},
		{"! restarts", idle(), "!", []phone.Command{phone.Restart{}}},
		{"r registers the selected account", idle(), "r", []phone.Command{phone.Register{Account: "alice"}}},
		{"R registers all", idle(), "R", []phone.Command{phone.Register{}}},
		{"u unregisters", idle(), "u", []phone.Command{phone.Unregister{Account: "alice"}}},
		{"u registers what is not", off, "u", []phone.Command{phone.Register{Account: "alice"}}},
		{"r without accounts does nothing", phone.State{}, "r", nil},
		{"a digit opens the keypad and is sent", inCall(), "5 1 # A ,", []phone.Command{
			phone.SendDTMF{Call: 1, Digits: "5"}, phone.SendDTMF{Call: 1, Digits: "1"}, phone.SendDTMF{Call: 1, Digits: "#"},
			phone.SendDTMF{Call: 1, Digits: "A"}, phone.SendDTMF{Call: 1, Digits: ","}}},
		{"# opens the keypad and sends nothing", inCall(), "# 9", []phone.Command{phone.SendDTMF{Call: 1, Digits: "9"}}},
		{"b is abc in the keypad, and hangs nothing up", inCall(), "# b", []phone.Command{phone.SendDTMF{Call: 1, Digits: "2"}}},
		{"m still mutes in the keypad", inCall(), "# m", []phone.Command{phone.Mute{Call: 1}}},
		{"a digit while the call is not answered does nothing", dialing, "5", nil},
		{"enter redials a call that was lost", lost, "enter", []phone.Command{phone.Redial{Call: 1}}},
		{"d, a name and enter dial", idle(), "d b o b enter", []phone.Command{phone.Dial{Target: "bob", Account: "alice"}}},
		{"typing a number dials it", idle(), "+ 4 4 2 0 enter", []phone.Command{phone.Dial{Target: "+4420", Account: "alice"}}},
		{"letters in the dial line are text", idle(), "d q m b ! esc", nil},
		{"# dials when idle", idle(), "# 1 enter", []phone.Command{phone.Dial{Target: "#1", Account: "alice"}}},
		{"up brings back what was dialled", idle(), "d x enter d up enter", []phone.Command{
			phone.Dial{Target: "x", Account: "alice"}, phone.Dial{Target: "x", Account: "alice"}}},
		{"enter on an empty line only brings back what was dialled", idle(), "d x enter d enter", []phone.Command{phone.Dial{Target: "x", Account: "alice"}}},
		{"the palette runs by name", inCall(), ": h o l d enter", []phone.Command{phone.HoldCall{Call: 1}}},
		{"the palette is fuzzy", idle(), ": n w c h enter", []phone.Command{phone.NetworkSign{}}},
		{"the palette offers nothing that cannot work", idle(), ": m u t e enter", nil},
		{"the palette dials", idle(), ": d i a l space b o b enter", []phone.Command{phone.Dial{Target: "bob", Account: "alice"}}},
		{"keys do nothing under the help", inCall(), "? m x", nil},
		{"q without a call leaves", idle(), "q", []phone.Command{phone.Quit{}}},
		{"q in a call asks, n stays", inCall(), "q n m", []phone.Command{phone.Mute{Call: 1}}},
		{"q in a call asks, y leaves", inCall(), "q y", []phone.Command{phone.Quit{}}},
		{"nothing else is done while leaving", idle(), "q N", []phone.Command{phone.Quit{}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newHand(t, 80, 24, nil)
			d.show(tc.state)
			d.press(strings.Fields(tc.keys)...)
			d.wants(tc.want...)
		})
	}
}

func TestIncomingCall(t *testing.T) {
	bell := tea.RawMsg{Msg: "\a"}
	t.Run("rings the bell once and shows in the title", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(incoming())
		if !d.got(bell) {
			t.Fatal("no bell")
		}
		if got := d.m.View().WindowTitle; got != "(ringing) Carol Example - ramble" {
			t.Fatalf("title %q", got)
		}
		d.sent = nil
		d.show(incoming())
		if d.got(bell) {
			t.Fatal("a second bell for the same call")
		}
	})
	t.Run("keys in the first 400 ms were meant for something else", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(incoming())
		d.press("a", "b")
		d.wants()
		d.after(keyGrace)
		d.press("a")
		d.wants(phone.Answer{Call: 2})
	})
	t.Run("b declines, s silences, esc hides and the keys stay", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(incoming())
		d.after(time.Second)
		d.press("s")
		d.wants(phone.Silence{Call: 2})
		d.sees("silenced")
		d.press("esc")
		d.seesNot("Incoming call")
		d.sees("RINGING")
		d.press("b")
		d.wants(phone.Hangup{Call: 2})
	})
	t.Run("never takes text: a banner while a number is typed, alt+a answers", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("d", "b")
		d.show(incoming())
		d.after(time.Second)
		d.press("a")
		d.wants()
		d.sees("Carol Example is calling", "dial> ba")
		d.press("alt+a")
		d.wants(phone.Answer{Call: 2})
	})
	t.Run("is a banner in a call; a answers, b declines the new one, esc leaves it for later", func(t *testing.T) {
		s := inCall()
		s.Calls = append(s.Calls, carol())
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.sees("Carol Example is calling", "a hold and answer")
		d.press("a")
		d.wants(phone.Answer{Call: 2})
		d.press("b")
		d.wants(phone.Hangup{Call: 2})
		d.press("esc")
		d.seesNot("Carol Example is calling")
		d.press("b")
		d.wants(phone.Hangup{Call: 1})
		d.press("a")
		d.wants(phone.Answer{Call: 2})
	})
	t.Run("digits reach the keypad while another call rings", func(t *testing.T) {
		s := inCall()
		s.Calls = append(s.Calls, carol())
		d := newHand(t, 80, 24, nil)
		d.show(s)
		d.press("5")
		d.wants(phone.SendDTMF{Call: 1, Digits: "5"})
	})
}

func TestRefusals(t *testing.T) {
	t.Run("show as a flash and as an event", func(t *testing.T) {
		d := newHand(t, 120, 36, nil)
		d.doer.err = &phone.Error{Why: phone.NotUp, Command: "hold", Call: 1, State: phone.Ringing}
		d.show(inCall())
		d.press("x")
		d.sees("✗ hold: cannot hold call 1: the call is not up: its state is ringing", "13:05:53 hold: cannot hold call 1: the call is not up: its state is ringing")
		d.after(flashFor)
		d.seesNot("✗ hold")
	})
	t.Run("an engine that does not answer is said to", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.doer.err = fmt.Errorf("mailbox: %w", errors.New("full"))
		d.show(inCall())
		d.press("m")
		d.sees("✗ mute: mailbox: full")
	})
	t.Run("a key that cannot work says what it needs", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("x")
		d.sees("hold needs an answered call")
	})
	t.Run("nothing is shown as done before the engine says so", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.press("m")
		d.seesNot("MUTED")
	})
}

func TestErrorPanel(t *testing.T) {
	open := func(t *testing.T) *hand {
		d := newHand(t, 80, 24, nil)
		d.show(refused(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: refused().Accounts[0]}})
		d.sees("Cannot register alice", "403 Forbidden")
		return d
	}
	t.Run("esc closes it", func(t *testing.T) {
		d := open(t)
		d.press("esc")
		d.seesNot("Cannot register")
	})
	t.Run("the next keys work through it", func(t *testing.T) {
		d := open(t)
		d.press("r")
		d.wants(phone.Register{Account: "alice"})
	})
	t.Run("y copies a report", func(t *testing.T) {
		d := open(t)
		d.press("y")
		if len(d.sent) != 1 || !strings.Contains(fmt.Sprint(d.sent[0]), "403: forbidden, although the server knows this account; asked was sip.example.com:5061") {
			t.Fatalf("copied %v", d.sent)
		}
	})
	t.Run("never opens over the dial line's keys", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("d", "b")
		d.show(refused(), phone.Notice{At: noon, What: phone.RegistrationChanged{Account: refused().Accounts[0]}})
		d.press("o", "b", "enter")
		d.wants(phone.Dial{Target: "bob", Account: "alice"})
	})
	t.Run("a failed call offers to call again", func(t *testing.T) {
		s := inCall()
		c := &s.Calls[0]
		c.State, c.Answered, c.Code = phone.Ended, time.Time{}, 488
		c.End = phone.End{By: phone.ByPeer, In: phone.Trying, Cause: phone.Rejected, Code: 488, Phrase: "Not Acceptable Here"}
		d := newHand(t, 80, 24, nil)
		d.show(s, phone.Notice{At: noon, What: phone.CallChanged{Call: *c}})
		d.sees("Cannot call Bob Example", "no codec or kind of encryption in common (488)", "Allow more codecs")
		d.press("enter")
		d.wants(phone.Redial{Call: 1})
	})
}

func TestLeaving(t *testing.T) {
	quit := tea.QuitMsg{}
	t.Run("waits for the engine to say that it closed", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("q")
		if d.got(quit) {
			t.Fatal("left before the engine did")
		}
		d.show(idle(), phone.Notice{At: noon, What: phone.Closed{}})
		if !d.got(quit) {
			t.Fatal("stayed")
		}
	})
	t.Run("leaves when the engine takes too long", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.press("q")
		d.after(leaveWithin)
		if !d.got(quit) {
			t.Fatal("stayed")
		}
	})
	t.Run("leaves when the updates end", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		_, cmd := d.m.Update(updated{})
		d.execute(cmd)
		if !d.got(quit) {
			t.Fatal("stayed")
		}
	})
	t.Run("ctrl+c asks in a call, and twice it forces", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.press("ctrl+c")
		d.sees("hang up and quit")
		if d.got(quit) {
			t.Fatal("left at the first")
		}
		d.press("ctrl+c")
		if !d.got(quit) {
			t.Fatal("stayed at the second")
		}
	})
	t.Run("never asks when told so, always when told so", func(t *testing.T) {
		d := newHand(t, 80, 24, func(o *Options) { o.Confirm = "never" })
		d.show(inCall())
		d.press("q")
		d.wants(phone.Quit{})
		d = newHand(t, 80, 24, func(o *Options) { o.Confirm = "always" })
		d.show(idle())
		d.press("q")
		d.wants()
		d.press("y")
		d.wants(phone.Quit{})
	})
	t.Run("ctrl+z is refused in a call, with the reason", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.press("ctrl+z")
		d.sees("in a call, which would fall silent")
		if d.got(tea.SuspendMsg{}) {
			t.Fatal("suspended in a call")
		}
		d.show(idle())
		d.press("ctrl+z")
		if !d.got(tea.SuspendMsg{}) {
			t.Fatal("not suspended")
		}
		d.send(tea.ResumeMsg{})
		d.wants(phone.NetworkSign{})
	})
}

func TestTheCursorStandsWhereThingsHappen(t *testing.T) {
	at := func(d *hand, x, y int) {
		d.Helper()
		if c := d.m.View().Cursor; c == nil || c.X != x || c.Y != y {
			d.Fatalf("cursor at %+v, want %d,%d:\n%s", c, x, y, screen(d))
		}
	}
	d := newHand(t, 80, 24, nil)
	d.show(idle())
	d.press("f2")
	at(d, 2, 2) // the selected account
	d.press("d", "b", "李")
	at(d, 10, 22) // behind what was typed, a wide rune counting two
	d.press("left")
	at(d, 8, 22)
	d.press("esc", ":", "h")
	at(d, 13, 4) // the palette's field
}

func TestPaste(t *testing.T) {
	t.Run("goes to the dial line without control characters", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(idle())
		d.send(tea.PasteMsg{Content: " sip:bob@example.com\x1b[2J\n"})
		d.sees("dial> sip:bob@example.com[2J")
	})
	t.Run("sends its digits in the keypad", func(t *testing.T) {
		d := newHand(t, 80, 24, nil)
		d.show(inCall())
		d.press("#")
		d.send(tea.PasteMsg{Content: "12-34#\n"})
		d.wants(phone.SendDTMF{Call: 1, Digits: "1234#"})
	})
}
