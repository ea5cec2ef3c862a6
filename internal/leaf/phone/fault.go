package phone

import "time"

// Fault is why a request, a connection or the search for a server came to
// nothing, as facts. All text in it is data of somebody else, sanitized. The
// words for it are made last. Faults can be compared.
type Fault struct {
	Kind   FaultKind
	Method string    // of the request
	Code   int       // of the response; 0 none
	Phrase string    // of the response
	Name   string    // whom or what it is about: see the Kind
	Others string    // more of it, a list with commas: see the Kind
	When   time.Time // CertificateExpired: since; CertificateEarly: until
	Now    time.Time // what this machine's clock said then
	Text   string    // the system's own error, where the Kind does not say all
}

// FaultKind sorts faults.
type FaultKind int

// What came of a request.
const (
	NoFault        FaultKind = iota
	FaultResponse            // a final response other than 2xx; Others: logins that it asks for, where none is known here
	FaultLogin               // the credentials failed for a fresh nonce; Name: the realm
	FaultStale               // the server calls every nonce stale
	FaultPlace               // 403 to a REGISTER whose login was accepted before: somebody else has the only place
	FaultRedirect            // 3xx, which is not followed; Name: the first Contact, Others: the rest
	FaultTimeout             // no answer in time
	FaultRefused             // nobody listens at the server's port
	FaultTransport           // the message could not be sent
	FaultPathGone            // the path was given up under it
	FaultOver                // the call was over
	FaultCancelled           // the call was cancelled
	FaultTooLarge            // for UDP, and there is no TCP
	FaultLocal               // anything else, on our side; Text says what
)

// What kept a socket or a connection from being opened.
const (
	FaultPort           FaultKind = iota + 100 // another program has the SIP port
	FaultNotSecure                             // a sips: address, and no TLS
	FaultNoAddress                             // Name has no address in DNS
	FaultNoDNS                                 // Name could not be looked up
	FaultAddress                               // the address of Name leads nowhere; Text says why
	FaultCertificate                           // of Name cannot be used; Text
	CertificateName                            // it is not for Name but for Others
	CertificateExpired                         // of Name, When, Now
	CertificateEarly                           // of Name, When, Now
	CertificateItself                          // of Name is signed by itself; it is for Others
	CertificateStranger                        // of Name is signed by Others, whom nobody here knows
	FaultTLS                                   // Name and we find no way; Text
	FaultTLSOld                                // Name knows outdated versions only
	FaultTLSNone                               // what answers at Name speaks something else
	FaultTLSStalled                            // Name takes the connection and says nothing
	FaultTLSClosed                             // Name closes the connection
)
