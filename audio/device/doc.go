// Package device opens what sound comes from and goes to, by a name as it
// stands in the configuration:
//
//	null                      silence, clocked
//	loop                      what is heard is said at once
//	file:in=A.wav,out=B.wav   a file is the microphone, what is heard is recorded; either may be missing
//	auto                      the best this build has; also when there is no name
//	portaudio, pulse          not in this build; the error says what to do
//
// Options follow the colon, separated by commas:
//
//	rate=N   samples a second, for null, loop and file. Without it: 8000, or
//	         for a file the rate of A.wav if that is one of telephony
//	in=, out=, loop=1   for file; loop=1 starts A.wav again at its end, where
//	         otherwise silence follows
//
// A value may hold spaces and anything but a comma. One with a comma, or that
// begins with a double quote, stands in double quotes, in which a double quote
// is written twice; a backslash is just a backslash:
//
//	file:in="Hello, world.wav",out=C:\Users\Zoë\said "hi".wav
//
// All of these share one clock, which keeps absolute deadlines.
package device
