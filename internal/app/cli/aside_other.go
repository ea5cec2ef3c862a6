//go:build !linux && !darwin

package cli

// aside does nothing here: no library writes to the screen.
type aside struct{}

func (*aside) divert(string) {}
func (*aside) undo()         {}
