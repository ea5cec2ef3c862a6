// Package audio holds what can be heard, without hardware, network or
// goroutines: the shape of a frame, gain and level, tones, mixing, change of
// sampling rate, WAV files, and the pace at which sound passes when no sound
// card sets it.
//
// Samples are int16, mono, linear. Levels are in dB relative to full scale:
// 0 dBFS is a square wave of the greatest amplitude (the dBov of RFC 6464), so
// a full sine stands at -3. Nothing here allocates once it is warm, and
// nothing is safe for concurrent use unless it says so.
package audio
