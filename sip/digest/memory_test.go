package digest

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	rfc7616 "github.com/icholy/digest"

	"ramble/sip/wire"
)

func owner() Owner {
	return Owner{User: "alice", Domain: "example.test", Password: func() (string, error) { return "secret", nil }}
}

var registering = Scope{Server: netip.MustParseAddrPort("192.0.2.1:5060"), Register: true}

func unauthorized(values ...string) *sipgo.Response {
	res := sipgo.NewResponse(401, "Unauthorized")
	for _, v := range values {
		res.AppendHeader(sipgo.NewHeader("WWW-Authenticate", v))
	}
	return res
}

func register(t *testing.T, body string) *sipgo.Request {
	t.Helper()
	req, err := wire.Draft{Method: "REGISTER", Target: "sip:example.test", From: "<sip:alice@example.test>;tag=1",
		To: "<sip:alice@example.test>", CallID: "1", Seq: 1, Body: []byte(body)}.Request("UDP", netip.MustParseAddrPort("192.0.2.7:5060"), "")
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestOddChallenges answers what servers are known to send.
func TestOddChallenges(t *testing.T) {
	for _, tc := range []struct{ name, challenge, realm, nonce, opaque, algorithm, qop string }{
		{"plain", `Digest realm="example.test", nonce="n"`, "example.test", "n", "", "", ""},
		{"a tab after the scheme", "Digest\trealm=\"example.test\", nonce=\"n\"", "example.test", "n", "", "", ""},
		{"quotes and backslashes", `Digest realm="the \"best\" \\ one", nonce="n\"\\", opaque="o\"\\", qop="auth"`, `the "best" \ one`, `n"\`, `o"\`, "", "auth"},
		{"qop of nothing", `Digest realm="example.test", nonce="n", qop=""`, "example.test", "n", "", "", ""},
		{"an empty realm", `Digest realm="", nonce="n", qop="auth"`, "", "n", "", "", "auth"},
		{"MD5-sess", `Digest realm="example.test", nonce="n", qop="auth", algorithm=MD5-sess`, "example.test", "n", "", "MD5-sess", "auth"},
		{"SHA-256-sess", `Digest realm="example.test", nonce="n", qop="auth", algorithm="SHA-256-sess"`, "example.test", "n", "", "SHA-256-sess", "auth"},
		{"auth-int alone", `Digest realm="example.test", nonce="n", qop="auth-int"`, "example.test", "n", "", "", "auth-int"},
		{"auth-int first", `digest realm="example.test", nonce="n", qop="auth-int, auth", algorithm=md5`, "example.test", "n", "", "md5", "auth"},
		{"a scheme nobody knows before it", `NewScheme, Digest realm="example.test" , nonce = "n"`, "example.test", "n", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := New(owner())
			var at Attempt
			if _, err := m.Challenged(unauthorized(tc.challenge), registering, &at); err != nil {
				t.Fatal(err)
			}
			for nc := 1; nc <= 2; nc++ {
				req := register(t, "v=0\r\n")
				if err := m.Attach(req, registering, &at); err != nil {
					t.Fatal(err)
				}
				v := wire.Value(req, "Authorization")
				got := parseChallenges([]string{v}, false)
				if len(got) != 1 || got[0].realm != tc.realm || got[0].nonce != tc.nonce || got[0].opaque != tc.opaque || got[0].algorithm != tc.algorithm {
					t.Fatalf("%s: %+v", v, got)
				}
				if want := proof(t, tc.algorithm, tc.realm, tc.nonce, tc.qop, field(v, "cnonce"), nc, "v=0\r\n"); field(v, "response") != want {
					t.Errorf("%s\nwant %s", v, want)
				}
			}
		})
	}
}

// proof is the response that a server expects, by another implementation. That
// one knows no -sess: the session key (RFC 7616 3.4.2) is made here.
func proof(t *testing.T, algorithm, realm, nonce, qop, cnonce string, nc int, body string) string {
	t.Helper()
	base, sess := session(algorithm)
	c := &rfc7616.Challenge{Realm: realm, Nonce: nonce, Algorithm: base}
	o := rfc7616.Options{Method: "REGISTER", URI: "sip:example.test", Username: "alice", Password: "secret", Count: nc, Cnonce: cnonce,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
	if qop != "" {
		c.QOP = []string{qop}
	}
	if sess {
		o.A1 = hashOf(base, hashOf(base, "alice", realm, "secret"), nonce, cnonce)
	}
	cred, err := rfc7616.Digest(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return cred.Response
}

func field(v, name string) string {
	_, rest, _ := strings.Cut(v, " ")
	for _, p := range wire.SplitList(rest, ',') {
		if k, value, _ := strings.Cut(p, "="); k == name {
			return wire.Unquote(value)
		}
	}
	return ""
}

// TestKnownAnswer is the example of RFC 2617 3.5.
func TestKnownAnswer(t *testing.T) {
	c := &challenge{realm: "testrealm@host.com", nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop: []string{"auth"}, cnonce: "0a4f113b"}
	a1 := hashA1("", "Mufasa", c.realm, "Circle Of Life")
	if got := field(answerTo(c, "Mufasa", a1, 1, "GET", "/dir/index.html", nil), "response"); got != "6629fae49393a05397450978507c4ef1" {
		t.Error(got)
	}
}

// TestUnusableChallenges says what was asked for where nothing can be answered.
func TestUnusableChallenges(t *testing.T) {
	for in, want := range map[string]string{
		`Basic realm="example.test"`:                                             "Basic",
		`Bearer authz_server="https://x"`:                                        "Bearer",
		`Digest realm="example.test", nonce="n", algorithm=AKAv1-MD5`:            "Digest AKAv1-MD5",
		`Digest realm="example.test", nonce="n", qop="auth-conf"`:                "Digest with qop auth-conf",
		`Digest realm="example.test"`:                                            "Digest without a nonce",
		`Digest nonce="n"`:                                                       "Digest without a realm",
		`Digest realm="example.test", nonce="n", algorithm=SHA-512-256-X, Basic`: "Digest SHA-512-256-X or Basic",
	} {
		_, err := New(owner()).Challenged(unauthorized(in), registering, &Attempt{})
		var unusable *UnusableError
		if !errors.As(err, &unusable) || strings.Join(unusable.Asked, " or ") != want {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := New(owner()).Challenged(unauthorized(`Basic realm="x"`, `Digest realm="example.test", nonce="n"`), registering, &Attempt{}); err != nil {
		t.Errorf("one of two will do: %v", err)
	}
}

// TestRealms holds who may ask for the password.
func TestRealms(t *testing.T) {
	calling := Scope{Server: registering.Server}
	inDialog := Scope{Server: registering.Server, InDialog: true}
	elsewhere := Scope{}
	trunk, pinned := owner(), owner()
	trunk.Trunk, pinned.Trunk, pinned.Realm = true, true, "asterisk"
	type step struct {
		sc    Scope
		realm string
		yes   bool
	}
	for _, tc := range []struct {
		name  string
		owner Owner
		steps []step
	}{
		{"an account that registers: a call's challenge names no new realm", owner(), []step{{calling, "asterisk", false}, {registering, "asterisk", true}, {calling, "asterisk", true}, {calling, "evil", false}}},
		{"a registrar that was set up anew has another realm", owner(), []step{{registering, "asterisk", true}, {registering, "pbx", true}, {calling, "pbx", true}, {calling, "asterisk", false}}},
		{"a trunk learns the realm of its server", trunk, []step{{calling, "asterisk", true}, {calling, "asterisk", true}, {calling, "evil", false}, {calling, "example.test", true}}},
		{"a trunk learns nothing within a call", trunk, []step{{inDialog, "evil", false}, {calling, "asterisk", true}, {inDialog, "asterisk", true}}},
		{"a trunk learns nothing from anybody else", trunk, []step{{elsewhere, "evil", false}, {elsewhere, "example.test", false}, {calling, "asterisk", true}}},
		{"a realm that is set is the only one", pinned, []step{{calling, "other", false}, {calling, "asterisk", true}, {registering, "other", false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := New(tc.owner)
			for i, s := range tc.steps {
				_, err := m.Challenged(unauthorized(`Digest realm="`+s.realm+`", nonce="n"`), s.sc, &Attempt{})
				if (err == nil) != s.yes {
					t.Errorf("step %d: %v", i+1, err)
				}
			}
		})
	}
}
