package ground_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/app/ground"
	"ramble/netwatch/netwatchtest"
)

// diary is a mover in memory that notes what it is asked for, and when.
type diary struct {
	*netwatchtest.Mover
	began time.Time
	lines []string
}

func (d *diary) note(what string, more ...string) {
	at := time.Since(d.began).String()
	d.lines = append(d.lines, strings.Join(append([]string{at, what}, more...), " "))
}

func (d *diary) Ready(iface, network string, addrs ...netip.Prefix) error {
	d.note("ready", iface)
	return d.Mover.Ready(iface, network, addrs...)
}

func (d *diary) Plug(iface, network string, addrs ...netip.Prefix) error {
	d.note("plug", iface, network, addrs[0].String())
	return d.Mover.Plug(iface, network, addrs...)
}

func (d *diary) Unplug(iface string) error {
	d.note("unplug", iface)
	return d.Mover.Unplug(iface)
}

func (d *diary) Stall(iface string) error {
	d.note("stall", iface)
	return d.Mover.Stall(iface)
}

func (d *diary) Flow(iface string) error {
	d.note("flow", iface)
	return d.Mover.Flow(iface)
}

func (d *diary) Sleep(ctx context.Context, long time.Duration) error {
	d.note("sleep", long.String())
	return d.Mover.Sleep(ctx, long)
}

func spots() []ground.Spot {
	at := func(name, network, addr string) ground.Spot {
		return ground.Spot{Name: name, Iface: name, Network: network, Addrs: []netip.Prefix{netip.MustParsePrefix(addr)}}
	}
	return []ground.Spot{at("wlan0", "home", "192.168.1.23/24"), at("usb0", "tether", "172.20.10.4/28")}
}

// TestMoves holds each move to what it does to the network, in order and time.
func TestMoves(t *testing.T) {
	const plug = "plug wlan0 home 192.168.1.23/24"
	for _, tt := range []struct {
		moves string
		want  []string
		at    string
	}{
		{"roam usb0", []string{"0s ready usb0", "0s unplug wlan0", "0s plug usb0 tether 172.20.10.4/28"}, "172.20.10.4"},
		{"roam other 5s", []string{"0s unplug wlan0", "4.95s ready usb0", "5s plug usb0 tether 172.20.10.4/28"}, "172.20.10.4"},
		{"overlap usb0 300ms", []string{"0s ready usb0", "0s plug usb0 tether 172.20.10.4/28", "300ms unplug wlan0"}, "172.20.10.4"},
		{"renumber", []string{"0s plug wlan0 home 192.168.1.24/24"}, "192.168.1.24"},
		{"elsewhere", []string{"0s unplug wlan0", "0s plug wlan0 home, another 192.168.1.23/24"}, "192.168.1.23"},
		{"down 1s", []string{"0s unplug wlan0", "950ms ready wlan0", "1s " + plug}, "192.168.1.23"},
		{"down; up", []string{"0s unplug wlan0", "0s " + plug}, "192.168.1.23"},
		{"down; up usb0", []string{"0s unplug wlan0", "0s plug usb0 tether 172.20.10.4/28"}, "172.20.10.4"},
		{"stall 2s", []string{"0s stall wlan0", "2s flow wlan0"}, "192.168.1.23"},
		{"sleep 6s", []string{"0s sleep 6s"}, "192.168.1.23"},
		{"flap 2 300ms", []string{
			"0s ready usb0", "0s unplug wlan0", "0s plug usb0 tether 172.20.10.4/28",
			"300ms ready wlan0", "300ms unplug usb0", "300ms " + plug,
		}, "192.168.1.23"},
	} {
		t.Run(tt.moves, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := netwatchtest.New()
				defer n.Close()
				d := &diary{Mover: n.Host("phone").Mover(), began: time.Now()}
				first := spots()[0]
				if err := d.Mover.Plug(first.Iface, first.Network, first.Addrs...); err != nil {
					t.Fatal(err)
				}
				phone := ground.NewTraveller(d, spots())
				for move := range strings.SplitSeq(tt.moves, "; ") {
					if err := phone.Go(t.Context(), move); err != nil {
						t.Fatal(err)
					}
				}
				if !slices.Equal(d.lines, tt.want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(d.lines, "\n"), strings.Join(tt.want, "\n"))
				}
				if got := phone.At().Addr().String(); got != tt.at {
					t.Errorf("the phone is at %s, want %s", got, tt.at)
				}
				path, err := d.PathTo(netip.MustParseAddr("203.0.113.1"))
				if err != nil || path.Source.String() != tt.at {
					t.Errorf("its packets leave from %s, want %s: %v", path.Source, tt.at, err)
				}
			})
		})
	}
}

func TestMovesThatAreNone(t *testing.T) {
	n := netwatchtest.New()
	defer n.Close()
	for moves, want := range map[string]string{
		"fly home":           `there is no move "fly"; there are: down, elsewhere, flap, overlap, renumber, roam, sleep, stall, up`,
		"roam moon":          `there is no uplink "moon"; there are: wlan0, usb0`,
		"roam wlan0":         "the phone is on wlan0 already",
		"up":                 "the phone is on wlan0 already; up comes after down",
		"down; roam usb0":    "there is no network to move; up comes first",
		"roam":               "roam takes at least one word after it",
		"overlap usb0":       "overlap takes 2 words after it",
		"stall soon":         `"soon" is no duration: write 500ms, 5s or 2m`,
		"flap 5000 1s":       `"5000" is no number from 0 to 1000`,
		"renumber wlan0":     `renumber stands alone; "wlan0" is too much`,
		"":                   `there is no move ""`,
		"sleep 11m":          "11m is not between nothing and 10 minutes",
		"roam usb0 1s again": `roam takes 2 words at most; "again" is too much`,
	} {
		phone := ground.NewTraveller(n.Host("phone").Mover(), spots())
		var err error
		for move := range strings.SplitSeq(moves, "; ") {
			err = phone.Go(t.Context(), move)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", moves, err, want)
		}
	}
}

func FuzzParseMove(f *testing.F) {
	for _, name := range ground.MoveNames() {
		f.Add(name + " wlan0 5s")
		f.Add(name + " 5s wlan0")
	}
	f.Fuzz(func(t *testing.T, text string) {
		known := func(string) error { return nil }
		m, err := ground.ParseMove(ground.Line(text), known)
		if (m == nil) == (err == nil) && m == nil {
			t.Errorf("%q is neither a move nor wrong", text)
		}
	})
}
