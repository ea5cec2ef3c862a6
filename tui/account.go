package tui

import (
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// underWay says whether a registration is sought: in a roam until there is one, not
// until its calls are repaired.
func underWay(a phone.Account) bool {
	return a.State == phone.Registering || a.Roaming && a.State != phone.Registered
}

// registrationMark is the mark and role of an account's state.
func (l *look) registrationMark(a phone.Account) (string, role) {
	switch {
	case !a.Enabled:
		return l.off, faint
	case underWay(a):
		return l.trying, busy
	}
	switch a.State {
	case phone.Registered:
		return l.on, good
	case phone.RegistrationFailed, phone.RegistrationRefused:
		return l.failed, bad
	case phone.NoNetwork:
		return l.off, busy
	}
	return l.off, faint
}

// registrationWord is the state in words, for the header.
func registrationWord(a phone.Account, now time.Time) string {
	switch search := words.SearchShort(a, now); {
	case a.Name == "":
		return "no accounts"
	case !a.Enabled:
		return "off"
	case a.State == phone.NoNetwork:
		return "no network"
	case search != "" && (a.State != phone.RegistrationFailed || a.Fault.Kind == phone.FaultTimeout):
		return search
	case underWay(a) && (a.Roaming || !a.Until.IsZero()):
		return "re-registering"
	}
	switch a.State {
	case phone.Registering:
		return "registering"
	case phone.Registered:
		return "registered"
	case phone.RegistrationFailed, phone.RegistrationRefused:
		if s := words.Fault(a.Fault); s != "" {
			return s
		}
		return a.State.String()
	}
	return either(a.Registers, "not registered", "calls only")
}

// registrationShort is the state for the Accounts pane's narrow column.
func registrationShort(a phone.Account, now time.Time) string {
	switch {
	case !a.Enabled:
		return "off"
	case a.State == phone.NoNetwork:
		return "no net"
	case underWay(a):
		return "..."
	}
	switch a.State {
	case phone.Registered:
		if a.Until.IsZero() {
			return "on"
		}
		return left(a.Until.Sub(now))
	case phone.RegistrationFailed, phone.RegistrationRefused:
		switch {
		case a.Code != 0:
			return strconv.Itoa(a.Code)
		case a.Fault.Kind == phone.FaultTimeout:
			return "silent"
		}
		return a.State.String()
	}
	return either(a.Registers, "off", "calls")
}

// accountRows is the content of the Accounts pane: one line each, and what is
// worth knowing about the selected one below.
func (m *model) accountRows(w int) []row {
	if len(m.state.Accounts) == 0 {
		return []row{{left: []span{{"no accounts configured", faint}}}}
	}
	selected := m.selected().Name
	var rows []row
	for _, a := range m.state.Accounts {
		mark, r := m.look.registrationMark(a)
		name := either(a.Enabled, plain, faint)
		if a.Name == selected && len(m.state.Accounts) > 1 {
			name = chosen
		}
		rows = append(rows, row{
			left:     append([]span{{mark + " ", r}}, accountSpans(a, name)...),
			right:    []span{{a.Transport + " ", faint}, {registrationShort(a, m.now), r}},
			selected: a.Name == selected,
		})
	}
	return append(rows, m.accountDetail(m.selected(), w)...)
}

func (m *model) accountDetail(a phone.Account, w int) []row {
	rows := []row{{}}
	why, hint := words.Registration(a)
	if warning := words.Warnings(a.Warnings); warning != "" {
		for _, line := range m.look.wrap(warning, w) {
			rows = append(rows, row{left: []span{{line, bad}}})
		}
	}
	if a.State == phone.RegistrationFailed || a.State == phone.RegistrationRefused {
		for _, line := range m.look.wrap(why, w) {
			rows = append(rows, row{left: []span{{line, bad}}})
		}
	}
	for _, line := range m.look.wrap(words.Search(a, m.now), w) {
		rows = append(rows, row{left: []span{{line, busy}}})
	}
	if hint != "" {
		for _, line := range m.look.wrap(hint, w) {
			rows = append(rows, row{left: []span{{line, faint}}})
		}
	}
	for _, label := range []struct{ name, value string }{
		{"from ", either(a.State == phone.NoNetwork, "", contactAddress(a.Contact))}, // an address that is gone is nobody's
		{"to   ", a.Server},
	} {
		if label.value != "" && a.Enabled {
			rows = append(rows, row{left: []span{{label.name, faint}, {m.look.fitMiddle(label.value, w-len(label.name)), plain}}})
		}
	}
	if len(rows) == 1 {
		return nil
	}
	return rows
}

// accountSpans are the name that the configuration gives an account, where it
// says something, and its address.
func accountSpans(a phone.Account, r role) []span {
	addr := words.Address(a.URI)
	if label := accountLabel(a); label != addr {
		return []span{{label, r}, {"  " + addr, faint}}
	}
	return []span{{addr, r}}
}

// accountLabel is an account in the fewest words: its name where that says
// something, else its address.
func accountLabel(a phone.Account) string {
	addr := words.Address(a.URI)
	if user, _, _ := strings.Cut(addr, "@"); a.Name == "" || a.Name == user {
		return addr
	}
	return a.Name
}
