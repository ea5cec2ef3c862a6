package engine

import (
	"slices"

	"ramble/internal/leaf/phone"
)

// blame says which step a failed roam failed at, and what helps. It goes by
// the timeline: what counts of steps with the same name and call is the last
// one. The first of them without success is blamed, in the order in which
// things depend on each other; without any there was no path. lost: a call is
// over by it. lives says which calls are not over: nothing is to be done for
// those that are, but to call again.
func blame(steps []phone.RoamStep, lost bool, lives func(phone.CallID) bool) (phone.StepName, []string) {
	type key struct {
		name phone.StepName
		call phone.CallID
	}
	lastly := map[key]bool{}
	for _, s := range steps {
		lastly[key{s.Name, s.Call}] = s.OK && !s.Running
	}
	failed := phone.StepPath
	order := []phone.StepName{phone.StepOpen, phone.StepRegister, phone.StepRepair, phone.StepMedia}
	at := len(order)
	for k, ok := range lastly {
		if i := slices.Index(order, k.name); !ok && i >= 0 && i < at {
			failed, at = k.name, i
		}
	}
	next := []string{"restart"} // what helps
	switch failed {
	case phone.StepRegister:
		next = []string{"register", "restart"}
	case phone.StepRepair, phone.StepMedia:
		next = []string{"refresh", "hangup", "restart"}
	}
	switch {
	case failed == phone.StepRepair, failed == phone.StepMedia:
		living := false
		for k, ok := range lastly {
			living = living || !ok && k.call != 0 && (k.name == phone.StepRepair || k.name == phone.StepMedia) && lives(k.call)
		}
		if !living {
			next = nil
		}
	case lost:
		next = slices.DeleteFunc(next, func(s string) bool { return s == "restart" })
	}
	if lost {
		next = append([]string{"redial"}, next...)
	}
	return failed, next
}
