package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// versionNumber is the version of this source. A release is tagged with it.
const versionNumber = "0.1.0"

// build says which program this is.
type build struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision,omitempty"`
	Date     string   `json:"date,omitempty"` // of the revision
	Modified bool     `json:"modified,omitempty"`
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Audio    []string `json:"audio"`
}

func version(backends []string) build {
	b := build{Version: versionNumber, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Audio: backends}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value[:min(7, len(s.Value))]
		case "vcs.time":
			b.Date = s.Value[:min(len("2006-01-02"), len(s.Value))]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String is "ramble 0.1.0 (abc1234, 2026-11-23) go1.26 linux/amd64 audio=null,loop".
func (b build) String() string {
	revision := ""
	if b.Revision != "" {
		revision = fmt.Sprintf(" (%s, %s)", b.Revision, b.Date)
	}
	return fmt.Sprintf("ramble %s%s %s %s/%s audio=%s", b.Version, revision, b.Go, b.OS, b.Arch, strings.Join(b.Audio, ","))
}

func (p *program) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := version(p.apps.backends())
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(b)
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), b)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}
