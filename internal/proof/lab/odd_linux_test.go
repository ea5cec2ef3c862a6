package lab

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"time"
)

// part is what a scenario of testdata is made of. What its XML does not use is
// left empty.
type part struct {
	From, Type, Offer, Answer, Early string
	Refused                          int    // the code that is due, or that a callee answers first; 0: 200
	Must                             string // a regular expression that the phone's message has to match
	Within                           []inCall
	Play                             []string // captures, one after the other
	Stay                             int      // milliseconds before the hang-up
	Challenge, Contact, Seen         string
	Headers                          []string // of the INVITE, or of its 200
	Why                              string   // the header of a refusal
	Unique                           int64    // in Call-IDs and branches: every SIPp is process 1 of its namespace
}

// inCall is a request within the call, to which 200 is due.
type inCall struct{ Method, Type, Body, Must string }

// odd is a phone whose server is SIPp.
type odd struct {
	*Lab
	r  *Ramble
	at netip.AddrPort // of the phone
}

func newOdd(t *testing.T, ctx context.Context, account string) *odd {
	t.Helper()
	l := open(t, Options{})
	possible(t, l.DNS(ctx, "--host-record=sound."+Domain+",10.8.0.2"))
	r := must[*Ramble](t)(l.Ramble(ctx, RambleOptions{Binary: ramble(t), User: "alice", Server: "10.8.0.2",
		Account: "allow_from = [\"any\"]\n" + account, Config: "[network]\nsip_port = 5066\nkeepalive = \"0s\"\n"}))
	return &odd{l, r, netip.AddrPortFrom(ipv4(1, 2), 5066)}
}

// plays begins a scenario of testdata.
func (o *odd) plays(t *testing.T, ctx context.Context, scenario string, p part, args ...string) *Program {
	t.Helper()
	p.Unique = time.Now().UnixNano()
	if p.Type == "" {
		p.Type = "application/sdp"
	}
	text := template.New(scenario).Funcs(template.FuncMap{"add": func(a, b int) int { return a + b }})
	text = template.Must(text.ParseFiles(filepath.Join("testdata", scenario)))
	path := filepath.Join(o.Dir, scenario)
	f := must[*os.File](t)(os.Create(path))
	if err := text.ExecuteTemplate(f, scenario, p); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	so := SIPpOptions{Scenario: path, User: "alice", Args: append(args, "-cid_str", fmt.Sprintf("%d-%%u@%%s", p.Unique))}
	if scenario == "caller.xml" {
		so.Remote = o.at
	}
	sipp, err := o.SIPp(ctx, so)
	possible(t, err)
	return sipp
}

// passes waits until a scenario is over, as it was written.
func passes(t *testing.T, ctx context.Context, p *Program) {
	t.Helper()
	if err := p.Wait(ctx); err != nil {
		for _, name := range []string{"errors.log", "messages.log"} {
			text, _ := os.ReadFile(filepath.Join(p.Home, name))
			t.Logf("%s\n%s", name, text)
		}
		t.Errorf("sipp: %v", err)
	}
}

// ended waits until a call is over and returns what it was.
func (o *odd) ended(t *testing.T, ctx context.Context, from int) Event {
	t.Helper()
	e, _, err := o.r.CallState(ctx, from, 0, "ended")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// calls dials, waits for the answer and hangs up when done says so.
func (o *odd) calls(t *testing.T, ctx context.Context, target string, done func(from int)) Event {
	t.Helper()
	from := o.r.Output.Len()
	call, _, err := o.r.Do(ctx, "dial "+target)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.r.CallState(ctx, from, call, "up"); err != nil {
		t.Fatal(err)
	}
	if done != nil {
		done(from)
	}
	if err := o.r.hangUp(ctx); err != nil {
		t.Error(err)
	}
	return o.ended(t, ctx, from)
}

// described is SDP at SIPp's address, or another, with some formats.
func described(at, formats string) string {
	return fmt.Sprintf("v=0\no=peer 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 %s\nt=0 0\nm=audio [media_port] RTP/AVP %s\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n", at, formats)
}

// among is a description between other parts of a body (RFC 5621).
func among(sdp string) string {
	return "--7b\nContent-Type: text/plain\n\nhello\n--7b\nContent-Type: application/sdp\n\n" + sdp + "\n--7b\nContent-Type: application/pidf+xml\n\n<presence/>\n--7b--\n"
}

const (
	answers   = "register = false\nauto_answer = \"always\""
	here      = "[media_ip]"
	mixed     = `multipart/mixed;boundary="7b"`
	pcapFiles = "/usr/share/sip-tester/"
)

func TestOddBodies(t *testing.T) {
	ctx := within(t, 80*time.Second)
	o := newOdd(t, ctx, answers)
	sdp := described(here, "0 101")
	for name, p := range map[string]part{
		"INVITE": {Type: mixed, Offer: among(sdp), Must: "m=audio [0-9]+ RTP/AVP 0"},
		"ACK":    {Type: mixed, Answer: among(sdp), Must: "m=audio [0-9]+ RTP/AVP"},
		"UPDATE": {Offer: sdp, Within: []inCall{{"UPDATE", mixed, among(described(here, "8 101")), "m=audio [0-9]+ RTP/AVP 8"}}},
	} {
		t.Run("an offer or answer among other parts, in "+name, func(t *testing.T) {
			from := o.r.Output.Len()
			passes(t, ctx, o.plays(t, ctx, "caller.xml", p))
			if e := o.ended(t, ctx, from); e.RemoteMedia.Addr() != ipv4(8, 2) {
				t.Errorf("%s", e.Line)
			}
		})
	}
	t.Run("an answer among other parts, in 200", func(t *testing.T) {
		p := o.plays(t, ctx, "callee.xml", part{Type: mixed, Answer: among(sdp)})
		if e := o.calls(t, ctx, "bob", nil); e.RemoteMedia.Addr() != ipv4(8, 2) {
			t.Errorf("%s", e.Line)
		}
		passes(t, ctx, p)
	})
	t.Run("an early answer among other parts, in 183", func(t *testing.T) {
		p := o.plays(t, ctx, "callee.xml", part{Type: mixed, Early: among(described(here, "8 101")), Answer: among(described(here, "8 101"))})
		from := o.r.Output.Len()
		e := o.calls(t, ctx, "bob", nil)
		if early, _, err := o.r.CallState(ctx, from, 0, "early"); err != nil || early.RemoteMedia != e.RemoteMedia {
			t.Errorf("%v: %s", err, e.Line)
		}
		passes(t, ctx, p)
	})
	t.Run("a host name in c= is looked up", func(t *testing.T) {
		from := o.r.Output.Len()
		passes(t, ctx, o.plays(t, ctx, "caller.xml", part{Offer: described("sound."+Domain, "0 101"), Stay: 300}))
		if e := o.ended(t, ctx, from); e.RemoteMedia.Addr() != ipv4(8, 2) {
			t.Errorf("%s", e.Line)
		}
	})
	for name, tt := range map[string]struct{ offer, reason string }{
		"without a codec of ours":        {described(here, "18 4"), "no codec in common"},
		"with a host that nobody knows":  {described("nowhere."+Domain, "0"), "was not found"},
		"with a host that is no address": {described("10.8.0.300", "0"), "not an IP address"},
	} {
		t.Run("an offer "+name+" is refused at once", func(t *testing.T) {
			o := newOdd(t, ctx, "register = false")
			from, start := o.r.Output.Len(), time.Now()
			passes(t, ctx, o.plays(t, ctx, "caller.xml", part{Offer: tt.offer, Refused: 488, Must: "Warning: 399 ramble .*" + tt.reason}))
			e := o.ended(t, ctx, from)
			if took := e.At.Sub(start); took > 3*time.Second || e.Code != 488 || !strings.Contains(e.Reason, tt.reason) {
				t.Errorf("after %s: %s", took, e.Line)
			}
			t.Logf("%s: %s", e.At.Sub(start), e.Reason)
		})
	}
}

func TestOddSound(t *testing.T) {
	ctx := within(t, 60*time.Second)
	o := newOdd(t, ctx, answers)
	t.Run("the second of two codecs is heard", func(t *testing.T) {
		p := o.plays(t, ctx, "callee.xml", part{Answer: described(here, "0 8 101"), Play: []string{pcapFiles + "g711a.pcap"}})
		from := o.r.Output.Len()
		o.calls(t, ctx, "bob", func(int) {
			if err := wait(ctx, 2*time.Second); err != nil {
				t.Fatal(err)
			}
		})
		passes(t, ctx, p)
		e, _, err := o.r.Expect(ctx, from, "the sound's figures", func(e Event) bool { return e.Type == "media" })
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Level float64 `json:"level_in"`
			MOS   float64 `json:"mos"`
		}
		// It speaks, and is heard well: -127 and 4.4 would be the silence of before.
		if err := json.Unmarshal([]byte(e.Line), &m); err != nil || e.Rx < 40 || m.Level < -50 || m.MOS < 3.5 {
			t.Errorf("%v: %s", err, e.Line)
		}
		t.Log(e.Line)
	})
	t.Run("digits by a clock of their own, and in INFO", func(t *testing.T) {
		from := o.r.Output.Len()
		p := o.plays(t, ctx, "caller.xml", part{Offer: described(here, "8 101"),
			Within: []inCall{{"INFO", "application/dtmf-relay", "Signal=9\nDuration=160\n", ""}, {"INFO", "application/dtmf", "#", ""}},
			Play:   []string{pcapFiles + "dtmf_2833_1.pcap", pcapFiles + "dtmf_2833_2.pcap", pcapFiles + "dtmf_2833_pound.pcap", pcapFiles + "dtmf_2833_0.pcap"}})
		passes(t, ctx, p)
		o.ended(t, ctx, from)
		got := o.digits(from)
		if got != "9#12#0" {
			t.Errorf("heard %q, want 9#12#0", got)
		}
	})
}

// TestOddTargets reads what is dialled as it stands in the Request-URI.
func TestOddTargets(t *testing.T) {
	ctx := within(t, 60*time.Second)
	o := newOdd(t, ctx, answers)
	for typed, want := range map[string]string{
		`*#9240`:                     `INVITE sip:\*%239240@lab.example SIP`,
		`**21*0711#`:                 `INVITE sip:\*\*21\*0711%23@lab.example SIP`,
		`jürgen`:                     `INVITE sip:j%C3%BCrgen@lab.example SIP`,
		`１２３`:                        `INVITE sip:123@lab.example SIP`,
		"\"0711\u00a0123\"":          `INVITE sip:0711123@lab.example SIP`,
		`"+44 (0)20 7946 0018"`:      `INVITE sip:\+442079460018@lab.example SIP`,
		`tel:+44-20-7946-0018`:       `INVITE sip:\+442079460018@lab.example`,
		`callto:12345`:               `INVITE sip:12345@lab.example SIP`,
		`"\"Bob\" <sip:b@10.8.0.2>"`: `INVITE sip:b@10.8.0.2 SIP`,
	} {
		t.Run(typed, func(t *testing.T) {
			p := o.plays(t, ctx, "callee.xml", part{Must: want, Answer: described(here, "0")})
			o.calls(t, ctx, typed, nil)
			passes(t, ctx, p)
		})
	}
}

// TestOddNames: a name is shown as it is spelt, and no glyph falls into pieces.
func TestOddNames(t *testing.T) {
	ctx := within(t, 30*time.Second)
	o := newOdd(t, ctx, answers)
	for from, want := range map[string]string{
		"\"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\"": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", // Persian is spelt with the joiner
		"\"\u0915\u094d\u200d\u0937\"":                         "\u0915\u094d\u200d\u0937",
		"\"Al\u200dice\"":                                      "Al\ufffdice", // Latin is not
		"\"\U0001f468\u200d\U0001f469\u200d\U0001f467\"":       "\ufffd",      // a family is one replacement, not five glyphs
		`"A \"B\" C\\D"`:                                       `A "B" C\D`,
	} {
		t.Run(want, func(t *testing.T) {
			at := o.r.Output.Len()
			passes(t, ctx, o.plays(t, ctx, "caller.xml", part{From: from, Offer: described(here, "0")}))
			e := o.ended(t, ctx, at)
			var shown struct{ Name string }
			if err := json.Unmarshal([]byte(e.Line), &shown); err != nil || shown.Name != want {
				t.Errorf("%+q, want %+q", shown.Name, want)
			}
		})
	}
}

// TestOddRegistrars: challenges of odd forms, whose answers are worked out here
// once more, and a registrar that writes its own host into the Contact.
func TestOddRegistrars(t *testing.T) {
	ctx := within(t, 60*time.Second)
	secret := Password("alice")
	for name, tt := range map[string]struct {
		challenge, realm, algorithm, qop string
	}{
		"a quoted pair in the realm": {`Digest realm="a \"b\" c\\d", nonce="n1"`, `a "b" c\d`, "MD5", ""},
		"an empty qop":               {`Digest realm="r", nonce="n2", qop=""`, "r", "MD5", ""},
		"a tab after Digest":         {"Digest\trealm=\"r\", nonce=\"n3\", qop=\"auth\"", "r", "MD5", "auth"},
		"an empty realm":             {`Digest realm="", nonce="n4", qop="auth"`, "", "MD5", "auth"},
		"MD5-sess":                   {`Digest realm="r", nonce="n5", qop="auth", algorithm=MD5-sess`, "r", "MD5-sess", "auth"},
		"SHA-256-sess":               {`Digest realm="r", nonce="n6", qop="auth", algorithm=SHA-256-sess`, "r", "SHA-256-sess", "auth"},
		"auth-int":                   {`Digest realm="r", nonce="n7", qop="auth-int"`, "r", "MD5", "auth-int"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOdd(t, ctx, "")
			from := o.r.Output.Len()
			p := o.plays(t, ctx, "registrar.xml", part{Challenge: tt.challenge})
			if _, _, err := o.r.Do(ctx, "register"); err != nil {
				t.Fatal(err)
			}
			passes(t, ctx, p)
			must[Event](t)(o.r.Registered(ctx, from, "10.1.0.2"))
			text := string(must[[]byte](t)(os.ReadFile(filepath.Join(p.Home, "messages.log"))))
			answer := text[strings.LastIndex(text, "Authorization: Digest "):]
			answer, _, _ = strings.Cut(answer, "\n")
			if got, want := field(answer, "response"), response(answer, tt.realm, tt.algorithm, tt.qop, secret); got != want {
				t.Errorf("response %s, want %s, in %s", got, want, answer)
			}
		})
	}
	t.Run("a rewritten host with an Expires of its own", func(t *testing.T) {
		o := newOdd(t, ctx, "follow_nat = false")
		from := o.r.Output.Len()
		p := o.plays(t, ctx, "registrar.xml", part{Seen: "received=203.0.113.9;rport=1024", Contact: "Contact: <sip:alice@203.0.113.9:1024>;expires=77"})
		if _, _, err := o.r.Do(ctx, "register"); err != nil {
			t.Fatal(err)
		}
		passes(t, ctx, p)
		if e := must[Event](t)(o.r.Registered(ctx, from, "")); e.Expires != 77 {
			t.Errorf("%s", e.Line)
		}
	})
}

// field is a parameter of an Authorization header, as it stands there.
func field(header, name string) string {
	m := regexp.MustCompile(`[ ,]` + name + `=(?:"((?:[^"\\]|\\.)*)"|([^ ,"\r]*))`).FindStringSubmatch(header)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// response is that of RFC 7616 3.4.1 to a REGISTER without a body, with the
// realm as it is meant, without quotes and escapes.
func response(answer, realm, algorithm, qop, secret string) string {
	h := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	if strings.HasPrefix(algorithm, "SHA-256") {
		h = func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	}
	a1 := h("alice:" + realm + ":" + secret)
	if strings.HasSuffix(algorithm, "-sess") {
		a1 = h(a1 + ":" + field(answer, "nonce") + ":" + field(answer, "cnonce"))
	}
	a2 := "REGISTER:" + field(answer, "uri")
	if qop == "auth-int" {
		a2 += ":" + h("")
	}
	if qop == "" {
		return h(a1 + ":" + field(answer, "nonce") + ":" + h(a2))
	}
	return h(strings.Join([]string{a1, field(answer, "nonce"), field(answer, "nc"), field(answer, "cnonce"), qop, h(a2)}, ":"))
}

// TestCRLFBeforeARequest is the one form that SIPp cannot send.
func TestCRLFBeforeARequest(t *testing.T) {
	ctx := within(t, 20*time.Second)
	o := newOdd(t, ctx, answers)
	conn := must[net.Conn](t)(o.Host(Callee).Dial(ctx, "udp", o.at))
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	from := conn.LocalAddr()
	if _, err := fmt.Fprintf(conn, "\r\n\r\nOPTIONS sip:alice@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKcrlf\r\nFrom: <sip:a@b>;tag=1\r\n"+
		"To: <sip:alice@%[1]s>\r\nCall-ID: crlf\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", o.at, from); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "SIP/2.0 200 ") {
		t.Errorf("%v: %s", err, answer[:n])
	}
}
