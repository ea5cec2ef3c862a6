package drill

import (
	"fmt"
	"strings"

	"ramble/internal/app/ground"
)

// shape is what stands after a demand.
type shape int

const (
	alone   shape = iota
	words         // anything, or nothing
	below         // < DURATION
	atMost        // <= NUMBER
	atLeast       // >= NUMBER
)

func demands() map[Demand]shape {
	return map[Demand]shape{
		Survives: alone, Held: alone, Registered: alone, IsUp: alone, Ringing: alone, PeerEnds: alone, Ends: words,
		GapIn: below, GapOut: below, Total: below, TReg: below, Lost: atMost, Roams: atLeast,
	}
}

// order is how the demands are listed for people.
func order() []string {
	var list []string
	for _, d := range []Demand{Survives, Held, Registered, IsUp, Ringing, Ends, PeerEnds, GapIn, GapOut, Total, TReg, Lost, Roams} {
		list = append(list, string(d))
	}
	return list
}

func expect(a ground.Words) (Action, error) {
	if len(a.Rest) == 0 {
		return nil, fmt.Errorf("expect takes what is expected: %s", strings.Join(order(), ", "))
	}
	what, rest := Demand(a.Rest[0]), a.Rest[1:]
	kind, ok := demands()[what]
	if !ok {
		return nil, unknown("expectation", a.Rest[0], order())
	}
	e := Expect{What: what}
	switch kind {
	case words:
		e.Words = strings.Join(rest, " ")
		return e, nil
	case alone:
		return e, ground.Words{First: "expect " + a.Rest[0], Rest: rest}.Count(0, 0)
	case below, atMost, atLeast:
	}
	sign := map[shape]string{below: "<", atMost: "<=", atLeast: ">="}[kind]
	if len(rest) != 2 || rest[0] != sign {
		return nil, fmt.Errorf("write: expect %s %s %s", what, sign, map[shape]string{below: "200ms"}[kind]+map[shape]string{atMost: "5", atLeast: "1"}[kind])
	}
	var err error
	if kind == below {
		e.Below, err = ground.Words{Rest: rest}.Duration(1)
	} else {
		e.Count, err = ground.Words{Rest: rest}.Number(1)
	}
	return e, err
}
