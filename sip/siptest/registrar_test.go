package siptest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func contacts(res *sipgo.Response) (out []string) {
	for _, h := range res.GetHeaders("Contact") {
		out = append(out, h.Value())
	}
	return out
}

func TestRegistrar_registers_a_raw_client(t *testing.T) {
	for _, transport := range []Transport{UDP, TCP} {
		for _, algorithm := range []string{"MD5", "SHA-256", "SHA-512-256"} {
			t.Run(transport.String()+" "+algorithm, func(t *testing.T) {
				r := startRegistrar(t, Options{Algorithms: []string{algorithm}})
				c := dialRaw(t, r, transport)
				res := c.register(1, "Contact: <sip:alice@192.0.2.1:5060>;expires=120")
				if res.StatusCode != 200 || !slices.Equal(contacts(res), []string{"<sip:alice@192.0.2.1:5060>;expires=120"}) {
					t.Fatalf("%s", res)
				}
				via := res.Via()
				received, _ := via.Params.Get("received")
				rport, _ := via.Params.Get("rport")
				if received+":"+rport != c.conn.LocalAddr().String() {
					t.Errorf("Via says %s:%s, the client is %v", received, rport, c.conn.LocalAddr())
				}
				list := r.Bindings("sip:alice@ramble.test")
				if len(list) != 1 || list[0].Contact != "sip:alice@192.0.2.1:5060" || list[0].CallID != "reg" || list[0].CSeq != 2 ||
					list[0].Transport != transport || list[0].Received.String() != c.conn.LocalAddr().String() {
					t.Errorf("%+v", list)
				}
				if left := time.Until(list[0].Expires); left > 2*time.Minute || left < time.Minute {
					t.Errorf("expires in %v", left)
				}
				if n := r.Count("REGISTER"); n != 2 {
					t.Errorf("%d REGISTERs counted", n)
				}
			})
		}
	}
}

func TestRegistrar_removes_bindings(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, UDP)
	one, two := "Contact: <sip:alice@192.0.2.1>", "Contact: <sip:alice@192.0.2.2>"
	c.register(1, one, two)
	if n := len(r.Bindings("alice")); n != 2 {
		t.Fatalf("%d bindings", n)
	}
	if res := c.register(3, one+";expires=0"); len(contacts(res)) != 1 || !strings.Contains(contacts(res)[0], "192.0.2.2") {
		t.Errorf("%s", res)
	}
	if res := c.register(5, "Contact: *", "Expires: 10"); res.StatusCode != 400 {
		t.Errorf("a star with a lifetime: %s", res)
	}
	if res := c.register(7, "Contact: *", "Expires: 0"); res.StatusCode != 200 || len(contacts(res)) != 0 {
		t.Errorf("%s", res)
	}
	if n := len(r.Bindings("alice")); n != 0 {
		t.Errorf("%d bindings left", n)
	}
}

func TestRegistrar_refuses(t *testing.T) {
	r := startRegistrar(t, Options{Quirks: Quirks{MaxContacts: 1, MinExpires: time.Minute}})
	c := dialRaw(t, r, UDP)
	if res := c.registerAs("guess", 1, "Contact: <sip:alice@192.0.2.1>"); res.StatusCode != 401 || len(r.Bindings("alice")) != 0 {
		t.Errorf("a wrong password: %s", res)
	}
	if res := c.register(3, "Contact: <sip:alice@192.0.2.1>;expires=30"); res.StatusCode != 423 || res.GetHeader("Min-Expires").Value() != "60" {
		t.Errorf("a short life: %s", res)
	}
	if res := c.register(5, "Contact: <sip:alice@192.0.2.1>"); res.StatusCode != 200 {
		t.Errorf("%s", res)
	}
	if res := c.register(7, "Contact: <sip:alice@192.0.2.2>"); res.StatusCode != 403 || len(r.Bindings("alice")) != 1 {
		t.Errorf("one contact too many: %s", res)
	}
	if res := c.register(1, "Contact: <sip:alice@192.0.2.1>"); res.StatusCode != 500 {
		t.Errorf("an old CSeq: %s", res)
	}
	c.send(strings.ReplaceAll(c.request("REGISTER", "sip:ramble.test", 9, "nobody", "Contact: <sip:x@192.0.2.1>"), "To: <sip:alice", "To: <sip:nobody"))
	if res := c.response(); res.StatusCode != 404 {
		t.Errorf("an unknown user: %s", res)
	}
	c.send(c.request("REGISTER", "sip:elsewhere.test", 10, "elsewhere"))
	if res := c.response(); res.StatusCode != 403 {
		t.Errorf("another domain: %s", res)
	}
}

func TestRegistrar_ends_nonces(t *testing.T) {
	contact := "Contact: <sip:alice@192.0.2.1>"
	stale := func(res *sipgo.Response) bool {
		h := res.GetHeader("WWW-Authenticate")
		if res.StatusCode != 401 || h == nil {
			return false
		}
		c, err := digest.ParseChallenge(h.Value())
		return err == nil && c.Stale
	}
	t.Run("after its life", func(t *testing.T) {
		r := startRegistrar(t, Options{NonceLife: time.Nanosecond})
		c := dialRaw(t, r, UDP)
		if res := c.register(1, contact); !stale(res) {
			t.Errorf("%s", res)
		}
	})
	t.Run("when a count comes twice", func(t *testing.T) {
		r := startRegistrar(t, Options{})
		c := dialRaw(t, r, UDP)
		c.send(c.request("REGISTER", "sip:ramble.test", 1, "one", contact))
		challenge := c.response()
		if res := c.answer(challenge, "wonder", 2, contact); res.StatusCode != 200 {
			t.Fatalf("%s", res)
		}
		if res := c.answer(challenge, "wonder", 3, contact); !stale(res) {
			t.Errorf("%s", res)
		}
	})
	t.Run("from another source where it is bound to one", func(t *testing.T) {
		r := startRegistrar(t, Options{Quirks: Quirks{NonceBySource: true}})
		c := dialRaw(t, r, UDP)
		c.send(c.request("REGISTER", "sip:ramble.test", 1, "one", contact))
		challenge := c.response()
		if res := dialRaw(t, r, UDP).answer(challenge, "wonder", 2, contact); !stale(res) {
			t.Errorf("%s", res)
		}
	})
	t.Run("and names the next one where it may", func(t *testing.T) {
		r := startRegistrar(t, Options{Quirks: Quirks{NextNonce: true}})
		res := dialRaw(t, r, UDP).register(1, contact)
		if h := res.GetHeader("Authentication-Info"); h == nil || !strings.HasPrefix(h.Value(), `nextnonce="`) {
			t.Errorf("%s", res)
		}
	})
}

func TestRegistrar_lets_an_instance_replace_its_binding_with_outbound(t *testing.T) {
	contact := func(addr string) string {
		return fmt.Sprintf(`Contact: <sip:alice@%s>;+sip.instance="<urn:uuid:7>";reg-id=1`, addr)
	}
	for _, outbound := range []bool{true, false} {
		r := startRegistrar(t, Options{Quirks: Quirks{Outbound: outbound}})
		c := dialRaw(t, r, UDP)
		c.register(1, contact("192.0.2.1"))
		res := c.register(3, contact("192.0.2.2"))
		list := r.Bindings("alice")
		if list[0].Contact != "sip:alice@192.0.2.2" || list[0].Instance != "urn:uuid:7" || list[0].RegID != "1" {
			t.Errorf("%+v", list)
		}
		if want := map[bool]int{true: 1, false: 2}[outbound]; len(list) != want {
			t.Errorf("outbound %v: %d bindings", outbound, len(list))
		}
		if (res.GetHeader("Require") != nil) != outbound {
			t.Errorf("outbound %v: %s", outbound, res)
		}
	}
}

func TestRegistrar_rewrites_contacts_where_it_does_so(t *testing.T) {
	r := startRegistrar(t, Options{Quirks: Quirks{RewriteContact: true}})
	c := dialRaw(t, r, TCP)
	res := c.register(1, "Contact: <sip:alice@192.0.2.1>;expires=60")
	if want := fmt.Sprintf("<sip:alice@%v;transport=tcp>;expires=60", c.conn.LocalAddr()); contacts(res)[0] != want {
		t.Errorf("got %s want %s", contacts(res)[0], want)
	}
}

func TestRegistrar_drops_the_oldest_contact_where_it_does_so(t *testing.T) {
	r := startRegistrar(t, Options{Quirks: Quirks{MaxContacts: 1, ForgetOnOverflow: true}})
	c := dialRaw(t, r, UDP)
	c.register(1, "Contact: <sip:alice@192.0.2.1>")
	c.register(3, "Contact: <sip:alice@192.0.2.2>")
	if list := r.Bindings("alice"); len(list) != 1 || list[0].Contact != "sip:alice@192.0.2.2" {
		t.Errorf("%+v", list)
	}
}

func TestRegistrar_answers_a_retransmission_with_the_same_bytes(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, UDP)
	text := c.request("REGISTER", "sip:ramble.test", 1, "same", "Contact: <sip:alice@192.0.2.1>")
	c.send(text)
	first := c.read()
	c.send(text)
	if second := c.read(); second != first || r.Count("REGISTER") != 1 {
		t.Errorf("%d counted\n%s\n%s", r.Count("REGISTER"), first, second)
	}
}

func TestRegistrar_obeys_its_script(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, UDP)
	contact := "Contact: <sip:alice@192.0.2.1>"
	for _, code := range []int{403, 404, 423, 503} {
		r.Script(func(req *sipgo.Request) *Reply {
			return &Reply{Code: code, Headers: []sipgo.Header{sipgo.NewHeader("Retry-After", "7")}}
		})
		if res := c.register(code, contact); res.StatusCode != code || res.Reason != reasonOf(code) || res.GetHeader("Retry-After") == nil {
			t.Errorf("%s", res)
		}
	}
	r.Script(func(req *sipgo.Request) *Reply {
		if req.Method == sipgo.REGISTER {
			return &Reply{Silent: true}
		}
		return nil
	})
	c.send(c.request("REGISTER", "sip:ramble.test", 900, "silent", contact))
	c.send(c.request("OPTIONS", "sip:ramble.test", 901, "loud"))
	if res := c.response(); res.CSeq().MethodName != sipgo.OPTIONS || res.StatusCode != 200 {
		t.Errorf("%s", res)
	}
	if err := r.WaitCount(within(t), "REGISTER", 5); err != nil {
		t.Error(err)
	}
	r.Script(nil)
	if res := c.register(902, contact); res.StatusCode != 200 {
		t.Errorf("%s", res)
	}
}

func TestRegistrar_frames_TCP_as_it_comes(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, TCP)
	one := c.request("OPTIONS", "sip:ramble.test", 1, "one")
	two := c.request("OPTIONS", "sip:ramble.test", 2, "two")
	c.send(one[:5])
	c.send(one[5:] + two[:40])
	c.send(two[40:])
	for i := range 2 {
		if res := c.response(); res.StatusCode != 200 || res.CSeq().SeqNo != uint32(i+1) {
			t.Errorf("%s", res)
		}
	}
	c.send("\r\n\r\n")
	if line, err := c.r.ReadString('\n'); err != nil || line != "\r\n" {
		t.Errorf("pong %q %v", line, err)
	}
	c.send("OPTIONS sip:ramble.test SIP/2.0\r\nContent-Length: 4294967295\r\n\r\n")
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("a connection with an odd length stays open")
	}
}

func TestRegistrar_ignores_noise(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, UDP)
	good := c.request("OPTIONS", "sip:ramble.test", 1, "good")
	for _, noise := range []string{
		"\x00\x01\x00\x00", "\r\n\r\n", "hello, is this the registrar?", good[:60],
		"OPTIONS sip:ramble.test SIP/2.0\r\n\r\n",
		strings.Replace(good, "1 OPTIONS", "1 INVITE", 1),
		strings.Replace(good, "SIP/2.0\r\n", "SIP/9.9\r\n", 1),
		"SIP/2.0 200 OK\r\n" + good[strings.Index(good, "\r\n")+2:],
	} {
		c.send(noise)
	}
	c.send(good)
	if res := c.response(); res.StatusCode != 200 {
		t.Errorf("%s", res)
	}
}

func TestRegistrar_relays_for_nobody(t *testing.T) {
	r := startRegistrar(t, Options{})
	c := dialRaw(t, r, UDP)
	for uri, code := range map[string]int{"sip:bob@192.0.2.99": 403, "sip:nobody@ramble.test": 404, "sip:bob@ramble.test": 480} {
		c.send(c.request("INVITE", uri, 1, "x"+fmt.Sprint(code)))
		res := c.response()
		if res.StatusCode != code {
			t.Errorf("%s: %s", uri, res)
		}
		c.send(strings.Replace(c.request("ACK", uri, 1, "x"+fmt.Sprint(code)), "To: <"+uri+">", res.To().String(), 1))
	}
	c.send(c.request("OPTIONS", "sip:bob@ramble.test", 9, "hops"))
	if res := c.response(); res.StatusCode != 480 {
		t.Errorf("%s", res) // and not an answer to one of the ACKs
	}
}

func TestRegistrar_says_why_it_cannot_listen(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := NewRegistrar(Options{Addr: addrPort(ln.Addr())})
	if err := r.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "listen on TCP") {
		t.Errorf("got %v", err)
	}
}

func TestRegistrar_tells_of_bindings(t *testing.T) {
	told := make(chan []Binding, 4)
	r := startRegistrar(t, Options{OnBindings: func(user string, list []Binding) { told <- list }})
	dialRaw(t, r, UDP).register(1, "Contact: <sip:alice@192.0.2.1>")
	if err := r.WaitBindings(within(t), "alice", func(l []Binding) bool { return len(l) == 1 }); err != nil {
		t.Error(err)
	}
	if list := <-told; len(list) != 1 {
		t.Errorf("%+v", list)
	}
	r.Forget()
	if len(r.Bindings("alice")) != 0 {
		t.Error("bindings are not forgotten")
	}
}
