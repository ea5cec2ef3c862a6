package engine

import (
	"slices"

	"ramble/sip"
)

// namedMost bounds the Contacts that are remembered; of more, the newest count.
const namedMost = 8

// mayBind notes a Contact that a REGISTER names: the server may list it from now
// on, whether its answer comes or not.
func (a *account) mayBind(contact string) {
	if contact == "" {
		return
	}
	a.named = slices.DeleteFunc(a.named, func(n named) bool { return n.uri == contact })
	a.named = append(a.named, named{contact, true})
	a.named = a.named[max(0, len(a.named)-namedMost):]
}

// boundBefore are the Contacts beside the present one that the server may list.
func (a *account) boundBefore(contact string) (list []string) {
	for _, n := range a.named {
		if n.bound && n.uri != contact {
			list = append(list, n.uri)
		}
	}
	return list
}

// stale takes in what a 2xx lists, and reports whether a Contact from before is
// among it. One that is not may be another time: its REGISTER may come late.
func (a *account) stale(res sip.Registered) bool {
	ours, _ := sip.ParseURI(res.Contact)
	for i := range a.named {
		u, err := sip.ParseURI(a.named[i].uri)
		a.named[i].bound = err == nil && (a.named[i].uri == res.Contact || slices.ContainsFunc(res.Bindings, func(b sip.Binding) bool {
			there, err := sip.ParseURI(b.URI)
			return err == nil && b.Expires > 0 && there.SameAddress(u) && !there.SameAddress(ours)
		}))
	}
	return len(a.boundBefore(res.Contact)) > 0
}
