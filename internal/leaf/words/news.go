package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// askOperator is what helps where a registrar does not list us.
const askOperator = "check how many devices the account may have, and whether another phone uses it; then register again"

// News is a line for a person: what happened and, where there is something to
// do, what.
func News(n phone.News) (text, hint string) {
	switch n.Kind {
	case phone.Remarked:
		return n.Text, ""
	case phone.PartStopped:
		return "a part of the phone stopped by itself, " + n.Name + ": " + n.Text, ""
	case phone.SoundLost:
		return n.Text, "calls go on; it is tried again by itself"
	case phone.OwnSoundLost:
		return fmt.Sprintf("call %d lost its sound: %s", n.Call, n.Text), "the call goes on in silence; see account.sound"
	case phone.OwnSoundMissing:
		return fmt.Sprintf("call %d: %s", n.Call, n.Text), "it has the sound card instead; see account.sound"
	case phone.SoundIs:
		return "sound: microphone " + n.Name + ", speaker " + n.Others, n.Text
	case phone.HungUpLate:
		return n.Account + ": a call that an earlier run left open is hung up now", ""
	case phone.CancelledLate:
		return n.Account + ": a call that an earlier run left ringing is cancelled now", ""
	case phone.NoNews:
		return "", ""
	default: // the rest
		if n.Kind >= phone.HistoryUnread {
			return disk(n)
		}
		if n.Account != "" {
			text, hint = ofAccount(n)
			return n.Account + ": " + text, hint
		}
		return ofCall(n)
	}
}

func ofAccount(n phone.News) (text, hint string) {
	switch n.Kind {
	case phone.Unverified:
		return unverified + ", anybody could be the server", "set tls_verify = true, and tls_ca for a CA of your own"
	case phone.Unlisted:
		return "the registrar answered 200 OK but does not list this phone, incoming calls may not arrive", "call yourself to try; " + askOperator
	case phone.ListsNobody:
		return "the registrar accepts the registration without listing it", "if calls do not arrive, " + askOperator
	case phone.ListedNow:
		return "the registrar lists this phone now", ""
	case phone.NoSecureServer:
		return "DNS names no encrypted server here, those known from before stay in use",
			"this network may tamper with DNS; nothing is sent without encryption"
	case phone.ReachedAt:
		return "reached at " + n.At.String() + " behind a NAT", ""
	default: // NoSTUNServer; all others have words of their own
		return "the STUN server “" + n.Name + "” cannot be found", "check account.stun; calls behind a NAT may be one-way until then"
	}
}

func ofCall(n phone.News) (text, hint string) {
	switch n.Kind {
	case phone.RefreshAnswered:
		return n.Method + " answered 200 OK", ""
	case phone.RefreshRefused:
		text, hint = Trouble(n.Fault)
		return n.Method + " failed: " + text, hint
	case phone.HoldRefused:
		text, hint = Trouble(n.Fault)
		return "hold or resume failed: " + text, hint
	case phone.ChangeRefused:
		return "refused a change the other side asked for: " + n.Text, ""
	case phone.CallTakenUp:
		return n.Name + " took up the call from another address", ""
	case phone.AudioMoved:
		return "audio of the other side comes from " + n.At.String() + " instead of " + n.Was.String() + ", and goes there", ""
	case phone.AudioForeign:
		return fmt.Sprintf("the other side sends sound in a format that was not agreed on (payload type %d), it cannot be heard", n.Payload), ""
	default: // NoMediaHost; all others have words of their own
		return "the other side wants its audio at " + n.Name + ", which was not found", ""
	}
}

// disk is what is said of the files of a phone.
func disk(n phone.News) (text, hint string) {
	const (
		unchanged = "nothing was changed; what can be read is there"
		twice     = "a server may list this phone twice until the old registration ends by itself; all else works"
	)
	switch n.Kind {
	case phone.HistoryUnread:
		return "the history of " + n.Name + " cannot be read: " + n.Text, unchanged
	case phone.HistoryNotWhole:
		return "the history of " + n.Name + " is not whole: " + damage(n.Damage), unchanged
	case phone.HistoryLacks:
		return "calls of a run that was killed are not in the history: " + n.Text, unchanged
	case phone.HistoryUnwritten:
		return "the history is not written: " + n.Text, "calls work all the same; what waits is written when the disk takes it"
	case phone.LedgerUnread:
		if n.Name == "" {
			return "what an earlier run owes cannot be read: " + n.Text, twice
		}
		return fmt.Sprintf("what an earlier run owes cannot be read (%s); the file is now %s", n.Text, n.Name), twice
	default: // LedgerUnwritten; all others have words of their own
		return n.Text, "all works; after a kill a server may list this phone twice for a while"
	}
}

// damage is what of a file was passed over.
func damage(d *phone.Damage) string {
	if d == nil {
		return ""
	}
	var parts []string
	if n := len(d.Lines); n == 1 {
		parts = append(parts, fmt.Sprintf("line %d is damaged (%s)", d.Lines[0], d.Why))
	} else if n > 1 {
		var numbers []string
		for _, line := range d.Lines[:min(n, 5)] {
			numbers = append(numbers, fmt.Sprint(line))
		}
		more := ""
		if n > 5 {
			more = fmt.Sprintf(" and %d more", n-5)
		}
		parts = append(parts, fmt.Sprintf("lines %s%s are damaged", strings.Join(numbers, ", "), more))
	}
	if d.Torn {
		parts = append(parts, "the last line was cut off")
	}
	if d.Newer > 0 {
		parts = append(parts, fmt.Sprintf("%d written by a newer ramble", d.Newer))
	}
	if d.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("the first %d bytes were left out, it is too large", d.Skipped))
	}
	return fmt.Sprintf("%s: %s; the other %d records are there", d.File, strings.Join(parts, ", "), d.Good)
}

const unverified = "the server's certificate is not checked"

// Warnings are what stays wrong while all works, in one line; empty where nothing
// is.
func Warnings(w phone.Warnings) string {
	var all []string
	if w.Unverified {
		all = append(all, unverified)
	}
	if w.WeakerLogin {
		all = append(all, "the server asks for a weaker login than before, somebody between may have changed that")
	}
	if w.Unlisted {
		all = append(all, "the registrar does not list this phone: incoming calls may not arrive")
	}
	if w.Granted > 0 {
		all = append(all, fmt.Sprintf("the registrar lists this phone for %s at a time and is asked every %s: calls may not arrive in between", Duration(w.Granted), Duration(w.Renewed)))
	}
	return strings.Join(all, "; ")
}

// Closed is the last line of a run.
func Closed(c phone.Closed) string {
	if c.Asked {
		return "stopped: asked to quit"
	}
	return "stopped"
}
