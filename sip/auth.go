package sip

import (
	"errors"
	"log/slog"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/internal/leaf/clean"
	"ramble/sip/digest"
)

// Credentials answers challenges for one account and remembers them, across its
// stacks. The rules about whom they go to are those of digest.Memory.
type Credentials struct {
	log *slog.Logger

	mu     sync.Mutex
	memory *digest.Memory
}

// NewCredentials returns an empty memory for an account. log may be nil.
func NewCredentials(acct *Account, log *slog.Logger) *Credentials {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Credentials{log: log, memory: digest.New(digest.Owner{User: acct.authUser(), Domain: acct.AOR.Host,
		Realm: acct.Realm, Trunk: acct.Trunk, Password: acct.Password})}
}

// attach adds the answers to cached challenges. The request is complete
// otherwise, and not sent yet.
func (c *Credentials) attach(req *sipgo.Request, sc digest.Scope, at *digest.Attempt) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory.Attach(req, sc, at)
}

// challenged takes in a 401 or 407. nil means: build the request again, with
// the next CSeq.
func (c *Credentials) challenged(res *sipgo.Response, method string, sc digest.Scope, at *digest.Attempt) error {
	failed := failure(method, res)
	if c == nil {
		return failed
	}
	c.mu.Lock()
	remarks, err := c.memory.Challenged(res, sc, at)
	c.mu.Unlock()
	for _, r := range remarks {
		switch r.Kind {
		case digest.ForeignRealm:
			c.log.Warn("a challenge for a foreign realm was not answered", "realm", r.Realm, "method", method)
		case digest.WeakerThanBefore:
			c.log.Warn("the server offers a weaker digest algorithm than before", "realm", r.Realm, "algorithm", r.Algorithm)
		}
	}
	var refused *digest.RefusedError
	if errors.As(err, &refused) {
		told := &RefusedError{Realm: refused.Realm, Stale: refused.Stale}
		errors.As(failed, &told.Response) // a 401 or 407 is nothing else
		return told
	}
	var unusable *digest.UnusableError
	if response := new(ResponseError); errors.As(err, &unusable) && errors.As(failed, &response) {
		for _, one := range unusable.Asked {
			response.Asked = append(response.Asked, clean.Limit(one, 64))
		}
	}
	if err != nil {
		return failed
	}
	return nil
}

// Weaker says whether the account's server asks for a weaker login than before.
// Safe for concurrent use.
func (c *Credentials) Weaker() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory.Weaker()
}

// accepted takes the next nonce where the server names one (RFC 7616 3.5).
func (c *Credentials) accepted(res *sipgo.Response, at *digest.Attempt) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory.Accepted(res, at)
}
