package impair

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// babble is noise in syllables, which is enough for a delay to be found.
func babble(length time.Duration) []int16 {
	dice := rand.New(rand.NewPCG(7, 7))
	out := make([]int16, int(length*rate/time.Second))
	var low float64
	for i := range out {
		low += 0.3 * (dice.NormFloat64() - low)
		out[i] = int16(9000 * low * (0.6 + 0.4*math.Sin(float64(i)/900)))
	}
	return out
}

// mirror is a phone that plays back what it hears after a delay; lost packets are
// silence where it makes nothing up.
func mirror(speech []int16, n Network, plan []Delivery, delay time.Duration) Round {
	size := int(n.packetTime() * rate / time.Second)
	r := Round{}
	for _, d := range plan {
		begin := d.Index * size
		at := time.Duration(d.Index+1)*n.packetTime() + delay
		r.Back = append(r.Back, Packet{At: at, Timestamp: uint32(begin), Samples: speech[begin : begin+size]})
	}
	return r
}

func TestAPerfectMirrorScoresItsDelay(t *testing.T) {
	speech := babble(4 * time.Second)
	for _, delay := range []time.Duration{0, 18 * time.Millisecond, 150 * time.Millisecond} {
		for _, ptime := range []time.Duration{10, 20, 60} {
			n := Network{PTime: ptime * time.Millisecond}
			f, ok := Score(speech, n, mirror(speech, n, Plan(n, 4*time.Second, 1), delay))
			if !ok || f.Silent > 40*time.Millisecond || f.Distance > 0.1 || (f.Lag-delay).Abs() > time.Millisecond {
				t.Errorf("%v, packets of %v: %+v %v", delay, n.PTime, f, ok)
			}
		}
	}
}

func TestALossyMirrorScoresSilence(t *testing.T) {
	speech := babble(20 * time.Second)
	n := Network{Loss: 0.10}
	f, ok := Score(speech, n, mirror(speech, n, Plan(n, 20*time.Second, 1), 20*time.Millisecond))
	if !ok || f.Silent < 1200*time.Millisecond || f.Silent > 2800*time.Millisecond || f.Distance < 1 {
		t.Errorf("a tenth lost of 20 s: %+v %v", f, ok)
	}
}

func TestNothingBackScoresNothing(t *testing.T) {
	if f, ok := Score(babble(time.Second), Network{}, Round{}); ok {
		t.Errorf("%+v", f)
	}
}

func TestPlansAreWhatTheySay(t *testing.T) {
	const length = 10 * time.Minute
	all := int(length / (20 * time.Millisecond))
	for _, n := range Networks() {
		plan := Plan(n, length, 3)
		again := Plan(n, length, 3)
		if len(plan) == 0 || len(plan) != len(again) || plan[len(plan)/2] != again[len(plan)/2] {
			t.Fatalf("%s: the same seed plans something else", n.Name)
		}
		for i := 1; i < len(plan); i++ {
			if plan[i].At < plan[i-1].At {
				t.Fatalf("%s: not in order of arrival", n.Name)
			}
		}
		want := n.Loss
		if n.Outage > 0 {
			want = 3 * n.Outage.Seconds() / length.Seconds()
		}
		if n.PTime == 0 {
			if share := 1 - float64(len(plan))/float64(all); math.Abs(share-want) > 0.012 {
				t.Errorf("%s: %.3f lost, want %.3f", n.Name, share, want)
			}
		}
	}
	rows, lost, before := 0, 0, -1
	for _, d := range Plan(Network{Loss: 0.1, Burst: 3}, length, 3) {
		if gap := d.Index - before - 1; gap > 0 {
			rows, lost = rows+1, lost+gap
		}
		before = d.Index
	}
	if mean := float64(lost) / float64(rows); mean < 2.6 || mean > 3.4 {
		t.Errorf("rows of %.2f lost packets, want 3", mean)
	}
}
