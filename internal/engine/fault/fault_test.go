package fault

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"ramble/internal/leaf/phone"
	"ramble/sip"
	"ramble/sip/locate"
)

// TestErrorsOfSignallingAreFacts: what people read is made from these.
func TestErrorsOfSignallingAreFacts(t *testing.T) {
	redirect := &sip.RedirectError{Method: "INVITE", Code: 302, Contacts: []string{"sip:bob@new.test", "sip:bob@other.test"}}
	for _, x := range []struct {
		err  error
		want phone.Fault
	}{
		{nil, phone.Fault{}},
		{&sip.ResponseError{Method: "REGISTER", Code: 401, Reason: "Unauthorized", Asked: []string{"A", "B"}},
			phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 401, Phrase: "Unauthorized", Others: "A or B"}},
		{&sip.RefusedError{Realm: "r", Response: &sip.ResponseError{Code: 401}}, phone.Fault{Kind: phone.FaultLogin, Name: "r", Code: 401}},
		{&sip.RefusedError{Stale: true, Response: &sip.ResponseError{Code: 401}}, phone.Fault{Kind: phone.FaultStale, Code: 401}},
		{fmt.Errorf("call: %w", redirect), phone.Fault{Kind: phone.FaultRedirect, Method: "INVITE", Code: 302, Name: "sip:bob@new.test", Others: "sip:bob@other.test"}},
		{&locate.ResolveError{Host: "h"}, phone.Fault{Kind: phone.FaultNoAddress, Name: "h"}},
		{&locate.ResolveError{Host: "h", Err: &net.DNSError{IsNotFound: true}}, phone.Fault{Kind: phone.FaultNoAddress, Name: "h"}},
		{&locate.ResolveError{Host: "h", Err: &net.DNSError{IsTimeout: true}}, phone.Fault{Kind: phone.FaultNoDNS, Name: "h"}},
		{&locate.ResolveError{Host: "h", Err: locate.ErrOwn}, phone.Fault{Kind: phone.FaultAddress, Name: "h", Text: locate.ErrOwn.Error()}},
		{&locate.CertificateError{Server: "s", Problem: locate.CertificateUnknownCA, Issuer: "Proxy"}, phone.Fault{Kind: phone.CertificateStranger, Name: "s", Others: "Proxy"}},
		{&locate.CertificateError{Server: "s", Problem: locate.CertificateWrongName, Names: []string{"a", "b"}}, phone.Fault{Kind: phone.CertificateName, Name: "s", Others: "a, b"}},
		{&locate.HandshakeError{Server: "s", Problem: locate.HandshakeClosed}, phone.Fault{Kind: phone.FaultTLSClosed, Name: "s"}},
		{fmt.Errorf("%w: listen: %w", sip.ErrPortInUse, errors.New("x")), phone.Fault{Kind: phone.FaultPort}},
		{fmt.Errorf("%w: %w", sip.ErrTransport, syscall.ECONNREFUSED), phone.Fault{Kind: phone.FaultRefused}},
		{sip.ErrTransport, phone.Fault{Kind: phone.FaultTransport}},
		{sip.ErrTimeout, phone.Fault{Kind: phone.FaultTimeout}},
		{errors.New("so\x1b[31m"), phone.Fault{Kind: phone.FaultLocal, Text: "so\ufffd[31m"}},
	} {
		if got := Of(x.err); got != x.want {
			t.Errorf("%v: got %+v, want %+v", x.err, got, x.want)
		}
	}
}
