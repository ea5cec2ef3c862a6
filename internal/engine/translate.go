package engine

import (
	"ramble/audio/codec"
	"ramble/audio/stream"
	"ramble/internal/leaf/phone"
	"ramble/sip/sdp"
)

// Rooms that never meet have words of their own for the same thing.

// format is a format of a description in the words of the sound.
func format(c sdp.Codec) codec.Format {
	return codec.Format{Name: c.Name, ClockRate: c.ClockRate, Channels: c.Channels, Fmtp: c.Fmtp}
}

// condition is what the stream measures, in the words of the phone.
func condition(m stream.Media) phone.Media {
	return phone.Media{
		Packets: phone.Packets(m.Packets), Quality: phone.Quality(m.Quality), Call: phone.Quality(m.Call),
		Jitter: m.Jitter, RTT: m.RTT, Delay: m.Delay, Buffer: m.Buffer, Concealed: m.Concealed, Sending: m.Sending,
		LevelIn: m.LevelIn, LevelOut: m.LevelOut, Silence: m.Silence, JitterTrail: m.JitterTrail,
	}
}
