package words

import (
	"errors"
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// Refused is an error of a command: what happened and, where there is something
// to do, what. What is no refusal says itself what it is.
func Refused(err error) (text, hint string) {
	e, ok := errors.AsType[*phone.Error](err)
	if !ok {
		return err.Error(), ""
	}
	switch e.Why {
	case phone.Stopping:
		return "the phone is stopping", ""
	case phone.Stopped:
		return "the phone has stopped", ""
	case phone.UnknownCommand:
		return "unknown command " + e.Name, ""
	case phone.NoAccountEnabled:
		return "no account is enabled", "set enabled = true for one in the configuration"
	case phone.NoSuchAccount:
		return "there is no account “" + e.Name + "”", "accounts: " + e.Others
	case phone.NoPathTo:
		return "no network leads to " + e.Name, "try again when the account is registered"
	case phone.NotConnected:
		return "the connection to " + e.Name + " is not up yet", Fault(e.Fault)
	case phone.TargetUnfit, phone.TargetNotSecure:
		why := e.Text
		if e.Why == phone.TargetNotSecure {
			why = "sips: asks for encryption on the whole way, and this account has none"
		}
		return "cannot call “" + e.Name + "”: " + why, "give a number, a name, user@host or sip:user@host"
	case phone.NoOtherSound:
		return "there is no other sound here", ""
	case phone.SoundUnfit:
		return e.Text, ""
	case phone.NoCall, phone.SeveralCalls, phone.NoSuchCall, phone.NoOtherCall, phone.NoCallToRedial, phone.NothingDialled:
		return whichCall(e)
	default: // it lies in one call
		return inThisState(e)
	}
}

func whichCall(e *phone.Error) (text, hint string) {
	switch e.Why {
	case phone.NoCall:
		return "there is no call", ""
	case phone.SeveralCalls:
		return "there are several calls", numbers(e.Calls)
	case phone.NoOtherCall:
		return "there is no other call to swap with", ""
	case phone.NoCallToRedial:
		return fmt.Sprintf("there is no call %d to dial again", e.Call), "without a number the last one that was dialled is meant"
	case phone.NothingDialled:
		return "nothing was dialled yet", ""
	default: // NoSuchCall; all others have words of their own
		return fmt.Sprintf("there is no call %d", e.Call), numbers(e.Calls)
	}
}

func numbers(calls []phone.CallID) string {
	if len(calls) == 0 {
		return "no call is up"
	}
	var list []string
	for _, id := range calls {
		list = append(list, fmt.Sprint(id))
	}
	return "the calls are " + strings.Join(list, ", ")
}

func inThisState(e *phone.Error) (text, hint string) {
	why := ""
	switch e.Why {
	case phone.StatusUnfit:
		return fmt.Sprintf("cannot decline with %d", e.Status), "use 486 busy, 480 unavailable or 603 decline"
	case phone.DigitsUnfit:
		return e.Text, "digits are 0-9 * # A-D, and , for a pause"
	case phone.NotUp:
		why = "the call is not up"
	case phone.NotRinging:
		why = "only a ringing call can be " + map[string]string{"answer": "answered", "decline": "declined"}[e.Command]
	case phone.BeingAnswered:
		why = "it is being answered"
	case phone.NoSoundYet:
		why = "it has no sound yet"
	case phone.NoUpdateThere:
		why = "the other side does not allow UPDATE; use a re-INVITE"
	case phone.ChangeUnderWay:
		why = "a change of it is under way"
	default: // no refusal
		return "", ""
	}
	verb := e.Command
	if verb == "dtmf" {
		verb = "send digits in"
	}
	return fmt.Sprintf("cannot %s call %d: %s", verb, e.Call, why), "its state is " + e.State.String()
}
