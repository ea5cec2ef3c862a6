package sip

import (
	"fmt"
	"strings"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"

	"ramble/sip/wire"
)

// face is by what a server is known again.
type face struct {
	mu     sync.Mutex
	shown  string
	steady int // answers in a row that showed it
}

// steadyFace is how often a server shows one face until another one means anything:
// several servers may answer behind one address.
const steadyFace = 5

// changed takes an answer to an OPTIONS, and says whether it shows another face than
// all those before. Its code, its Server header and the steady part of its tag
// count (Kamailio and OpenSIPS begin theirs with a sum of their own addresses).
func (f *face) changed(res *sipgo.Response) bool {
	tag, _ := res.To().Params.Get("tag")
	begin := tag[:max(strings.LastIndexAny(tag, "-."), 0)]
	now := fmt.Sprint(res.StatusCode, "\x00", wire.Value(res, "Server"), "\x00", begin)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shown == now {
		f.steady++
		return false
	}
	was := f.steady
	f.shown, f.steady = now, 1
	return was >= steadyFace
}
