package impair

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ramble/internal/leaf/safego"
)

// Phone is a program that answers calls and plays back what it hears.
type Phone struct {
	Name   string
	Target string // the URI to call
	cmd    *exec.Cmd
	in     io.WriteCloser
}

// Ramble starts a ramble without a screen, from that binary, with its files in dir.
func Ramble(ctx context.Context, binary, dir string, at netip.AddrPort, calls int) (*Phone, error) {
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf(`[[account]]
uri = "sip:loop@%s"
register = false
auto_answer = "always"
allow_from = ["any"]
[audio]
backend = "loop"
[network]
sip_port = %d
rtp_ports = "20000-29999"
keepalive = "0s"
`, at, at.Port())
	if calls > 0 { // each on a loop of its own: one for all would be a conference
		text = strings.Replace(text, `allow_from = ["any"]`, "allow_from = [\"any\"]\nsound = \"loop\"", 1)
		text = strings.Replace(text, `backend = "loop"`, `backend = "null"`, 1)
		text += fmt.Sprintf("[calls]\nmax_calls = %d\nhold_others = false\n", calls)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, "headless", "-c", config, "--log-file", filepath.Join(dir, "log"))
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_CACHE_HOME="+dir)
	return start(cmd, "ramble", "sip:loop@"+at.String(), `"type":"ready"`)
}

// Baresip starts Debian's baresip with its files in dir.
func Baresip(ctx context.Context, dir string, at netip.AddrPort) (*Phone, error) {
	config := `module_path /usr/lib/baresip/modules
sip_listen ` + at.String() + `
audio_player aubridge,loop
audio_source aubridge,loop
audio_alert aubridge,nowhere
rtp_ports 30000-31000
jitter_buffer_delay 1-5
rtp_stats no
ring_aufile none
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
`
	account := "<sip:loop@" + at.String() + ">;regint=0;answermode=auto;audio_codecs=pcmu/8000/1;ptime=20\n"
	for name, text := range map[string]string{"config": config, "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, "baresip", "-f", dir)
	return start(cmd, "baresip", "sip:loop@"+at.String(), "baresip is ready.")
}

// start runs a phone and waits until it says that it is there.
func start(cmd *exec.Cmd, name, target, ready string) (*Phone, error) {
	p := &Phone{Name: name, Target: target, cmd: cmd}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a bench that is cut short leaves nobody behind
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	_ = w.Close()
	lines := bufio.NewScanner(r)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), ready) {
			(*safego.Guard)(nil).Go("output of a phone", func() { _, _ = io.Copy(io.Discard, r) })
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s ended: %s", name, strings.Join(said, "\n"))
}

// Stop ends it.
func (p *Phone) Stop() {
	_ = p.in.Close()
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait() // how it ends says nothing about its sound
}

// Use is what a process has used since it began.
type Use struct {
	CPU   time.Duration
	Wakes uint64 // voluntary switches of all its threads
	RSS   int    // in KiB, now
}

// Use reads it from the kernel.
func (p *Phone) Use() (u Use, err error) { return use(p.cmd.Process.Pid) }

func use(pid int) (u Use, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		return u, fmt.Errorf("process %d is not there", pid)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(filepath.Join(task, "status"))
		if err != nil {
			continue // a thread that ended
		}
		for line := range strings.Lines(string(status)) {
			f := strings.Fields(line)
			switch {
			case len(f) < 2:
			case f[0] == "voluntary_ctxt_switches:":
				n, _ := strconv.ParseUint(f[1], 10, 64)
				u.Wakes += n
			case f[0] == "VmRSS:":
				u.RSS, _ = strconv.Atoi(f[1])
			}
		}
		sched, err := os.ReadFile(filepath.Join(task, "schedstat"))
		if f := strings.Fields(string(sched)); err == nil && len(f) > 0 {
			n, _ := strconv.ParseInt(f[0], 10, 64)
			u.CPU += time.Duration(n)
		}
	}
	return u, nil
}
