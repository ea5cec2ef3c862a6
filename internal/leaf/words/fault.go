package words

import (
	"fmt"
	"strings"

	"ramble/internal/leaf/phone"
)

// Trouble is why a request came to nothing, as sentences: what it means with
// its likely cause, and what can be done. hint may be empty.
func Trouble(f phone.Fault) (text, hint string) {
	switch f.Kind {
	case phone.NoFault:
		return "", ""
	case phone.FaultResponse:
		m := answered(f)
		text = fmt.Sprintf("%d: %s", f.Code, m.text)
		if f.Phrase != "" && !strings.EqualFold(f.Phrase, standardPhrase(f.Code)) {
			text += ", saying “" + f.Phrase + "”"
		}
		return text, ended(m.hint)
	case phone.FaultLogin:
		return fmt.Sprintf("The server does not accept the user name or the password (realm %q).", f.Name),
			"Check auth_user and the password of this account, then register again."
	case phone.FaultStale:
		return "The server calls every login attempt out of date.", "Its clock or its nonce store is broken; ask its operator."
	case phone.FaultPlace:
		return fmt.Sprintf("Another registration holds the only place that the server gives this account %s; the login is good, it was accepted before.", Status(f.Code, f.Phrase)),
			"Sign out the other phone. If a phone was killed, its registration ends by itself; ramble tries again after 1, 2, 5 and then every 10 minutes, or when you register again."
	case phone.FaultRedirect:
		return redirected(f)
	case phone.FaultTimeout:
		return "The server does not answer.", "Check the server's address, port and transport, and whether a firewall is in the way."
	case phone.FaultRefused:
		return "The server refuses the connection.", "Check its port and whether it speaks this transport; perhaps it is not running."
	case phone.FaultTransport:
		return or(f.Text, "The network does not carry our messages to the server."), "Check the connection; the transport or the port may be blocked."
	case phone.FaultPathGone:
		return "The network path was replaced while the request was under way.", ""
	case phone.FaultOver:
		return "The call has ended.", ""
	case phone.FaultCancelled:
		return "The call was cancelled.", ""
	case phone.FaultTooLarge:
		return "The message is larger than 1300 bytes, more than UDP may carry, and the server takes no TCP connection.",
			"Offer fewer codecs, or ask the server's operator for TCP."
	case phone.FaultLocal:
		return f.Text, ""
	default: // no connection came about
		return notConnected(f)
	}
}

// redirected is a 3xx. Who wrote the new address is not known to be who was asked.
func redirected(f phone.Fault) (text, hint string) {
	if f.Method == "REGISTER" {
		text = fmt.Sprintf("The registrar sends this account elsewhere (%d)", f.Code)
		if f.Name != "" {
			text += ": to " + list(Address(f.Name), f.Others)
		}
		return text + ".", "Name that server with registrar = \"sip:host\", if its operator confirms it."
	}
	if f.Name == "" {
		return fmt.Sprintf("The call was redirected (%d), and no new address was given.", f.Code), ""
	}
	return fmt.Sprintf("The call was redirected (%d) to %s.", f.Code, list(Address(f.Name), f.Others)), "Dial the new address if you trust it."
}

// notConnected is why there is no connection to the server.
func notConnected(f phone.Fault) (text, hint string) {
	switch f.Kind {
	case phone.FaultPort:
		return "The SIP port is taken by another program.", "Stop the other phone, or set sip_port = 0 to take any free port."
	case phone.FaultNotSecure:
		return "A sips: address goes over TLS or not at all (RFC 3261 26.2.2), and this account does not use TLS.",
			"Set transport = \"tls\" for this account, or dial with sip: if that will do."
	case phone.FaultNoAddress:
		return "The name " + f.Name + " has no address in DNS.", "Check the spelling of the domain and whether the network's DNS works."
	case phone.FaultNoDNS:
		return "The name " + f.Name + " could not be looked up: DNS does not answer.",
			"Check the network's DNS; it is tried again by itself. An address instead of a name needs none."
	case phone.FaultAddress:
		return f.Name + ": " + f.Text + ".", "Check the address, or name another server with registrar = \"sip:host\"."
	default: // TLS
		if f.Kind >= phone.FaultTLS {
			return noTLS(f)
		}
		return certificate(f)
	}
}

func certificate(f phone.Fault) (text, hint string) {
	const day = "2 January 2006"
	whom := ""
	if f.Others != "" {
		whom = " It is for " + f.Others + "."
	}
	own := `If it is your own server, put its CA into a file and name that in tls_ca; tls_verify = false gives up the proof.`
	switch f.Kind {
	case phone.CertificateName:
		return "The server's certificate is not for " + f.Name + "." + or(whom, " It names nobody."),
			"Perhaps this network sends us elsewhere. If the name is your provider's, write registrar = \"sip:NAME\" with it."
	case phone.CertificateExpired:
		return fmt.Sprintf("The certificate of %s expired on %s; today is %s.", f.Name, f.When.Format(day), f.Now.Format(day)),
			"Check this machine's clock; if it is right, the server's operator must renew the certificate."
	case phone.CertificateEarly:
		return fmt.Sprintf("The certificate of %s is valid from %s on; today is %s.", f.Name, f.When.Format(day), f.Now.Format(day)),
			"Check this machine's clock."
	case phone.CertificateItself:
		return "The certificate of " + f.Name + " is signed by nobody but itself." + whom, own
	case phone.CertificateStranger:
		return fmt.Sprintf("The certificate of %s is signed by %q, whom this machine does not know.", f.Name, f.Others), own
	default: // anything else
		return fmt.Sprintf("The certificate of %s cannot be used%s.", f.Name, because(f.Text)), own
	}
}

func noTLS(f phone.Fault) (text, hint string) {
	port := "TLS is usually at port 5061; check the port and the transport of this account. Nothing was sent without encryption."
	switch f.Kind {
	case phone.FaultTLSOld:
		return "The server " + f.Name + " offers only outdated TLS; 1.2 is the least that protects anything.", "Its operator must update it."
	case phone.FaultTLSNone:
		return "What answers at " + f.Name + " does not speak TLS.", port
	case phone.FaultTLSStalled:
		return "The server " + f.Name + " takes the connection and then says nothing: no TLS came about.", port
	case phone.FaultTLSClosed:
		return "The server " + f.Name + " closes the connection instead of speaking TLS.", port
	default: // anything else
		return "The server " + f.Name + " and this phone cannot agree on TLS" + because(f.Text) + ".", "Nothing was sent without encryption."
	}
}

// Fault is why a request came to nothing, in the fewest words.
func Fault(f phone.Fault) string {
	switch f.Kind {
	case phone.NoFault:
		return ""
	case phone.FaultResponse:
		return strings.TrimSpace(fmt.Sprintf("%d %s", f.Code, or(f.Phrase, standardPhrase(f.Code))))
	case phone.FaultTimeout:
		return "no answer"
	default: // the sentence says it
		if f.Text != "" && f.Kind < phone.FaultPort {
			return clause(f.Text)
		}
		text, _ := Trouble(f)
		return clause(text)
	}
}

// Registration is why an account is as it is, and what can be done: empty where
// all is well.
func Registration(a phone.Account) (text, hint string) {
	switch {
	case a.State == phone.NoNetwork:
		return "no network", "waiting for a network; calls are kept meanwhile"
	case a.Fault.Kind != phone.NoFault:
		return Trouble(a.Fault)
	case a.State == phone.Registered && a.Code == 200:
		return "OK", ""
	}
	return "", ""
}

// list joins what a list begins with and its rest.
func list(first, rest string) string {
	if rest == "" {
		return first
	}
	return first + ", " + rest
}

// ended puts a full stop after a hint.
func ended(hint string) string {
	if hint == "" {
		return ""
	}
	return Bare(hint) + "."
}
