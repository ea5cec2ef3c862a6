package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

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
