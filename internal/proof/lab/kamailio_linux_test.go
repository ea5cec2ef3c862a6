package lab

import (
	"slices"
	"testing"
)

func TestBindingsAreRead(t *testing.T) {
	const dump = `{
	Domains: {
		Domain: {
			Domain: location
			AoRs: {
				Info: {
					AoR: alice
					Contacts: {
						Contact: {
							Address: sip:alice@10.1.0.2:5060
							Expires: 3599
						}
						Contact: {
							Address: sip:alice@10.2.0.2:5060
							Expires: deleted
						}
					}
				}
				Info: {
					AoR: bob
					Contacts: {
						Contact: {
							Address: sip:bob@10.8.0.2
							Expires: 12
						}
					}
				}
			}
		}
	}
}
`
	for user, want := range map[string][]string{
		"alice": {"sip:alice@10.1.0.2:5060"}, "bob": {"sip:bob@10.8.0.2"}, "carol": nil,
	} {
		if got := bindings(dump, user); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", user, got, want)
		}
	}
}
