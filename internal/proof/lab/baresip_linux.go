package lab

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// baresipControl is where a baresip takes commands, on its own host.
const baresipControl = "127.0.0.1:4444"

// baresipModules is where Debian puts them.
const baresipModules = "/usr/lib/baresip/modules"

// PeerOptions say how a phone at the other end is started.
type PeerOptions struct {
	Host       string // empty: the callee
	User       string
	Transport  string // udp, tcp; empty: udp
	IPv6       bool
	Says       string // WAV file, 8 kHz mono
	AutoAnswer bool
	Name       string // shown to others; baresip only
	Codecs     string // by baresip's names; empty: "pcmu/8000/1,pcma/8000/1"
}

func (o *PeerOptions) fill() {
	if o.Host == "" {
		o.Host = Callee
	}
	if o.Transport == "" {
		o.Transport = "udp"
	}
}

// proxy is the proxy as this phone reaches it.
func (o *PeerOptions) proxy(l *Lab) netip.AddrPort {
	if o.IPv6 {
		return netip.AddrPortFrom(l.Host(PBX).IPv6, SIPPort)
	}
	return netip.AddrPortFrom(l.Host(PBX).IPv4, SIPPort)
}

// Baresip is a running baresip. It follows SDP strictly: audio goes where the
// last offer or answer said, wherever audio comes from.
type Baresip struct {
	*Program
	Events *Output // what it reports, one JSON object a line
	dir    string  // configuration and recordings
	conn   net.Conn
}

// Baresip starts one and waits until it takes commands. It registers by itself.
func (l *Lab) Baresip(ctx context.Context, o PeerOptions) (*Baresip, error) {
	o.fill()
	dir := filepath.Join(l.Dir, o.Host+"-baresip-"+o.User)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	account, config := l.baresipFiles(o, dir)
	for name, text := range map[string]string{"accounts": account, "config": config, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := l.Exec(o.Host, Command{Name: "baresip-" + o.User, Path: "baresip", Args: []string{"-f", dir}, Input: true})
	if err != nil {
		return nil, err
	}
	b := &Baresip{Program: p, Events: newOutput(), dir: dir}
	l.mu.Lock()
	l.events[p] = b.Events
	l.mu.Unlock()
	if err := p.Output.AwaitText(ctx, "baresip is ready."); err != nil {
		return nil, fmt.Errorf("baresip: %w\n%s", err, p.Output.Tail(40))
	}
	b.conn, err = l.Host(o.Host).Dial(ctx, "tcp", netip.MustParseAddrPort(baresipControl))
	if err != nil {
		return nil, err
	}
	l.guard.Go("baresip events", func() {
		defer b.Events.end()
		defer func() { _ = b.conn.Close() }()
		b.read()
	})
	return b, nil
}

// baresipFiles are its accounts and its configuration.
func (l *Lab) baresipFiles(o PeerOptions, dir string) (account, config string) {
	answer := "manual"
	if o.AutoAnswer {
		answer = "auto"
	}
	if o.Name != "" {
		account = `"` + o.Name + `" `
	}
	account += fmt.Sprintf("<sip:%[1]s@%[2]s>;auth_user=%[1]s;auth_pass=%[3]s;outbound=\"sip:%[4]s;transport=%[5]s\";regint=600;answermode=%[6]s;audio_codecs=%[7]s;ptime=20\n",
		o.User, Domain, Password(o.User), o.proxy(l), o.Transport, answer, cmp.Or(o.Codecs, "pcmu/8000/1,pcma/8000/1"))
	config = `module_path ` + baresipModules + `
sip_listen 0.0.0.0:5060
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
audio_source aufile,` + o.Says + `
rtp_ports 10000-10100
rtcp_mux no
jitter_buffer_delay 1-5
rtp_stats no
snd_path ` + dir + `
ctrl_tcp_listen ` + baresipControl + `
module g711.so
module l16.so
module aubridge.so
module aufile.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
`
	if o.IPv6 {
		config = strings.Replace(config, "0.0.0.0", "[::]", 1)
	}
	return account, config
}

// read takes netstrings, "12:{...},", until baresip ends.
func (b *Baresip) read() {
	r := bufio.NewReader(b.conn)
	for {
		length, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		text := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(r, text); err != nil {
			return
		}
		b.Events.add(false, string(text[:n]))
	}
}

// Do sends a command, as baresip's menu has them: dial, accept, hangup, hold,
// resume, reginfo ...
func (b *Baresip) Do(command, params string) error {
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.conn, "%d:%s,", len(text), text)
	return err
}

// BaresipEvent is what it reports of a call.
type BaresipEvent struct {
	Type  string `json:"type"` // CALL_ESTABLISHED, CALL_CLOSED ...
	Param string `json:"param"`
	Peer  string `json:"peeruri"`
}

// Expect waits for an event of that type, not before line from of Events.
func (b *Baresip) Expect(ctx context.Context, from int, kind string) (BaresipEvent, int, error) {
	var e BaresipEvent
	_, next, err := b.Events.Await(ctx, from, kind+" of baresip", func(l Line) bool {
		var err error
		e, err = parseBaresip(l)
		return err == nil && e.Type == kind
	})
	return e, next, err
}

func parseBaresip(l Line) (e BaresipEvent, err error) {
	err = json.Unmarshal([]byte(l.Text), &e)
	return e, err
}

// Recording is what it heard in its last call: a WAV file, complete when the
// call is over.
func (b *Baresip) Recording() (string, error) {
	found, err := filepath.Glob(filepath.Join(b.dir, "dump-*dec.wav"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("no recording in %s", b.dir)
	}
	return found[len(found)-1], nil
}
