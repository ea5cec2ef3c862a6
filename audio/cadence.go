package audio

import "time"

// cadence is the table of tones: ETSI TR 101 041 and ITU-T E.180 Supplement 2
// for the sounds of the network.
func cadence(kind ToneKind, country string) []part {
	switch kind {
	case NoTone:
		return nil
	case Ring:
		return bell(cadence(Ringback, country))
	case Comfort: // two soft notes, a fifth apart, every five seconds
		note := part{length: ms(700), level: comfortLevel, glide: ms(350)}
		high, low := note, note
		high.f1, low.f1 = 587.3, 392
		return []part{high, low, quiet(3600)}
	}
	switch country {
	case "us":
		return american(kind)
	case "uk":
		return british(kind)
	}
	return european(kind)
}

func european(kind ToneKind) []part {
	on := func(length int) part { return tone(length, 425, 0) }
	switch kind {
	case Ringback:
		return []part{on(1000), quiet(4000)}
	case Busy:
		return []part{on(500), quiet(500)}
	case Congestion:
		return []part{on(200), quiet(200)}
	case CallWaiting:
		return []part{on(200), quiet(200), on(200), quiet(5000)}
	}
	return nil
}

func american(kind ToneKind) []part {
	switch kind {
	case Ringback:
		return []part{tone(2000, 440, 480), quiet(4000)}
	case Busy:
		return []part{tone(500, 480, 620), quiet(500)}
	case Congestion:
		return []part{tone(250, 480, 620), quiet(250)}
	case CallWaiting:
		return []part{tone(300, 440, 0), quiet(10000)}
	}
	return nil
}

func british(kind ToneKind) []part {
	on := func(length int) part { return tone(length, 400, 0) }
	switch kind {
	case Ringback:
		double := tone(400, 400, 450)
		return []part{double, quiet(200), double, quiet(2000)}
	case Busy:
		return []part{on(375), quiet(375)}
	case Congestion:
		return []part{on(400), quiet(350), on(225), quiet(525)}
	case CallWaiting:
		return []part{on(100), quiet(4000)}
	}
	return nil
}

// bell is the cadence of ringback with the sound of a bell.
func bell(ringback []part) []part {
	for i, p := range ringback {
		if p.f1 != 0 {
			ringback[i] = part{length: p.length, f1: 660, f2: 880, warble: ms(50), level: ringLevel}
		}
	}
	return ringback
}

func tone(length int, f1, f2 float64) part {
	return part{length: ms(length), f1: f1, f2: f2, level: progressLevel}
}

func quiet(length int) part { return part{length: ms(length)} }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
