package words

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"ramble/internal/leaf/phone"
)

// TestAllNewsHaveWords: a kind that is added without words would show as an empty
// line, or as those of another.
func TestAllNewsHaveWords(t *testing.T) {
	seen := map[string]phone.NewsKind{}
	for k := phone.Remarked; k <= phone.LedgerUnwritten; k++ {
		n := phone.News{Kind: k, Name: "a name", Text: "an error", Method: "UPDATE", Damage: &phone.Damage{File: "f", Torn: true}, Fault: phone.Fault{Kind: phone.FaultTimeout}}
		if k >= phone.Unverified && k <= phone.NoSTUNServer || k == phone.HungUpLate || k == phone.CancelledLate {
			n.Account = "work"
		}
		text, _ := News(n)
		if was := seen[text]; text == "" || was != 0 && text != "an error" {
			t.Errorf("kind %d: %q, which kind %d says as well", k, text, was)
		}
		seen[text] = k
	}
}

func TestNews(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.7:4000")
	for _, tt := range []struct {
		news phone.News
		line string
	}{
		{phone.News{Kind: phone.Remarked, Text: "the drill begins"}, "the drill begins"},
		{phone.News{Kind: phone.ReachedAt, Account: "work", At: at}, "work: reached at 192.0.2.7:4000 behind a NAT"},
		{phone.News{Kind: phone.NoSTUNServer, Account: "work", Name: "stun.test"}, "work: the STUN server “stun.test” cannot be found: check account.stun; calls behind a NAT may be one-way until then"},
		{phone.News{Kind: phone.RefreshAnswered, Call: 1, Method: "UPDATE"}, "UPDATE answered 200 OK"},
		{phone.News{Kind: phone.HoldRefused, Call: 1, Fault: phone.Fault{Kind: phone.FaultResponse, Method: "INVITE", Code: 491}}, "hold or resume failed: 491: the other side called at the same moment. Try again in a moment"},
		{phone.News{Kind: phone.AudioForeign, Call: 1, Payload: 96}, "the other side sends sound in a format that was not agreed on (payload type 96), it cannot be heard"},
		{phone.News{Kind: phone.LedgerUnread, Text: "no JSON", Name: "/x/owed.broken"},
			"what an earlier run owes cannot be read (no JSON); the file is now /x/owed.broken: a server may list this phone twice until the old registration ends by itself; all else works"},
		{phone.News{Kind: phone.HistoryNotWhole, Name: "calls", Damage: &phone.Damage{File: "history.jsonl", Lines: []int{6, 7}, Newer: 1, Good: 17}},
			"the history of calls is not whole: history.jsonl: lines 6, 7 are damaged, 1 written by a newer ramble; the other 17 records are there: nothing was changed; what can be read is there"},
		{phone.News{Kind: phone.HistoryNotWhole, Name: "roams", Damage: &phone.Damage{File: "f", Lines: []int{1, 2, 3, 4, 5, 6}, Torn: true, Skipped: 9}},
			"the history of roams is not whole: f: lines 1, 2, 3, 4, 5 and 1 more are damaged, the last line was cut off, the first 9 bytes were left out, it is too large; the other 0 records are there: nothing was changed; what can be read is there"},
	} {
		if got := Line(News(tt.news)); got != tt.line {
			t.Errorf("%q\nwant %q", got, tt.line)
		}
	}
	if got := Warnings(phone.Warnings{Unverified: true, Unlisted: true}); got != "the server's certificate is not checked; the registrar does not list this phone: incoming calls may not arrive" {
		t.Error(got)
	}
}

// TestEveryRefusalHasWords, a name and a code.
func TestEveryRefusalHasWords(t *testing.T) {
	texts, names := map[string]bool{}, map[string]bool{}
	for r := phone.Stopping; r <= phone.SoundUnfit; r++ {
		e := &phone.Error{Why: r, Command: "answer", Call: 3, State: phone.Up, Name: "a name", Text: r.String()}
		text, _ := Refused(fmt.Errorf("wrapped: %w", e))
		if text == "" || texts[text] || r.String() == "" || names[r.String()] || e.Code() == phone.ErrOther {
			t.Errorf("%v: %q, code %d", r, text, e.Code())
		}
		texts[text], names[r.String()] = true, true
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		err  error
		line string
	}{
		{errors.New("the disk is full"), "the disk is full"},
		{&phone.Error{Why: phone.NotUp, Command: "hold", Call: 2, State: phone.Ringing}, "cannot hold call 2: the call is not up: its state is ringing"},
		{&phone.Error{Why: phone.NotRinging, Command: "decline", Call: 2, State: phone.Up}, "cannot decline call 2: only a ringing call can be declined: its state is up"},
		{&phone.Error{Why: phone.NoSoundYet, Command: "dtmf", Call: 2, State: phone.Dialing}, "cannot send digits in call 2: it has no sound yet: its state is dialing"},
		{&phone.Error{Why: phone.NoSuchCall, Call: 9, Calls: []phone.CallID{1, 3}}, "there is no call 9: the calls are 1, 3"},
		{&phone.Error{Why: phone.SeveralCalls, Calls: []phone.CallID{1, 3}}, "there are several calls: the calls are 1, 3"},
		{&phone.Error{Why: phone.StatusUnfit, Status: 200}, "cannot decline with 200: use 486 busy, 480 unavailable or 603 decline"},
		{&phone.Error{Why: phone.NoSuchAccount, Name: "x", Others: "work, lab"}, "there is no account “x”: accounts: work, lab"},
		{&phone.Error{Why: phone.TargetNotSecure, Name: "sips:bob@example.com"}, "cannot call “sips:bob@example.com”: sips: asks for encryption on the whole way, and this account has none: give a number, a name, user@host or sip:user@host"},
	} {
		if got := Line(Refused(tt.err)); got != tt.line {
			t.Errorf("%q\nwant %q", got, tt.line)
		}
	}
}
