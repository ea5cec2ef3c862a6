// Package locate finds the servers of a SIP domain (RFC 3263) and says who
// they have to be: NAPTR, SRV and addresses by a small stub resolver that
// bears bad networks, the order in which to try what was found, and what a
// server's certificate must prove (RFC 5922).
//
// It speaks no SIP. Its errors are facts with fields; those about certificates
// and handshakes also have words.
package locate
