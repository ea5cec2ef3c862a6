package cli

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"time"

	"ramble/audio/desk"
	"ramble/audio/device"
	"ramble/audio/path"
	"ramble/internal/app/config"
	"ramble/internal/engine"
	"ramble/internal/engine/roam"
	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/socket"
	"ramble/netwatch"
	"ramble/sip"
	"ramble/sip/locate"
)

// parts turns a session into what the engine is built from, on the system's
// own network.
func parts(s *Session) (engine.Parts, error) {
	c := s.Config
	p := engine.Parts{
		Network: netwatch.Options{
			Poll: c.Network.Poll, Ignore: c.Network.Ignore, Interfaces: c.Network.Interfaces,
			Settle: c.Roaming.Settle, SettleMax: c.Roaming.SettleMax,
		},
		Watching: "polling every " + c.Network.Poll.String(),
		Sockets:  &socket.System{Log: s.Log},
		Lookup:   locate.NewResolver(locate.ResolverOptions{Guard: s.Guard, Log: s.Log}),
		Media: engine.SoundPath{
			Ports:     path.Range(c.Network.RTPPorts),
			JitterMin: c.Audio.JitterBuffer.Min, JitterMax: c.Audio.JitterBuffer.Max,
			Frame: c.Audio.Frame, NoLatch: !c.Network.Latch,
		},
		Habits: engine.Habits{
			MaxCalls: c.Calls.MaxCalls, KeepOthers: !c.Calls.HoldOthers,
			SIPPort: c.Network.SIPPort, KeepAlive: c.Network.Keepalive,
			Family:     map[config.Family]engine.Family{config.FamilyIPv4: engine.IPv4, config.FamilyIPv6: engine.IPv6}[c.Network.Family],
			Silence:    cmp.Or(c.Roaming.Silence, -1),
			AfterSleep: c.Roaming.AfterSleep, Tones: c.Audio.Tones,
			UserAgent: "ramble/" + s.Version,
		},
		Records: engine.Records{History: s.History, Ledger: s.Ledger, Trace: s.Trace}, Log: s.Log, Guard: s.Guard,
	}
	switch c.Network.Watch {
	case config.WatchAuto:
		if p.Network.Hints = netwatch.Notifications(); len(p.Network.Hints) > 0 {
			p.Watching += " and the system's notifications"
		}
	case config.WatchOff:
		p.Watching = "off"
		p.Network.Poll = 24 * time.Hour // the first look is needed all the same
	}
	trusted, err := trust(c, s.Getenv)
	if err != nil {
		return p, err
	}
	for i := range c.Accounts {
		a := engineAccount(s, &c.Accounts[i])
		a.SIP.TLS.Roots = trusted[i]
		p.Accounts = append(p.Accounts, a)
	}
	dev, err := device.Open(device.Name(c.Audio.Backend, c.Audio.Microphone, c.Audio.Speaker))
	if err != nil {
		return p, &problem{Code: phone.ErrAudio, Text: err.Error(), Hint: "`ramble devices` lists what there is; --audio null starts without sound"}
	}
	if why := dev.Why(); why != "" {
		s.Log.Info("no sound card", "reason", why)
	}
	p.Desk = desk.New(desk.Options{Device: dev, Frame: c.Audio.Frame, Log: s.Log, Guard: s.Guard})
	p.Audio = audioNote(dev)
	p.Own = (&ownSounds{frame: c.Audio.Frame}).open
	p.Sound = &soundSystem{desk: p.Desk, backend: c.Audio.Backend, in: c.Audio.Microphone, out: c.Audio.Speaker, dev: dev}
	return p, nil
}

// engineAccount turns one configured account into the engine's.
func engineAccount(s *Session, a *config.Account) engine.Account {
	password, given := s.Passwords[a.Name]
	acct := engine.Account{
		Name: a.Name, Enabled: a.Enabled, Register: a.Register, Codecs: a.Codecs,
		AutoAnswer: map[config.AutoAnswer]engine.AutoAnswer{
			config.AutoAnswerHeader: engine.AutoHeader, config.AutoAnswerAlways: engine.AutoAlways,
		}[a.AutoAnswer],
		SIP: sip.Account{
			AOR:         sip.URI{Scheme: scheme(a.URI.Secure), User: a.URI.User, Host: a.URI.Host, Port: a.URI.Port},
			DisplayName: a.DisplayName, AuthUser: a.AuthUser, Realm: a.Realm,
			Registrar: serverURI(a.Registrar), Proxy: serverURI(a.Proxy),
			Transport: transport(a), TLS: locate.TLSPolicy{Unverified: !a.TLSVerify},
			Expires: a.Expires, InstanceID: s.Instance, GRUU: a.GRUU,
			AllowFrom: a.AllowFrom.Prefixes, AllowAny: a.AllowFrom.Any, Trunk: !a.Register,
		},
		Sound:       a.Sound,
		KeepContact: !a.FollowNAT,
		STUN:        engine.STUNServer{Host: a.STUN.Host, Port: a.STUN.Port},
		Policy:      policy(s.Config, a),
	}
	if given {
		acct.SIP.Password = func() (string, error) { return password, nil }
	}
	return acct
}

func serverURI(v config.Server) sip.URI {
	if v.IsZero() {
		return sip.URI{}
	}
	return sip.URI{Scheme: scheme(v.Secure), Host: v.Host, Port: v.Port}
}

func scheme(secure bool) string {
	if secure {
		return "sips"
	}
	return "sip"
}

// trust reads the CA files of the accounts, by their place in the list; nil
// where the system's CAs are all.
func trust(c *config.Config, getenv func(string) string) ([]*x509.CertPool, error) {
	pools := make([]*x509.CertPool, len(c.Accounts))
	for i := range c.Accounts {
		pem, err := c.Accounts[i].ReadTLSCA(getenv)
		if err == nil && pem != nil {
			pools[i], err = locate.Roots(pem)
		}
		if err != nil {
			return nil, c.Complain(fmt.Sprintf("account[%d].tls_ca", i), err.Error(), "name a file of CA certificates, each from -----BEGIN CERTIFICATE----- to its END")
		}
	}
	return pools, nil
}

// transport is the account's choice, else what its server's URI names.
func transport(a *config.Account) locate.Transport {
	if a.URI.Secure || a.Proxy.Secure || a.Registrar.Secure {
		return locate.TLS
	}
	said, _ := a.SaidTransport()
	if t, err := locate.ParseTransport(string(said)); err == nil {
		return t
	}
	return locate.Auto
}

func policy(c *config.Config, a *config.Account) roam.Policy {
	r := c.Roaming
	return roam.Policy{
		Enabled: r.Enabled, Register: a.Register, RemoveOld: r.RemoveOld, MediaFirst: r.MediaFirst,
		Refresh: map[config.Refresh]roam.Refresh{config.RefreshUpdate: roam.Update, config.RefreshNone: roam.None}[r.Refresh],
		Retries: r.RefreshRetries, KeepFor: r.KeepFor, HangupOnLost: r.OnLost == config.OnLostHangup,
		Between: between,
	}
}

// between is the dice of back-off: neither secret nor repeatable.
func between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + rand.N(hi-lo)
}

// keyRow is a line of `ramble help keys`.
func keyRow(keys, help string) string { return fmt.Sprintf("  %-22s %s\n", keys, help) }
