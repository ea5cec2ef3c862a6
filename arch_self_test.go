package main

import (
	"fmt"
	"strings"
	"testing"
)

// Sealed sums for the samples.
const (
	sumOfTwo   = "package clean\ntype s interface{ sealed() }\ntype a struct{}\nfunc (a) sealed() {}\ntype b struct{}\nfunc (*b) sealed() {}\n"
	sumOfThree = sumOfTwo + "type c struct{}\nfunc (c) sealed() {}\n"
	colours    = "package clean\ntype colour int\nconst (\n red colour = iota\n green\n blue\n)\n"
)

// TestRules shows each rule passing a good file and catching a bad one. A rule
// that can no longer fail guards nothing.
func TestRules(t *testing.T) {
	long := func(n int) string { return strings.Repeat("\tx++\n", n) }
	tests := []struct {
		rule, dir, name string
		good, bad       string
	}{
		{"rooms import only what the plan allows", "tui", "a.go",
			`package tui; import ("fmt"; "ramble/internal/leaf/phone"; "ramble/internal/leaf/clean")`,
			`package tui; import "ramble/sip"`},
		{"rooms import only what the plan allows", "internal/engine", "a.go",
			`package engine; import "ramble/audio/desk"`,
			`package engine; import "ramble/tui"`},
		{"each dependency is known to its own rooms only", "sip", "a.go",
			`package sip; import "github.com/emiago/sipgo/sip"`,
			`package sip; import "github.com/pion/rtp"`},
		{"each dependency is known to its own rooms only", "tui", "a.go",
			`package tui; import tea "charm.land/bubbletea/v2"`,
			`package tui; import "example.com/unheard/of"`},
		{"cgo lives in the sound devices and codecs only", "sip", "a.go",
			`package sip`,
			`package sip; import "C"`},
		{"the vocabulary uses the standard library and no more", "internal/leaf/phone", "a.go",
			`package phone; import "net/netip"`,
			`package phone; import "ramble/internal/leaf/clean"`},
		{"the product stands without its test houses", "internal/app/cli", "a.go",
			`package cli; import "ramble/internal/app/ground"`,
			`package cli; import "ramble/internal/proof/lab"`},
		{"what only tests call is not in the program", "internal/leaf/clean", "a.go",
			`package clean; type t struct{}; func (t) String() string { return "" }; func a() { b(t{}) }; var _ = a; func b(t) {}`,
			`package clean; func Pleasant() {}`},
		{"rooms may know no more than they do", "internal/leaf/stun", "a.go",
			`package stun; import "github.com/pion/stun/v3"`,
			`package stun; import "net"`},
		{"rooms that decide hold no sentence", "internal/engine/roam", "a.go",
			`package roam; var e = errors.New("no such epoch"); func (How) String() string { return "INVITE with Replaces" }`,
			`package roam; func f(m *Machine) { m.say("no audio for a while, r registers again") }`},
		{"rooms that decide hold no sentence", "internal/engine", "a.go",
			`package engine; func f(e *Engine) { e.parts.Log.Warn("the ledger is not written"); e.job("open media", 5, g); e.say(Warn, News{Kind: Unlisted}) }`,
			`package engine; func f(e *Engine) { e.say(Warn, "the history is not written") }`},
		{"rooms that decide hold no sentence", "internal/engine", "a.go",
			`package engine; func f() error { return &sdp.Error{Code: 488, Text: "no such host"} }`,
			`package engine; func f() error { return &phone.Error{Code: 3, Text: "no such call"} }`},
		{"rooms that decide hold no sentence", "internal/history", "a.go",
			`package history; const Killed = "killed"`,
			`package history; const Killed = "the phone was killed"`},
		{"rooms that decide hold no sentence", "internal/leaf/phone", "a.go",
			`package phone; type Said struct { Level Level; News }`,
			`package phone; func (c Code) Hint() string { return "check the number" }`},
		{"rooms that decide hold no sentence", "sip/sdp", "a.go",
			`package sdp; const line = "a=rtpmap:0 PCMU/8000"`,
			`package sdp; const hint = "Allow more codecs"`},
		{"structs have at most 15 fields", "internal/leaf/clean", "a.go",
			`package clean; type t struct { a, b, c, d, e, f, g, h, i, j, k, l, m, n int; io.Reader }`,
			`package clean; type t struct { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o int; io.Reader }`},
		{"sockets are opened in one room", "internal/automation", "a.go",
			`package automation; func f(l net.Listener) (net.Addr, *net.UDPAddr) { return l.Addr(), net.UDPAddrFromAddrPort(x) }`,
			`package automation; func f() { net.ListenUDP("udp", nil) }`},
		{"sockets are opened in one room", "tui", "a.go",
			`package tui`,
			`package tui; func f() { d := net.Dialer{}; _ = d }`},
		{"there is no lock in the engine", "internal/engine/roam", "a.go",
			`package roam; func f(g *sync.WaitGroup) { sync.OnceFunc(nil) }`,
			`package roam; type t struct { mu sync.Mutex }`},
		{"there is no lock in the engine", "internal/engine/roam", "a.go",
			`package roam`,
			`package roam; type t struct { up atomic.Bool }`},
		{"a switch over a sealed sum is whole, or says why", "internal/leaf/clean", "a.go",
			sumOfTwo + "func f(x s) {\n switch x.(type) {\n case a:\n case *b, nil:\n }\n switch x.(type) {\n case a:\n default: // b is never here\n }\n}",
			sumOfThree + "func f(x s) {\n switch x.(type) {\n case a:\n case *b:\n default:\n }\n}"},
		{"a switch over a sealed sum is whole, or says why", "internal/leaf/clean", "a.go",
			colours + "func f(x colour) { switch x { case red: case green: case blue: }; switch { case x == red: }; switch x { case red: } }",
			colours + "func f(x colour) { switch x { case red: case green: } }"},
		{"every package says what it is for", "sip", "a.go",
			"// Package sip speaks.\npackage sip",
			"// It speaks.\npackage sip"},
		{"every package says what it is for", "", "main.go",
			"// Command ramble is a phone.\npackage main",
			"package main"},
		{"there is no init function", "sip", "a.go",
			`package sip; type t struct{}; func (t) init() {}`,
			`package sip; func init() {}`},
		{"package variables do not change", "sip", "a.go",
			"package sip\nvar ErrX = errors.New(\"x\")\nvar _ I = (*T)(nil)\nvar codes = map[int]string{1: \"\"}\nfunc f() string { x := 1; _ = x; x++; return codes[x] }\nvar none []int",
			`package sip; var count int`},
		{"package variables do not change", "sip", "a.go",
			"package sip\n//go:embed x\nvar x string",
			`package sip; var codes = map[string]int{}; func f() { codes["x"] = 1 }`},
		{"package variables do not change", "sip", "a.go",
			"package sip\n// Codes are immutable.\nvar Codes = map[int]string{}",
			`package sip; var Codes = map[string]int{}`},
		{"package variables do not change", "sip", "a.go",
			`package sip; var list = []int{1}`,
			`package sip; var list = []int{1}; func f() { list[0]++ }`},
		{"package variables do not change", "sip", "a.go",
			`package sip`,
			`package sip; var seen = make(map[string]bool)`},
		{"package variables do not change", "sip", "a.go",
			`package sip; var start = point{}; func f() point { p := start; p.x = 1; return p }`,
			`package sip; var start = point{}; func f() *point { return &start }`},
		{"no test sleeps", "sip", "a_test.go",
			`package sip; func f() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`,
			`package sip; func f() { time.Sleep(1) }`},
		{"no test sleeps", "sip", "a_test.go",
			"package sip\nfunc f() { inBubble(t, func() { time.Sleep(1) }) }",
			`package sip; func f() { other.Test(t, nil); time.Sleep(1) }`},
		{"files have at most 400 lines, or say why", "sip", "a.go",
			"package sip\n" + strings.Repeat("\n", maxFile+1) + "// Long file: a table of the RFC.\n",
			"package sip\n" + strings.Repeat("\n", maxFile+1)},
		{"functions have at most 60 lines, or say why", "sip", "a.go",
			"package sip\n// f counts. Long: one case per line.\nfunc f() {\n" + long(70) + "}\nfunc g() {\n" + long(58) + "}\n",
			"package sip\n// f counts.\nfunc f() {\n" + long(59) + "}\n"},
		{"no package is called util or the like", "sip", "a.go",
			`package sip`,
			`package util`},
		{"every goroutine starts through safego", "sip", "a.go",
			`package sip; func f() { guard.Go("x", f) }`,
			`package sip; func f() { go f() }`},
		{"no mark of unfinished work is left behind", "sip", "a.go",
			"package sip // a method",
			"package sip // TO" + "DO: finish"},
	}
	seen := map[string]bool{}
	for i, tt := range tests {
		seen[tt.rule] = true
		t.Run(fmt.Sprintf("%d %s", i, tt.rule), func(t *testing.T) {
			rule := rules()[tt.rule]
			if rule == nil {
				t.Fatal("there is no such rule")
			}
			if got := rule(sample(t, tt.dir, tt.name, tt.good)); len(got) != 0 {
				t.Errorf("the good file is refused: %v", got)
			}
			if got := rule(sample(t, tt.dir, tt.name, tt.bad)); len(got) != 1 {
				t.Errorf("the bad file gives %d breaches: %v", len(got), got)
			}
		})
	}
	for rule := range rules() {
		if !seen[rule] {
			t.Errorf("no sample shows %q failing", rule)
		}
	}
	t.Run("a package that is not in the plan is a breach", func(t *testing.T) {
		if got := onlyPlanned(sample(t, "internal/surprise", "a.go", "package surprise")); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

func sample(t *testing.T, dir, name, text string) []source {
	t.Helper()
	s, err := parse(dir, name, text)
	if err != nil {
		t.Fatal(err)
	}
	return []source{s}
}
