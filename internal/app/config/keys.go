package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys are the keys outside [[account]], in the order of the example.
func keys() []key[Config] {
	return slices.Concat(callKeys(), audioKeys(), networkKeys(), roamingKeys(), uiKeys(), logKeys())
}

func accountKeys() []key[Account] {
	return []key[Account]{
		text("name", func(a *Account) *string { return &a.Name }),
		field("uri", func(a *Account) *Address { return &a.URI }, asAddress, showURI[Address]),
		text("display_name", func(a *Account) *string { return &a.DisplayName }),
		text("auth_user", func(a *Account) *string { return &a.AuthUser }),
		text("realm", func(a *Account) *string { return &a.Realm }),
		truth("enabled", func(a *Account) *bool { return &a.Enabled }),
		truth("register", func(a *Account) *bool { return &a.Register }),
		password("password", fromText),
		password("password_command", fromCommand),
		password("password_env", fromEnv),
		password("password_file", fromFile),
		field("registrar", func(a *Account) *Server { return &a.Registrar }, asServer, showURI[Server]),
		field("proxy", func(a *Account) *Server { return &a.Proxy }, asServer, showURI[Server]),
		word("transport", func(a *Account) *Transport { return &a.Transport },
			[]Transport{TransportAuto, TransportTLS, TransportTCP, TransportUDP}, "ws", "wss"),
		truth("tls_verify", func(a *Account) *bool { return &a.TLSVerify }),
		text("tls_ca", func(a *Account) *string { return &a.TLSCA }),
		span("expires", func(a *Account) *time.Duration { return &a.Expires }, time.Minute, 24*time.Hour, false),
		field("codecs", func(a *Account) *[]string { return &a.Codecs }, asCodecs, showTexts),
		word("srtp", func(a *Account) *SRTP { return &a.SRTP }, []SRTP{SRTPOff}, "optional", "required"),
		word("auto_answer", func(a *Account) *AutoAnswer { return &a.AutoAnswer },
			[]AutoAnswer{AutoAnswerOff, AutoAnswerHeader, AutoAnswerAlways}),
		field("allow_from", func(a *Account) *Allow { return &a.AllowFrom }, asAllow, showAllow),
		field("sound", func(a *Account) *string { return &a.Sound }, asCallSound, strconv.Quote),
		truth("follow_nat", func(a *Account) *bool { return &a.FollowNAT }),
		truth("gruu", func(a *Account) *bool { return &a.GRUU }),
		field("stun", func(a *Account) *STUN { return &a.STUN }, asSTUN, showURI[STUN]),
	}
}

func callKeys() []key[Config] {
	return []key[Config]{
		field("calls.max_calls", func(c *Config) *int { return &c.Calls.MaxCalls }, asMaxCalls, strconv.Itoa),
		truth("calls.hold_others", func(c *Config) *bool { return &c.Calls.HoldOthers }),
	}
}

func audioKeys() []key[Config] {
	return []key[Config]{
		field("audio.backend", func(c *Config) *string { return &c.Audio.Backend }, asBackend, strconv.Quote),
		field("audio.microphone", func(c *Config) *string { return &c.Audio.Microphone }, asSoundPort, strconv.Quote),
		field("audio.speaker", func(c *Config) *string { return &c.Audio.Speaker }, asSoundPort, strconv.Quote),
		field("audio.frame", func(c *Config) *time.Duration { return &c.Audio.Frame }, asFrame, showDuration),
		field("audio.jitter_buffer", func(c *Config) *DelayRange { return &c.Audio.JitterBuffer }, asDelays,
			func(r DelayRange) string { return strconv.Quote(shortDuration(r.Min) + "-" + shortDuration(r.Max)) }),
		truth("audio.tones", func(c *Config) *bool { return &c.Audio.Tones }),
	}
}

func networkKeys() []key[Config] {
	return []key[Config]{
		word("network.watch", func(c *Config) *Watch { return &c.Network.Watch }, []Watch{WatchAuto, WatchPoll, WatchOff}),
		span("network.poll", func(c *Config) *time.Duration { return &c.Network.Poll }, 50*time.Millisecond, time.Minute, false),
		words("network.interfaces", func(c *Config) *[]string { return &c.Network.Interfaces }, nonEmpty),
		words("network.ignore", func(c *Config) *[]string { return &c.Network.Ignore }, pattern),
		word("network.family", func(c *Config) *Family { return &c.Network.Family },
			[]Family{FamilyAuto, FamilyIPv4, FamilyIPv6}),
		field("network.sip_port", func(c *Config) *uint16 { return &c.Network.SIPPort }, asPort,
			func(p uint16) string { return strconv.Itoa(int(p)) }),
		field("network.rtp_ports", func(c *Config) *PortRange { return &c.Network.RTPPorts }, asPorts,
			func(r PortRange) string { return fmt.Sprintf(`"%d-%d"`, r.Low, r.High) }),
		truth("network.latch", func(c *Config) *bool { return &c.Network.Latch }),
		span("network.keepalive", func(c *Config) *time.Duration { return &c.Network.Keepalive }, time.Second, time.Hour, true),
	}
}

func roamingKeys() []key[Config] {
	const most = time.Hour
	return []key[Config]{
		truth("network.roaming.enabled", func(c *Config) *bool { return &c.Roaming.Enabled }),
		span("network.roaming.settle", func(c *Config) *time.Duration { return &c.Roaming.Settle }, 0, time.Minute, true),
		span("network.roaming.settle_max", func(c *Config) *time.Duration { return &c.Roaming.SettleMax }, 0, time.Minute, true),
		word("network.roaming.on_lost", func(c *Config) *OnLost { return &c.Roaming.OnLost }, []OnLost{OnLostKeep, OnLostHangup}),
		span("network.roaming.keep_for", func(c *Config) *time.Duration { return &c.Roaming.KeepFor }, 0, most, true),
		truth("network.roaming.register", func(c *Config) *bool { return &c.Roaming.Register }),
		truth("network.roaming.remove_old", func(c *Config) *bool { return &c.Roaming.RemoveOld }),
		word("network.roaming.refresh", func(c *Config) *Refresh { return &c.Roaming.Refresh },
			[]Refresh{RefreshReinvite, RefreshUpdate, RefreshNone}),
		field("network.roaming.refresh_retries", func(c *Config) *[]time.Duration { return &c.Roaming.RefreshRetries },
			asDurations, showDurations),
		truth("network.roaming.media_first", func(c *Config) *bool { return &c.Roaming.MediaFirst }),
		span("network.roaming.silence", func(c *Config) *time.Duration { return &c.Roaming.Silence }, 500*time.Millisecond, time.Minute, true),
		truth("network.roaming.after_sleep", func(c *Config) *bool { return &c.Roaming.AfterSleep }),
	}
}

func uiKeys() []key[Config] {
	return []key[Config]{
		word("ui.theme", func(c *Config) *Theme { return &c.UI.Theme },
			[]Theme{ThemeAuto, ThemeDark, ThemeLight, ThemeMono, ThemeHighContrast}),
		word("ui.ascii", func(c *Config) *Switch { return &c.UI.ASCII }, []Switch{SwitchAuto, SwitchOn, SwitchOff}),
		word("ui.motion", func(c *Config) *Switch { return &c.UI.Motion }, []Switch{SwitchAuto, SwitchOff}),
		field("ui.refresh", func(c *Config) *int { return &c.UI.Refresh }, asRate,
			func(n int) string { return fmt.Sprintf(`"%d/s"`, n) }),
		truth("ui.mouse", func(c *Config) *bool { return &c.UI.Mouse }),
		word("ui.layout", func(c *Config) *Layout { return &c.UI.Layout },
			[]Layout{LayoutAuto, LayoutWide, LayoutStacked, LayoutFocus}),
		word("ui.time", func(c *Config) *Clock { return &c.UI.Time }, []Clock{Clock24h, Clock12h}),
		word("ui.confirm_quit", func(c *Config) *ConfirmQuit { return &c.UI.ConfirmQuit },
			[]ConfirmQuit{ConfirmInCall, ConfirmAlways, ConfirmNever}),
		field("ui.history", func(c *Config) *int { return &c.UI.History }, asHistory, strconv.Itoa),
		field("ui.keys", func(c *Config) *map[string][]string { return &c.UI.Keys }, asKeys, showKeys),
	}
}

func logKeys() []key[Config] {
	return []key[Config]{
		field("log.level", logLevel, asLevel, showLevel),
		text("log.file", func(c *Config) *string { return &c.Log.File }),
		word("log.format", func(c *Config) *LogFormat { return &c.Log.Format }, []LogFormat{LogText, LogJSON}),
		field("log.max_size", func(c *Config) *int64 { return &c.Log.MaxSize }, asSize, showSize),
		field("log.redact", func(c *Config) *bool { return &c.Log.Redact }, asRedact, strconv.FormatBool),
	}
}

// asRedact takes the one value that is true: no log ever had a secret in it.
func asRedact(raw any) (bool, error) {
	on, err := asTruth(raw)
	if err == nil && !on {
		return true, wrongf("remove the line", "passwords, keys and digits are never written, so there is nothing to switch off")
	}
	return on, err
}

// later are the keys that a coming version will know. Using one is an error
// that says so, which is kinder than silence and than "unknown key".
func later() []string {
	return strings.Fields(`
		account.password_keyring account.retry account.key_exchange account.dtmf
		account.ice account.turn account.turn_user account.turn_password account.session_timer
		account.forward account.forward_busy account.forward_no_answer account.dnd account.blf account.voicemail
		audio.ringer audio.ring_file audio.follow_default audio.sample_rate
		audio.echo_cancel audio.mic_gain audio.speaker_gain audio.country_tones audio.record_dir
		network.qos network.roaming.on_change
		ui.notify ui.notify_command ui.notify_when ui.contacts ui.country_code ui.strip
		log.sip_trace log.trace_keep log.pcap_dir`)
}

func showURI[V fmt.Stringer](v V) string { return strconv.Quote(v.String()) }

func asCodecs(raw any) ([]string, error) {
	items, err := asTexts(raw)
	if err != nil {
		return nil, err
	}
	for i, s := range items {
		s = strings.ToLower(s)
		if _, err := oneOf(s, []string{"pcmu", "pcma"}, []string{"opus", "g722"}); err != nil {
			return nil, err
		}
		if slices.Contains(items[:i], s) {
			return nil, wrongf("name it once", "%q stands twice in the list", s)
		}
		items[i] = s
	}
	if len(items) == 0 {
		return nil, wrongf(`write ["pcmu", "pcma"]`, "no codec, so no call could have sound")
	}
	return items, nil
}

func asFrame(raw any) (time.Duration, error) {
	d, err := asDuration(raw)
	if err != nil {
		return 0, err
	}
	switch d.Milliseconds() {
	case 10, 20, 30, 40, 60:
		return d, nil
	}
	return 0, wrongf(`write "10ms", "20ms", "30ms", "40ms" or "60ms"`, "no packet time of %v", d)
}

// asBackend checks the kind of device. What follows the colon is the sound
// system's own grammar, and so are its complaints.
func asBackend(raw any) (string, error) {
	s, err := asText(raw)
	if err != nil {
		return "", err
	}
	name, options, _ := strings.Cut(s, ":")
	if name == "file" && options == "" {
		return "", wrongf(`write "file:in=A.wav,out=B.wav"; either can be left out`, "which files?")
	}
	_, err = oneOf(name, []string{"auto", "pulse", "portaudio", "null", "loop", "file"}, nil)
	return s, err
}

// asCallSound checks the kind of sound that calls of an account have.
func asCallSound(raw any) (string, error) {
	s, err := asText(raw)
	if err != nil || s == "" {
		return s, err
	}
	name, options, _ := strings.Cut(s, ":")
	if options == "" && (name == "file" || name == "pipe" || name == "bridge") {
		return "", wrongf(`write "file:in=A.wav,out=B-{call}.wav", "pipe:in=FIFO,out=FIFO" or "bridge:NAME"`, "%s of what?", name)
	}
	_, err = oneOf(name, []string{"null", "loop", "file", "pipe", "bridge"}, nil)
	return s, err
}

// asSoundPort reads the name of a microphone or loudspeaker, of which the
// sound system knows the rest.
func asSoundPort(raw any) (string, error) {
	s, err := asText(raw)
	if err == nil && strings.TrimSpace(s) == "" {
		err = wrongf(`write a part of a name that "ramble devices" lists, "default", or "none"`, "empty")
	}
	return s, err
}

// asKeys reads [ui.keys]. Whether the actions exist is known to the interface,
// not here.
func asKeys(raw any) (map[string][]string, error) {
	table, ok := raw.(map[string]any)
	if !ok {
		return nil, wrongf("write [ui.keys] and below it action = [\"key\"]", "%s where a table is expected", kind(raw))
	}
	out := make(map[string][]string, len(table))
	for action, value := range table {
		if one, ok := value.(string); ok {
			value = []any{one}
		}
		list, err := asTexts(value)
		if err != nil {
			return nil, wrongf(`write action = ["key", "other key"]`, "%s: %v", action, err)
		}
		for _, k := range list {
			if k == "" {
				return nil, wrongf("remove it, or write [] to leave the action without a key", "%s: empty key name", action)
			}
		}
		out[action] = list
	}
	return out, nil
}

func showKeys(m map[string][]string) string {
	parts := make([]string, 0, len(m))
	for _, action := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, action+" = "+showTexts(m[action]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
