package locate

import (
	"slices"
	"strings"
	"testing"
)

func TestWeights(t *testing.T) {
	list := []SRV{{"c", 1, 2, 0}, {"b", 1, 1, 30}, {"a", 1, 1, 10}, {"z", 1, 1, 0}}
	for _, tc := range []struct {
		dice []int
		want string
	}{
		{[]int{0, 0, 0, 0}, "z a b c"}, // RFC 2782: the first whose running sum is not less than the number
		{[]int{1, 0, 0, 0}, "a z b c"},
		{[]int{11, 0, 0, 0}, "b z a c"},
		{[]int{40, 10, 0, 0}, "b a z c"},
	} {
		throws := slices.Clone(tc.dice)
		var got []string
		for _, r := range byPriority(list, func(n int) int {
			d := min(throws[0], n-1)
			throws = throws[1:]
			return d
		}) {
			got = append(got, r.Target)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%v: %v, want %s", tc.dice, got, tc.want)
		}
	}
	first := map[string]int{}
	for range 4000 {
		first[byPriority(list, nil)[0].Target]++
	}
	if r := float64(first["b"]) / float64(first["a"]); r < 2.3 || r > 3.9 || first["c"] != 0 || first["z"] == 0 {
		t.Errorf("%v: b should come first three times as often as a", first)
	}
}
