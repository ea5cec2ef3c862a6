// Package cli is the command line: it finds the configuration, opens the log,
// fetches passwords, catches signals and crashes, runs one of the phone's
// faces and turns the outcome into an exit code.
//
// The commands know nothing of engines and screens. wire.go is the one place
// where the parts of the phone are built and put together.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ramble/internal/app/config"
	"ramble/internal/leaf/phone"
)

// program is what a command line runs in. Tests bring their own.
type program struct {
	example string // config.example.toml
	getenv  func(string) string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	ask     func(prompt string) (string, error) // reads a password from a person; nil: nobody is there
	screen  func() error                        // why the full screen cannot be shown; nil: nobody looks
	hide    func() (show func(), err error)     // hides what a person types in answers; nil: nobody is there to answer
	apps    apps

	flags
}

// flags are those that more than one command has.
type flags struct {
	configFile, account          string
	logLevel, logFile, traceFile string
	audio                        string
	ascii, noColor               bool
}

// apps are the faces of the phone, built in wire.go.
type apps struct {
	ui       func(context.Context, *Session) error
	headless func(context.Context, *Session, Headless) error
	demo     func(context.Context, *Session) error
	drill    func(context.Context, *Session, Drill) error
	private  func() (code int, done bool, err error)                // runs the command line once more, on a network of its own
	register func(context.Context, *Session) (phone.Account, error) // the first account, once, for `ramble setup`
	keyTable func() string                                          // `ramble help keys`
	check    func(c *config.Config) error                           // what only the parts know: names of actions, of devices
	backends func() []string                                        // sound systems in this build
	devices  func(backend string) []soundPorts
	recall   func(stateDir string) (past phone.Past, news []phone.News)

	tryDevice func(ctx context.Context, w io.Writer, name string) error
}

// Headless is what `ramble headless` was asked for.
type Headless struct {
	Stats      time.Duration // interval of media events; 0: only at the end of a call
	NoRegister bool
}

// Execute runs the command line of the process and returns its exit code.
// example is the text of config.example.toml.
func Execute(example string) int {
	p := &program{
		example: example, getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		ask: askTerminal(os.Stdin, os.Stderr), hide: hideOn(os.Stdin, os.Stdout), apps: wired(),
		screen: func() error { return screenOn(os.Stdin, os.Stdout, os.Getenv) },
	}
	life := begin(context.Background(), saveTerminal(os.Stdin, os.Stdout), os.Stderr)
	defer life.end()
	return p.run(life, os.Args[1:])
}

func (p *program) run(life *life, args []string) int {
	root := p.root(life)
	root.SetArgs(append([]string{}, args...)) // not nil, which would mean those of the process
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := life.outcome(root.ExecuteContext(life.ctx))
	_, asked := errors.AsType[interrupted](err)
	if _, told := errors.AsType[relayed](err); err != nil && !asked && !told {
		fmt.Fprintln(p.stderr, message(err))
	}
	return exitCode(err)
}

func (p *program) root(life *life) *cobra.Command {
	root := &cobra.Command{
		Use:   "ramble",
		Short: "A phone for the terminal that keeps calls alive when your address changes",
		Long: `A SIP softphone for the terminal that keeps registrations and calls alive
while the machine's address changes. Without a command it opens its screen.`,
		Example: `  ramble demo                    try it with no server and no sound card
  ramble setup                   set up an account by a few questions
  ramble                         the phone
  ramble drill                   see what calls live through when the network moves
  ramble headless                commands in, JSON events out`,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args:                       noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.screenOrStart(cmd.Context(), life)
		},
	}
	root.Version = version(p.apps.backends()).String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.PersistentFlags().StringVarP(&p.configFile, "config", "c", "", "configuration `FILE`")
	root.PersistentFlags().StringVar(&p.logLevel, "log-level", "", "error, warn, info or debug")
	root.PersistentFlags().StringVar(&p.logFile, "log-file", "", "log to this `FILE`; - is standard error, without a screen only")
	root.PersistentFlags().StringVar(&p.traceFile, "trace", "", "write every SIP message to this `FILE`; .pcapng for Wireshark")
	root.PersistentPreRunE = p.checkFlags
	p.accountFlags(root)
	p.screenFlags(root)
	root.AddCommand(p.headlessCommand(life), p.demoCommand(life), p.drillCommand(life), p.setupCommand(life), p.devicesCommand(life),
		p.callsCommand(), p.roamsCommand(), p.traceCommand(), p.configCommand(), p.versionCommand())
	root.SetHelpCommand(p.helpCommand(root))
	return root
}

func (p *program) accountFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&p.account, "account", "a", "", "account `NAME` for outgoing calls (RAMBLE_ACCOUNT); without it the first")
	cmd.Flags().StringVar(&p.audio, "audio", "", "`BACKEND`: auto, pulse, portaudio, null, loop, or file:in=A.wav,out=B.wav")
}

func (p *program) screenFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.ascii, "ascii", false, "draw with ASCII only (RAMBLE_ASCII=1)")
	cmd.Flags().BoolVar(&p.noColor, "no-color", false, "no colours (NO_COLOR=1)")
}

func (p *program) headlessCommand(life *life) *cobra.Command {
	var h Headless
	cmd := &cobra.Command{
		Use:   "headless",
		Short: "The phone without a screen: commands in, JSON events out",
		Long: `The same phone without a screen, for scripts, tests and monitoring: commands on
standard input, one a line; events on standard output, one JSON object a line.
docs/automation.md lists both. It ends with "quit" or the end of the input.`,
		Example: `  (echo 'dial sip:echo@example.com'; sleep 10) | ramble headless --audio null
  ramble headless --stats 1s < commands.txt > events.jsonl`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if h.Stats < 0 {
				return usage(cmd, errors.New("--stats takes a positive interval"))
			}
			p.ask = nil // standard input carries commands
			ignoreBrokenPipe()
			return p.withSession(life, noScreen, func(s *Session) error {
				s.In = cancellable(p.stdin)
				return p.apps.headless(cmd.Context(), s, h)
			})
		},
	}
	p.accountFlags(cmd)
	cmd.Flags().DurationVar(&h.Stats, "stats", 0, "media events every `INTERVAL`, 1s for example; without it one when a call ended")
	cmd.Flags().BoolVar(&h.NoRegister, "no-register", false, "do not register until asked")
	return cmd
}

func (p *program) demoCommand(life *life) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it: a call survives a walk between networks, with no server and no sound card",
		Long: `The phone in a small internet of its own: a registrar, peers who talk, and
networks that come and go. Where the system allows user namespaces they are
real ones in a private namespace, else it all is in memory. It needs no
configuration, no server, no sound card and no rights, and leaves nothing
behind.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			simulate, err := cmd.Flags().GetBool("simulate")
			if err != nil {
				return err
			}
			return p.onPrivateNetwork(simulate, func(why string) error {
				return p.withDemo(life, screen, func(s *Session) error {
					s.Simulated = why
					return p.apps.demo(cmd.Context(), s)
				})
			})
		},
	}
	simulateFlag(cmd)
	p.screenFlags(cmd)
	return cmd
}

// helpCommand is `ramble help [command]`, and `ramble help keys`.
func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | keys]",
		Short: "Help about a command; \"help keys\" lists the keys of the screen",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "keys" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), p.apps.keyTable())
				return err
			}
			target, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage(cmd, fmt.Errorf("no help about %q", strings.Join(args, " ")))
			}
			return target.Help()
		},
	}
}

// noCommand refuses arguments to the bare program: they are misspelt commands.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(", did you mean %q?", near[0])
	}
	return usage(cmd, errors.New(text))
}

func nothing(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd, fmt.Errorf("unexpected argument %q", args[0]))
}

// checkFlags refuses what is wrong with the flags that every command has, also
// where the command has no use for them.
func (p *program) checkFlags(*cobra.Command, []string) error {
	c := config.Default()
	if p.logLevel == "" {
		return nil
	}
	if err := c.Set("log.level", p.logLevel, "--log-level"); err != nil {
		return &usageError{err, "ramble"}
	}
	return nil
}
