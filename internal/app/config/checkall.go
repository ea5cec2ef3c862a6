package config

import (
	"fmt"
	"io"
	"os"
	"slices"
)

// Validate checks what no single key can know: names that clash, values that
// contradict each other. Load has done it; call it again after Set.
func (c *Config) Validate() error { return c.check().orNil() }

func (c *Config) check() Problems {
	var out Problems
	if len(c.Accounts) == 0 {
		out = append(out, Problem{File: c.file, Key: "account", Text: "no account", Hint: "add [[account]] with uri = \"sip:you@your.provider\""})
	}
	for i := range c.Accounts {
		out = append(out, c.checkAccount(i)...)
	}
	if !slices.ContainsFunc(c.Accounts, func(a Account) bool { return a.Enabled }) && len(c.Accounts) > 0 {
		out = append(out, c.problem("account[0].enabled", "every account is switched off", "set enabled = true for one of them"))
	}
	if c.Roaming.SettleMax < c.Roaming.Settle {
		out = append(out, c.problem("network.roaming.settle_max", "shorter than settle",
			fmt.Sprintf("write at least %q", shortDuration(c.Roaming.Settle))))
	}
	if p := c.Network.SIPPort; p != 0 && p >= c.Network.RTPPorts.Low && p <= c.Network.RTPPorts.High {
		out = append(out, c.problem("network.sip_port", "lies within rtp_ports", "choose one outside, 5060 for example"))
	}
	if pairs := (int(c.Network.RTPPorts.High) - (int(c.Network.RTPPorts.Low)+1)&^1 + 1) / 2; c.Calls.MaxCalls > pairs && c.Calls.MaxCalls > Default().Calls.MaxCalls {
		out = append(out, c.problem("calls.max_calls", fmt.Sprintf("rtp_ports has room for %d calls, two ports each", pairs),
			"widen rtp_ports in [network], or write a smaller number"))
	}
	if c.Audio.JitterBuffer.Max < c.Audio.Frame {
		out = append(out, c.problem("audio.jitter_buffer", "its maximum is shorter than one frame",
			fmt.Sprintf("write at least %q as maximum", shortDuration(c.Audio.Frame))))
	}
	return out
}

func (c *Config) checkAccount(i int) Problems {
	var out Problems
	a := &c.Accounts[i]
	at := func(name string) string { return fmt.Sprintf("account[%d].%s", i, name) }
	if a.URI == (Address{}) {
		p := c.problem(at("uri"), "missing", `write your address like uri = "sip:alice@example.com"`)
		if p.Line == 0 {
			p.Line = c.origin[at("name")].line
		}
		return Problems{p}
	}
	if a.Name == "" {
		a.Name = a.URI.User + "@" + a.URI.Host
	}
	for j := range i {
		if c.Accounts[j].Name == a.Name {
			out = append(out, c.problem(at("name"), fmt.Sprintf("two accounts are called %q", a.Name), "give this one another name"))
		}
	}
	out = append(out, c.checkTLS(a, at)...)
	if n := len(a.Password.sources); n > 1 {
		last := a.Password.sources[n-1].key
		out = append(out, c.problem(at(last), fmt.Sprintf("the password is given twice, by %s and %s", a.Password.sources[0].key, last),
			"keep exactly one of them"))
	}
	return out
}

// SaidTransport is what the account says about its transport, and with which
// key: transport has the last word, then the first server on the way.
func (a *Account) SaidTransport() (t Transport, key string) {
	for _, s := range []struct {
		t   Transport
		key string
	}{{a.Transport, "transport"}, {a.Proxy.Transport, "proxy"}, {a.Registrar.Transport, "registrar"}} {
		if s.t != TransportAuto && s.t != "" {
			return s.t, s.key
		}
	}
	return TransportAuto, "transport"
}

// checkTLS finds what says TLS and no TLS at once.
func (c *Config) checkTLS(a *Account, at func(string) string) (out Problems) {
	t, key := a.SaidTransport()
	if t == TransportAuto || t == TransportTLS {
		return nil
	}
	const hint = `write transport = "tls"`
	if a.URI.Secure || a.Proxy.Secure || a.Registrar.Secure {
		out = append(out, c.problem(at(key), fmt.Sprintf("%q contradicts sips:, which is TLS or nothing", t), hint))
	}
	if a.TLSCA != "" {
		out = append(out, c.problem(at("tls_ca"), fmt.Sprintf("does nothing with transport %q", t), hint))
	}
	if !a.TLSVerify {
		out = append(out, c.problem(at("tls_verify"), fmt.Sprintf("does nothing with transport %q", t), hint))
	}
	return out
}

// ReadTLSCA returns what the file of tls_ca holds, nil where there is none.
func (a *Account) ReadTLSCA(getenv func(string) string) ([]byte, error) {
	if a.TLSCA == "" {
		return nil, nil
	}
	f, err := os.Open(expandHome(a.TLSCA, getenv))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Complain returns an error about a key at its place in the file, for those
// who know more about a value than this package does.
func (c *Config) Complain(key, text, hint string) error { return Problems{c.problem(key, text, hint)} }

func (c *Config) problem(key, text, hint string) Problem {
	o := c.origin[key]
	if o.source != "" {
		return Problem{Key: key + " (" + o.source + ")", Text: text, Hint: hint}
	}
	return Problem{File: c.file, Line: o.line, Key: key, Text: text, Hint: hint}
}
