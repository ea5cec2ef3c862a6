package stream

import (
	"strings"

	"ramble/audio"
	"ramble/audio/codec"
	"ramble/audio/jitter"
)

// decoders are the formats that the peer may send, by payload type. A coder is
// opened for the first packet of its format, but for the format in use, whose
// coder is the sender's too.
type decoders struct {
	list []decoder
}

type decoder struct {
	Payload
	event bool
	coder codec.Coder // nil: not opened, or that of the format in use
	rated *rated      // the same at the rate of what is played
	bad   bool        // it cannot be opened
	use   bool        // of the format in use
}

// agree takes the payload types of a new offer and answer. Coders of formats
// that stay are kept.
// It reports whether one was closed, so that nobody may use it any more.
func (d *decoders) agree(n *Negotiated) (closed bool) {
	old := d.list
	d.list = make([]decoder, 0, len(n.Hears))
	for _, p := range n.Hears {
		x := decoder{
			Payload: p, event: strings.EqualFold(p.Format.Name, TelephoneEvent),
			use: p.Format.Is(n.Format),
		}
		for i := range old {
			if old[i].Format == p.Format && !x.use {
				x.coder, x.rated, old[i].coder = old[i].coder, old[i].rated, nil
			}
		}
		d.list = append(d.list, x)
	}
	return closeCoders(old)
}

func (d *decoders) close() {
	closeCoders(d.list)
	d.list = nil
}

func closeCoders(list []decoder) (closed bool) {
	for i := range list {
		if c := list[i].coder; c != nil {
			c.Close()
			closed = true
		}
	}
	return closed
}

// find is what a payload type means; nil: nothing that was agreed on.
func (d *decoders) find(pt uint8) *decoder {
	for i := range d.list {
		if d.list[i].Type == pt {
			return &d.list[i]
		}
	}
	return nil
}

// decoder is the coder of a payload type, at the rate of what is played; nil
// where there is none.
func (s *Stream) decoder(x *decoder) jitter.Decoder {
	switch {
	case x.use:
		return s.tx.coder
	case x.rated != nil:
		return x.rated
	case x.bad:
		return nil
	}
	if x.coder == nil {
		c, err := x.Format.Open()
		if err != nil {
			x.bad = true
			s.log.Error("what the peer sends cannot be decoded", "format", x.Format, "error", err)
			return nil
		}
		x.coder = c
	}
	if rate := s.tx.coder.Rate(); x.coder.Rate() != rate {
		x.rated = newRated(x.coder, rate)
		return x.rated
	}
	return x.coder
}

// rated is a coder at another rate of samples.
type rated struct {
	codec.Coder
	to  *audio.Resampler
	pcm []int16
}

func newRated(c codec.Coder, rate int) *rated {
	return &rated{Coder: c, to: audio.NewResampler(c.Rate(), rate), pcm: make([]int16, samples(c.Rate(), maxPTime))}
}

// Decode is that of the coder, resampled.
func (r *rated) Decode(dst []int16, src []byte) int {
	return r.to.Process(dst, r.pcm[:r.Coder.Decode(r.pcm, src)])
}

// Conceal leaves it to who plays.
func (*rated) Conceal([]int16) int { return 0 }

// Recover leaves it to who plays.
func (*rated) Recover([]int16, []byte) int { return 0 }
