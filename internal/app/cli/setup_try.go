package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"ramble/internal/app/config"
	"ramble/internal/engine"
	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

const (
	// tryFor is how long a registration is waited for: a few retransmissions,
	// and not the 32 s after which a transaction gives up.
	tryFor = 10 * time.Second
	// noPathFor is how long there may be no way to the server before that is
	// the result: the first look at the network may still be to come.
	noPathFor = 2 * time.Second
)

// try registers once with the answers, says how it went, and removes the
// registration again. It touches no file. The password is returned as soon as
// it is known, with the error too.
func (p *program) try(ctx context.Context, life *life, t *talk, paths config.Paths, a *answers) (string, error) {
	c, err := a.config(paths.Config)
	if err != nil {
		return "", err
	}
	if err := c.Set("audio.backend", "null", "setup"); err != nil {
		return "", err
	}
	account, password := &c.Accounts[0], a.password
	if account.Password.Given() {
		if password, err = account.Password.Read(ctx, p.getenv); err != nil {
			return "", &problem{Code: phone.ErrRefused, Text: err.Error()}
		}
	}
	s := p.session(life, paths, c, slog.New(slog.DiscardHandler))
	s.Passwords, s.Instance = map[string]string{account.Name: password}, config.TemporaryInstance().URN
	t.say("\nRegistering %s ...\n", a.address)
	got, err := p.apps.register(ctx, s)
	if err != nil {
		return password, err
	}
	t.say("Registered from %s: %s answered over %s. It would last %.0f minutes.\n", got.Source, got.Server, got.Transport, got.Expires.Minutes())
	if warning := words.Warnings(got.Warnings); warning != "" {
		t.say("But %s.\n", clean.Text(warning))
	}
	return password, nil
}

// registerOnce registers the first account on the system's network, waits for
// the answer and removes the registration. The error is a *problem.
func registerOnce(ctx context.Context, s *Session) (phone.Account, error) {
	p, err := parts(s)
	if err != nil {
		return phone.Account{}, err
	}
	var got phone.Account
	err = withEngine(ctx, s, engine.New(p), func(ctx context.Context, updates <-chan phone.Update) error {
		got, err = verdict(ctx, updates)
		return err
	})
	return got, err
}

// verdict waits until the first account is registered, or known not to be.
func verdict(ctx context.Context, updates <-chan phone.Update) (a phone.Account, err error) {
	late := time.NewTimer(tryFor)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return a, context.Cause(ctx)
		case <-late.C:
			return a, unanswered(a)
		case u, ok := <-updates:
			if !ok {
				return a, &problem{Text: "the phone stopped by itself"}
			}
			if len(u.State.Accounts) == 0 {
				continue
			}
			before := a.State
			a = u.State.Accounts[0]
			switch {
			case a.State == phone.Registered:
				return a, nil
			case a.State == phone.RegistrationRefused || a.State == phone.RegistrationFailed:
				return a, refusal(a)
			case a.State == phone.NoNetwork && before != phone.NoNetwork:
				late.Reset(noPathFor)
			}
		}
	}
}

// refusal is a failed registration with its meaning and the way on.
func refusal(a phone.Account) error {
	why, hint := words.Registration(a)
	e := &problem{Code: phone.ErrNoNetwork, Text: clean.Text(cmp.Or(why, a.State.String())), Hint: clean.Text(hint)}
	if a.Code != 0 || a.State == phone.RegistrationRefused {
		e.Code = phone.ErrRefused
	}
	return e
}

// unanswered is the end of the patience.
func unanswered(a phone.Account) error {
	if a.State == phone.NoNetwork {
		return &problem{Code: phone.ErrNoNetwork, Text: "There is no network towards the server.", Hint: "Check the connection, then try again."}
	}
	_, hint := words.Trouble(phone.Fault{Kind: phone.FaultTimeout})
	text := fmt.Sprintf("No answer from %s over %s within %s.", cmp.Or(a.Server, "the server"), a.Transport, tryFor)
	return &problem{Code: phone.ErrNoNetwork, Text: clean.Text(text), Hint: hint}
}
