package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ramble/internal/proof/needs"
	"ramble/sip/siptest"
)

// middle stands between a phone and its registrar and can put in what the
// registrar never said.
type middle struct {
	t      *testing.T
	server string
	ln     net.Listener

	mu    sync.Mutex
	phone net.Conn  // the connection at present; nil: none
	since time.Time // it went
	away  time.Duration
	conns int
	heard bytes.Buffer // what the phone said, for answers
	news  chan struct{}
	wg    sync.WaitGroup
}

// besideIt is where it stands: at another address and the registrar's port, so
// that the registrar takes requests to it for its own.
const besideIt = "127.0.0.2"

func newMiddle(t *testing.T, server netip.AddrPort, secure *tls.Config) *middle {
	t.Helper()
	ln, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr(besideIt), server.Port()).String())
	if err != nil {
		t.Fatal(err)
	}
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	m := &middle{t: t, server: server.String(), ln: ln, news: make(chan struct{}, 1)}
	m.wg.Go(m.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		m.mu.Lock()
		if m.phone != nil {
			_ = m.phone.Close()
		}
		m.mu.Unlock()
		m.wg.Wait()
	})
	return m
}

func (m *middle) accept() {
	for {
		phone, err := m.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", m.server)
		if err != nil {
			m.t.Error(err)
			_ = phone.Close()
			return
		}
		m.mu.Lock()
		if m.conns++; m.conns > 1 && m.phone == nil {
			m.away += time.Since(m.since)
		}
		m.phone = phone
		m.mu.Unlock()
		m.wg.Go(func() { _, _ = io.Copy(phone, server) })
		m.wg.Go(func() {
			_, _ = io.Copy(io.MultiWriter(server, m), phone)
			_, _ = phone.Close(), server.Close()
			m.mu.Lock()
			if m.phone == phone { // else the next one came first
				m.phone, m.since = nil, time.Now()
			}
			m.mu.Unlock()
		})
	}
}

// Write notes what the phone said.
func (m *middle) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case m.news <- struct{}{}:
	default:
	}
	return m.heard.Write(b)
}

// put says something to the phone and waits for an answer with a text in it.
func (m *middle) put(ctx context.Context, b []byte, answer string) error {
	m.mu.Lock()
	phone := m.phone
	m.heard.Reset()
	m.mu.Unlock()
	if phone == nil {
		return errors.New("there is no connection")
	}
	if _, err := phone.Write(b); err != nil {
		return err
	}
	for {
		m.mu.Lock()
		found := strings.Contains(m.heard.String(), answer)
		m.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-m.news:
		case <-ctx.Done():
			return fmt.Errorf("no answer with %q: %w", answer, ctx.Err())
		}
	}
}

// count is how many connections there were, and for how long there was none.
func (m *middle) count() (int, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conns, m.away
}

// TestOddMessagesOnTheServersConnection has a registrar that says ten odd things
// over TCP and TLS, after each of which the phone goes on on the same connection,
// and ten that break the framing, after each of which it is back soon: the wait
// between tries does not grow from one success to the next.
func TestOddMessagesOnTheServersConnection(t *testing.T) {
	needs.TheWholeRun(t, "a phone that comes back ten times")
	binary := buildProgram(t)
	for _, over := range []string{"tcp", "tls"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, binary, over, siptest.Options{Self: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr(besideIt)}})
			var secure *tls.Config
			trust := ""
			if over == "tls" {
				certified, err := siptest.Certify(besideIt, "ramble.test")
				if err != nil {
					t.Fatal(err)
				}
				secure, trust = certified.Server, trusting(t, certified)
			}
			m := newMiddle(t, h.server.Addr(), secure)
			p := h.start(t, "alice", setup{registrar: "sip:" + m.ln.Addr().String(), args: []string{"--audio", "null"},
				secret: fmt.Sprintf("password = %q%s", "secret of alice", trust)})
			p.registration(t, "registered")
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			for file, code := range map[string]string{"strange/two-max-forwards": "400", "strange/nul-in-subject": "400",
				"strange/options-header-without-colon": "400", "strange/options-bare-lf": "400", "strange/options-via-7.0": "505",
				"strange/via-7.0": "400", "strange/bye-for-nothing": "481", "rfc4475/badinv01": "400", "rfc4475/scalar02": "400", "rfc4475/insuf": "400"} {
				if err := m.put(ctx, odd(t, file), "SIP/2.0 "+code+" "); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
			}
			if conns, away := m.count(); conns != 1 || away > 0 {
				t.Errorf("%d connections, away for %v, after messages that leave the framing whole", conns, away)
			}
			began := time.Now()
			var worst, before time.Duration
			for n := range 10 {
				from := len(p.seen())
				if err := m.put(ctx, odd(t, "rfc4475/mcl01"), "SIP/2.0 400 "); err != nil {
					t.Fatalf("time %d: %v", n+1, err)
				}
				sent := time.Now()
				_, _ = p.find(t, time.Minute, "its end", from, func(l line) bool { return l.Type == "roam" && l.Phase == "done" })
				back := time.Since(sent)
				worst = max(worst, back)
				_, away := m.count()
				t.Logf("%d: back after %v, no connection for %v", n+1, back.Round(time.Millisecond), (away - before).Round(time.Millisecond))
				before = away
			}
			conns, away := m.count()
			t.Logf("%d connections; away for %v of %v, back after %v at worst", conns, away.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), worst.Round(time.Millisecond))
			if conns != 11 || worst > 3*time.Second {
				t.Errorf("%d connections, want one more for each that broke; back after %v at worst, want 3 s", conns, worst)
			}
			p.leaves(t)
		})
	}
}

// odd is a message of the SIP room's collection.
func odd(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "sip", "testdata", filepath.FromSlash(name)+".sip"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// trusting is the line of an account that believes a server.
func trusting(t *testing.T, c siptest.Certified) string {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, c.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("\ntls_ca = %q", ca)
}
