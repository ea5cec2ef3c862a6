package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"ramble/internal/app/config"
	"ramble/internal/capture"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/safego"
	"ramble/internal/ledger"
)

// Session is what a face of the phone runs with. It lives as long as the run.
type Session struct {
	Config    *config.Config
	Passwords map[string]string // by account name; absent: none was given
	Instance  string            // urn:uuid:... for +sip.instance; empty in the demo
	History   *history.Book     // nil: nothing is kept, as in the demo
	Ledger    *ledger.Ledger    // nil: likewise
	Version   string
	Trace     *capture.Ring
	Log       *slog.Logger // to a file, never to the terminal while the screen is on
	Guard     *safego.Guard
	In        io.Reader // headless: commands; interruptible where the system allows
	Out       io.Writer // events
	Getenv    func(string) string
	NoColor   bool // by flag, or NO_COLOR with any value
	// Simulated is why the network of the demo or the drill is one in memory;
	// empty: this process has a private one.
	Simulated string
}

// face says whether a face of the phone owns the terminal.
type face bool

const (
	noScreen face = false
	screen   face = true
)

// fits refuses the screen where it cannot be shown, before anything starts.
func (p *program) fits(f face) error {
	if f != screen || p.screen == nil {
		return nil
	}
	return p.screen()
}

// withSession loads the configuration and everything that hangs on it, runs fn
// and puts all away again.
func (p *program) withSession(life *life, f face, fn func(*Session) error) error {
	if err := p.fits(f); err != nil {
		return err
	}
	paths, err := p.paths()
	if err != nil {
		return err
	}
	c, err := p.load(paths)
	if err != nil {
		return err
	}
	if err := p.choose(c); err != nil {
		return err
	}
	passwords, err := p.passwords(life.ctx, c)
	if err != nil {
		return err
	}
	log, closeLog, err := p.openLog(paths, c, f)
	if err != nil {
		return err
	}
	defer closeLog()
	instance, err := config.OpenInstance(paths.State)
	if err != nil { // a full or read-only disk is no reason not to phone
		p.warn("servers will see a new phone at every start", err)
		instance = config.TemporaryInstance()
	}
	defer instance.Close()
	s := p.session(life, paths, c, log)
	s.Passwords, s.Instance, s.History = passwords, instance.URN, openHistory(paths, c)
	s.Ledger = ledger.Open(paths.State)
	log.Info("started", "version", s.Version, "config", c.Path(), "accounts", len(c.Accounts))
	if path := paths.LogFile(c, p.getenv); path == "-" {
		err = p.withTrace(s, fn)
	} else {
		err = life.quiet(path, func() error { return p.withTrace(s, fn) })
	}
	log.Info("stopped", "error", err)
	return err
}

// withDemo runs fn with the defaults and no account. It touches no file of the
// user's except the log, and that only when asked to.
func (p *program) withDemo(life *life, f face, fn func(*Session) error) error {
	if err := p.fits(f); err != nil {
		return err
	}
	paths, err := p.paths()
	if err != nil {
		return err
	}
	c := config.Default()
	if err := p.override(&c); err != nil {
		return err
	}
	log, closeLog := slog.New(slog.DiscardHandler), func() {}
	if c.Log.File != "" {
		if log, closeLog, err = p.openLog(paths, &c, f); err != nil {
			return err
		}
	}
	defer closeLog()
	path := "" // no file is touched
	if c.Log.File != "" {
		path = paths.LogFile(&c, p.getenv)
	}
	s := p.session(life, paths, &c, log)
	if path == "-" {
		return p.withTrace(s, fn)
	}
	return life.quiet(path, func() error { return p.withTrace(s, fn) })
}

func (p *program) session(life *life, paths config.Paths, c *config.Config, log *slog.Logger) *Session {
	return &Session{
		Config: c, Version: versionNumber, Log: log, Guard: safego.New(paths.State, life.crashed),
		In: p.stdin, Out: p.stdout, Getenv: p.getenv, NoColor: p.noColor || p.getenv("NO_COLOR") != "",
	}
}

func (p *program) paths() (config.Paths, error) {
	paths, err := config.FindPaths(p.getenv)
	if p.configFile != "" {
		paths.Config = p.configFile
	}
	return paths, err
}

// load reads the file, then lets the environment and the flags override it.
func (p *program) load(paths config.Paths) (*config.Config, error) {
	c, err := config.Load(paths.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &noConfig{paths.Config, p.configFile != "" || p.getenv("RAMBLE_CONFIG") != ""}
	}
	if err != nil {
		return nil, err
	}
	if err := p.override(c); err != nil {
		return nil, err
	}
	return c, errors.Join(c.Validate(), p.apps.check(c))
}

func (p *program) override(c *config.Config) error {
	if err := c.Environment(p.getenv); err != nil {
		return err
	}
	ascii := ""
	if p.ascii {
		ascii = "on"
	}
	for _, o := range []struct{ value, key, flag string }{
		{p.audio, "audio.backend", "--audio"}, {p.logLevel, "log.level", "--log-level"},
		{p.logFile, "log.file", "--log-file"}, {ascii, "ui.ascii", "--ascii"},
	} {
		if o.value == "" {
			continue
		}
		if err := c.Set(o.key, o.value, o.flag); err != nil {
			return &usageError{err, "ramble"}
		}
	}
	return nil
}

// choose puts the account for outgoing calls first.
func (p *program) choose(c *config.Config) error {
	name := p.account
	if name == "" {
		name = p.getenv("RAMBLE_ACCOUNT")
	}
	if name == "" {
		return nil
	}
	i := slices.IndexFunc(c.Accounts, func(a config.Account) bool { return a.Name == name })
	if i < 0 {
		var names []string
		for _, a := range c.Accounts {
			names = append(names, a.Name)
		}
		return &usageError{fmt.Errorf("no account %q in %s; there are: %s", name, c.Path(), strings.Join(names, ", ")), "ramble"}
	}
	chosen := c.Accounts[i]
	chosen.Enabled = true
	c.Accounts = slices.Insert(slices.Delete(c.Accounts, i, i+1), 0, chosen)
	return nil
}

// passwords fetches every secret before the screen opens: a command may ask
// for a passphrase on the terminal.
func (p *program) passwords(ctx context.Context, c *config.Config) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range c.Accounts {
		if !a.Enabled {
			continue
		}
		var secret string
		var err error
		switch {
		case a.Password.Given():
			secret, err = a.Password.Read(ctx, p.getenv)
		case a.Register && p.ask != nil:
			secret, err = p.ask(fmt.Sprintf("Password of %s (%s), not stored: ", a.Name, a.URI))
		default:
			continue
		}
		if err != nil {
			return nil, &problem{Code: phone.ErrConfig, Text: fmt.Sprintf("no password for account %s: %v", a.Name, err), Hint: "see " + c.Path()}
		}
		out[a.Name] = secret
	}
	return out, nil
}

// openLog opens the log file, or standard error for the name "-". A log that
// cannot be opened is told about and left out, but one that was asked for on
// the command line is an error.
func (p *program) openLog(paths config.Paths, c *config.Config, f face) (*slog.Logger, func(), error) {
	path := paths.LogFile(c, p.getenv)
	if path == "-" {
		if f == screen {
			return nil, nil, &usageError{errors.New("the screen needs the terminal for itself: log to a file"), "ramble"}
		}
		return slog.New(handler(p.stderr, c.Log)), func() {}, nil
	}
	file, err := openRotating(path, c.Log.MaxSize, c.Log.File == "")
	if err != nil && p.logFile != "" {
		return nil, nil, &usageError{fmt.Errorf("--log-file: %w", err), "ramble"}
	}
	if err != nil {
		p.warn("nothing is logged", err)
		return slog.New(slog.DiscardHandler), func() {}, nil
	}
	return slog.New(handler(file, c.Log)), func() { _ = file.Close() }, nil
}

func handler(w io.Writer, l config.Log) slog.Handler {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == config.LogJSON {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

func (p *program) warn(effect string, err error) {
	fmt.Fprintf(p.stderr, "ramble: %s: %v\n", effect, err)
}
