package sip

import (
	"context"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/digest"
)

// maxTries bounds the rounds of one request through challenges: a cached nonce
// that was too old, and two fresh ones at 401 and 407 each.
const maxTries = 5

// sender runs a request through its challenges.
type sender struct {
	st    *Stack
	auth  *Credentials
	flow  flow
	scope digest.Scope
	// build makes the request anew for each round, with the next CSeq.
	build func() (*sipgo.Request, error)
	// start runs the transaction; nil: exchange.
	start func(ctx context.Context, req *sipgo.Request) (*sipgo.Response, error)

	rounds int
}

// run returns the final response that is not a challenge, and the request that
// it answers.
func (r *sender) run(ctx context.Context) (*sipgo.Response, *sipgo.Request, error) {
	var at digest.Attempt
	for {
		req, err := r.build()
		if err != nil {
			return nil, nil, err
		}
		if err := r.auth.attach(req, r.scope, &at); err != nil {
			return nil, nil, err
		}
		r.rounds++
		var res *sipgo.Response
		if r.start != nil {
			res, err = r.start(ctx, req)
		} else {
			res, err = r.st.exchange(ctx, req, r.flow, nil)
		}
		if err != nil {
			return nil, req, err
		}
		if res.StatusCode != 401 && res.StatusCode != 407 {
			r.auth.accepted(res, &at)
			return res, req, nil
		}
		if err := r.auth.challenged(res, string(req.Method), r.scope, &at); err != nil {
			return nil, req, err
		}
		if r.rounds >= maxTries {
			return nil, req, failure(string(req.Method), res)
		}
	}
}
