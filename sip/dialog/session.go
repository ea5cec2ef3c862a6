package dialog

import "ramble/sip/sdp"

// This file is all that the machine knows of descriptions.

// Media is where a description says that our media are.
type Media = sdp.Transport

func (w Wish) offer(l *sdp.Local) []byte { return l.Offer(w.At, w.Direction) }

// answer answers an offer of theirs.
func (w Wish) answer(l *sdp.Local, body []byte) ([]byte, sdp.Negotiated, error) {
	remote, err := sdp.Parse(body)
	if err != nil {
		return nil, sdp.Negotiated{}, err
	}
	return l.Answer(remote, w.At, w.Direction)
}

func (w Wish) elsewhere(l *sdp.Local) []byte { return l.Elsewhere(w.At) }

// take takes their answer, or a preview of it.
func take(l *sdp.Local, body []byte, preview bool) (sdp.Negotiated, error) {
	remote, err := sdp.Parse(body)
	if err != nil {
		return sdp.Negotiated{}, err
	}
	if preview {
		return l.Preview(remote)
	}
	return l.Accept(remote)
}
