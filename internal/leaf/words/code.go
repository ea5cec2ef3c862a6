package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// rejected is a call of ours that got a final answer other than 2xx.
func rejected(c phone.Call) Ending {
	e := c.End
	word, said := code(e.Code)
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

// code is the word and the meaning of a final status to an INVITE. What is not
// in the table is named by its class.
// Long: one line for each status.
func code(status int) (word string, m meaning) {
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
	return "refused", meaning{"the call was refused", "", nil, true}
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
