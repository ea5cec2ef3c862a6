package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ramble/internal/app/config"
	"ramble/internal/leaf/phone"
)

func (p *program) setupCommand(life *life) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Set up an account by a few questions; it is tried before anything is written",
		Long: `A few questions about your SIP account. The answers are tried by registering
once; then you see the configuration and say whether it is to be written.
A file that is there already stays as it is.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.setup(cmd.Context(), life) },
	}
	p.screenFlags(cmd)
	return cmd
}

// screenOrStart is the bare program: the screen, or where there is no
// configuration yet and somebody is there to be asked, a way to begin.
func (p *program) screenOrStart(ctx context.Context, life *life) error {
	err := p.openScreen(ctx, life)
	missing, found := errors.AsType[*noConfig](err)
	if !found || missing.named || p.hide == nil {
		return err
	}
	t, err := p.newTalk(ctx)
	if err != nil {
		return err
	}
	defer t.end()
	t.say("Welcome to ramble. There is no configuration yet.\n\n")
	choice, err := t.choose([]option{
		{"d", "the demo: a call survives a walk between networks; needs nothing"},
		{"s", "set up your SIP account"},
		{"q", "quit"},
	}, "d")
	if err != nil {
		return given(err)
	}
	switch choice {
	case "d":
		t.end()
		if err := p.withDemo(life, screen, func(s *Session) error {
			s.Simulated = "started from the set-up" // whose questions another process would ask again
			return p.apps.demo(ctx, s)
		}); err != nil {
			return err
		}
		t.say("That was the demo. Your own account: ramble setup\n")
	case "s":
		t.say("\n")
		return p.setupWith(ctx, life, t)
	}
	return nil
}

// given makes giving up where nothing was begun no failure.
func given(err error) error {
	if errors.Is(err, errNothingWritten) {
		return nil
	}
	return err
}

func (p *program) openScreen(ctx context.Context, life *life) error {
	return p.withSession(life, screen, func(s *Session) error { return p.apps.ui(ctx, s) })
}

// setup is `ramble setup`.
func (p *program) setup(ctx context.Context, life *life) error {
	if p.hide == nil {
		return &usageError{errors.New("setup asks questions, so it needs a terminal; `ramble config example --write` writes a file to fill in"), "ramble setup"}
	}
	t, err := p.newTalk(ctx)
	if err != nil {
		return err
	}
	defer t.end()
	return p.setupWith(ctx, life, t)
}

// setupWith asks, tries, shows, writes, and starts the phone. Until the
// answers are complete and approved it changes nothing anywhere but the
// registration that it tries and removes.
func (p *program) setupWith(ctx context.Context, life *life, t *talk) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(paths.Config); err == nil {
		return fmt.Errorf("%s exists already and stays as it is\n    edit it, or set up another one: ramble setup -c FILE", paths.Config)
	}
	t.say("Your SIP account, in a few questions. Enter takes what stands in [ ].\nCtrl-C leaves; nothing is written before you say so.\n\n")
	var a answers
	for _, question := range []func(*talk, *answers) error{askAddress, askPassword, askServer, askTransport} {
		if err := question(t, &a); err != nil {
			return err
		}
	}
	password, err := p.tryUntilGood(ctx, life, t, paths, &a)
	if err != nil {
		return err
	}
	t.say("\nThis goes into %s, readable by you alone:\n\n", paths.Config)
	for line := range strings.Lines(a.text(true)) {
		t.say("    %s", line)
	}
	t.say("\n")
	if ok, err := t.yes("Write it?"); err != nil || !ok {
		return cmp.Or(err, errNothingWritten)
	}
	if err := config.WriteNew(paths.Config, []byte(a.text(false))); err != nil {
		return err
	}
	t.say("Wrote %s\n\n", paths.Config)
	ok, err := t.yes("Start the phone now?")
	if err != nil || !ok {
		t.say("Later: %s\n", p.again())
		return given(err)
	}
	t.end()
	p.ask = func(string) (string, error) { return password, nil } // it was typed a minute ago
	return p.openScreen(ctx, life)
}

// again is the command line that opens what was set up.
func (p *program) again() string {
	if p.configFile != "" {
		return "ramble -c " + p.configFile
	}
	return "ramble"
}

func askAddress(t *talk, a *answers) error {
	for {
		said, err := t.ask("Your SIP address, like alice@example.com", a.address)
		if err != nil {
			return err
		}
		said = bare(said)
		wrong := wrongAddress(said)
		if wrong == "" {
			a.address = said
			return nil
		}
		guess := meant(said)
		if guess == "" {
			t.say("That is no SIP address: a user, @, and the provider's domain.\n    %s\n", wrong)
			continue
		}
		ok, err := t.yes("Did you mean " + guess + "?")
		if err != nil {
			return err
		}
		if ok {
			a.address = guess
			return nil
		}
	}
}

func askPassword(t *talk, a *answers) error {
	t.say("Where does the password come from?\n")
	keep, err := t.choose([]option{
		{keepInFile, "from the configuration file, which only you can read"},
		{keepCommand, "from a command that prints it, such as: pass show sip/alice"},
		{keepNowhere, "from you, at every start; it is kept nowhere"},
	}, cmp.Or(a.keep, keepInFile))
	if err != nil {
		return err
	}
	a.keep, a.password = keep, ""
	for keep == keepCommand {
		said, err := t.ask("The command", a.command)
		if err != nil {
			return err
		}
		if wrong := a.complaint("password_command", said); wrong != "" {
			t.say("%s\n", wrong)
			continue
		}
		a.command = said
		return nil
	}
	for {
		if a.password, err = t.secret("Password (nothing is shown)"); err != nil {
			return err
		}
		switch {
		case a.password == "":
			t.say("An empty password opens no account.\n")
		case !typed(a.password):
			t.say("It holds characters that cannot be typed.\n")
		default:
			return nil
		}
	}
}

func askServer(t *talk, a *answers) error {
	_, domain, _ := strings.Cut(a.address, "@")
	for {
		said, err := t.ask("Server (registrar)", cmp.Or(a.server, domain))
		if err != nil {
			return err
		}
		if said == domain {
			a.server = ""
			return nil
		}
		wrong := a.complaint("registrar", uri(said))
		if wrong == "" {
			a.server = said
			return nil
		}
		t.say("%s\n", wrong)
	}
}

func askTransport(t *talk, a *answers) error {
	for {
		said, err := t.ask("Transport (tls, tcp, udp, or auto to leave it to the phone)", cmp.Or(a.transport, string(config.TransportAuto)))
		if err != nil {
			return err
		}
		said = strings.ToLower(said)
		if wrong := a.complaint("transport", said); wrong != "" {
			t.say("%s\n", wrong)
			continue
		}
		if a.transport = said; said == string(config.TransportAuto) {
			a.transport = ""
		}
		return nil
	}
}

func askUser(t *talk, a *answers) error {
	user, _, _ := strings.Cut(strings.TrimPrefix(a.address, "sips:"), "@")
	for {
		said, err := t.ask("User name for the login", cmp.Or(a.authUser, user))
		if err != nil {
			return err
		}
		if wrong := a.complaint("auth_user", said); wrong != "" {
			t.say("%s\n", wrong)
			continue
		}
		if a.authUser = said; said == user {
			a.authUser = ""
		}
		return nil
	}
}

// tryUntilGood registers with the answers, and lets them be changed until that
// works or the person has seen enough. It returns the password in use.
func (p *program) tryUntilGood(ctx context.Context, life *life, t *talk, paths config.Paths, a *answers) (string, error) {
	for {
		password, err := p.try(ctx, life, t, paths, a)
		if err == nil || ctx.Err() != nil {
			return password, cmp.Or(context.Cause(ctx), err)
		}
		t.say("That did not work: %s\n\n", strings.TrimPrefix(message(err), "ramble: "))
		next := "s"
		if e, ok := errors.AsType[*problem](err); ok && e.Code == phone.ErrRefused {
			next = "p"
		}
		choice, err := t.choose([]option{
			{"p", "another password, or another place for it"},
			{"l", "another user name for the login"},
			{"a", "another address"},
			{"s", "another server"},
			{"t", "another transport"},
			{"r", "try again as it is"},
			{"w", "go on as it is"},
			{"q", "leave; nothing is written"},
		}, next)
		if err != nil {
			return "", err
		}
		ask := map[string]func(*talk, *answers) error{"p": askPassword, "l": askUser, "a": askAddress, "s": askServer, "t": askTransport}[choice]
		switch {
		case choice == "w":
			return password, nil
		case choice == "q":
			return "", errNothingWritten
		case ask != nil:
			if err := ask(t, a); err != nil {
				return "", err
			}
		}
	}
}
