package soak

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// State is what a call is doing when the network moves.
type State int

// The states of the matrix. Idle is the phone without that call: it must be
// found at once at its new address.
const (
	Idle State = iota
	RingingHere
	RingingThere
	EarlyMedia
	Talking
	HeldHere
	HeldBoth
	Pending    // a re-INVITE of ours is out and not answered
	TheirOffer // held, and the peer sends a re-INVITE around the move
)

func (s State) String() string {
	return [...]string{"idle", "ringing here", "ringing there", "early", "up", "held", "held by both", "refresh pending", "theirs pending"}[s]
}

// Variant is a way to move.
type Variant int

// The variants of the matrix.
const (
	AtOnce Variant = iota
	After5s
	After30s
	Renumbered
	SameAddress
	FourToSix
	MakeBeforeBreak
	variants
)

func (v Variant) String() string {
	return [...]string{"0 s", "5 s", "30 s", "renumbered", "same address", "v4 to v6", "make before break"}[v]
}

// Away is how long the phone has no network.
func (v Variant) Away() time.Duration {
	switch v {
	case After5s:
		return 5 * time.Second
	case After30s:
		return 30 * time.Second
	case SameAddress:
		return time.Second
	default: // the others have a network at once, or two
		return 0
	}
}

// Move is what the network does in a round, in the words of drill scenarios.
func (r Round) Move() string {
	switch away := r.Variant.Away(); r.Variant {
	case Renumbered:
		return "renumber"
	case SameAddress:
		return "down " + away.String()
	case MakeBeforeBreak:
		return "overlap other " + r.Overlap.String()
	case After5s, After30s:
		return "roam other " + away.String()
	default: // at once, to the other family too: it is the other uplink's
		return "roam other"
	}
}

// Variants are all of them.
func Variants() (all []Variant) {
	for v := range variants {
		all = append(all, v)
	}
	return all
}

// Round is one move of one phone and what its calls are doing meanwhile.
type Round struct {
	Variant Variant
	Late    time.Duration // the peer answers the pending refresh that late
	Lead    time.Duration // from the refresh to the move
	Ring    time.Duration // from the move to the answer of what rings there
	Overlap time.Duration // of make before break
	Theirs  time.Duration // from the beginning of the move to the peer's own refresh
	WeEnd   bool          // who hangs up; else it is the peer
	Seed    uint64
}

// Plan is the rounds of one phone, the same for the same seed: the variants in
// turn, in an order and with times that the dice say.
func Plan(seed uint64, rounds int, from []Variant) []Round {
	dice := rand.New(rand.NewPCG(seed, 0x50a4))
	var plan []Round
	var turn []Variant
	for range rounds {
		if len(turn) == 0 {
			turn = append(turn, from...)
			dice.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		}
		plan = append(plan, Round{
			Variant: turn[0], Seed: seed, WeEnd: dice.IntN(2) == 0,
			Late:    between(dice, 50*time.Millisecond, 8*time.Second),
			Lead:    between(dice, 0, 300*time.Millisecond),
			Ring:    between(dice, 0, 3*time.Second),
			Overlap: between(dice, 30*time.Millisecond, 3*time.Second),
			Theirs:  between(dice, 0, 200*time.Millisecond),
		})
		turn = turn[1:]
	}
	return plan
}

func between(dice *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(dice.Int64N(int64(hi-lo)))
}

func (r Round) String() string {
	return fmt.Sprintf("%s, refresh answered %s late, moved %s after it, answered %s after the move, their refresh %s after it began, overlap %s, seed %d",
		r.Variant, r.Late.Round(time.Millisecond), r.Lead.Round(time.Millisecond), r.Ring.Round(time.Millisecond), r.Theirs.Round(time.Millisecond), r.Overlap.Round(time.Millisecond), r.Seed)
}
