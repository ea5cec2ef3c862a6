package siptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/netip"
	"time"
)

// Certified is a server's TLS and the CA that vouches for it.
type Certified struct {
	Server *tls.Config    // for Options.TLS
	Roots  *x509.CertPool // who has these believes the server
	PEM    []byte         // the same as a file
}

// Certify makes a CA of its own and has it vouch for a server of these names,
// which may be addresses. Both last a day.
func Certify(names ...string) (Certified, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certified{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certified{}, err
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "siptest CA"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		return Certified{}, err
	}
	if authority, err = x509.ParseCertificate(der); err != nil {
		return Certified{}, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if a, err := netip.ParseAddr(n); err == nil {
			leaf.IPAddresses = append(leaf.IPAddresses, a.AsSlice())
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, caKey); err != nil {
		return Certified{}, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	return Certified{
		Server: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, Roots: roots,
		PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}),
	}, nil
}
