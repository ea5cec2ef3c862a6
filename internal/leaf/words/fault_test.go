package words

import (
	"strings"
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

// TestEveryFaultHasWords: a fault without words, or two with the same, would
// leave a person without the reason.
func TestEveryFaultHasWords(t *testing.T) {
	seen := map[string]phone.FaultKind{}
	day := time.Date(2021, 3, 4, 0, 0, 0, 0, time.UTC)
	try := func(kind phone.FaultKind) {
		f := phone.Fault{Kind: kind, Method: "REGISTER", Code: 403, Name: "example.test", Others: "a.test", Text: "broken pipe", When: day, Now: day}
		text, _ := Trouble(f)
		if was, twice := seen[text]; text == "" || twice {
			t.Errorf("%d says %q, as %d does", kind, text, was)
		}
		seen[text] = kind
		if short := Fault(f); short == "" || strings.HasSuffix(short, ".") {
			t.Errorf("%d in short is %q", kind, short)
		}
	}
	for kind := phone.FaultResponse; kind <= phone.FaultLocal; kind++ {
		if kind != phone.FaultTransport { // it hands on the system's error, as FaultLocal does
			try(kind)
		}
	}
	for kind := phone.FaultPort; kind <= phone.FaultTLSClosed; kind++ {
		try(kind)
	}
}

func TestTrouble(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, x := range []struct {
		name       string
		f          phone.Fault
		text, hint string // parts of it
	}{
		{"a registrar that does not know the account", phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 404}, "404: the server does not know this account", "registrar of this account"},
		{"a callee that nobody is", phone.Fault{Kind: phone.FaultResponse, Method: "INVITE", Code: 404}, "404: nobody has this address", "dialled"},
		{"an interval without end", phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 423}, "wants longer registrations", "expires"},
		{"a hold that is not taken", phone.Fault{Kind: phone.FaultResponse, Method: "re-INVITE", Code: 488}, "488: the other side does not take this change", ""},
		{"a hold at the same time", phone.Fault{Kind: phone.FaultResponse, Method: "re-INVITE", Code: 491}, "changes the call at the same time", "Try again in a moment"},
		{"an unheard-of code", phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 477, Phrase: "Odd"}, "477: the server refuses it, saying “Odd”", ""},
		{"a login of an unknown kind", phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 401, Others: "Digest AKAv1-MD5"}, "a login by Digest AKAv1-MD5", "SHA-256"},
		{"a wrong password", phone.Fault{Kind: phone.FaultLogin, Name: "office"}, `realm "office"`, "auth_user"},
		{"a registrar that redirects", phone.Fault{Kind: phone.FaultRedirect, Method: "REGISTER", Code: 302, Name: "sip:b.test"}, "The registrar sends this account elsewhere (302): to b.test.", "registrar ="},
		{"a call that is redirected", phone.Fault{Kind: phone.FaultRedirect, Method: "INVITE", Code: 302, Name: "sip:bob@new.test", Others: "sip:bob@other.test"},
			"The call was redirected (302) to bob@new.test, sip:bob@other.test.", "if you trust it"},
		{"a certificate for others", phone.Fault{Kind: phone.CertificateName, Name: "example.test", Others: "wifi.hotel.test, 10.0.0.1"},
			"not for example.test. It is for wifi.hotel.test, 10.0.0.1.", "this network"},
		{"a certificate for nobody", phone.Fault{Kind: phone.CertificateName, Name: "example.test"}, "It names nobody.", "this network"},
		{"an old certificate", phone.Fault{Kind: phone.CertificateExpired, Name: "example.test", When: day("2021-03-04"), Now: day("2026-01-02")},
			"expired on 4 March 2021; today is 2 January 2026.", "clock"},
		{"a server that is not there", phone.Fault{Kind: phone.FaultRefused}, "The server refuses the connection.", "not running"},
	} {
		text, hint := Trouble(x.f)
		if !strings.Contains(text, x.text) || !strings.Contains(hint, x.hint) || x.hint == "" && hint != "" {
			t.Errorf("%s: %q, %q", x.name, text, hint)
		}
	}
}
