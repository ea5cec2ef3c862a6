package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"ramble/internal/app/config"
	"ramble/internal/automation"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
	"ramble/tui"
)

// openHistory is the history of this configuration; nil where none is wanted.
func openHistory(paths config.Paths, c *config.Config) *history.Book {
	if c.UI.History == 0 {
		return nil
	}
	return history.Open(history.Options{Dir: paths.State, Keep: c.UI.History})
}

// callsCommand is `ramble calls`.
func (p *program) callsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "calls [N]",
		Short: "Print the calls of the past, missed ones too",
		Long: `The last N calls that are over, the latest at the bottom; without N the last
20. With --json one object a line, as in docs/automation.md; without N all.`,
		Example: `  ramble calls
  ramble calls 100
  ramble calls --json | jq -r 'select(.direction == "in" and .answered == null) | .peer'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, past, err := p.past(cmd, args, asJSON)
			if err != nil {
				return err
			}
			calls := past.Calls[max(0, len(past.Calls)-n):]
			if asJSON {
				return automation.WriteCalls(cmd.OutOrStdout(), calls)
			}
			return printLines(cmd.OutOrStdout(), calls, "no calls yet", func(c phone.Call) string { return tui.PlainCall(c) + "\n" })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return cmd
}

// roamsCommand is `ramble roams`.
func (p *program) roamsCommand() *cobra.Command {
	var asJSON, steps bool
	cmd := &cobra.Command{
		Use:   "roams [N]",
		Short: "Print what moves of the network have cost",
		Long: `The last N roams, the latest at the bottom; without N the last 20. Each says
what moved, how long the recovery took, and the gap of each call as measured
from packets; a failed one which step failed and why. With --steps each step of
it. With --json one object a line, as in docs/automation.md; without N all.`,
		Example: `  ramble roams
  ramble roams 1 --steps
  ramble roams --json | jq '.calls[]?.gap_in_ms'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, past, err := p.past(cmd, args, asJSON)
			if err != nil {
				return err
			}
			roams := past.Roams[max(0, len(past.Roams)-n):]
			if asJSON {
				return automation.WriteRoams(cmd.OutOrStdout(), roams)
			}
			return printLines(cmd.OutOrStdout(), roams, "no roams yet: they come when this machine's address changes",
				func(r phone.Roam) string { return tui.PlainRoam(r, steps) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.Flags().BoolVar(&steps, "steps", false, "each step with its time")
	return cmd
}

// listed is how much of the history is printed unless asked for more.
const listed = 20

// past reads the history, and how much of it is wanted.
func (p *program) past(cmd *cobra.Command, args []string, asJSON bool) (n int, past phone.Past, err error) {
	const all = 1 << 30
	n = listed
	if asJSON {
		n = all
	}
	if len(args) > 1 {
		return 0, past, usage(cmd, fmt.Errorf("unexpected argument %q", args[1]))
	}
	if len(args) == 1 {
		if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
			return 0, past, usage(cmd, fmt.Errorf("%q is no number of them: write 1 or more", args[0]))
		}
	}
	paths, err := p.paths()
	if err != nil {
		return 0, past, err
	}
	past, news := p.apps.recall(paths.State)
	for _, n := range news {
		text, _ := words.News(n)
		p.warn("some of the history is missing", errors.New(text))
	}
	return n, past, nil
}

func printLines[T any](w io.Writer, list []T, none string, text func(T) string) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	for _, item := range list {
		if _, err := io.WriteString(w, text(item)); err != nil {
			return err
		}
	}
	return nil
}
