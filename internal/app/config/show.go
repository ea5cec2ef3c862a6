package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// Setting is one effective value and where it came from.
type Setting struct {
	Key    string // "network.poll", "account[0].uri"
	Value  string // as it would stand in the file; passwords are never shown
	Origin string // "default", "line 12", "RAMBLE_ASCII", "--audio"
}

// Show returns every effective setting in the order of the example.
func (c *Config) Show() []Setting {
	var out []Setting
	for i := range c.Accounts {
		for _, k := range accountKeys() {
			path := fmt.Sprintf("account[%d].%s", i, k.name)
			if v := k.show(&c.Accounts[i]); v != "" {
				out = append(out, Setting{path, v, c.originOf(path)})
			}
		}
	}
	for _, k := range keys() {
		out = append(out, Setting{k.name, k.show(c), c.originOf(k.name)})
	}
	return out
}

func (c *Config) originOf(key string) string {
	o, set := c.origin[key]
	switch {
	case !set:
		return "default"
	case o.source != "":
		return o.source
	}
	return "line " + strconv.Itoa(o.line)
}

// Set overrides one key outside [[account]] with text from a flag or the
// environment; source names it in messages and in Show.
func (c *Config) Set(key, value, source string) error {
	k, found := find(keys(), key)
	if !found {
		return fmt.Errorf("config: no key %q to set from %s", key, source)
	}
	if c.origin == nil {
		c.origin = map[string]origin{}
	}
	if err := k.read(c, value); err != nil {
		p := Problem{Key: source, Text: err.Error()}
		if w, ok := errors.AsType[*wrong](err); ok {
			p.Hint = w.hint
		}
		return Problems{p}
	}
	c.origin[key] = origin{source: source}
	return nil
}

// Environment applies the variables that override the file: RAMBLE_PASSWORD
// (the first account), RAMBLE_LOG_LEVEL, RAMBLE_ASCII, RAMBLE_REDUCE_MOTION.
func (c *Config) Environment(getenv func(string) string) error {
	if v := getenv("RAMBLE_PASSWORD"); v != "" && len(c.Accounts) > 0 {
		c.Accounts[0].Password = Password{sources: []passwordSource{{"RAMBLE_PASSWORD", fromText, v}}}
	}
	if v := getenv("RAMBLE_LOG_LEVEL"); v != "" {
		if err := c.Set("log.level", strings.ToLower(v), "RAMBLE_LOG_LEVEL"); err != nil {
			return err
		}
	}
	if v := getenv("RAMBLE_ASCII"); v != "" {
		if err := c.Set("ui.ascii", onOff(v), "RAMBLE_ASCII"); err != nil {
			return err
		}
	}
	if v := getenv("RAMBLE_REDUCE_MOTION"); v != "" && onOff(v) == "on" {
		return c.Set("ui.motion", "off", "RAMBLE_REDUCE_MOTION")
	}
	return nil
}

// onOff takes the ways in which people say yes and no in the environment.
func onOff(v string) string {
	switch strings.ToLower(v) {
	case "1", "true", "yes":
		return "on"
	case "0", "false", "no":
		return "off"
	}
	return strings.ToLower(v)
}

func logLevel(c *Config) *slog.Level { return &c.Log.Level }

func showLevel(l slog.Level) string { return strconv.Quote(strings.ToLower(l.String())) }
