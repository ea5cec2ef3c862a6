package automation

import (
	"reflect"
	"strings"
	"testing"

	"ramble/internal/leaf/phone"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, line, id string
		want           phone.Command
	}{
		{"a call to a URI", "dial sip:bob@example.com", "", phone.Dial{Target: "sip:bob@example.com"}},
		{"a call from a named account", "dial bob work", "", phone.Dial{Target: "bob", Account: "work"}},
		{"a quoted argument keeps its spaces", `dial "Bob Example" "my account"`, "", phone.Dial{Target: "Bob Example", Account: "my account"}},
		{"quotes and backslashes are written with a backslash", `dial "a\"b\\c"`, "", phone.Dial{Target: `a"b\c`}},
		{"spaces around do not matter", "  dial \t bob  ", "", phone.Dial{Target: "bob"}},
		{"a mark is taken off", "@17 dial bob", "17", phone.Dial{Target: "bob"}},
		{"a mark may be any word", "@x-ä!  swap", "x-ä!", phone.Swap{}},
		{"answer the only call", "answer", "", phone.Answer{}},
		{"answer a call", "answer 3", "", phone.Answer{Call: 3}},
		{"decline", "decline", "", phone.Decline{}},
		{"decline with a code", "decline 2 486", "", phone.Decline{Call: 2, Code: 486}},
		{"hang up", "hangup 2", "", phone.Hangup{Call: 2}},
		{"hang up everything", "hangup all", "", phone.HangupAll{}},
		{"hold", "hold 1", "", phone.HoldCall{Call: 1}},
		{"resume", "resume", "", phone.ResumeCall{}},
		{"swap", "swap", "", phone.Swap{}},
		{"mute", "mute 1", "", phone.Mute{Call: 1}},
		{"unmute", "unmute", "", phone.Unmute{}},
		{"digits", "dtmf 1 12#,a", "", phone.SendDTMF{Call: 1, Digits: "12#,A"}},
		{"refresh with the default method", "refresh 1", "", phone.Refresh{Call: 1}},
		{"refresh by re-INVITE", "refresh 1 reinvite", "", phone.Refresh{Call: 1}},
		{"refresh by UPDATE", "refresh 1 update", "", phone.Refresh{Call: 1, Update: true}},
		{"register everything", "register", "", phone.Register{}},
		{"register one account", "register work", "", phone.Register{Account: "work"}},
		{"unregister", "unregister work", "", phone.Unregister{Account: "work"}},
		{"redial", "redial", "", phone.Redial{}},
		{"redial an ended call", "redial 4", "", phone.Redial{Call: 4}},
		{"redial a call of an earlier run", "redial -2", "", phone.Redial{Call: -2}},
		{"list the sound devices", "audio list", "", phone.ListAudio{}},
		{"use a microphone", `audio use in "Jabra Evolve2"`, "", phone.UseAudio{Name: "Jabra Evolve2"}},
		{"use a loudspeaker", "audio use out default", "", phone.UseAudio{Output: true, Name: "default"}},
		{"the network changed", "network-changed", "", phone.NetworkSign{}},
		{"restart", "restart", "", phone.Restart{}},
		{"quit", "@last quit", "last", phone.Quit{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(tt.line)
			if r.err != nil || r.id != tt.id || !reflect.DeepEqual(r.command, tt.want) {
				t.Fatalf("got %#v, id %q, %v", r.command, r.id, r.err)
			}
		})
	}
	t.Run("a snapshot is no command of the engine", func(t *testing.T) {
		if r := parse("@s snapshot"); !r.snapshot || r.command != nil || r.id != "s" {
			t.Fatalf("got %+v", r)
		}
	})
}

func TestRefuse(t *testing.T) {
	tests := []struct{ name, line, echo, reason string }{
		{"an unknown command", "dail bob", "dail ***", "unknown command"},
		{"a misspelt dtmf does not show its digits", "dtfm 1 0042", "dtfm * ****", "unknown command"},
		{"digits for no call are masked", "dtmf x 0042", "dtmf x ****", `"x" is no call number`},
		{"digits without a call are masked", "dtmf 0042", "dtmf ****", "usage: dtmf CALL DIGITS"},
		{"digits in quotes are masked", `dtmf 1 "00 42`, "dtmf 1 *** **", "open"},
		{"digits that are none", "dtmf 1 hello", "dtmf 1 *****", "DIGITS are"},
		{"a command of a later version", "transfer 1 carol", "transfer 1 carol", "not available in this version"},
		{"a message of a later version", `message bob it is "open`, `message bob it is "open`, "not available in this version"},
		{"a call number below one", "hold 0", "hold 0", "no call number"},
		{"a negative call number", "hold -1", "hold -1", "no call number"},
		{"an endless call number", "hold 99999999999999999999", "hold 99999999999999999999", "no call number"},
		{"a code that declines nothing", "decline 1 200", "decline 1 200", "400 to 699"},
		{"sound that goes nowhere", "audio use up Jabra", "audio use up Jabra", "usage: audio list or audio use in|out NAME"},
		{"sound without a name", `audio use in ""`, `audio use in ""`, "usage: audio"},
		{"too many arguments", "answer 1 2", "answer 1 2", "usage: answer [CALL]"},
		{"a missing argument", "dial", "dial", "usage: dial TARGET [ACCOUNT]"},
		{"an empty argument", `dial ""`, `dial ""`, "usage: dial"},
		{"arguments where none belong", "swap 1", "swap 1", "usage: swap"},
		{"an open quote", `dial "bob`, `dial "bob`, "open"},
		{"text after a quote", `dial "bob"x`, `dial "bob"x`, "after a closing quote"},
		{"an unknown method", "refresh 1 notify", "refresh 1 notify", "usage: refresh"},
		{"a control character", "dial b\x1b[2Jb", "dial b\uFFFD[2Jb", "control character"},
		{"a mark alone", "@1", "", "missing"},
		{"snapshot takes nothing", "snapshot 1", "snapshot 1", "unknown command"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := parse(tt.line)
			if r.err == nil || !strings.Contains(r.err.Error(), tt.reason) || r.echo != tt.echo {
				t.Fatalf("got echo %q, error %v", r.echo, r.err)
			}
		})
	}
	t.Run("every word of the contract has an answer of its own", func(t *testing.T) {
		words := "dial answer decline redirect hangup hold resume swap mute unmute dtmf transfer attend conference split " +
			"accept reject refresh play record message subscribe unsubscribe register unregister dnd forward redial audio " +
			"trace network-changed restart snapshot quit"
		for word := range strings.FieldsSeq(words) {
			if r := parse(word); r.err != nil && strings.Contains(r.err.Error(), "unknown command") {
				t.Errorf("%s is unknown", word)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"@1 dial \"a b\" c", "dtmf 1 123", "hangup all", "@", "refresh 1 update", "dial \"\\\"", "\x00", "message a b c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r := parse(line)
		outcomes := 0
		for _, is := range []bool{r.err != nil, r.command != nil && r.err == nil, r.snapshot} {
			if is {
				outcomes++
			}
		}
		if outcomes != 1 {
			t.Fatalf("%q: %+v", line, r)
		}
		for _, c := range r.echo + r.id {
			if c < ' ' || c == 0x7f {
				t.Fatalf("%q: control character in %q", line, r.echo)
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("a \"b c\" d")
	f.Fuzz(func(t *testing.T, s string) {
		args, err := split(s)
		if err != nil {
			return
		}
		quoted := make([]string, len(args))
		for i, a := range args {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a) + `"`
		}
		again, err := split(strings.Join(quoted, " "))
		if err != nil || !reflect.DeepEqual(again, args) {
			t.Fatalf("%q split to %q, and quoted again to %q, %v", s, args, again, err)
		}
	})
}
