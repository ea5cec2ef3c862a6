package history

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"ramble/internal/proof/needs"
)

var kills = flag.Int("history.kills", 0, "how many writers TestNothingAcknowledgedIsLostToAKill kills; 0: a sample, the larger one in continuous integration")

// killed is how many writers are killed in this run.
func killed() int {
	switch {
	case *kills > 0:
		return *kills
	case needs.Everything():
		return manyKills
	}
	return 30
}

// writerDir names the environment variable that turns this test binary into a
// writer, which says what was acknowledged and goes on until it is killed.
const writerDir = "RAMBLE_HISTORY_WRITER"

// window is how many records the writers' files keep: few, so that kills hit
// the shortening too.
const window = 40

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		writeUntilKilled(dir, os.Args[len(os.Args)-2], os.Args[len(os.Args)-1])
	}
	if dir := os.Getenv(unfinishedDir); dir != "" {
		callUntilKilled(dir)
	}
	flag.Parse()
	os.Exit(m.Run())
}

func writeUntilKilled(dir, name, from string) {
	b := Open(Options{Dir: dir, Keep: window, wait: time.Minute}) // on a busy machine the other writer is kept from its core with the lock in hand
	seq, err := strconv.Atoi(from)
	for ; err == nil; seq++ {
		c := sampleCall(0)
		c.Name, c.Reason = fmt.Sprintf("%s %d", name, seq), strings.Repeat("x", seq%maxWords)
		r := sampleRoam(seq)
		r.Account = name
		for len(r.Steps) < seq%maxSteps { // up to some 30 KB, more than a page
			r.Steps = append(r.Steps, Step{Step: "register", Detail: strings.Repeat("y", 100)})
		}
		if err = b.AddCall(c); err != nil {
			break
		}
		fmt.Printf("call %d\n", seq)
		if err = b.AddRoam(r); err != nil {
			break
		}
		fmt.Printf("roam %d\n", seq)
	}
	fmt.Println("failed", err)
	os.Exit(1)
}

// writer is a process that writes, as the test sees it.
type writer struct {
	name  string
	next  int            // the first number of its next life
	acked map[string]int // by kind; 0: none
	cmd   *exec.Cmd
	said  *bufio.Scanner
}

func (w *writer) start(t *testing.T, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.cmd = exec.Command(self, w.name, strconv.Itoa(w.next))
	w.cmd.Env = append(os.Environ(), writerDir+"="+dir)
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.said = bufio.NewScanner(out)
}

// hear takes one word of the writer.
func (w *writer) hear(t *testing.T) bool {
	t.Helper()
	if !w.said.Scan() {
		return false
	}
	kind, number, _ := strings.Cut(w.said.Text(), " ")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("%s: %s", w.name, w.said.Text())
	}
	w.acked[kind] = n
	return true
}

// kill ends it as SIGKILL does, and hears what it had said.
func (w *writer) kill(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for w.hear(t) {
	}
	if err := w.said.Err(); err != nil {
		t.Fatal(err)
	}
	_ = w.cmd.Wait()
}

// TestNothingAcknowledgedIsLostToAKill lets two writers share the files, kills
// both at a random moment, and looks: each record that was acknowledged and is
// not older than the files keep is there, once, in its order.
func TestNothingAcknowledgedIsLostToAKill(t *testing.T) {
	dir := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	writers := []*writer{{name: "first", next: 1, acked: map[string]int{}}, {name: "second", next: 1, acked: map[string]int{}}}
	cut, records := 0, 0
	for range (killed() + 1) / 2 {
		for _, w := range writers {
			w.start(t, dir)
		}
		for range random.IntN(14) {
			if !writers[random.IntN(2)].hear(t) {
				t.Fatal("a writer ended by itself")
			}
		}
		for _, w := range writers {
			w.kill(t)
		}
		b := Open(Options{Dir: dir, Keep: 10 * window})
		calls, report, err := b.Calls()
		if err != nil {
			t.Fatal(err)
		}
		roams, more, err := b.Roams()
		if err != nil {
			t.Fatal(err)
		}
		cut += count(report.Torn, more.Torn)
		for _, w := range writers {
			var called, roamed []int
			for _, c := range calls {
				if name, number, _ := strings.Cut(c.Name, " "); name == w.name {
					n, _ := strconv.Atoi(number)
					called = append(called, n)
				}
			}
			for _, r := range roams {
				if r.Account == w.name {
					roamed = append(roamed, r.Roam)
				}
			}
			w.complete(t, "call", called)
			w.complete(t, "roam", roamed)
			records += w.acked["call"] + w.acked["roam"] - 2*(w.next-1)
			w.next = max(w.acked["call"], w.acked["roam"], last(called), last(roamed)) + 1
		}
	}
	t.Logf("%d kills of two writers at once, %d records acknowledged, %d lines cut off", killed(), records, cut)
}

func count(all ...bool) (n int) {
	for _, yes := range all {
		if yes {
			n++
		}
	}
	return n
}

func last(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// complete: from the oldest that is still kept to the last that was
// acknowledged, nothing of this life is missing, and nothing stands twice.
func (w *writer) complete(t *testing.T, kind string, there []int) {
	t.Helper()
	acked := w.acked[kind]
	if acked >= w.next && last(there) < acked {
		t.Fatalf("%s: %s %d was acknowledged and is lost; there are %v", w.name, kind, acked, there)
	}
	for i := 1; i < len(there); i++ {
		if there[i] <= there[i-1] {
			t.Fatalf("%s: %ss twice, or not in their order: %v", w.name, kind, there)
		}
		if there[i] != there[i-1]+1 && there[i] > w.next && there[i] <= acked {
			t.Fatalf("%s: %ss are missing before %d: %v", w.name, kind, there[i], there)
		}
	}
}
