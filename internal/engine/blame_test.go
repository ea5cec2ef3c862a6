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
	restart, register, repair := []string{"restart"}, []string{"register", "restart"}, []string{"refresh", "hangup", "restart"}
	for _, c := range []struct {
		name  string
		steps []phone.RoamStep
		lost  bool
		over  phone.CallID
		want  phone.StepName
		next  []string
	}{
		{"no path came", []phone.RoamStep{sign}, false, 0, phone.StepPath, restart},
		{"no path came while the call was kept", []phone.RoamStep{sign, step("path", true, 0), step("register", true, 0)}, true, 1, phone.StepPath, []string{"redial"}},
		{"no connection", []phone.RoamStep{sign, step("open", false, 0), step("open", false, 0)}, false, 0, phone.StepOpen, restart},
		{"registered at the second try", []phone.RoamStep{sign, step("register", false, 0), step("register", true, 0), step("repair", false, 1)},
			false, 0, phone.StepRepair, repair},
		{"neither registered nor repaired", []phone.RoamStep{sign, step("open", true, 0), step("repair", false, 1), step("register", false, 0)},
			false, 0, phone.StepRegister, register},
		{"not registered, and the call is lost", []phone.RoamStep{sign, step("register", false, 0), step("repair", false, 1)},
			true, 1, phone.StepRegister, []string{"redial", "register"}},
		{"one call of two", []phone.RoamStep{sign, step("repair", true, 1), step("repair", false, 2)}, false, 0, phone.StepRepair, repair},
		{"no audio", []phone.RoamStep{sign, step("repair", true, 1), step("media", true, 1), step("media", false, 1)}, false, 0, phone.StepMedia, repair},
		{"the call is lost", []phone.RoamStep{sign, step("register", true, 0), step("repair", false, 1)}, true, 1, phone.StepRepair, []string{"redial"}},
		{"the call is over", []phone.RoamStep{sign, step("register", true, 0), step("repair", false, 1)}, false, 1, phone.StepRepair, nil},
		{"one is lost, one is not repaired", []phone.RoamStep{sign, step("repair", false, 1), step("repair", false, 2)},
			true, 1, phone.StepRepair, append([]string{"redial"}, repair...)},
		{"one is lost, one is well", []phone.RoamStep{sign, step("repair", false, 1), step("repair", true, 2)},
			true, 1, phone.StepRepair, []string{"redial"}},
	} {
		lives := func(id phone.CallID) bool { return id != c.over }
		if got, next := blame(c.steps, c.lost, lives); got != c.want || !slices.Equal(next, c.next) {
			t.Errorf("%s: %s %v, want %s %v", c.name, got, next, c.want, c.next)
		}
	}
}
