// Package codec turns samples into RTP payload and back. What exists is an
// explicit list in New; nothing registers itself.
package codec

import (
	"fmt"
	"strings"
)

// Codec is one direction-pair of coder state for one call. Encode and Decode
// may run on different goroutines; the same method may not run on two.
type Codec interface {
	// Name is the encoding name of SDP's rtpmap, as registered ("PCMU").
	Name() string
	// ClockRate is the RTP timestamp clock in Hz. It is not always Rate
	// (RFC 3551 section 4.5.2 on G.722).
	ClockRate() int
	// Rate is the number of samples per second on the side of the samples.
	Rate() int
	// PayloadType is the static one of RFC 3551, or the preferred dynamic one.
	PayloadType() uint8
	// Encode writes the payload of src to dst and returns its length in
	// bytes. What does not fit in dst is left out. No allocation.
	Encode(dst []byte, src []int16) (n int)
	// Decode writes the samples of the payload src to dst and returns their
	// number. What does not fit in dst is left out. No allocation.
	Decode(dst []int16, src []byte) (n int)
	// String is the name with the clock rate, "PCMU/8000".
	String() string
}

// Names lists what New knows, best first.
func Names() []string { return []string{"PCMU", "PCMA"} }

// New returns fresh coder state for one call. The name is matched without
// regard to case (RFC 4855 section 3); an unknown one is an error that names
// what exists.
func New(name string) (Codec, error) {
	switch strings.ToUpper(name) {
	case "PCMU":
		return pcmu{}, nil
	case "PCMA":
		return pcma{}, nil
	}
	return nil, fmt.Errorf("codec %q is not in this build, which has %s", name, strings.Join(Names(), ", "))
}
