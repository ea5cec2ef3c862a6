package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Linphone is a running linphonec.
type Linphone struct {
	*Program
	Recording string // what it heard: a WAV file, complete when the call is over
}

// Linphone starts linphonec and waits until it takes commands. It
// registers by itself and does not say when: ask the registrar.
func (l *Lab) Linphone(ctx context.Context, o PeerOptions) (*Linphone, error) {
	o.fill()
	if _, err := exec.LookPath("linphonec"); err != nil {
		return nil, missing("linphonec")
	}
	name := "linphone-" + o.User
	home := filepath.Join(l.Dir, o.Host+"-"+name)
	// Without this folder it cannot keep its database and says so at length.
	if err := os.MkdirAll(filepath.Join(home, ".local/share/linphone"), 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(home, "linphonerc")
	if err := os.WriteFile(path, []byte(l.linphoneConfig(o)), 0o600); err != nil {
		return nil, err
	}
	// Without stdbuf it keeps what it says to itself until the end.
	args := []string{"-oL", "linphonec", "-c", path}
	if o.AutoAnswer {
		args = append(args, "-a")
	}
	p, err := l.Exec(o.Host, Command{Name: name, Path: "stdbuf", Args: args, Input: true, Env: []string{"TERM=dumb"}})
	if err != nil {
		return nil, err
	}
	x := &Linphone{Program: p, Recording: filepath.Join(home, "heard.wav")}
	for _, line := range []string{"soundcard use files", "play " + o.Says, "record " + filepath.Base(x.Recording)} {
		if err := p.Say(line); err != nil {
			return nil, err
		}
	}
	if err := p.Output.AwaitText(ctx, "record "+filepath.Base(x.Recording)); err != nil {
		return nil, fmt.Errorf("linphonec: %w\n%s", err, p.Output.Tail(40))
	}
	return x, nil
}

func (l *Lab) linphoneConfig(o PeerOptions) string {
	return fmt.Sprintf(`[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
default_proxy=0
guess_hostname=1
use_ipv6=%[5]d
inc_timeout=60
ping_with_options=0
keepalive_period=30000
media_encryption=none

[net]
mtu=0

[rtp]
audio_rtp_port=7078
nortp_timeout=30

[proxy_0]
reg_proxy=<sip:%[3]s;transport=%[4]s>
reg_route=<sip:%[3]s;transport=%[4]s;lr>
reg_identity=sip:%[1]s@%[2]s
reg_expires=600
reg_sendregister=1
publish=0

[auth_info_0]
username=%[1]s
passwd=%[6]s
realm=%[2]s
domain=%[2]s

[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1

[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=1

[video]
enabled=0
`, o.User, Domain, o.proxy(l), o.Transport, map[bool]int{true: 1}[o.IPv6], Password(o.User))
}

// Expect waits for a line that contains all the words, in lower case.
func (x *Linphone) Expect(ctx context.Context, from int, words ...string) error {
	_, _, err := x.Output.Await(ctx, from, strings.Join(words, " ... ")+" of linphonec", func(l Line) bool {
		text := strings.ToLower(l.Text)
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
	return err
}
