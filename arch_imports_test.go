package main

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
)

// The floor plan of the house: which room may import which, and which may know
// what from outside. ARCHITECTURE.md says why.

// plan says which of our packages each package may import. What may be
// imported from everywhere stands in freely.
func plan() map[string][]string {
	return map[string][]string{
		"":                      {"internal/app/cli"},
		"internal/app/cli":      {"*"},
		"internal/leaf/phone":   {},
		"internal/leaf/words":   {"internal/leaf/phone"},
		"internal/leaf/safego":  {},
		"internal/leaf/clean":   {},
		"internal/app/config":   {},
		"internal/automation":   {"internal/leaf/phone", "internal/leaf/words"},
		"internal/history":      {"internal/leaf/flock"},
		"internal/ledger":       {"internal/leaf/flock"},
		"internal/leaf/flock":   {},
		"internal/capture":      {},
		"internal/leaf/stun":    {},
		"internal/leaf/socket":  {},
		"internal/engine/line":  {"sip/locate", "sip/wire"},
		"internal/engine/roam":  {"internal/leaf/phone"},
		"internal/engine/fault": {"internal/leaf/phone", "internal/engine/roam", "sip", "sip/locate"},
		"netwatch":              {},
		"netwatch/netwatchtest": {"netwatch"},
		"tui":                   {"internal/leaf/phone", "internal/leaf/words"},
		"sip":                   {"sip/dialog", "sip/locate", "sip/sdp", "sip/wire", "sip/digest", "internal/leaf/stun"},
		"sip/wire":              {},
		"sip/locate":            {"sip/wire"},
		"sip/digest":            {"sip/wire"},
		"sip/dialog":            {"sip/sdp"},
		"sip/sdp":               {},
		"sip/siptest":           {"sip/sdp"},
		"audio":                 {},
		"audio/jitter":          {},
		"audio/codec":           {},
		"audio/device":          {"audio"},
		"audio/path":            {"internal/leaf/stun", "internal/leaf/socket"},
		"audio/stream":          {"audio", "audio/codec", "audio/jitter", "audio/path", "internal/leaf/stun"},
		"audio/desk":            {"audio"},
		"internal/engine":       {"internal/leaf/phone", "internal/leaf/words", "internal/engine/line", "internal/engine/roam", "internal/engine/fault", "netwatch", "sip", "sip/dialog", "sip/locate", "sip/sdp", "sip/wire", "audio", "audio/codec", "audio/stream", "audio/path", "audio/desk", "internal/history", "internal/ledger", "internal/capture"},
		"internal/app/ground":   {},
		"internal/app/voice":    {"sip/sdp", "audio", "audio/codec"},
		"internal/app/demo":     {"sip/siptest", "internal/app/voice", "netwatch", "netwatch/netwatchtest", "internal/app/ground"},
		"internal/app/drill":    {"internal/app/voice", "internal/leaf/phone", "internal/leaf/words", "internal/app/demo", "internal/app/ground", "sip/siptest"},
		"internal/proof/event":  {"internal/automation"},
		"internal/proof/lab":    {"audio/codec", "internal/app/ground", "internal/proof/event"},
		"internal/proof/impair": {"audio", "audio/codec", "internal/leaf/socket", "sip/sdp", "sip/siptest"},
		"internal/proof/needs":  {},
		"internal/proof/soak":   {"internal/automation", "internal/app/voice", "internal/proof/event", "sip/siptest", "sip/sdp"},

		"internal/proof/simulate": {},
	}
}

func freely() []string { return []string{"internal/leaf/safego", "internal/leaf/clean"} }

// outside says which rooms may know a dependency, by its prefix. One that is
// not listed may not be imported at all.
func outside() map[string][]string {
	return map[string][]string{
		"charm.land/":                           {"tui"},
		"github.com/charmbracelet/colorprofile": {"tui"},
		"github.com/charmbracelet/x/":           {"tui", "internal/app/cli"},
		"github.com/muesli/cancelreader":        {"internal/app/cli"},
		"github.com/spf13/cobra":                {"internal/app/cli"},
		"github.com/pelletier/go-toml/v2":       {"internal/app/config"},
		"github.com/google/uuid":                {"internal/app/config"},
		"github.com/emiago/sipgo":               {"sip", "sip/wire", "sip/digest", "sip/siptest"},
		"github.com/icholy/digest":              {"sip/siptest"},
		"github.com/miekg/dns":                  {"sip/locate"},
		"github.com/pion/sdp/v3":                {"sip/sdp"},
		"github.com/pion/rtp":                   {"audio/stream", "internal/app/voice"},
		"github.com/pion/rtcp":                  {"audio/stream"},
		"github.com/pion/stun/v3":               {"internal/leaf/stun"},
		"github.com/gordonklaus/portaudio":      {"audio/device"},
		"github.com/jfreymuth/pulse":            {"audio/device"},
		"github.com/vishvananda/":               {"netwatch", "internal/app/ground", "internal/proof/lab"},
		"golang.org/x/sys":                      {"internal/app/config", "internal/leaf/socket", "netwatch", "internal/app/cli", "internal/app/ground", "internal/proof/lab"},
	}
}

// cgoRooms are the only places where C may be spoken: none. PortAudio's binding
// is a dependency, behind a build tag.
func cgoRooms() []string { return nil }

// imports calls visit for each import of the program itself. Tests are free:
// they bring networks, registrars and clocks of their own.
func imports(sources []source, visit func(s source, path string, at token.Pos)) {
	for _, s := range sources {
		for _, spec := range s.file.Imports {
			if !s.test {
				visit(s, strings.Trim(spec.Path.Value, `"`), spec.Pos())
			}
		}
	}
}

func onlyPlanned(sources []source) (out []string) {
	for _, s := range sources {
		if _, ok := plan()[s.dir]; !ok {
			out = append(out, fmt.Sprintf("%s: package %q is not in the plan: add it to arch_imports_test.go and ARCHITECTURE.md", s.at(1), s.dir))
		}
	}
	imports(sources, func(s source, path string, at token.Pos) {
		room, ours := strings.CutPrefix(path, module+"/")
		allowed := slices.Concat(plan()[s.dir], freely())
		if ours && !slices.Contains(allowed, room) && !slices.Contains(allowed, "*") {
			out = append(out, fmt.Sprintf("%s: %s may not know %s", s.at(at), s.dir, room))
		}
	})
	return out
}

func onlyOutside(sources []source) (out []string) {
	imports(sources, func(s source, path string, at token.Pos) {
		first, _, _ := strings.Cut(path, "/")
		if first == module || !strings.Contains(first, ".") {
			return // ours, or the standard library
		}
		for prefix, rooms := range outside() {
			if strings.HasPrefix(path, prefix) && slices.Contains(rooms, s.dir) {
				return
			}
		}
		out = append(out, fmt.Sprintf("%s: %s may not know %s", s.at(at), s.dir, path))
	})
	return out
}

func onlyCgo(sources []source) (out []string) {
	imports(sources, func(s source, path string, at token.Pos) {
		if path == "C" && !slices.Contains(cgoRooms(), s.dir) {
			out = append(out, s.at(at)+": C is spoken here")
		}
	})
	return out
}

func vocabulary(sources []source) (out []string) {
	imports(sources, func(s source, path string, at token.Pos) {
		if first, _, _ := strings.Cut(path, "/"); s.dir == "internal/leaf/phone" && (first == module || strings.Contains(first, ".")) {
			out = append(out, fmt.Sprintf("%s: internal/leaf/phone may not know %s", s.at(at), path))
		}
	})
	return out
}

// withoutProof keeps test houses out of the program: tests use them, and they
// use each other.
func withoutProof(sources []source) (out []string) {
	imports(sources, func(s source, path string, at token.Pos) {
		room, ours := strings.CutPrefix(path, module+"/")
		if ours && strings.HasPrefix(room, "internal/proof/") && !strings.HasPrefix(s.dir, "internal/proof/") {
			out = append(out, fmt.Sprintf("%s: %s is a test house", s.at(at), room))
		}
	})
	return out
}
