package lab

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// SIPpOptions say which side SIPp plays. Its scenarios are strict: what is not
// in them fails the call.
type SIPpOptions struct {
	Host     string         // empty: the callee
	Scenario string         // "uac" or "uas", as built into SIPp, or a file
	Remote   netip.AddrPort // whom to call; not for uas
	User     string         // in the Request-URI
	Args     []string
}

// SIPp starts one call of a scenario. Wait on it: exit code 0 is a pass.
func (l *Lab) SIPp(ctx context.Context, o SIPpOptions) (*Program, error) {
	if o.Host == "" {
		o.Host = Callee
	}
	scenario := []string{"-sf", o.Scenario}
	if o.Scenario == "uac" || o.Scenario == "uas" {
		scenario = []string{"-sn", o.Scenario}
	}
	ip := l.Host(o.Host).IPv4
	if o.Remote.Addr().Is6() {
		ip = l.Host(o.Host).IPv6
	}
	args := append(scenario, "-nostdin", "-timeout", "25s", "-timeout_error", "-m", "1", "-i", ip.String(), "-p", fmt.Sprint(SIPPort),
		"-mi", ip.String(), "-trace_err", "-trace_msg", "-trace_logs", "-log_file", "found.log", "-error_file", "errors.log", "-message_file", "messages.log")
	if o.User != "" {
		args = append(args, "-s", o.User)
	}
	args = append(args, o.Args...)
	if o.Remote.IsValid() {
		args = append(args, o.Remote.String())
	}
	p, err := l.Exec(o.Host, Command{Name: "sipp-" + strings.TrimSuffix(filepath.Base(o.Scenario), ".xml"), Path: "sipp", Args: args, Env: []string{"TERM=dumb"}})
	if err != nil || o.Remote.IsValid() {
		return p, err
	}
	return p, l.listening(ctx, p, o.Host, SIPPort)
}
