// Package codec turns samples into RTP payload and back. What exists is an
// explicit list in Formats; nothing registers itself.
package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// Format names a coding, as rtpmap and fmtp of SDP do (RFC 8866 6.6, 6.15). It
// is a value: it can be compared, kept and handed on, and costs nothing until
// Open.
type Format struct {
	Name      string // encoding name as registered ("PCMU"); Is looks at no case
	ClockRate int    // RTP timestamp clock in Hz; not always the samples' rate (RFC 3551 4.5.2 on G.722)
	Channels  int    // 0 means 1
	Fmtp      string // parameters; what the peer wants to receive
}

// Is reports whether both name the same coding; parameters do not matter (RFC
// 4855 3: names are compared without regard to case).
func (f Format) Is(other Format) bool {
	return strings.EqualFold(f.Name, other.Name) && f.ClockRate == other.ClockRate &&
		max(f.Channels, 1) == max(other.Channels, 1)
}

// String is the format as rtpmap writes it, "PCMU/8000".
func (f Format) String() string {
	s := f.Name + "/" + strconv.Itoa(f.ClockRate)
	if f.Channels > 1 {
		s += "/" + strconv.Itoa(f.Channels)
	}
	return s
}

// Coder is the state of one call's coding, both ways. Encode, Loss and the rest
// may run on different goroutines; the same method may not run on two. Conceal
// and Recover count as Decode. No method but Open and Close allocates.
type Coder interface {
	// Rate is the number of samples per second on the side of the samples.
	Rate() int
	// Encode writes the payload of src to dst and returns its length in
	// bytes; 0 where the coding transmits nothing for it. What does not fit in
	// dst is left out.
	Encode(dst []byte, src []int16) (n int)
	// Decode writes the samples of the payload src to dst and returns their
	// number. What does not fit in dst is left out.
	Decode(dst []int16, src []byte) (n int)
	// Conceal fills dst with what the coding itself would put in the place of
	// a lost packet and returns how much it did; 0 where it has no way of its
	// own, and whoever plays makes it up.
	Conceal(dst []int16) (n int)
	// Recover writes to dst the samples of the packet that was lost right
	// before next, as far as next carries them (in-band FEC), and returns
	// their number; 0: it carries none.
	Recover(dst []int16, next []byte) (n int)
	// Loss tells the encoder which share of our packets the peer misses, from
	// 0 to 1, so that it can spend bits on redundancy.
	Loss(share float64)
	// Close frees what Open took. The Coder is not used after it.
	Close()
}

// Formats lists what Open knows, best first.
func Formats() []Format {
	return []Format{{Name: "PCMU", ClockRate: 8000}, {Name: "PCMA", ClockRate: 8000}}
}

// Names lists the names of Formats.
func Names() (list []string) {
	for _, f := range Formats() {
		list = append(list, f.Name)
	}
	return list
}

// Named is the format of that name, without regard to case. An unknown name is
// an error that says what exists.
func Named(name string) (Format, error) {
	for _, f := range Formats() {
		if strings.EqualFold(f.Name, name) {
			return f, nil
		}
	}
	return Format{}, unknown(name)
}

// Known reports whether Open knows the format.
func (f Format) Known() bool {
	for _, k := range Formats() {
		if k.Is(f) {
			return true
		}
	}
	return false
}

// Open returns fresh state for one call, which belongs to the caller until
// Close. A format that this build lacks is an error that says what exists.
func (f Format) Open() (Coder, error) {
	switch {
	case f.Is(Format{Name: "PCMU", ClockRate: 8000}):
		return pcmu{}, nil
	case f.Is(Format{Name: "PCMA", ClockRate: 8000}):
		return pcma{}, nil
	}
	return nil, unknown(f.String())
}

func unknown(name string) error {
	return fmt.Errorf("codec %q is not in this build, which has %s", name, strings.Join(Names(), ", "))
}
