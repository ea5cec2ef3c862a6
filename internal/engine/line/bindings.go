package line

import (
	"slices"

	"ramble/sip/wire"
)

// contactsMost bounds the Contacts that are remembered; of more, the newest count.
const contactsMost = 8

// Bindings are the Contacts that REGISTERs of the account named, and whether the
// server may list them. A REGISTER whose answer was lost may have bound all the
// same. The zero value has none.
type Bindings struct{ list []contact }

type contact struct {
	uri   string
	bound bool // the server lists it, or may list it
}

// May notes a Contact that a REGISTER names: the server may list it from now on,
// whether its answer comes or not.
func (b *Bindings) May(uri string) {
	if uri == "" {
		return
	}
	b.list = slices.DeleteFunc(b.list, func(c contact) bool { return c.uri == uri })
	b.list = append(b.list, contact{uri, true})
	b.list = b.list[max(0, len(b.list)-contactsMost):]
}

// Besides are the Contacts other than present that the server may list, the
// newest last.
func (b *Bindings) Besides(present string) (list []string) {
	for _, c := range b.list {
		if c.bound && c.uri != present {
			list = append(list, c.uri)
		}
	}
	return list
}

// Listed takes in what a 2xx to the REGISTER of present lists, and reports whether
// a Contact from before is among it. One that is not may be another time: its
// REGISTER may come late.
func (b *Bindings) Listed(present string, listed []string) (stale bool) {
	ours, _ := wire.ParseURI(present)
	for i, c := range b.list {
		u, err := wire.ParseURI(c.uri)
		b.list[i].bound = err == nil && (c.uri == present || slices.ContainsFunc(listed, func(s string) bool {
			there, err := wire.ParseURI(s)
			return err == nil && there.SameAddress(u) && !there.SameAddress(ours)
		}))
	}
	return len(b.Besides(present)) > 0
}

// Forget: the server confirmed that it lists none of them.
func (b *Bindings) Forget() { b.list = nil }
