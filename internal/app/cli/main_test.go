package cli

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write generated documents anew")
	goleak.VerifyTestMain(m)
}
