package engine

import (
	"net/netip"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/netwatch"
)

// state is the whole state as a value nobody will change again.
func (e *Engine) state() phone.State {
	s := phone.State{
		At: time.Now(), Network: e.network, Audio: e.audio, Refused: e.refused,
		Accounts: make([]phone.Account, 0, len(e.accounts)),
		Calls:    make([]phone.Call, 0, len(e.order)),
		Roams:    make([]phone.Roam, 0, len(e.roams.list)),
		Past:     e.past,
		Current:  e.current,
		Ready:    e.ready(),
	}
	s.Network.Paths = e.paths()
	for _, a := range e.accounts {
		v := a.view
		v.Epoch = phone.Epoch(a.machine.Epoch())
		v.Source, v.Interface = a.path.Source, a.path.Interface
		s.Accounts = append(s.Accounts, v)
	}
	for _, id := range e.order {
		s.Calls = append(s.Calls, e.calls[id].view)
	}
	for _, r := range e.roams.list {
		s.Roams = append(s.Roams, copyRoam(r))
	}
	return s
}

// ready says where the phone listens now; nil before Ready was told.
func (e *Engine) ready() *phone.Ready {
	if !e.isReady {
		return nil
	}
	r, _ := e.listening()
	return &r
}

// listening is which accounts listen where, and whether all of them do.
func (e *Engine) listening() (ready phone.Ready, all bool) {
	ready, all = phone.Ready{Listen: map[string]netip.AddrPort{}}, true
	for _, a := range e.accounts {
		if !a.cfg.Enabled {
			continue
		}
		ready.Accounts = append(ready.Accounts, a.cfg.Name)
		if st := a.stacks.At(a.machine.Epoch()); st != nil {
			ready.Listen[st.Transport().String()] = st.Local()
		} else {
			all = false
		}
	}
	return ready, all
}

// successor is the current call after the one that ended: the newest that
// talks, else the newest. 0: there is none.
func (e *Engine) successor() (id phone.CallID) {
	talks := false
	for _, c := range e.liveCalls() {
		now := c.view.State == phone.Up && c.view.Held == phone.HeldByNone
		if now || !talks {
			id, talks = c.view.ID, talks || now
		}
	}
	return id
}

// busyFor is how long the busy tone is heard after a refused call.
const busyFor = 3 * time.Second

// interfaces is the interface list as people see it.
func (e *Engine) interfaces(s netwatch.State) []phone.Interface {
	var list []phone.Interface
	for _, i := range s.Interfaces {
		v := phone.Interface{Name: i.Name, Up: i.Up, Ignored: i.Ignored}
		for _, a := range i.Addrs {
			if !a.Prefix.Addr().IsLinkLocalUnicast() {
				v.Addresses = append(v.Addresses, a.Prefix.Addr())
			}
		}
		for _, a := range e.accounts {
			if a.path.Valid() && a.path.Interface == i.Name {
				v.UsedBy = append(v.UsedBy, a.cfg.Name)
			}
			if a.view.WasIface == i.Name && a.view.WasSource.IsValid() && !hasAddr(v.Addresses, a.view.WasSource) {
				v.Lost = append(v.Lost, a.view.WasSource)
			}
		}
		list = append(list, v)
	}
	return list
}

// tellNetwork tells of the network as it is now, with who uses what.
func (e *Engine) tellNetwork(s netwatch.State) {
	e.takeNetwork(s)
	n := e.network
	n.Paths = e.paths()
	e.tell(phone.NetworkChanged{Network: n})
}

// paths are the ways to the accounts' servers.
func (e *Engine) paths() (list []phone.Path) {
	for _, a := range e.accounts {
		if a.path.Valid() {
			list = append(list, phone.Path{
				Account: a.cfg.Name, Interface: a.path.Interface, Source: a.path.Source, NextHop: a.path.NextHop,
			})
		}
	}
	return list
}

func hasAddr(list []netip.Addr, a netip.Addr) bool {
	for _, x := range list {
		if x == a {
			return true
		}
	}
	return false
}

// takeNetwork takes over the interface list.
func (e *Engine) takeNetwork(s netwatch.State) {
	e.network.Interfaces = e.interfaces(s)
	e.dirty = true
}
