package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"ramble/internal/app/drill"
)

// Drill is what `ramble drill` was asked for.
type Drill struct {
	Scenarios []drill.Scenario
	Transport drill.Transport
	SIPPort   uint16 // the phone keeps; 0: any
	JSON      bool
	ASCII     bool
}

// relayed is the exit code of the process that did the work, which has told
// all there was to tell.
type relayed struct{ code int }

func (r relayed) Error() string { return fmt.Sprintf("exit code %d", r.code) }

// drillFailed is the end of a drill in which not all passed.
type drillFailed struct{ failed, all int }

func (d drillFailed) Error() string {
	return fmt.Sprintf("%d of %d scenarios failed", d.failed, d.all)
}

// simulateFlag is the flag of the commands that roam.
func simulateFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("simulate", false, "roam in a network in memory, not in a private namespace")
}

// onPrivateNetwork runs fn where the network is private: in another process,
// whose exit code it returns, or in this one with the reason why it has to be
// simulated; empty: the network of this process is private.
func (p *program) onPrivateNetwork(simulate bool, fn func(simulated string) error) error {
	if simulate {
		return fn("--simulate")
	}
	code, done, err := p.apps.private()
	switch {
	case err != nil:
		return fn(err.Error())
	case done && code == exitOK:
		return nil
	case done:
		return relayed{code}
	}
	return fn("")
}

func (p *program) drillCommand(life *life) *cobra.Command {
	var d Drill
	var list bool
	var transport string
	cmd := &cobra.Command{
		Use:   "drill [SCENARIO | FILE | all]...",
		Short: "Roam this phone's own network in private, and report what calls live through",
		Long: `The real phone in a network of its own: uplinks go, come, change their address
or carry nothing, in calls and without. One line for each scenario says whether
the calls lived and what they lost. Without root where the system allows user
namespaces; else in memory, and it says why. Nothing leaves the machine and
nothing is left behind. docs/drill.md has the format of a scenario of your own.

Exit code 0: all passed; 1: one did not.`,
		Example: `  ramble drill                   every built-in scenario
  ramble drill roam gone5 --transport tls
  ramble drill my-trip.txt --json`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if list {
				return listScenarios(cmd.OutOrStdout())
			}
			simulate, err := cmd.Flags().GetBool("simulate")
			if err != nil {
				return err
			}
			if d.Scenarios, err = scenarios(names); err != nil {
				return usage(cmd, err)
			}
			d.Transport = drill.Transport(strings.ToLower(transport))
			if !slices.Contains(drill.Transports(), d.Transport) {
				return usage(cmd, fmt.Errorf("--transport is udp, tcp or tls, not %q", transport))
			}
			return p.onPrivateNetwork(simulate, func(why string) error {
				return p.withDemo(life, noScreen, func(s *Session) error {
					s.Simulated = why
					d.ASCII = s.Config.UI.ASCII == "on"
					return p.apps.drill(cmd.Context(), s, d)
				})
			})
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, s := range builtin() {
				names = append(names, s.Name+"\t"+s.Title)
			}
			return append(names, "all"), cobra.ShellCompDirectiveDefault
		},
	}
	simulateFlag(cmd)
	cmd.Flags().StringVar(&transport, "transport", "udp", "`udp`, tcp or tls, for scenarios that do not say")
	cmd.Flags().Uint16Var(&d.SIPPort, "sip-port", 0, "keep this `port` through all moves, as [network] sip_port does; 0: any")
	cmd.Flags().BoolVar(&d.JSON, "json", false, "one JSON object a line")
	cmd.Flags().BoolVar(&list, "list", false, "list the built-in scenarios")
	_ = cmd.RegisterFlagCompletionFunc("transport", cobra.FixedCompletions([]string{"udp", "tcp", "tls"}, cobra.ShellCompDirectiveNoFileComp)) // fails for a flag that is not there only
	p.screenFlags(cmd)
	return cmd
}

// builtin are the built-in scenarios; a test holds that they can be read.
func builtin() []drill.Scenario {
	all, _ := drill.Builtin()
	return all
}

func listScenarios(w io.Writer) error {
	for _, s := range builtin() {
		fmt.Fprintf(w, "%-10s %s\n", s.Name, s.Title)
	}
	return nil
}

// scenarios are those of that name, or the files. None: all.
func scenarios(names []string) ([]drill.Scenario, error) {
	all := builtin()
	if len(names) == 0 {
		names = []string{"all"}
	}
	var out []drill.Scenario
	for _, name := range names {
		i := slices.IndexFunc(all, func(s drill.Scenario) bool { return s.Name == name })
		switch {
		case name == "all":
			out = append(out, all...)
		case i >= 0:
			out = append(out, all[i])
		default:
			s, err := scenarioFile(name)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func scenarioFile(name string) (drill.Scenario, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		var known []string
		for _, s := range builtin() {
			known = append(known, s.Name)
		}
		return drill.Scenario{}, fmt.Errorf("there is no file and no scenario %q; built in are: %s", name, strings.Join(known, ", "))
	} else if err != nil {
		return drill.Scenario{}, err
	}
	return drill.Parse(name, string(text))
}

// reporter tells results as they come.
type reporter interface {
	tell(r drill.Result) error
	end(passed, failed int, took time.Duration) error
}

type text struct{ drill.Report }

func (t *text) tell(r drill.Result) error { t.Write(r); return nil }

func (t *text) end(int, int, time.Duration) error { t.End(); return nil }

type lines struct{ w io.Writer }

func (l lines) tell(r drill.Result) error { return drill.WriteJSON(l.w, r) }

func (l lines) end(passed, failed int, took time.Duration) error {
	return drill.Summary(l.w, passed, failed, took)
}

// report is how a drill is told: to a person, or to a program.
func report(s *Session, d Drill, where string) reporter {
	if d.JSON {
		return lines{s.Out}
	}
	f, ok := s.Out.(*os.File)
	r := &text{drill.Report{W: s.Out, ASCII: d.ASCII, Color: ok && term.IsTerminal(f.Fd()) && !s.NoColor}}
	r.Begin(where, len(d.Scenarios))
	return r
}

// play runs the scenarios one after the other.
func play(ctx context.Context, d Drill, o drill.Options, tell reporter) error {
	passed, failed, began := 0, 0, time.Now()
	for _, sc := range d.Scenarios {
		r, err := drill.Run(ctx, sc, o)
		if err != nil {
			return err
		}
		if r.Failed == nil {
			passed++
		} else {
			failed++
		}
		if err := tell.tell(r); err != nil {
			return err
		}
	}
	if err := tell.end(passed, failed, time.Since(began)); err != nil {
		return err
	}
	if failed > 0 {
		return drillFailed{failed, passed + failed}
	}
	return nil
}
