package siptest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"go.uber.org/goleak"

	"ramble/sip/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// running runs something until the test ends and waits for its end.
func running(t *testing.T, run func(context.Context) error, ready <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end with its context")
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		t.Fatalf("Run ended early: %v", err)
	case <-time.After(patience):
		t.Fatal("not ready")
	}
}

func startRegistrar(t *testing.T, o Options) *Registrar {
	t.Helper()
	if o.Users == nil {
		o.Users = map[string]string{"alice": "wonder", "bob": "builder"}
	}
	r := NewRegistrar(o)
	running(t, r.Run, r.Ready())
	return r
}

func startPeer(t *testing.T, r *Registrar, o PeerOptions) *Peer {
	t.Helper()
	if r != nil {
		o.Registrar = r.Addr()
	}
	switch o.User {
	case "alice":
		o.Password = "wonder"
	case "bob":
		o.Password = "builder"
	}
	p := NewPeer(o)
	running(t, p.Run, p.Ready())
	return p
}

func up(s CallState) bool    { return s.Phase == Up }
func ended(s CallState) bool { return s.Phase == Ended }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// theOther is the one call of a peer.
func theOther(t *testing.T, p *Peer) *PeerCall {
	t.Helper()
	calls := p.Calls()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want one", len(calls))
	}
	if _, err := calls[0].Wait(within(t), up); err != nil {
		t.Fatal(err)
	}
	return calls[0]
}

// probe is media that only remembers.
type probe struct {
	at     netip.AddrPort
	heard  chan sdp.Negotiated
	closed chan struct{}
}

func newProbe(at string) *probe {
	return &probe{netip.MustParseAddrPort(at), make(chan sdp.Negotiated, 32), make(chan struct{})}
}

func (p *probe) Local(context.Context) (netip.AddrPort, error) { return p.at, nil }
func (p *probe) Remote(n sdp.Negotiated)                       { p.heard <- n }
func (p *probe) Close()                                        { close(p.closed) }

func (p *probe) next(t *testing.T) sdp.Negotiated {
	t.Helper()
	select {
	case n := <-p.heard:
		return n
	case <-time.After(patience):
		t.Fatal("media was told nothing")
		return sdp.Negotiated{}
	}
}

// raw is a client that knows nothing: text in, text out.
type raw struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	tcp  bool
}

func dialRaw(t *testing.T, r *Registrar, transport Transport) *raw {
	t.Helper()
	conn, err := net.Dial(strings.ToLower(transport.String()), r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &raw{t, conn, bufio.NewReaderSize(conn, 64<<10), transport == TCP}
}

func (c *raw) send(text string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *raw) read() string {
	c.t.Helper()
	if c.tcp {
		b, err := readMessage(c.r, func() {})
		if err != nil {
			c.t.Fatal(err)
		}
		return string(b)
	}
	buf := make([]byte, 64<<10)
	n, err := c.conn.Read(buf)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(buf[:n])
}

func (c *raw) response() *sipgo.Response {
	c.t.Helper()
	msg, err := sipgo.ParseMessage([]byte(c.read()))
	if err != nil {
		c.t.Fatal(err)
	}
	res, ok := msg.(*sipgo.Response)
	if !ok {
		c.t.Fatalf("not a response: %s", msg.String())
	}
	return res
}

// request is the text of a request from alice's raw client.
func (c *raw) request(method, uri string, cseq int, branch string, headers ...string) string {
	body := ""
	if n := len(headers); n > 0 && strings.HasPrefix(headers[n-1], "v=0") {
		body, headers = headers[n-1], headers[:n-1]
	}
	transport := "UDP"
	if c.tcp {
		transport = "TCP"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;rport;branch=z9hG4bK%s\r\n", transport, c.conn.LocalAddr(), branch)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: <sip:alice@ramble.test>;tag=aa\r\n")
	if method == "REGISTER" {
		fmt.Fprintf(&b, "To: <sip:alice@ramble.test>\r\nCall-ID: reg\r\n")
	} else {
		fmt.Fprintf(&b, "To: <%s>\r\nCall-ID: call\r\n", uri)
	}
	fmt.Fprintf(&b, "CSeq: %d %s\r\n", cseq, method)
	for _, h := range headers {
		fmt.Fprintf(&b, "%s\r\n", h)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// register sends one REGISTER and answers its challenge.
func (c *raw) register(cseq int, headers ...string) *sipgo.Response {
	c.t.Helper()
	return c.registerAs("wonder", cseq, headers...)
}

func (c *raw) registerAs(password string, cseq int, headers ...string) *sipgo.Response {
	c.t.Helper()
	first := c.request("REGISTER", "sip:ramble.test", cseq, fmt.Sprintf("r%d-%d", cseq, time.Now().UnixNano()), headers...)
	c.send(first)
	res := c.response()
	if res.StatusCode != 401 {
		return res
	}
	return c.answer(res, password, cseq+1, headers...)
}

func (c *raw) answer(challenge *sipgo.Response, password string, cseq int, headers ...string) *sipgo.Response {
	c.t.Helper()
	text := c.request("REGISTER", "sip:ramble.test", cseq, fmt.Sprintf("r%d-%d", cseq, time.Now().UnixNano()), headers...)
	msg, err := sipgo.ParseMessage([]byte(text))
	if err != nil {
		c.t.Fatal(err)
	}
	h := credentials(challenge, msg.(*sipgo.Request), "alice", password)
	c.send(strings.Replace(text, "Content-Length", h.Name()+": "+h.Value()+"\r\nContent-Length", 1))
	return c.response()
}
