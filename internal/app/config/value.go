package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// key is one row of a table: how a value is read into a T and shown again.
// T is Config or Account.
type key[T any] struct {
	name string
	read func(*T, any) error
	show func(*T) string // as it would stand in the file
}

// field builds a key from the place of its value and the two directions.
func field[T, V any](name string, at func(*T) *V, read func(any) (V, error), show func(V) string) key[T] {
	return key[T]{
		name: name,
		read: func(t *T, raw any) error {
			v, err := read(raw)
			if err == nil {
				*at(t) = v
			}
			return err
		},
		show: func(t *T) string { return show(*at(t)) },
	}
}

func text[T any](name string, at func(*T) *string) key[T] {
	return field(name, at, asText, strconv.Quote)
}

func truth[T any](name string, at func(*T) *bool) key[T] {
	return field(name, at, asTruth, strconv.FormatBool)
}

// word is a key with a closed set of values. later are values that a coming
// version will know.
func word[T any, E ~string](name string, at func(*T) *E, now []E, later ...E) key[T] {
	read := func(raw any) (E, error) {
		s, err := asText(raw)
		if err != nil {
			return "", err
		}
		return oneOf(E(s), now, later)
	}
	return field(name, at, read, func(v E) string { return strconv.Quote(string(v)) })
}

func words[T any](name string, at func(*T) *[]string, check func(string) error) key[T] {
	read := func(raw any) ([]string, error) {
		list, err := asTexts(raw)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			if err := check(s); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return field(name, at, read, showTexts)
}

// span is a duration within bounds; zero says that 0 ("off") is allowed too.
func span[T any](name string, at func(*T) *time.Duration, low, high time.Duration, zero bool) key[T] {
	read := func(raw any) (time.Duration, error) {
		d, err := asDuration(raw)
		switch {
		case err != nil:
			return 0, err
		case d == 0 && zero, low <= d && d <= high:
			return d, nil
		}
		off := ""
		if zero {
			off = `, or "0s" for off`
		}
		return 0, wrongf(fmt.Sprintf("write a duration from %v to %v%s", low, high, off), "%v is out of range", d)
	}
	return field(name, at, read, showDuration)
}

func oneOf[E ~string](v E, now, later []E) (E, error) {
	switch {
	case slices.Contains(now, v):
		return v, nil
	case slices.Contains(later, v):
		return "", wrongf("write "+list(now), "%q is not available yet in this version", v)
	}
	known := make([]string, len(now))
	for i, n := range now {
		known[i] = string(n)
	}
	if near := nearest(string(v), known); near != "" {
		return "", wrongf(fmt.Sprintf("did you mean %q? Known: %s", near, list(now)), "unknown value %q", v)
	}
	return "", wrongf("write "+list(now), "unknown value %q", v)
}

// list is `"a", "b" or "c"`.
func list[E ~string](words []E) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(string(w)))
	}
	return b.String()
}

func showTexts(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// showDuration is the shortest way to write d that reads back the same:
// "1h", not "1h0m0s".
func showDuration(d time.Duration) string { return strconv.Quote(shortDuration(d)) }

func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func showDurations(ds []time.Duration) string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = shortDuration(d)
	}
	return showTexts(out)
}

func showAllow(a Allow) string {
	out := []string{}
	if a.Any {
		out = append(out, "any")
	}
	for _, p := range a.Prefixes {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	return showTexts(out)
}

func showSize(n int64) string {
	switch {
	case n%1e9 == 0:
		return fmt.Sprintf(`"%dGB"`, n/1e9)
	case n%1e6 == 0:
		return fmt.Sprintf(`"%dMB"`, n/1e6)
	}
	return fmt.Sprintf(`"%dKB"`, n/1e3)
}
