package sip

import "ramble/sip/wire"

// URI is a SIP or SIPS URI, as accounts and callers name it.
type URI = wire.URI

// ParseURI reads what a person or a header says. Its errors are sentences for
// a person.
func ParseURI(s string) (URI, error) { return wire.ParseURI(s) }
