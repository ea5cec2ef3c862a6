package impair

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ramble/audio/codec"
	"ramble/internal/leaf/socket"
)

var (
	benchCalls    = flag.String("impair.calls", "", "numbers of calls with sound of their own, \"200 500\"; empty: do not")
	benchCallsFor = flag.Duration("impair.calls-for", 20*time.Second, "how long each number of calls talks")
)

// TestCalls is `make bench-calls`: many calls to one ramble without a screen, each on
// a loop of its own. The carrier is one thread, and the times are the kernel's, so
// that a gap is the phone's and not the bench's.
func TestCalls(t *testing.T) {
	if *benchCalls == "" {
		t.Skip("`make bench-calls` plays it")
	}
	var text strings.Builder
	text.WriteString("| calls | CPU, % of a core | CPU of a call, % | wake-ups a second | memory, MB | packets back of those sent | packets 10 ms late or more | gaps of 50 ms and more | worst gap, ms | ticks of the carrier 5 ms late | load of the machine |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	program := built(t)
	for f := range strings.FieldsSeq(*benchCalls) {
		var n int
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		t.Run(f, func(t *testing.T) { text.WriteString(carry(t, program, n)) })
	}
	t.Log("\n" + text.String())
	insert(t, "calls", text.String())
}

// mouth is one call's sound at the carrier.
type mouth struct {
	to     netip.AddrPort
	socket *socket.Polled
	packet []byte
	last   time.Time // a packet came back
	came   int
	gaps   []time.Duration
}

func carry(t *testing.T, program string, n int) string {
	p, err := Ramble(t.Context(), program, t.TempDir(), netip.MustParseAddrPort("127.0.0.1:5593"), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	talk := talker(t, "127.0.0.1")
	mouths := make([]*mouth, n)
	for i := range mouths {
		call, err := talk.Call(t.Context(), p.Target)
		if err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
		m := &mouth{to: call.line.remote, packet: make([]byte, header+160)}
		if m.socket, err = socket.Poll(call.line.conn); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.socket.Close() })
		m.packet[0] = 0x80
		binary.BigEndian.PutUint32(m.packet[8:], uint32(i+1))
		mouths[i] = m
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	talkFor(t, mouths, 2*time.Second) // until all delays have settled
	for _, m := range mouths {
		m.came, m.gaps = 0, m.gaps[:0]
	}
	before, err := p.Use()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	sent, behind := talkFor(t, mouths, *benchCallsFor)
	took := time.Since(begun).Seconds()
	after, err := p.Use()
	if err != nil {
		t.Fatal(err)
	}
	var gaps []time.Duration
	came := 0
	for _, m := range mouths {
		came += m.came
		gaps = append(gaps, m.gaps...)
	}
	count := func(least time.Duration) (k int) {
		for _, g := range gaps {
			if g >= least {
				k++
			}
		}
		return k
	}
	load, _ := os.ReadFile("/proc/loadavg")
	cpu := 100 * (after.CPU - before.CPU).Seconds() / took
	return fmt.Sprintf("| %d | %.0f | %.2f | %.0f | %d | %.1f %% | %.2f %% | %d | %.0f | %d of %d | %s |\n", n, cpu, cpu/float64(n), float64(after.Wakes-before.Wakes)/took,
		after.RSS/1024, 100*float64(came)/float64(sent*n), 100*float64(count(30*time.Millisecond))/float64(max(came, 1)), count(50*time.Millisecond),
		slices.Max(append(gaps, 0)).Seconds()*1000, behind, sent, strings.Fields(string(load))[0])
}

// talkFor sends a packet of each call every 20 ms, and takes what has come.
func talkFor(t *testing.T, mouths []*mouth, d time.Duration) (sent, behind int) {
	t.Helper()
	batch := socket.NewBatch()
	coder, err := codec.Format{Name: "PCMU", ClockRate: rate}.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer coder.Close()
	speech := babble(d)
	start := time.Now()
	var payload [160]byte
	for ; sent < int(d/(20*time.Millisecond)); sent++ {
		due := start.Add(time.Duration(sent) * 20 * time.Millisecond)
		if err := until(t.Context(), due); err != nil {
			t.Fatal(err)
		}
		if time.Since(due) > 5*time.Millisecond {
			behind++
		}
		coder.Encode(payload[:], speech[160*sent:160*(sent+1)])
		for _, m := range mouths {
			copy(m.packet[header:], payload[:])
			binary.BigEndian.PutUint16(m.packet[2:], binary.BigEndian.Uint16(m.packet[2:])+1)
			binary.BigEndian.PutUint32(m.packet[4:], binary.BigEndian.Uint32(m.packet[4:])+160)
			if err := m.socket.Send(m.packet, m.to); err != nil {
				t.Fatal(err)
			}
			_ = m.socket.Receive(batch, m.take) // errors of a peer that went show as packets that do not come
		}
	}
	return sent, behind
}

func (m *mouth) take(b []byte, _ netip.AddrPort, age time.Duration) {
	at := time.Now().Add(-age)
	if m.came++; !m.last.IsZero() {
		m.gaps = append(m.gaps, at.Sub(m.last))
	}
	m.last = at
}
