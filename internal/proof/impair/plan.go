package impair

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Network is what happens to packets on their way. The zero value carries each at once.
type Network struct {
	Name   string
	Loss   float64       // share of packets that get lost
	Burst  float64       // mean length of a row of lost packets; below 1: each by itself
	Jitter time.Duration // standard deviation of the delay; its mean is three of these
	Outage time.Duration // nothing passes for so long, three times
	Hold   time.Duration // packets are held back for so long and arrive at once, every 3 s
	Slower time.Duration // the path is longer by this much in the second half
	Drift  float64       // the sender's clock is fast by so many millionths
	PTime  time.Duration // packet time; 0: 20 ms
}

func (n Network) packetTime() time.Duration {
	if n.PTime == 0 {
		return 20 * time.Millisecond
	}
	return n.PTime
}

// Delivery is one packet of the plan.
type Delivery struct {
	At    time.Duration // after the start: when it reaches the phone
	Index int           // of the packet
}

// Plan says when each packet of a speech of that length reaches the phone, in
// order of arrival; the same seed plans the same.
func Plan(n Network, length time.Duration, seed uint64) []Delivery {
	dice := rand.New(rand.NewPCG(seed, 1))
	ptime := n.packetTime()
	count := int(length / ptime)
	list := make([]Delivery, 0, count)
	bad := false
	for i := range count {
		at := time.Duration(float64(i+1) * float64(ptime) / (1 + n.Drift/1e6))
		bad = n.lost(dice, bad)
		if bad || n.out(at, length) {
			continue
		}
		at += time.Duration(max(0, 3+dice.NormFloat64()) * float64(n.Jitter))
		if n.Slower > 0 && at > length/2 {
			at += n.Slower
		}
		list = append(list, Delivery{At: n.held(at), Index: i})
	}
	slices.SortStableFunc(list, func(a, b Delivery) int { return int(a.At - b.At) })
	return list
}

// lost tells of the next packet; bad: the one before was lost. Rows of lost
// packets are those of a Gilbert model.
func (n Network) lost(dice *rand.Rand, bad bool) bool {
	if n.Loss <= 0 {
		return false
	}
	if n.Burst < 1 {
		return dice.Float64() < n.Loss
	}
	leave := 1 / n.Burst
	if bad {
		return dice.Float64() >= leave
	}
	return dice.Float64() < leave*n.Loss/(1-n.Loss)
}

// out reports whether it is one of the outages: at a quarter, half and three
// quarters of the speech.
func (n Network) out(at, length time.Duration) bool {
	for i := range 3 {
		begin := length * time.Duration(i+1) / 4
		if at >= begin && at < begin+n.Outage {
			return true
		}
	}
	return false
}

// held is when a packet arrives that may be held back.
func (n Network) held(at time.Duration) time.Duration {
	const every = 3 * time.Second
	if n.Hold > 0 && at >= every && at%every < n.Hold {
		return at - at%every + n.Hold
	}
	return at
}

// Networks are those of the benchmark.
func Networks() []Network {
	const ms = time.Millisecond
	return []Network{
		{Name: "clean"},
		{Name: "3 % random loss", Loss: 0.03},
		{Name: "10 % random loss", Loss: 0.10},
		{Name: "10 % loss in bursts", Loss: 0.10, Burst: 3},
		{Name: "jitter, sigma 15 ms", Jitter: 15 * ms},
		{Name: "jitter, sigma 30 ms", Jitter: 30 * ms},
		{Name: "three outages of 500 ms", Outage: 500 * ms},
		{Name: "300 ms held back every 3 s", Hold: 300 * ms},
		{Name: "a path slower by 20 ms", Slower: 20 * ms},
		{Name: "sender fast by 200 ppm", Drift: 200},
		{Name: "packets of 10 ms", PTime: 10 * ms},
		{Name: "packets of 30 ms", PTime: 30 * ms},
		{Name: "packets of 40 ms", PTime: 40 * ms},
		{Name: "packets of 60 ms", PTime: 60 * ms},
	}
}
