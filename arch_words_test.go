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

// pureRooms decide and do nothing else. What they have to tell are facts.
func pureRooms() []string {
	return []string{"internal/engine/roam", "internal/leaf/phone", "sip/dialog", "sip/sdp", "audio/jitter"}
}

// namesOfMany are no sentences: what values are called in transcripts, and requests with what matters of them.
func namesOfMany() []string {
	return []string{
		"no network", "unknown here", "not allowed", "CANCEL, re-INVITE", "answer, re-INVITE", "INVITE with Replaces",
		"re-INVITE, codecs in use", "UPDATE, early media", "hung up", "not sent", "unknown there",
	}
}

var sentence = regexp.MustCompile(`[A-Za-z]{2,}[,;:]? +[a-z]{2,}`)

// noSentences finds text that is meant for people. Errors are for the log: what
// is shown for them is made elsewhere.
func noSentences(sources []source) (breaches []string) {
	for _, s := range sources {
		if s.test || !slices.Contains(pureRooms(), s.dir) {
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

// diagnosticsIn are the texts of errors: what is given to errors.New,
// fmt.Errorf, and the errors of offer and answer.
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
			case "errors.New", "fmt.Errorf", "malformed", "unsuitable", "panic":
				all(n)
			}
		case *ast.CompositeLit:
			if t, ok := n.Type.(*ast.Ident); ok && t.Name == "Error" {
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

// called is the name of the function in a call: "errors.New", "malformed".
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}
