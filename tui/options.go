package tui

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
)

// Options configure the interface. They are many because they are the [ui]
// table, one by one. Only Doer and Updates are needed; the zero
// value of everything else is useful. Words are those of the [ui] table of the
// configuration file.
type Options struct {
	Doer    phone.Doer          // carries out what the user asks for
	Updates <-chan phone.Update // latest state and notices; closed when the engine is gone
	Guard   *safego.Guard       // for the interface's own goroutines; may be nil
	Log     *slog.Logger        // nil: nothing is logged

	Version string // shown in the help
	Title   string // stands after the program's name: "demo"
	Banner  string // a standing remark: "demo: nothing leaves this machine"
	Extra   []Action

	Looks
	Confirm string              // whether q asks: "in-call", "always", "never"
	Keys    map[string][]string // [ui.keys]: action to keys
	Refresh int                 // engine updates drawn per second at most; 0: 10
	Mouse   bool                // clicks and the wheel are the phone's, not the terminal's
	NoBell  bool                // no BEL at an incoming call
	Terminal
}

// Looks are how the screen looks, see Check.
type Looks struct {
	Theme   string // "auto", "dark", "light", "mono", "high-contrast"
	ASCII   string // "auto" (locale is not UTF-8, TERM=linux), "on", "off"
	Motion  string // "auto" (RAMBLE_REDUCE_MOTION), "on", "off": numbers instead of meters
	Layout  string // "auto", "wide", "stacked", "focus"
	Time    string // "24h", "12h"
	NoColor bool   // also set by NO_COLOR with any value
}

// Terminal is where the interface runs; the zero value is the process's own.
type Terminal struct {
	Environ []string         // nil: os.Environ()
	Input   io.Reader        // nil: standard input
	Output  io.Writer        // nil: standard output
	Size    [2]int           // columns and rows where Output is no terminal
	Now     func() time.Time // nil: time.Now
}

// settings are Options made definite: nothing in them is "auto" any more.
type settings struct {
	Options
	ctx       context.Context
	keys      *keymap
	time      timeFormat
	theme     string
	ascii     bool
	motion    bool
	interval  time.Duration // between two drawn updates
	userTheme bool          // the theme was named: do not ask the terminal
}

// Check says what is wrong with the words in o.
func (o Options) Check() error {
	if err := checkTheme(o.Theme); err != nil {
		return err
	}
	for _, w := range []struct {
		name, value string
		known       []string
	}{
		{"ascii", o.ASCII, []string{"auto", "on", "off"}},
		{"motion", o.Motion, []string{"auto", "on", "off"}},
		{"layout", o.Layout, []string{"auto", "wide", "stacked", "focus"}},
		{"time", o.Time, []string{"24h", "12h"}},
		{"confirm_quit", o.Confirm, []string{"in-call", "always", "never"}},
	} {
		if w.value != "" && !slices.Contains(w.known, w.value) {
			return fmt.Errorf("%s %q is unknown; there are %s", w.name, w.value, strings.Join(w.known, ", "))
		}
	}
	_, err := newKeymap(o.Extra, o.Keys)
	return err
}

func (o Options) settle(ctx context.Context) (settings, error) {
	if err := o.Check(); err != nil {
		return settings{}, err
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Refresh <= 0 {
		o.Refresh = 10
	}
	// The convention says any non-empty value; the colour library parses it
	// as a boolean and ignores NO_COLOR=yes.
	o.NoColor = o.NoColor || env(o.Environ, "NO_COLOR") != ""
	s := settings{
		Options:   o,
		ctx:       ctx,
		time:      newTimeFormat(o.Time),
		theme:     o.Theme,
		ascii:     o.ASCII == "on" || o.ASCII != "off" && !speaksUTF8(o.Environ),
		motion:    o.Motion == "on" || o.Motion != "off" && env(o.Environ, "RAMBLE_REDUCE_MOTION") == "",
		interval:  time.Second / time.Duration(o.Refresh),
		userTheme: o.Theme != "" && o.Theme != "auto",
	}
	if s.NoColor && s.theme != "high-contrast" {
		// Without colours a badge must stand out by other means.
		s.theme, s.userTheme = "mono", true
	}
	var err error
	s.keys, err = newKeymap(o.Extra, o.Keys)
	return s, err
}

// speaksUTF8 says whether box drawing and marks would reach the reader. The
// Linux console speaks UTF-8 but has no such glyphs in its font.
func speaksUTF8(environ []string) bool {
	if env(environ, "TERM") == "linux" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(environ, name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	// No locale at all: the terminals of macOS and Windows speak UTF-8 all the same.
	return runtime.GOOS != "linux"
}

func env(environ []string, name string) string {
	for _, kv := range slices.Backward(environ) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}
