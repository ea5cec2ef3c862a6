package engine_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ramble/internal/app/demo"
	"ramble/internal/capture"
	"ramble/internal/engine"
	"ramble/internal/history"
	"ramble/internal/leaf/phone"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

// wiretap keeps what the server saw: secrets and all.
type wiretap struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *wiretap) add(m siptest.Traced) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(m.Raw)
}

// TestSecretsStayIn: after a session with the trace on, what a password can be
// guessed from and the keypad's digits are in no log, no history, no trace and
// no event.
func TestSecretsStayIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const digits, password = "7391824650#*", "correct horse battery"
		dir := filepath.Join(t.TempDir(), "state")
		ring, tap := capture.NewRing(), &wiretap{}
		var log bytes.Buffer
		world := newRigIn(t, locate.UDP, 0, demo.Options{Trace: tap.add})
		r, host := world.friend(locate.UDP, func(p *engine.Parts) {
			world.world.Registrar.SetPassword("friend", password)
			p.Accounts[0].SIP.Password = func() (string, error) { return password, nil }
			p.Trace, p.History = ring, history.Open(history.Options{Dir: dir})
			p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		r.registered()
		h := r.headless(t)
		said := make(chan string, 1)
		h.next("snapshot")
		go func() {
			var all strings.Builder
			for h.lines.Scan() {
				all.WriteString(h.lines.Text() + "\n")
			}
			said <- all.String()
		}()
		tell := func(line string) {
			if _, err := io.WriteString(h.in, line+"\n"); err != nil {
				t.Fatal(err)
			}
		}
		tell("trace on")
		id := r.call("melody")
		tell(fmt.Sprintf("dtmf %d %s", id, digits))
		host.Unplug("wlan0")
		host.Plug("usb0", "tethering", tether())
		r.roamed(1)
		r.pass(10 * time.Second)
		r.do(phone.Hangup{Call: id})
		r.quit()
		outputs := map[string]string{"the events": <-said, "the log": log.String()}

		var text, packets bytes.Buffer
		pcapng, err := capture.NewPcapng(&packets, "test")
		if err != nil {
			t.Fatal(err)
		}
		page := ring.Since(0)
		for _, m := range page.Messages {
			if err := (capture.Text{W: &text}).Write(m, 0); err != nil {
				t.Fatal(err)
			}
			if err := pcapng.Write(m, 0); err != nil {
				t.Fatal(err)
			}
		}
		outputs["the trace"], outputs["the packets"] = text.String(), packets.String()
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) < 2 {
			t.Fatalf("%d files of history, %v", len(files), err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			outputs[filepath.Base(f)] = string(data)
		}

		secrets := map[string]string{"the password": password, "the digits": digits}
		a1 := []byte("friend:" + demo.Domain + ":" + password)
		secrets["HA1 (MD5)"], secrets["HA1 (SHA-256)"] = fmt.Sprintf("%x", md5.Sum(a1)), fmt.Sprintf("%x", sha256.Sum256(a1))
		for i, m := range regexp.MustCompile(`(?:response|cnonce)="([^"]+)"`).FindAllStringSubmatch(tap.text.String(), -1) {
			secrets[fmt.Sprint("digest ", i)] = m[1]
		}
		if len(secrets) < 6 {
			t.Fatalf("the wire had %d secrets only", len(secrets))
		}
		for what, secret := range secrets {
			for where, out := range outputs {
				if strings.Contains(out, secret) {
					t.Errorf("%s (%s) is in %s", what, secret, where)
				}
			}
		}
		for _, want := range []string{"REGISTER sip:", `response="****`, "INVITE sip:melody@", "200 OK", "BYE sip:", "account demo, path 2"} {
			if !strings.Contains(outputs["the trace"], want) {
				t.Errorf("%q is not in the trace", want)
			}
		}
		if !strings.Contains(outputs["the events"], `"type":"trace"`) || !strings.Contains(outputs["the events"], `"call_id":"`) {
			t.Errorf("no messages among the events: %s", outputs["the events"])
		}
	})
}
