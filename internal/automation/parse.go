package automation

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
)

// request is a parsed line: a command, a snapshot, or why it is neither.
type request struct {
	id       string // "@ID" without the mark
	echo     string // the line as it may be shown: without the id, digits masked
	command  phone.Command
	snapshot bool
	trace    string // "on", "off"; empty: it is not about the trace
	err      error
}

// verb is one row of the command table.
type verb struct {
	name  string
	usage string
	build func(args []string) (phone.Command, error)
}

// errUsage is replaced by the row's usage.
var errUsage = errors.New("usage")

func verbs() []verb {
	return slices.Concat(callVerbs(), []verb{
		{"register", "register [ACCOUNT]", optional(func(a string) phone.Command { return phone.Register{Account: a} })},
		{"unregister", "unregister [ACCOUNT]", optional(func(a string) phone.Command { return phone.Unregister{Account: a} })},
		{"redial", "redial [CALL]", redial},
		{"audio", "audio list or audio use in|out NAME", sound},
		{"network-changed", "network-changed", alone(phone.NetworkSign{})},
		{"restart", "restart", alone(phone.Restart{})},
		{"quit", "quit", alone(phone.Quit{})},
	})
}

func callVerbs() []verb {
	return []verb{
		{"dial", "dial TARGET [ACCOUNT]", dial},
		{"answer", "answer [CALL]", oneCall(func(c phone.CallID) phone.Command { return phone.Answer{Call: c} })},
		{"decline", "decline [CALL] [CODE]", decline},
		{"hangup", "hangup [CALL] or hangup all", hangup},
		{"hold", "hold [CALL]", oneCall(func(c phone.CallID) phone.Command { return phone.HoldCall{Call: c} })},
		{"resume", "resume [CALL]", oneCall(func(c phone.CallID) phone.Command { return phone.ResumeCall{Call: c} })},
		{"swap", "swap", alone(phone.Swap{})},
		{"mute", "mute [CALL]", oneCall(func(c phone.CallID) phone.Command { return phone.Mute{Call: c} })},
		{"unmute", "unmute [CALL]", oneCall(func(c phone.CallID) phone.Command { return phone.Unmute{Call: c} })},
		{"dtmf", "dtmf CALL DIGITS", dtmf},
		{"refresh", "refresh CALL [reinvite|update]", refresh},
	}
}

// coming are the words of the contract that this version does not carry out.
func coming() []string {
	return []string{
		"redirect", "transfer", "attend", "conference", "split", "accept", "reject", "play", "record",
		"message", "subscribe", "unsubscribe", "dnd", "forward",
	}
}

func parse(line string) request {
	var r request
	line = strings.TrimSpace(line)
	if rest, found := strings.CutPrefix(line, "@"); found {
		r.id, line, _ = strings.Cut(rest, " ")
		r.id, line = clean.Text(r.id), strings.TrimSpace(line)
	}
	name, rest, _ := strings.Cut(line, " ")
	r.echo = echo(name, rest)
	switch {
	case name == "":
		r.err = errors.New("a command is missing after the mark")
		return r
	case slices.Contains(coming(), name):
		r.err = errors.New("not available in this version")
		return r
	}
	args, err := split(rest)
	if err != nil {
		r.err = err
		return r
	}
	if name == "snapshot" && len(args) == 0 {
		r.snapshot = true
		return r
	}
	if name == "trace" {
		if len(args) == 1 && (args[0] == "on" || args[0] == "off") {
			r.trace = args[0]
		} else {
			r.err = errors.New("usage: trace on|off")
		}
		return r
	}
	table := verbs()
	i := slices.IndexFunc(table, func(v verb) bool { return v.name == name })
	if i < 0 {
		r.err = errors.New("unknown command")
		return r
	}
	if r.command, r.err = table[i].build(args); errors.Is(r.err, errUsage) {
		r.err = errors.New("usage: " + table[i].usage)
	}
	return r
}

// split cuts a line into arguments at spaces. An argument in double quotes may
// hold spaces, and \" and \\ for themselves.
func split(s string) ([]string, error) {
	var args []string
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return args, nil
		}
		arg, rest := "", ""
		if s[0] == '"' {
			var err error
			if arg, rest, err = quoted(s[1:]); err != nil {
				return nil, err
			}
		} else if i := strings.IndexAny(s, " \t"); i >= 0 {
			arg, rest = s[:i], s[i:]
		} else {
			arg = s
		}
		if strings.IndexFunc(arg, unicode.IsControl) >= 0 {
			return nil, errors.New("control character in an argument")
		}
		args, s = append(args, arg), rest
	}
}

// quoted reads up to the closing quote.
func quoted(s string) (arg, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '"':
			rest = s[i+1:]
			if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
				return "", "", errors.New("text directly after a closing quote")
			}
			return b.String(), rest, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a double quote is open at the end of the line")
}

// echo is the line as an answer may show it. The digits of dtmf are masked; so
// is every digit of an unknown command, which may be a misspelt one.
func echo(name, rest string) string {
	rest = strings.TrimSpace(rest)
	known := name == "snapshot" || name == "trace" || slices.Contains(coming(), name) ||
		slices.ContainsFunc(verbs(), func(v verb) bool { return v.name == name })
	switch {
	case rest == "":
	case name == "dtmf":
		call, digits, both := strings.Cut(rest, " ")
		if both {
			rest = call + " " + mask(strings.TrimSpace(digits))
		} else {
			rest = mask(rest)
		}
	case !known:
		rest = mask(rest)
	}
	return clean.Text(strings.TrimSpace(name + " " + rest))
}

func mask(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' {
			return r
		}
		return '*'
	}, s)
}

func alone(c phone.Command) func([]string) (phone.Command, error) {
	return func(args []string) (phone.Command, error) {
		if len(args) > 0 {
			return nil, errUsage
		}
		return c, nil
	}
}

func oneCall(build func(phone.CallID) phone.Command) func([]string) (phone.Command, error) {
	return func(args []string) (phone.Command, error) {
		switch len(args) {
		case 0:
			return build(0), nil
		case 1:
			call, err := callID(args[0])
			return build(call), err
		}
		return nil, errUsage
	}
}

// redial takes the negative numbers of earlier runs too.
func redial(args []string) (phone.Command, error) {
	if len(args) != 1 || !strings.HasPrefix(args[0], "-") {
		return oneCall(func(c phone.CallID) phone.Command { return phone.Redial{Call: c} })(args)
	}
	call, err := callID(args[0][1:])
	return phone.Redial{Call: -call}, err
}

func optional(build func(string) phone.Command) func([]string) (phone.Command, error) {
	return func(args []string) (phone.Command, error) {
		switch len(args) {
		case 0:
			return build(""), nil
		case 1:
			return build(args[0]), nil
		}
		return nil, errUsage
	}
}

func dial(args []string) (phone.Command, error) {
	switch {
	case len(args) == 1 && args[0] != "":
		return phone.Dial{Target: args[0]}, nil
	case len(args) == 2 && args[0] != "":
		return phone.Dial{Target: args[0], Account: args[1]}, nil
	}
	return nil, errUsage
}

func decline(args []string) (phone.Command, error) {
	var c phone.Decline
	var err error
	if len(args) > 2 {
		return nil, errUsage
	}
	if len(args) > 0 {
		if c.Call, err = callID(args[0]); err != nil {
			return nil, err
		}
	}
	if len(args) == 2 {
		if c.Code, err = strconv.Atoi(args[1]); err != nil || c.Code < 400 || c.Code > 699 {
			return nil, errors.New("CODE is a SIP status from 400 to 699")
		}
	}
	return c, nil
}

func hangup(args []string) (phone.Command, error) {
	if len(args) == 1 && args[0] == "all" {
		return phone.HangupAll{}, nil
	}
	return oneCall(func(c phone.CallID) phone.Command { return phone.Hangup{Call: c} })(args)
}

func sound(args []string) (phone.Command, error) {
	switch {
	case len(args) == 1 && args[0] == "list":
		return phone.ListAudio{}, nil
	case len(args) == 3 && args[0] == "use" && (args[1] == "in" || args[1] == "out") && args[2] != "":
		return phone.UseAudio{Output: args[1] == "out", Name: args[2]}, nil
	}
	return nil, errUsage
}

func dtmf(args []string) (phone.Command, error) {
	if len(args) != 2 || args[1] == "" {
		return nil, errUsage
	}
	call, err := callID(args[0])
	if err != nil {
		return nil, err
	}
	digits := strings.ToUpper(args[1])
	if strings.ContainsFunc(digits, notDigit) {
		return nil, errors.New("DIGITS are 0-9 * # A-D, and a comma for a pause of one second")
	}
	return phone.SendDTMF{Call: call, Digits: digits}, nil
}

func notDigit(r rune) bool { return !strings.ContainsRune("0123456789*#ABCD,", r) }

func refresh(args []string) (phone.Command, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errUsage
	}
	call, err := callID(args[0])
	if err != nil {
		return nil, err
	}
	switch {
	case len(args) == 1, args[1] == "reinvite":
		return phone.Refresh{Call: call}, nil
	case args[1] == "update":
		return phone.Refresh{Call: call, Update: true}, nil
	}
	return nil, errUsage
}

func callID(s string) (phone.CallID, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no call number", clean.Text(s))
	}
	return phone.CallID(n), nil
}
