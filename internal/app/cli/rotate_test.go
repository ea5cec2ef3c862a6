package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "ramble.log")
	open := func() *rotating {
		t.Helper()
		r, err := openRotating(path, 100, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	size := func(name string) int {
		data, err := os.ReadFile(name)
		if err != nil {
			return -1
		}
		return len(data)
	}
	line := []byte(strings.Repeat("x", 39) + "\n")
	r := open()
	for range 2 {
		r.Write(line)
	}
	if got := size(path); got != 80 {
		t.Fatalf("%d bytes before the limit", got)
	}
	if r.Close(); size(path+".1") != -1 {
		t.Fatal("rotated too early")
	}
	r = open() // goes on where the file ended
	r.Write(line)
	if size(path) != 40 || size(path+".1") != 80 {
		t.Fatalf("after the limit %d and %d bytes", size(path), size(path+".1"))
	}
	for range 20 {
		r.Write(line)
	}
	if size(path+".3") != 80 || size(path+".4") != -1 {
		t.Fatalf("kept %d and %d bytes", size(path+".3"), size(path+".4"))
	}
	r.Write([]byte(strings.Repeat("y", 500)))
	if size(path) != 500 {
		t.Errorf("a line longer than the limit: %d bytes", size(path))
	}
	r.Close()
	if n, err := r.Write(line); n != len(line) || err != nil {
		t.Errorf("a log that is gone costs more than the line: %d, %v", n, err)
	}
}
