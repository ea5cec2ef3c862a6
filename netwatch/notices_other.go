//go:build !linux && !darwin && !windows

package netwatch

// Notifications returns nothing: this system is watched by polling alone.
func Notifications() []Hinter { return nil }
