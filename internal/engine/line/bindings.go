package line

import (
	"cmp"
	"slices"
	"time"

	"ramble/sip/wire"
)

// contactsMost bounds the Contacts that are remembered; of more, the newest count.
const contactsMost = 8

// Bindings are the Contacts that REGISTERs of the account named, and whether the
// server may list them. A REGISTER whose answer was lost may have bound all the
// same. The zero value has none.
type Bindings struct{ list []Contact }

// Contact is one that a REGISTER named.
type Contact struct {
	URI    string
	Stored string    // the same as the server lists it, which may have rewritten it; "" where that is not known
	Until  time.Time // when it ends by itself

	bound     bool // the server lists it, or may list it
	inherited bool // by an earlier run
}

// listed is the URI by which the server knows it.
func (c Contact) listed() string { return cmp.Or(c.Stored, c.URI) }

// May notes a Contact that a REGISTER names: the server may list it from now on,
// whether its answer comes or not, until then at the longest.
func (b *Bindings) May(uri string, until time.Time) {
	if uri == "" {
		return
	}
	c := Contact{URI: uri}
	if i := slices.IndexFunc(b.list, func(c Contact) bool { return c.URI == uri }); i >= 0 {
		c = b.list[i]
		b.list = slices.Delete(b.list, i, i+1)
	}
	c.Until = until
	b.add(c)
}

func (b *Bindings) add(c Contact) {
	c.bound = true
	b.list = append(b.list, c)
	b.list = b.list[max(0, len(b.list)-contactsMost):]
}

// Besides are the Contacts other than present that the server may list, as it
// lists them, the newest last.
func (b *Bindings) Besides(present string) (list []string) {
	for _, c := range b.list {
		if c.bound && c.URI != present {
			list = append(list, c.listed())
		}
	}
	return list
}

// Listed takes in what a 2xx to the REGISTER of present lists, where present is
// stored until a time, and reports whether a Contact from before is among it. One
// that is not may be another time: its REGISTER may come late.
func (b *Bindings) Listed(present, stored string, until time.Time, listed []string) (stale bool) {
	for i := range b.list {
		c := &b.list[i]
		if c.URI == present {
			c.bound, c.Stored, c.Until, c.inherited = true, stored, until, false
			continue
		}
		c.bound = slices.ContainsFunc(listed, func(s string) bool {
			return s != stored && !sameContact(s, present) && (s == c.Stored || sameContact(s, c.URI))
		})
	}
	return len(b.Besides(present)) > 0
}

// Inherit takes over what an earlier run may have left with the server.
func (b *Bindings) Inherit(c Contact) {
	c.inherited = true
	b.add(c)
}

// Inherited says whether the server may list what an earlier run left there.
func (b *Bindings) Inherited() bool {
	return slices.ContainsFunc(b.list, func(c Contact) bool { return c.bound && c.inherited })
}

// All are the Contacts that the server may list, the newest last.
func (b *Bindings) All() []Contact {
	return slices.DeleteFunc(slices.Clone(b.list), func(c Contact) bool { return !c.bound })
}

// sameContact says whether two URIs name one binding.
func sameContact(a, b string) bool {
	u, err := wire.ParseURI(a)
	v, other := wire.ParseURI(b)
	return err == nil && other == nil && u.SameAddress(v)
}

// Forget: the server confirmed that it lists none of them.
func (b *Bindings) Forget() { b.list = nil }
