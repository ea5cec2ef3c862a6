package config

import (
	"log/slog"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// The readers take a value as the TOML decoder gives it (string, bool, int64,
// float64, []any, map[string]any, a date) and return it in its proper type, or
// a *wrong.

func asText(raw any) (string, error) {
	s, ok := raw.(string)
	if !ok {
		return "", wrongf(`write it in double quotes`, "%s where text is expected", kind(raw))
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return "", wrongf("remove it", "control character in the text")
	}
	return s, nil
}

func asTruth(raw any) (bool, error) {
	switch v := raw.(type) {
	case bool:
		return v, nil
	case string:
		return false, wrongf("without quotes", "write true or false, not %q", v)
	}
	return false, wrongf("", "write true or false, not %s", kind(raw))
}

func asTexts(raw any) ([]string, error) {
	items, ok := raw.([]any)
	if !ok {
		return nil, wrongf(`write ["one", "two"]`, "%s where a list is expected", kind(raw))
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, err := asText(item)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func asDuration(raw any) (time.Duration, error) {
	const hint = `durations are text with a unit: "300ms", "25s", "1h"`
	s, ok := raw.(string)
	if !ok {
		return 0, wrongf(hint, "%s where a duration is expected", kind(raw))
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, wrongf(hint, "%q is no duration", s)
	case d < 0:
		return 0, wrongf(hint, "%q is negative", s)
	}
	return d, nil
}

func asPort(raw any) (uint16, error) {
	n, ok := raw.(int64)
	if !ok {
		return 0, wrongf("a number without quotes, 0 for any free port", "%s where a port is expected", kind(raw))
	}
	if n < 0 || n > 65535 {
		return 0, wrongf("ports go from 1 to 65535, 0 is any free port", "port %d does not exist", n)
	}
	return uint16(n), nil
}

func asPorts(raw any) (PortRange, error) {
	const hint = `write "10000-20000": two ports of at least 1024, at least 8 apart`
	s, ok := raw.(string)
	if !ok {
		return PortRange{}, wrongf(hint, "%s where a range of ports is expected", kind(raw))
	}
	a, b, _ := strings.Cut(s, "-")
	low, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
	high, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
	if err1 != nil || err2 != nil || low < 1024 || high < low+8 {
		return PortRange{}, wrongf(hint, "%q is no usable range of ports", s)
	}
	return PortRange{uint16(low), uint16(high)}, nil
}

func asDelays(raw any) (DelayRange, error) {
	const hint = `write "20ms-200ms": minimum and maximum, at most 2s`
	s, ok := raw.(string)
	if !ok {
		return DelayRange{}, wrongf(hint, "%s where a range of durations is expected", kind(raw))
	}
	a, b, _ := strings.Cut(s, "-")
	low, err1 := time.ParseDuration(strings.TrimSpace(a))
	high, err2 := time.ParseDuration(strings.TrimSpace(b))
	if err1 != nil || err2 != nil || low < 0 || high < low || high == 0 || high > 2*time.Second {
		return DelayRange{}, wrongf(hint, "%q is no usable range", s)
	}
	return DelayRange{low, high}, nil
}

// asHistory reads a count of calls that one may look through.
func asHistory(raw any) (int, error) {
	const most = 10000
	n, ok := raw.(int64)
	if !ok || n < 0 || n > most {
		return 0, wrongf("write a number from 1 to 10000 without quotes, 0 to keep none on disk", "no count of calls to keep")
	}
	return int(n), nil
}

// asMaxCalls reads how many calls there may be at once.
func asMaxCalls(raw any) (int, error) {
	const most = 1000
	n, ok := raw.(int64)
	if !ok || n < 1 || n > most {
		return 0, wrongf("write a number from 1 to 1000 without quotes", "no count of calls that one phone can have")
	}
	return int(n), nil
}

func asRate(raw any) (int, error) {
	const hint = `write "10/s": 1 to 60 a second`
	s, ok := raw.(string)
	if !ok {
		return 0, wrongf(hint, "%s where a rate is expected", kind(raw))
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "/s"))
	if err != nil || !strings.HasSuffix(s, "/s") || n < 1 || n > 60 {
		return 0, wrongf(hint, "%q is no usable rate", s)
	}
	return n, nil
}

func asSize(raw any) (int64, error) {
	const hint = `write "10MB": 100KB to 1GB`
	s, ok := raw.(string)
	if !ok {
		return 0, wrongf(hint, "%s where a size is expected", kind(raw))
	}
	for _, unit := range []struct {
		name string
		size int64
	}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}} {
		digits, found := strings.CutSuffix(s, unit.name)
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if found && err == nil && n*unit.size >= 1e5 && n*unit.size <= 1e9 {
			return n * unit.size, nil
		}
	}
	return 0, wrongf(hint, "%q is no usable size", s)
}

func asLevel(raw any) (slog.Level, error) {
	s, err := asText(raw)
	if err != nil {
		return 0, err
	}
	s, err = oneOf(s, []string{"error", "warn", "info", "debug"}, nil)
	if err != nil {
		return 0, err
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(s))
}

func asAllow(raw any) (Allow, error) {
	const hint = `write addresses or networks, like "192.0.2.7" or "10.0.0.0/8", or "any" for everybody`
	items, err := asTexts(raw)
	if err != nil {
		return Allow{}, err
	}
	var allow Allow
	for _, s := range items {
		if s == "any" {
			allow.Any = true
			continue
		}
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return Allow{}, wrongf(hint, "%q is no address", s)
			}
			prefix = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
		}
		allow.Prefixes = append(allow.Prefixes, prefix.Masked())
	}
	return allow, nil
}

func asDurations(raw any) ([]time.Duration, error) {
	items, ok := raw.([]any)
	if !ok || len(items) == 0 || len(items) > 32 {
		return nil, wrongf(`write ["0s", "500ms", "1s"]: the pause before each try, up to 32`, "%s where a list of durations is expected", kind(raw))
	}
	out := make([]time.Duration, 0, len(items))
	for _, item := range items {
		d, err := asDuration(item)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func pattern(s string) error {
	if _, err := path.Match(s, ""); err != nil || s == "" {
		return wrongf(`* stands for anything, ? for one character: "docker*"`, "%q is no pattern", s)
	}
	return nil
}

func nonEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return wrongf("remove it from the list", "empty text in the list")
	}
	return nil
}

// kind names the TOML type of a value for a person.
func kind(raw any) string {
	switch raw.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a number"
	case float64:
		return "a number with a point"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}
