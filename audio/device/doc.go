// Package device opens what sound comes from and goes to, by a name as it
// stands in the configuration:
//
//	null                      silence, clocked
//	loop                      what is heard is said at once
//	file:in=A.wav,out=B.wav   a file is the microphone, what is heard is recorded; either may be missing
//	pulse                     PulseAudio and PipeWire, spoken to directly (Linux)
//	portaudio                 the system's sound by PortAudio, in builds with the tag of that name
//	auto                      the first of pulse and portaudio that is there, else null; also when there is no name
//
// Options follow the colon, separated by commas:
//
//	rate=N   samples a second. Without it 48000 for hardware, for null and loop
//	         8000, for a file the rate of A.wav if that is one of telephony
//	in=, out=, loop=1   for file; loop=1 starts A.wav again at its end, where
//	         otherwise silence follows
//	in=, out=   for pulse, portaudio and auto: the microphone and the
//	         loudspeaker by a part of their names, "default", or "none"
//
// A value may hold spaces and anything but a comma. One with a comma, or that
// begins with a double quote, stands in double quotes, in which a double quote
// is written twice; a backslash is just a backslash:
//
//	file:in="Hello, world.wav",out=C:\Users\Zoë\said "hi".wav
//
// Devices without hardware share one clock, which keeps absolute deadlines.
// With hardware the loudspeaker is the clock:
//
//	loudspeaker asks -> tick -> frame out
//	microphone -> ring -> intake (one sample more or less in a frame) -> frame in
//
// Hardware that vanishes ends Run with an error; to run it again finds it, or
// what takes its place by the system's choice, and ends once more, so as to be
// run again, when what was wished for is back.
package device
