package tui

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// networkRows is the content of the Network pane: the interfaces that matter
// first, in the system's order, then the quiet ones, then what changed.
func (m *model) networkRows(w int) []row {
	n := m.state.Network
	var rows, quiet []row
	for _, i := range n.Interfaces {
		shown := m.interfaceRows(i, w)
		if len(i.UsedBy) > 0 || len(i.Lost) > 0 || i.Up && !i.Ignored {
			rows = append(rows, shown...)
		} else {
			quiet = append(quiet, shown...)
		}
	}
	if rows = append(rows, quiet...); len(rows) == 0 {
		rows = []row{{left: []span{{"no interfaces seen yet", faint}}}}
	}
	rows = append(rows, row{})
	rows = append(rows, m.changedRows(w)...)
	if p, ok := m.pathOf(m.selected().Name); ok && p.NextHop.IsValid() {
		rows = append(rows, row{left: []span{{"next hop ", faint}, {m.look.fitMiddle(p.NextHop.String(), w-9), plain}}})
	}
	if n.Watching != "" {
		for i, line := range m.look.wrap(n.Watching, w-9) {
			rows = append(rows, row{left: []span{{either(i == 0, "watch    ", "         "), faint}, {line, plain}}})
		}
	}
	return rows
}

// interfaceRows is one interface: a line per address, with the state at the
// right; the address gets a line of its own where it would be cut.
func (m *model) interfaceRows(i phone.Interface, w int) []row {
	type line struct {
		addr, word, mark string
		role             role
	}
	l := m.look
	var lines []line
	used := m.usedAddresses(i)
	for _, a := range i.Lost {
		lines = append(lines, line{a.String(), "lost", l.lost, bad})
	}
	for _, a := range i.Addresses {
		switch {
		case slices.Contains(used, a):
			lines = append(lines, line{a.String(), "in use", l.up, good})
		case len(used) == 0 && !a.IsLinkLocalUnicast() && len(lines) == 0:
			lines = append(lines, line{a.String(), either(i.Ignored, "skip", either(i.Up, "up", "down")), " ", faint})
		}
	}
	if len(lines) == 0 {
		lines = append(lines, line{"-", either(i.Ignored, "skip", either(i.Up, "up", "down")), " ", faint})
	}
	var rows []row
	for _, n := range lines {
		name := either(n.role == faint, faint, strong)
		text := either(n.role == faint, faint, plain)
		label := i.Name
		if short := m.interfaceColumn(); l.width(label) < short {
			label += strings.Repeat(" ", short-l.width(label))
		}
		right := []span{{n.word, n.role}}
		if l.width(n.mark)+1+l.width(label)+1+l.width(n.addr)+1+l.width(n.word) <= w {
			rows = append(rows, row{left: []span{{n.mark + " ", n.role}, {label + " ", name}, {n.addr, text}}, right: right})
			continue
		}
		rows = append(rows,
			row{left: []span{{n.mark + " ", n.role}, {i.Name, name}}, right: right},
			row{left: []span{{"  " + l.fitMiddle(n.addr, w-2), text}}})
	}
	return rows
}

// interfaceColumn is the width of the names, up to eight columns, so that the
// addresses stand in line.
func (m *model) interfaceColumn() int {
	n := 0
	for _, i := range m.state.Network.Interfaces {
		n = max(n, m.look.width(i.Name))
	}
	return min(n, 5)
}

// usedAddresses are the addresses of i that accounts reach their servers from.
func (m *model) usedAddresses(i phone.Interface) []netip.Addr {
	var used []netip.Addr
	for _, p := range m.state.Network.Paths {
		if p.Interface == i.Name && p.Source.IsValid() && !slices.Contains(used, p.Source) {
			used = append(used, p.Source)
		}
	}
	if len(used) == 0 && len(i.UsedBy) > 0 && len(i.Addresses) > 0 {
		used = i.Addresses[:1]
	}
	return used
}

func (m *model) changedRows(w int) []row {
	n := m.state.Network
	since := n.Since
	if len(n.Why) == 1 && n.Why[0].Kind == phone.FirstLook {
		since = n.Changed
	} else if !n.Changed.IsZero() {
		since = time.Time{}
	}
	if !since.IsZero() {
		return []row{{left: []span{{"unchanged since ", faint}, {since.Format(m.set.time.minute), plain}}}}
	}
	if n.Changed.IsZero() {
		return nil
	}
	text := ago(m.now.Sub(n.Changed)) + " ago"
	if k := len(m.state.Roams); k > 0 {
		if r := m.state.Roams[k-1]; r.Started.Sub(n.Changed).Abs() < roamLinger {
			text += " (roam " + grouped(uint64(r.ID)) + ")"
		}
	}
	rows := []row{{left: []span{{"changed  ", faint}, {text, plain}}}}
	for i, line := range m.look.wrap(words.Facts(n.Why), w-9) {
		rows = append(rows, row{left: []span{{either(i == 0, "because  ", "         "), faint}, {line, plain}}})
	}
	return rows
}

func (m *model) pathOf(account string) (phone.Path, bool) {
	for _, p := range m.state.Network.Paths {
		if p.Account == account {
			return p, true
		}
	}
	return phone.Path{}, false
}

// contactAddress is the host and port of a Contact, which is what moves.
func contactAddress(contact string) string {
	s := words.Address(strings.Trim(contact, "<>"))
	if _, host, ok := strings.Cut(s, "@"); ok {
		s = host
	}
	s, _, _ = strings.Cut(s, ";")
	return s
}

// whereFrom is the path in the header: "usb0 172.20.10.4 (was wlan0)".
func whereFrom(a phone.Account) string {
	if !a.Source.IsValid() {
		if a.Name == "" || !a.Enabled {
			return ""
		}
		return "no path"
	}
	s := a.Source.String()
	if a.Interface != "" {
		s = a.Interface + " " + s
	}
	if a.WasSource.IsValid() && a.WasSource != a.Source {
		s += " (was " + either(a.WasIface != "" && a.WasIface != a.Interface, a.WasIface, a.WasSource.String()) + ")"
	}
	return s
}
