package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"ramble/internal/app/config"
)

// answers are what a person said about an account.
type answers struct {
	address   string // user@domain; sips: before it where TLS is a must
	keep      string // keepInFile, keepCommand, keepNowhere
	password  string // with keepInFile and keepNowhere
	command   string // with keepCommand
	authUser  string // empty: the user of the address
	server    string // host[:port], empty: the domain of the address
	transport string // empty: as the phone chooses
}

// Where the password comes from, as the keys of the question.
const (
	keepInFile  = "f"
	keepCommand = "c"
	keepNowhere = "a"
)

// text is the configuration file. With shown, the password is left out.
func (a answers) text(shown bool) string {
	var b strings.Builder
	b.WriteString("# Written by `ramble setup`. `ramble config example` explains every key.\n\n[[account]]\n")
	set := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, value)
		}
	}
	quoted := func(s string) string {
		if s == "" {
			return ""
		}
		return strconv.Quote(s)
	}
	set("uri", quoted(uri(a.address)))
	set("auth_user", quoted(a.authUser))
	switch a.keep {
	case keepInFile:
		value := strconv.Quote(a.password)
		if shown {
			value = `"(not shown here)"`
		}
		set("password", value)
	case keepCommand:
		set("password_command", quoted(a.command))
	default:
		b.WriteString("# no password: it is asked for at every start\n")
	}
	if a.server != "" {
		set("registrar", quoted(uri(a.server)))
	}
	set("transport", quoted(a.transport))
	return b.String()
}

// config is what the phone makes of the answers.
func (a answers) config(path string) (*config.Config, error) {
	return config.Parse(path, []byte(a.text(false)))
}

// wrongAddress says what is wrong with an address, empty when nothing is.
func wrongAddress(s string) string { return answers{}.complaint("uri", uri(s)) }

// uri is an address or a server with its scheme: "sip:" where none was said.
func uri(s string) string {
	for _, scheme := range []string{"sip:", "sips:"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return s
		}
	}
	return "sip:" + s
}

// complaint says what is wrong with the value of one more key of the account,
// in the words of the configuration; empty when nothing is.
func (a answers) complaint(key, value string) string {
	if !typed(value) {
		return "It holds characters that cannot be typed."
	}
	doc := fmt.Sprintf("[[account]]\n%s = %s\n", key, strconv.Quote(value))
	if key != "uri" {
		doc += fmt.Sprintf("uri = %s\n", strconv.Quote(uri(a.address)))
	}
	_, err := config.Parse("", []byte(doc))
	if err == nil {
		return ""
	}
	problems, ok := errors.AsType[config.Problems](err)
	if !ok || len(problems) == 0 {
		return err.Error()
	}
	p := problems[0]
	if p.Hint == "" {
		return p.Text
	}
	return p.Text + ": " + p.Hint
}

// typed says that a text can stand in the file: no control characters, which a
// slip of the clipboard brings along, and no broken encoding.
func typed(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) })
}

// bare is an address as people paste it, without what does not belong to it:
// sip:, sip://, <...>, a name before it, parameters after it.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if _, inner, ok := strings.Cut(s, "<"); ok {
		s, _, _ = strings.Cut(inner, ">")
	}
	for _, scheme := range []string{"sip:", "mailto:"} {
		if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			s = s[len(scheme):]
			break
		}
	}
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "//"), ";")
	return strings.TrimSpace(s)
}

// meant is the address that was probably meant by one that is none: empty
// where that is anybody's guess.
func meant(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, " at ", "@")), "")
	at := strings.LastIndex(s, "@")
	if at < 0 {
		return ""
	}
	user, host := strings.TrimRight(s[:at], "@"), s[at+1:]
	host = strings.NewReplacer(",", ".", "..", ".", "/", "", "_at_", "").Replace(host)
	host = strings.Trim(host, ".;>\"'")
	if guess := strings.Trim(user, "<\"'") + "@" + host; wrongAddress(guess) == "" {
		return guess
	}
	return ""
}
