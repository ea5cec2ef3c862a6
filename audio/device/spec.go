package device

import (
	"errors"
	"fmt"
	"strings"
)

// option is one key=value of a name.
type option struct{ key, value string }

// parse takes a name apart: what stands before the colon, and the options
// behind it in their order. The grammar stands in the package's comment.
func parse(spec string) (kind string, options []option, err error) {
	kind, rest, more := strings.Cut(spec, ":")
	for more {
		var o option
		var found bool
		if o.key, rest, found = strings.Cut(rest, "="); !found {
			return "", nil, fmt.Errorf("option %q has no value: write %s:key=value,key=value", o.key, kind)
		}
		o.key = strings.TrimSpace(o.key)
		if o.value, rest, more, err = value(rest); err != nil {
			return "", nil, fmt.Errorf("option %s: %w", o.key, err)
		}
		options = append(options, o)
	}
	return kind, options, nil
}

// value reads the value at the head of s, and reports whether an option
// follows in rest.
func value(s string) (v, rest string, more bool, err error) {
	if !strings.HasPrefix(s, `"`) {
		v, rest, more = strings.Cut(s, ",")
		return v, rest, more, nil
	}
	var b strings.Builder
	for s = s[1:]; ; s = s[1:] {
		before, after, closed := strings.Cut(s, `"`)
		if !closed {
			return "", "", false, errors.New("the closing quote is missing")
		}
		b.WriteString(before)
		s = after
		if !strings.HasPrefix(s, `"`) {
			break
		}
		b.WriteByte('"')
	}
	if s == "" {
		return b.String(), "", false, nil
	}
	if s[0] != ',' {
		return "", "", false, fmt.Errorf("%q follows the closing quote where a comma belongs", s)
	}
	return b.String(), s[1:], true, nil
}

// Quote writes a path so that it can stand as a value in a name.
func Quote(path string) string {
	if strings.Contains(path, ",") || strings.HasPrefix(path, `"`) {
		return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
	}
	return path
}
