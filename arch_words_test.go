package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file holds the rule that facts travel and words are made last.

// factRooms decide, or carry out what was decided, or keep it. What they have to
// tell are facts.
func factRooms() []string {
	return []string{
		"internal/engine", "internal/engine/roam", "internal/engine/line", "internal/engine/fault", "internal/leaf/phone",
		"internal/history", "internal/ledger", "sip/dialog", "sip/sdp", "audio/jitter",
	}
}

// namesOfMany are no sentences: what values are called in transcripts, requests with what matters of them, and
// how a step of a roam came about, which is data of the timeline.
func namesOfMany() []string {
	return []string{
		"no network", "unknown here", "not allowed", "CANCEL, re-INVITE", "answer, re-INVITE", "INVITE with Replaces",
		"re-INVITE, codecs in use", "UPDATE, early media", "hung up", "not sent", "unknown there",
		"INVITE with Replaces 200 OK", "media stay at ", "OPTIONS answered after ", " connected to ",
	}
}

var sentence = regexp.MustCompile(`[A-Za-z]{2,}[,;:]? +[a-z]{2,}`)

// noSentences finds text that is meant for people. Errors and the names of
// goroutines are for the log: what is shown for them is made elsewhere.
func noSentences(sources []source) (breaches []string) {
	for _, s := range sources {
		if s.test || !slices.Contains(factRooms(), s.dir) {
			continue
		}
		diagnostics := diagnosticsIn(s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || strings.HasPrefix(lit.Value, "`json:") {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil || !sentence.MatchString(text) || slices.Contains(namesOfMany(), text) || diagnostics[lit] {
				return true
			}
			breaches = append(breaches, fmt.Sprintf("%s: %q is a sentence in a room that decides: hand on a fact", s.at(lit.Pos()), text))
			return true
		})
	}
	return breaches
}

// diagnosticsIn are the texts of errors and of the log: what is given to
// errors.New, fmt.Errorf, the logger and a new goroutine, and the errors of offer
// and answer, which go to the other side.
func diagnosticsIn(f *ast.File) map[*ast.BasicLit]bool {
	found := map[*ast.BasicLit]bool{}
	all := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				found[lit] = true
			}
			return true
		})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch called(n) {
			case "errors.New", "fmt.Errorf", "malformed", "unsuitable", "panic", "Log.Debug", "Log.Info", "Log.Warn", "Log.Error":
				all(n)
			case "e.job", "Guard.Go":
				all(n.Args[0])
			}
		case *ast.CompositeLit:
			if t, ok := n.Type.(*ast.Ident); ok && t.Name == "Error" && f.Name.Name == "sdp" || selector(n.Type) == "sdp.Error" {
				all(n)
			}
		case *ast.FuncDecl:
			if n.Name.Name == "Error" {
				all(n)
			}
		}
		return true
	})
	return found
}

// called is the name of the function in a call, with what stands right before it:
// "errors.New", "malformed", "Log.Warn" of e.parts.Log.Warn.
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		switch x := f.X.(type) {
		case *ast.Ident:
			return x.Name + "." + f.Sel.Name
		case *ast.SelectorExpr:
			return x.Sel.Name + "." + f.Sel.Name
		}
	}
	return ""
}
