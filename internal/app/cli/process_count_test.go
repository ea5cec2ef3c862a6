package cli

import (
	"os"
	"runtime"
	"testing"
)

func TestProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the count is held on Linux; elsewhere there may be none")
	}
	before := process()
	if before.Goroutines < 2 || before.Descriptors < 3 {
		t.Errorf("%+v", before)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if now := process(); now.Descriptors != before.Descriptors+1 {
		t.Errorf("%d descriptors with one more file, %d before", now.Descriptors, before.Descriptors)
	}
}
