package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// rejected is a call of ours that got a final answer other than 2xx.
func rejected(c phone.Call) Ending {
	e := c.End
	word, said := code("INVITE", e.Code)
	x := Ending{Word: word, Text: said.text, Hint: said.hint, Next: said.next, Bad: said.bad}
	if e.Code == 408 && rang(e.In) {
		x = Ending{Word: "no answer", Text: "nobody answered" + rangFor(e)}
	}
	x.Text += " " + Status(e.Code, e.Phrase)
	return x
}

// Status is a SIP status in brackets, with the other side's own words where
// they are not those of the standard.
func Status(code int, phrase string) string {
	if phrase == "" || strings.EqualFold(phrase, standardPhrase(code)) {
		return fmt.Sprintf("(%d)", code)
	}
	return fmt.Sprintf("(%d %s)", code, phrase)
}

// meaning is what a status says to who called.
type meaning struct {
	text string
	hint string
	next []string
	bad  bool
}

// answered is what a response to any request means; what was asked for is named
// where the server wants a login of a kind that is not known here.
func answered(f phone.Fault) meaning {
	_, m := code(f.Method, f.Code)
	if f.Others != "" && (f.Code == 401 || f.Code == 407) {
		m = meaning{text: "the server wants a login by " + f.Others + ", which ramble does not know",
			hint: "Ask the server's operator for Digest with MD5 or SHA-256", bad: true}
	}
	return m
}

// code is the word and the meaning of a final status: to an INVITE as it stands,
// to other requests with what is different there. What is in no table is named
// by its class.
func code(method string, status int) (word string, m meaning) {
	switch method {
	case "INVITE", "":
		return toInvite(status)
	case "REGISTER":
		if word, m = toRegister(status); word != "" {
			return word, m
		}
	default: // it is about a call that is up
		if word, m = inDialog(status); word != "" {
			return word, m
		}
	}
	if word, m = toInvite(status); word == "refused" && m.text == callRefused {
		m.text = "the server refuses it"
	}
	return word, m
}

// toRegister is what a registrar means, where it is not what a caller hears.
func toRegister(status int) (word string, m meaning) {
	switch status {
	case 403:
		return "forbidden", meaning{"forbidden, although the server knows this account",
			"Wrong password on some servers; else the account has too many devices, or is not allowed from this network", nil, true}
	case 404:
		return "not found", meaning{"the server does not know this account", "Check the uri and the registrar of this account", nil, true}
	case 408, 480:
		return "not reached", meaning{"the registrar was not reached", "Try again later", nil, true}
	case 423:
		return "too short", meaning{"the registrar wants longer registrations each time, or does not say how long",
			"Set a longer expires for this account; ask its operator for the shortest that is allowed", nil, true}
	}
	return "", meaning{}
}

// inDialog is what the other side of a call means.
func inDialog(status int) (word string, m meaning) {
	switch status {
	case 488, 606:
		return "no codec", meaning{"the other side does not take this change of the call", "", nil, true}
	case 491:
		return "crossed", meaning{"the other side changes the call at the same time", "Try again in a moment", nil, false}
	case 404, 480:
		return "not reached", meaning{"the other side was not reached", "", nil, true}
	}
	return "", meaning{}
}

// callRefused is said of what is in no table.
const callRefused = "the call was refused"

// toInvite is what a status says to who called.
// Long: one line for each status.
func toInvite(status int) (word string, m meaning) {
	redial := []string{"redial"}
	switch status {
	case 401, 407:
		return "no login", meaning{"the server wants a login that this account has no credentials for",
			"Check the account's user, password and domain", nil, true}
	case 403:
		return "forbidden", meaning{"the server knows us and will not do this",
			"The account may not call there, or has too many devices; some servers mean a wrong password", nil, true}
	case 404, 604:
		return "not found", meaning{"nobody has this address", "Check the address that was dialled", nil, true}
	case 408:
		return "not reached", meaning{"the other side was not reached", "The other phone may be off, or behind a dead path", redial, true}
	case 410:
		return "gone", meaning{"this address is no longer in use", "Ask for the new one", nil, true}
	case 415, 488, 606:
		return "no codec", meaning{"no codec or kind of encryption in common", "Allow more codecs in the configuration", nil, true}
	case 420, 421, 494:
		return "refused", meaning{"the other side wants an extension that this phone does not have, or the reverse", "", nil, true}
	case 480:
		return "unavailable", meaning{"the other phone is not registered, or not to be disturbed", "Try again later", redial, false}
	case 481:
		return "lost", meaning{"the other side no longer knows this call", "", redial, true}
	case 482, 483:
		return "loop", meaning{"the call goes round in circles between servers", "Tell the operator of the server", nil, true}
	case 484:
		return "incomplete", meaning{"the number is not complete", "Check the number that was dialled", nil, true}
	case 485:
		return "ambiguous", meaning{"more than one person has this address", "Dial a fuller address", nil, true}
	case 486, 600:
		return "busy", meaning{"busy", "Try again later", redial, false}
	case 487:
		return "cancelled", meaning{"the call was cancelled before it was answered", "", nil, false}
	case 491:
		return "crossed", meaning{"the other side called at the same moment", "Try again in a moment", redial, false}
	case 503:
		return "overloaded", meaning{"the server is overloaded, or its own line is down", "Try again in a moment", redial, true}
	case 504:
		return "not reached", meaning{"a server on the way got no answer", "Try again later", redial, true}
	case 603:
		return "declined", meaning{"declined", "", nil, false}
	case 607, 608:
		return "declined", meaning{"declined as unwanted", "", nil, false}
	}
	switch {
	case status >= 300 && status < 400:
		return "moved", meaning{"the call was redirected to another address", "", nil, true}
	case status >= 500 && status < 600:
		return "failed", meaning{"the server has a problem", "Try again later", redial, true}
	}
	return "refused", meaning{callRefused, "", nil, true}
}

// standardPhrase is the reason phrase of RFC 3261 21 where one is in the table
// above; anything else is worth showing.
func standardPhrase(status int) string {
	return map[int]string{
		400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
		407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone", 415: "Unsupported Media Type", 420: "Bad Extension",
		421: "Extension Required", 423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
		483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated",
		488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
		503: "Service Unavailable", 504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
	}[status]
}
