package roam

import (
	"time"

	"ramble/internal/leaf/phone"
)

// fact is one that its kind says all of.
func fact(k phone.FactKind) phone.Fact { return phone.Fact{Kind: k} }

// fact is one about the path.
func (p Path) fact(k phone.FactKind) phone.Fact {
	return phone.Fact{Kind: k, Iface: p.Interface, Addr: p.Source}
}

// then adds what follows.
func then(f phone.Fact, what phone.Sequel) phone.Fact {
	f.Then = what
	return f
}

// again adds when the next try comes.
func again(f phone.Fact, wait time.Duration) phone.Fact {
	f.Then, f.Wait = phone.TryAgain, max(wait, 0)
	return f
}

// of is the request that failed.
func (f Failure) of(method string) phone.Fact {
	return phone.Fact{Kind: phone.RequestFault, Method: method, Fault: f.fault()}
}

// fault is the failure with what is known of it; its kind is always said.
func (f Failure) fault() phone.Fault {
	v := f.Fault
	if v.Kind == phone.NoFault {
		v.Kind = map[FailureKind]phone.FaultKind{
			Answered: phone.FaultResponse, Refused: phone.FaultLogin, TimedOut: phone.FaultTimeout,
			Transport: phone.FaultTransport, Unreachable: phone.FaultRefused, Cancelled: phone.FaultPathGone,
		}[f.Kind]
	}
	if f.Kind == Answered {
		v.Code = f.Code
	}
	return v
}

// first is the first of several facts, or what stands for it.
func first(list []phone.Fact, instead phone.Fact) phone.Fact {
	if len(list) == 0 {
		return instead
	}
	return list[0]
}

// cost is the gap in the vocabulary of the phone.
func (g Gap) cost() phone.RoamCall {
	return phone.RoamCall{Call: phone.CallID(g.Call), GapIn: g.GapIn, GapOut: g.GapOut, LostIn: g.LostIn, Measured: g.Measured}
}

// worst is the longest gap of the measured ones.
func worst(gaps []Gap) phone.RoamCall {
	var w Gap
	for _, g := range gaps {
		if g.Measured && (!w.Measured || max(g.GapIn, g.GapOut) > max(w.GapIn, w.GapOut)) {
			w = g
		}
	}
	return w.cost()
}
