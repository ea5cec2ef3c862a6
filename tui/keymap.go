package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// KeyRow is one line of the key table, for the README and `ramble help keys`.
type KeyRow struct {
	ID    string
	Keys  []string
	Help  string
	Group Group
}

// KeyTable lists what every key does, in the order of the help.
func KeyTable() []KeyRow {
	var rows []KeyRow
	for _, a := range builtin() {
		rows = append(rows, KeyRow{a.ID, a.Keys, a.Help, a.Group})
	}
	return rows
}

// CheckKeys says what is wrong with a [ui.keys] table: an unknown action, a
// key that does not exist, one that dials, or one that two actions claim.
func CheckKeys(overrides map[string][]string) error {
	_, err := newKeymap(nil, overrides)
	return err
}

// keymap is the table of actions with the user's keys in it.
type keymap struct {
	actions []Action
	byKey   map[string]int
	byID    map[string]int
}

func builtin() []Action {
	all := slices.Concat(callActions(), networkActions(), screenActions())
	for i := range all {
		if all[i].Group == "" {
			all[i].Group = GroupCalls
		}
	}
	return all
}

func newKeymap(extra []Action, overrides map[string][]string) (*keymap, error) {
	k := &keymap{actions: append(builtin(), extra...), byKey: map[string]int{}, byID: map[string]int{}}
	for i, a := range k.actions {
		if _, twice := k.byID[a.ID]; twice || a.ID == "" {
			return nil, fmt.Errorf("two actions are called %q", a.ID)
		}
		k.byID[a.ID] = i
	}
	for _, id := range slices.Sorted(maps.Keys(overrides)) {
		i, ok := k.byID[id]
		if !ok {
			return nil, fmt.Errorf("keys: there is no action %q%s", id, k.nearest(id))
		}
		for _, key := range overrides[id] {
			if err := checkKey(key); err != nil {
				return nil, fmt.Errorf("keys: %s: %w", id, err)
			}
		}
		k.actions[i].Keys = overrides[id]
	}
	if len(k.actions[k.byID["quit"]].Keys) == 0 {
		return nil, fmt.Errorf("keys: quit needs a key")
	}
	for i, a := range k.actions {
		for _, key := range a.Keys {
			if j, taken := k.byKey[key]; taken {
				return nil, fmt.Errorf("keys: %q is for both %s and %s; give one of them another key",
					key, k.actions[j].ID, a.ID)
			}
			k.byKey[key] = i
		}
	}
	return k, nil
}

// find is the action of a key; nil when it has none.
func (k *keymap) find(key string) *Action {
	if i, ok := k.byKey[key]; ok {
		return &k.actions[i]
	}
	return nil
}

func (k *keymap) action(id string) *Action { return &k.actions[k.byID[id]] }

// key is the first key of an action, for texts that mention it. An action that
// the user took every key from is reached through the palette.
func (k *keymap) key(id string) string {
	if keys := k.action(id).Keys; len(keys) > 0 {
		return keys[0]
	}
	return ":" + strings.ReplaceAll(id, "-", " ")
}

// nearest is a "did you mean" for a mistyped action.
func (k *keymap) nearest(id string) string {
	best, at := 3, ""
	for _, a := range k.actions {
		if d := distance(id, a.ID); d < best {
			best, at = d, a.ID
		}
	}
	if at == "" {
		return "; `ramble help keys` lists them"
	}
	return fmt.Sprintf("; did you mean %q?", at)
}

// distance is Levenshtein's: the fewest edits from a to b.
func distance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		diagonal := prev[0]
		prev[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = prev[j+1]
			prev[j+1] = min(prev[j+1]+1, prev[j]+1, cost)
		}
	}
	return prev[len(b)]
}

// checkKey says whether a key can be pressed and is free to be given away.
func checkKey(key string) error {
	name, modified := key, false
	for _, m := range []string{"ctrl+", "alt+", "shift+"} {
		if rest, ok := strings.CutPrefix(name, m); ok && rest != "" {
			name, modified = rest, true
		}
	}
	switch {
	case key == "ctrl+i" || key == "ctrl+m":
		return fmt.Errorf("%q is %s in most terminals; choose another key", key, either(key == "ctrl+i", "tab", "enter"))
	case !modified && strings.Contains(dialKeys, name) && name != "" && name != "#":
		return fmt.Errorf("%q dials; choose another key", key)
	case slices.Contains(namedKeys(), name):
		return nil
	case utf8.RuneCountInString(name) != 1 || name == " ":
		return fmt.Errorf("%q is no key; examples: a, A, ctrl+a, alt+a, f5, pgup, space", key)
	}
	return nil
}

// dialKeys start dialling when there is no call, and are tones in one.
const dialKeys = "0123456789*#+"

func namedKeys() []string {
	names := strings.Fields("enter tab space esc backspace delete insert up down left right home end pgup pgdown")
	for i := range 12 {
		names = append(names, fmt.Sprintf("f%d", i+1))
	}
	return names
}
