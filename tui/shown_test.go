package tui

import (
	"testing"
	"time"

	"ramble/internal/leaf/phone"
)

// TestAWarningIsShownWithItsAccount: what stays wrong while all works is to be read
// on the screen.
func TestAWarningIsShownWithItsAccount(t *testing.T) {
	s := idle()
	s.Accounts[0].Warnings = phone.Warnings{Granted: time.Second, Renewed: 5 * time.Second}
	d := newHand(t, 120, 36, nil)
	d.show(s)
	d.sees("for 1 s at a time and is")
}

// TestPacketsThatDidNotLeaveAreShown in the numbers of a call, wide and narrow.
func TestPacketsThatDidNotLeaveAreShown(t *testing.T) {
	for size, want := range map[[2]int]string{{50, 40}: "1 234 did not leave", {160, 40}: "1 234"} {
		s := inCall()
		s.Calls[0].Media.Unsent = 1234
		d := newHand(t, size[0], size[1], nil)
		d.m.panes.stats = true
		d.show(s)
		d.sees(want)
	}
}

// TestARegistrationIsShownAsItIs: a roam whose REGISTER was answered shows the account
// as registered, though a call is not repaired yet.
func TestARegistrationIsShownAsItIs(t *testing.T) {
	for state, want := range map[phone.RegistrationState]string{phone.Registered: "● registered", phone.Registering: "re-registering"} {
		s := recovering()
		s.Accounts[0].Roaming, s.Accounts[0].State = true, state
		d := newHand(t, 120, 36, nil)
		d.show(s)
		d.sees(want)
	}
}
