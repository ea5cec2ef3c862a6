package engine

import (
	"slices"
	"testing"

	"ramble/internal/leaf/phone"
)

func TestBlame(t *testing.T) {
	sign := phone.RoamStep{Name: phone.StepSign}
	step := func(name phone.StepName, ok bool, call phone.CallID) phone.RoamStep {
		return phone.RoamStep{Name: name, OK: ok, Call: call}
	}
	for _, c := range []struct {
		name   string
		steps  []phone.RoamStep
		redial bool
		want   phone.StepName
		next   []string
	}{
		{"no path came", []phone.RoamStep{sign}, false, phone.StepPath, []string{"restart"}},
		{"no connection", []phone.RoamStep{sign, step("open", false, 0), step("open", false, 0)}, false, phone.StepOpen, []string{"restart"}},
		{"registered at the second try", []phone.RoamStep{sign, step("register", false, 0), step("register", true, 0), step("repair", false, 1)},
			false, phone.StepRepair, []string{"refresh", "hangup", "restart"}},
		{"neither registered nor repaired", []phone.RoamStep{sign, step("open", true, 0), step("repair", false, 1), step("register", false, 0)},
			false, phone.StepRegister, []string{"register", "restart"}},
		{"one call of two", []phone.RoamStep{sign, step("repair", true, 1), step("repair", false, 2)}, false, phone.StepRepair, []string{"refresh", "hangup", "restart"}},
		{"no audio", []phone.RoamStep{sign, step("repair", true, 1), step("media", true, 1), step("media", false, 1)}, false, phone.StepMedia,
			[]string{"refresh", "hangup", "restart"}},
		{"the call is lost", []phone.RoamStep{sign, step("register", true, 0), step("repair", false, 1)}, true, phone.StepRepair, []string{"redial", "restart"}},
	} {
		if got, next := blame(c.steps, c.redial); got != c.want || !slices.Equal(next, c.next) {
			t.Errorf("%s: %s %v, want %s %v", c.name, got, next, c.want, c.next)
		}
	}
}
