package lab

import (
	"encoding/binary"
	"math"
	"net"
	"slices"
	"testing"
	"time"
)

// far80 is a lab whose phone is 40 ms away from everything.
func far80(t *testing.T, out, in Impairment) *Lab {
	t.Helper()
	l := open(t, Options{Emulate: true})
	l.Wire(WLAN).Set(out, in)
	return l
}

func TestADelayOf40MillisecondsIs80ThereAndBack(t *testing.T) {
	d := Impairment{Delay: 40 * time.Millisecond}
	l := far80(t, d, d)
	ctx := within(t, 20*time.Second)
	conn := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", echo(t, l.Host(PBX), l.Host(PBX).IPv4)))
	defer conn.Close()
	if _, err := ask(t, conn, 2*time.Second); err != nil { // ARP takes its own round trip
		t.Fatal(err)
	}
	var all []time.Duration
	for range 21 {
		all = append(all, must[time.Duration](t)(ask(t, conn, 2*time.Second)))
	}
	slices.Sort(all)
	t.Logf("round trip: least %s, median %s, most %s", all[0], all[10], all[20])
	// The least is the emulator's own; what comes on top is this machine's load.
	if least := all[0]; least < 80*time.Millisecond || least > 82*time.Millisecond {
		t.Errorf("the round trip takes %s, want 80 to 82 ms", least)
	}
}

// burst sends n numbered packets from the phone to the pbx and returns the
// numbers as they came in.
func burst(t *testing.T, l *Lab, n int) []int {
	t.Helper()
	ctx := within(t, 20*time.Second)
	server := must[*net.UDPConn](t)(l.Host(PBX).ListenPacket(addrPort(l.Host(PBX).IPv4, 9)))
	defer server.Close()
	conn := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "udp", addrPort(l.Host(PBX).IPv4, 9)))
	defer conn.Close()
	got, done := []int(nil), make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 100)
		for {
			size, err := server.Read(buffer)
			if err != nil || size != 8 {
				return // the end, or the mark of it
			}
			got = append(got, int(binary.BigEndian.Uint64(buffer)))
		}
	}()
	for i := range n {
		if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, uint64(i))); err != nil {
			t.Fatal(err)
		}
		if err := wait(ctx, 500*time.Microsecond); err != nil {
			t.Fatal(err)
		}
	}
	l.Wire(WLAN).Set(Impairment{}, Impairment{}) // so that the mark is not lost; what waits goes first
	_ = server.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	<-done
	return got
}

func TestLossIsWhatWasAsked(t *testing.T) {
	const n, share = 2000, 0.2
	l := far80(t, Impairment{Loss: share}, Impairment{})
	got := len(burst(t, l, n))
	want, sigma := n*(1-share), math.Sqrt(n*share*(1-share))
	t.Logf("%d of %d arrived, expected %.0f", got, n, want)
	if math.Abs(float64(got)-want) > 5*sigma {
		t.Errorf("%d of %d arrived, want %.0f within %.0f", got, n, want, 5*sigma)
	}
}

func TestDuplicatesAndReordering(t *testing.T) {
	const n, share = 1000, 0.1
	sigma := math.Sqrt(n * share * (1 - share))
	near := func(got int) bool { return math.Abs(float64(got)-n*share) <= 5*sigma }
	for _, tt := range []struct {
		name            string
		does            Impairment
		twice, overtook bool
	}{
		{"nothing", Impairment{}, false, false},
		{"jitter keeps the order", Impairment{Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}, false, false},
		{"duplicates", Impairment{Duplicate: share}, true, false},
		{"reordering", Impairment{Delay: 10 * time.Millisecond, Reorder: share}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := far80(t, tt.does, Impairment{})
			got := burst(t, l, n)
			seen, twice, late, highest := map[int]bool{}, 0, 0, -1
			overtook := 0
			for _, number := range got {
				if seen[number] {
					twice++
				} else if number > highest+1 {
					overtook++ // it left others behind
				} else if number < highest {
					late++
				}
				seen[number] = true
				highest = max(highest, number)
			}
			t.Logf("%d arrived, %d twice, %d overtook, %d were late", len(seen), twice, overtook, late)
			if len(seen) != n {
				t.Errorf("%d of %d arrived", len(seen), n)
			}
			if tt.twice != (twice > 0) || tt.twice && !near(twice) {
				t.Errorf("%d arrived twice", twice)
			}
			if tt.overtook != (late > 0) || tt.overtook && float64(overtook) < n*share/3 {
				t.Errorf("%d overtook others, %d were late", overtook, late)
			}
		})
	}
}

func TestTCPPassesAWireWhole(t *testing.T) {
	l := far80(t, Impairment{Delay: 5 * time.Millisecond}, Impairment{Delay: 5 * time.Millisecond})
	ctx := within(t, 20*time.Second)
	listener := must[*net.TCPListener](t)(l.Host(PBX).Listen(addrPort(l.Host(PBX).IPv6, 9)))
	defer listener.Close()
	const size = 300_000
	total := make(chan int, 1)
	go func() {
		n := 0
		defer func() { total <- n }()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buffer := make([]byte, 1<<16)
		for {
			got, err := conn.Read(buffer)
			n += got
			if err != nil {
				return
			}
		}
	}()
	conn := must[net.Conn](t)(l.Host(Phone).Dial(ctx, "tcp", addrPort(l.Host(PBX).IPv6, 9)))
	if _, err := conn.Write(make([]byte, size)); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	select {
	case n := <-total:
		if n != size {
			t.Errorf("%d of %d bytes arrived", n, size)
		}
	case <-ctx.Done():
		t.Error("the transfer did not end")
	}
}
