package words

import (
	"time"

	"ramble/internal/leaf/phone"
)

// silentFor is how long a server may think before its silence is worth a word.
const silentFor = 2 * time.Second

// Search is how the search for a server that answers goes, as a clause without a
// full stop; empty where one answers, or may yet.
func Search(a phone.Account, now time.Time) string {
	t := a.Trying
	switch short := SearchShort(a, now); {
	case short == "" || t.Server == "":
		return short
	case !t.Next.IsZero():
		return t.Server + ": " + short
	default:
		return "the server has not answered for " + whole(now.Sub(t.Since)) + ", trying " + t.Server
	}
}

// SearchShort is Search without the server, for narrow places.
func SearchShort(a phone.Account, now time.Time) string {
	t := a.Trying
	switch silent := now.Sub(t.Since); {
	case t.Since.IsZero() || a.State == phone.NoNetwork || a.State == phone.RegistrationRefused:
		return ""
	case !t.Next.IsZero() && !t.Next.After(now):
		return "trying again"
	case !t.Next.IsZero():
		return noAnswer(a.Fault) + "next try in " + whole(t.Next.Sub(now))
	case silent < silentFor:
		return ""
	default:
		return "no answer for " + whole(silent)
	}
}

// noAnswer is the beginning of a sentence about a server that keeps silent. What
// else is wrong is told beside it.
func noAnswer(f phone.Fault) string {
	if f.Kind == phone.FaultTimeout {
		return "no answer, "
	}
	return ""
}

// Unheard is what is said of a call whose request no server has answered; empty
// where that is no wonder yet.
func Unheard(c phone.Call, a phone.Account, now time.Time) string {
	silent := now.Sub(c.Started)
	if c.Direction != phone.Outgoing || c.State != phone.Dialing || c.Started.IsZero() || silent < 2*silentFor {
		return ""
	}
	return or(Search(a, now), "the server has not answered for "+whole(silent))
}
