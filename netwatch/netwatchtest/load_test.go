package netwatchtest

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// TestManyAtOnce has everything happen at the same time, for the race detector
// and the leak check. It expects no more than that it ends.
func TestManyAtOnce(t *testing.T) {
	n, phone, pbx := newWorld(t)
	n.Delay("phone", "pbx", 100*time.Microsecond)
	n.Loss("cafe", 0.01)
	l, err := pbx.Listen(t.Context(), at("10.9.0.2:5060"), "")
	if err != nil {
		t.Fatal(err)
	}
	server, err := pbx.ListenPacket(t.Context(), at("10.9.0.2:5060"), "")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { // echoes datagrams
		b := make([]byte, 2000)
		for {
			k, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			server.WriteTo(b[:k], from)
		}
	})
	all.Go(func() { // echoes streams
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { io.Copy(c, c); c.Close() })
		}
	})
	var talkers sync.WaitGroup
	for i := range 4 {
		talkers.Go(func() {
			for k := range 50 {
				c, err := phone.ListenPacket(t.Context(), netip.AddrPortFrom(netip.IPv4Unspecified(), 0), "")
				if err != nil {
					t.Error(err)
					return
				}
				c.SetReadDeadline(time.Now().Add(time.Millisecond))
				c.WriteTo([]byte("x"), udpAddr("10.9.0.2:5060"))
				c.ReadFrom(make([]byte, 10))
				c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
				s, err := phone.Dial(ctx, at("0.0.0.0:0"), at("10.9.0.2:5060"), "")
				cancel()
				if err != nil {
					continue // a lost SYN is worth a second
				}
				s.SetDeadline(time.Now().Add(5 * time.Millisecond))
				fmt.Fprintf(s, "talker %d, %d", i, k)
				s.Read(make([]byte, 100))
				s.Close()
			}
		})
	}
	walked := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(walked)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			phone.Plug("usb0", fmt.Sprint("lte", i%2), pre("172.20.10.4/28"))
			phone.Unplug("usb0")
			phone.Prefer("wlan0")
			phone.Snapshot()
			phone.PathTo(ip("10.9.0.2"))
			n.Stall("cafe")
			n.Flow("cafe")
			n.Carried("cafe")
		}
	}()
	talkers.Wait()
	close(stop)
	<-walked
	n.Close()
	all.Wait()
}

func BenchmarkDatagram(b *testing.B) {
	_, phone, pbx := newWorld(b)
	x, _ := phone.ListenPacket(b.Context(), at("192.168.1.23:7000"), "")
	y, _ := pbx.ListenPacket(b.Context(), at("10.9.0.2:7000"), "")
	from, to := packet(x), packet(y)
	payload, buf, dst := make([]byte, 172), make([]byte, 2000), at("10.9.0.2:7000")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := from.WriteToUDPAddrPort(payload, dst); err != nil {
			b.Fatal(err)
		}
		if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip is between two goroutines: what a request and its answer cost.
func BenchmarkRoundTrip(b *testing.B) {
	_, phone, pbx := newWorld(b)
	x, _ := phone.ListenPacket(b.Context(), at("192.168.1.23:7000"), "")
	y, _ := pbx.ListenPacket(b.Context(), at("10.9.0.2:7000"), "")
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := y.ReadFrom(buf)
			if err != nil {
				return
			}
			y.WriteTo(buf[:n], from)
		}
	}()
	payload, buf, dst := make([]byte, 172), make([]byte, 2000), udpAddr("10.9.0.2:7000")
	b.ReportAllocs()
	for b.Loop() {
		x.WriteTo(payload, dst)
		if _, _, err := x.ReadFrom(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDelayed shows how late a timer delivers beyond the delay asked for.
func BenchmarkDelayed(b *testing.B) {
	n, phone, pbx := newWorld(b)
	n.Delay("phone", "pbx", time.Millisecond)
	x, _ := phone.ListenPacket(b.Context(), at("192.168.1.23:7000"), "")
	y, _ := pbx.ListenPacket(b.Context(), at("10.9.0.2:7000"), "")
	payload, buf, dst := make([]byte, 172), make([]byte, 2000), udpAddr("10.9.0.2:7000")
	var late time.Duration
	for b.Loop() {
		start := time.Now()
		x.WriteTo(payload, dst)
		y.ReadFrom(buf)
		late += time.Since(start) - time.Millisecond
	}
	b.ReportMetric(float64(late.Microseconds())/float64(b.N), "us-late/op")
}

func BenchmarkStream(b *testing.B) {
	_, phone, pbx := newWorld(b)
	l, _ := pbx.Listen(b.Context(), at("10.9.0.2:5060"), "")
	x, err := phone.Dial(b.Context(), at("0.0.0.0:0"), at("10.9.0.2:5060"), "")
	if err != nil {
		b.Fatal(err)
	}
	y, _ := l.Accept()
	payload, buf := make([]byte, 1000), make([]byte, 2000)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		x.Write(payload)
		y.Read(buf)
	}
}
