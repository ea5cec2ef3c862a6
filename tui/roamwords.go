package tui

import (
	"fmt"
	"slices"
	"strings"

	"ramble/internal/leaf/phone"
)

// roamName is its number; one of an earlier run is known by its time.
func (m *model) roamName(r phone.Roam) string {
	if r.ID < 0 {
		return m.when(r.Started)
	}
	return "#" + grouped(uint64(r.ID))
}

// roamLine is a roam in one sentence.
func roamLine(r phone.Roam) string {
	n := fmt.Sprintf("roam %d: ", r.ID)
	switch r.Phase {
	case phone.RoamDone:
		return n + recovered(r)
	case phone.RoamFailed:
		return n + either(r.Failure != "", r.Failure, "failed")
	case phone.RoamSuperseded:
		return n + "the network changed again"
	}
	if len(r.Reasons) == 0 {
		return n + "the network changed"
	}
	return n + strings.Join(r.Reasons, ", ")
}

// ended is how a roam ended, in one sentence; empty where it is under way.
func ended(r phone.Roam) string {
	switch r.Phase {
	case phone.RoamDone:
		return recovered(r)
	case phone.RoamFailed:
		return failed(r) + either(r.Failure != "", ": "+failure(r), "")
	case phone.RoamSuperseded:
		return "the network moved again after " + lasting(r.Total)
	}
	return ""
}

// recovered is how a roam ended well: in what time, and what it cost each call.
func recovered(r phone.Roam) string {
	text := "Recovered in " + lasting(r.Total)
	for _, c := range r.Calls {
		text += "; "
		if len(r.Calls) > 1 {
			text += costName(c) + ": "
		}
		text += cost(c)
	}
	return text
}

func costName(c phone.RoamCall) string {
	if c.Name == "" && c.Peer == "" {
		return fmt.Sprintf("call %d", c.Call)
	}
	return who(phone.Call{Name: c.Name, Peer: c.Peer})
}

// cost is what a roam cost one call.
func cost(c phone.RoamCall) string {
	if !c.Measured {
		return "no audio was due"
	}
	return fmt.Sprintf("gap in %s, out %s, %s lost", lasting(c.GapIn), lasting(c.GapOut), counted(c.LostIn, "packet"))
}

// failed says where a roam failed, and after how long.
func failed(r phone.Roam) string {
	text := "Failed"
	if r.FailedStep != "" {
		text += " at " + string(r.FailedStep)
	}
	return text + " after " + lasting(r.Total)
}

// withoutKeys is the failure without the keys that help: the user may have
// given them to something else. What helps stands beside, with the keys of now.
func withoutKeys(failure string) string {
	var sentences []string
	for sentence := range strings.SplitSeq(failure, ". ") {
		for _, sep := range []string{", ", ": ", "; "} {
			parts := strings.Split(sentence, sep)
			parts = slices.DeleteFunc(parts, func(p string) bool {
				key, verb, ok := strings.Cut(p, " ")
				return ok && len(key) == 1 && strings.Contains("rRIUNb!", key) && strings.HasSuffix(strings.Fields(verb + " ")[0], "s")
			})
			sentence = strings.Join(parts, sep)
		}
		sentences = append(sentences, sentence)
	}
	return strings.Join(sentences, ". ")
}

// failure is why a roam failed, without the number of the only call in it.
func failure(r phone.Roam) string {
	text := withoutKeys(r.Failure)
	if len(r.Calls) == 1 {
		text = strings.ReplaceAll(text, fmt.Sprintf("call %d: ", r.Calls[0].Call), "")
	}
	return text
}

func pathName(s string) string { return either(s != "", s, "no network") }
