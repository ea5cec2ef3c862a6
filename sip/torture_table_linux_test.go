package sip

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What may become of a message besides being answered.
const (
	rings   = "rings"  // and is declined by the test
	ignored = "silent" // dropped, counted and logged
	waits   = "waits"  // a stream waits for the rest of it
	astray  = "astray" // what is left of the bytes is no message: the sender counted wrongly
	closed  = "closed" // after the answer a stream ends: there is no next message to find in it
)

// torture is one message, by its file in testdata.
type torture struct {
	file    string
	section string
	udp     string // codes, and one of the above
	tcp     string // "": as over UDP
	why     string
	port    int // in its Via; 0: 5060
}

func tortures() []torture {
	reg, none := "a phone is no registrar", "it answers no request of ours"
	return []torture{
		{"rfc4475/wsinv", "3.1.1.1", "481", "", "well formed, though it looks otherwise; the tag in To names a dialog that is not there", 0},
		{"rfc4475/intmeth", "3.1.1.2", "501", "", "well formed; nobody knows the method", 0},
		{"rfc4475/esc01", "3.1.1.3", "404", "", "the user is `sips:user@example.com`, the host is not ours", 0},
		{"rfc4475/escnull", "3.1.1.4", "405", "", reg, 0},
		{"rfc4475/esc02", "3.1.1.5", "501", "", "`RE%47IST%45R` is another method than REGISTER", 0},
		{"rfc4475/lwsdisp", "3.1.1.6", "200", "", "no space is needed before `<`", 0},
		{"rfc4475/longreq", "3.1.1.7", rings, "", "long is not wrong; its branch is matched by RFC 2543", 0},
		{"rfc4475/dblreq", "3.1.1.8", "405", "405, 404, astray", "over UDP what follows the first message is nothing; in a stream it is the next message, for a user that is not ours, and its body is longer than it says", 0},
		{"rfc4475/semiuri", "3.1.1.9", "404", "", "the user is `user;par=u@example.net`", 0},
		{"rfc4475/transports", "3.1.1.10", "200", "", "any transport may stand in a Via", 0},
		{"rfc4475/mpart01", "3.1.1.11", "405", "", "MESSAGE is not served; the binary body is not looked at", 5070},
		{"rfc4475/unreason", "3.1.1.12", ignored, "", none, 0},
		{"rfc4475/noreason", "3.1.1.13", ignored, "", none, 0},
		{"rfc4475/badinv01", "3.1.2.1", "400", "", "an empty Via", 0},
		{"rfc4475/clerr", "3.1.2.2", "400", waits, "the body is shorter than it says; a stream waits for the rest, 10 s at most", 0},
		{"rfc4475/ncl", "3.1.2.3", "400", "400, closed", "a negative Content-Length; in a stream nobody knows where the next message begins", 0},
		{"rfc4475/scalar02", "3.1.2.4", "400", "", "the CSeq does not fit 31 bits", 0},
		{"rfc4475/scalarlg", "3.1.2.5", ignored, "", "a response whose CSeq does not fit 31 bits", 0},
		{"rfc4475/quotbal", "3.1.2.6", "400", "", "the quoted name in To does not end", 5050},
		{"rfc4475/ltgtruri", "3.1.2.7", "400", "", "a Request-URI stands without `<>`", 0},
		{"rfc4475/lwsruri", "3.1.2.8", "400", "", "a space within the Request-URI", 0},
		{"rfc4475/lwsstart", "3.1.2.9", "400", "", "two spaces in the request line", 0},
		{"rfc4475/trws", "3.1.2.10", "400", "", "spaces after the request line", 0},
		{"rfc4475/escruri", "3.1.2.11", "400", "", "a Request-URI has no headers", 0},
		{"rfc4475/baddate", "3.1.2.12", rings, "", "the Date is wrong and not needed", 0},
		{"rfc4475/regbadct", "3.1.2.13", "400", "", "a Contact with `?` stands in `<>`", 0},
		{"rfc4475/badaspec", "3.1.2.14", "404", "", "spaces within `<>` are forgiven; the host is not ours", 0},
		{"rfc4475/baddn", "3.1.2.15", "404", "", "a comma in a name without quotes is forgiven; the user is not ours", 0},
		{"rfc4475/badvers", "3.1.2.16", "505", "", "SIP/7.0", 0},
		{"rfc4475/mismatch01", "3.1.2.17", "400", "", "the CSeq names another method", 0},
		{"rfc4475/mismatch02", "3.1.2.18", "400", "", "the CSeq names another method", 0},
		{"rfc4475/bigcode", "3.1.2.19", ignored, "", "a response whose code has ten digits", 0},
		{"rfc4475/badbranch", "3.2.1", "200", "", "nothing follows the cookie: matched by RFC 2543", 0},
		{"rfc4475/insuf", "3.3.1", "400", "", "no To, From and Call-ID", 0},
		{"rfc4475/unkscm", "3.3.2", "416", "", "an unknown scheme", 0},
		{"rfc4475/novelsc", "3.3.3", "416", "", "a known scheme that is not SIP", 0},
		{"rfc4475/unksm2", "3.3.4", "405", "", reg, 0},
		{"rfc4475/bext01", "3.3.5", "420", "", "unknown extensions are required; Proxy-Require is for proxies", 0},
		{"rfc4475/invut", "3.3.6", "415", "", "an unknown kind of body", 0},
		{"rfc4475/regaut01", "3.3.7", "405", "", reg, 0},
		{"rfc4475/multi01", "3.3.8", "400", "", "several of each header that may stand there once", 0},
		{"rfc4475/mcl01", "3.3.9", "400", "400, closed", "two Content-Length; in a stream nobody knows where the next message begins", 0},
		{"rfc4475/bcast", "3.3.10", ignored, "", none, 0},
		{"rfc4475/zeromf", "3.3.11", "200", "", "Max-Forwards is for proxies; it has arrived", 0},
		{"rfc4475/cparam01", "3.3.12", "405", "", reg, 0},
		{"rfc4475/cparam02", "3.3.13", "405", "", reg, 0},
		{"rfc4475/regescrt", "3.3.14", "405", "", reg, 0},
		{"rfc4475/sdp01", "3.3.15", "406", "", "the caller takes no SDP", 0},
		{"rfc4475/inv2543", "3.4.1", "404", "400, closed", "well formed by RFC 2543; the user is not ours. A stream needs a Content-Length", 0},

		{"rfc5118/ipv6-good", "4.1", "405", "", reg, 0},
		{"rfc5118/ipv6-bad", "4.2", "400", "", "an IPv6 address without brackets", 0},
		{"rfc5118/port-ambiguous", "4.3", "405", "", "`5070` is part of the address, which is well formed; " + reg, 0},
		{"rfc5118/port-unambiguous", "4.4", "405", "", reg, 0},
		{"rfc5118/via-received-param-with-delim", "4.5", "481", "", "brackets around `received` are forgiven; there is no such dialog", 0},
		{"rfc5118/via-received-param-no-delim", "4.5", "200", "", "`received` as it should be", 0},
		{"rfc5118/ipv6-in-sdp", "4.6", rings, "", "well formed; whether its media can be used is the answer's business", 0},
		{"rfc5118/mult-ip-in-header", "4.7", "481", "", "Vias of both families; there is no such dialog", 6050},
		{"rfc5118/mult-ip-in-sdp", "4.8", rings, "", "media of both families", 0},
		{"rfc5118/ipv4-mapped-ipv6", "4.9", rings, "", "well formed", 19823},
		{"rfc5118/ipv6-correct-abnf-2-colons", "4.10", "200", "", "well formed", 0},
		{"rfc5118/ipv6-bug-abnf-3-colons", "4.10", "400", "", "three colons: the grammar of RFC 3261 allowed them, no address has them", 0},

		{"strange/options-no-cookie", "", "200", "", "a branch by RFC 2543", 0},
		{"strange/options-via-7.0", "", "505", "", "SIP/7.0 in both places", 0},
		{"strange/via-7.0", "", "400", "", "SIP/7.0 in the Via of a request by SIP/2.0", 0},
		{"strange/invite-no-branch", "", rings, "", "RFC 2543: no branch, no tag in From", 0},
		{"strange/invite-old-branch", "", rings, "", "RFC 2543: a branch without the cookie", 0},
		{"strange/invite-unknown-user", "", "404", "", "not our user, from the server where we register", 0},
		{"strange/invite-unknown-host", "", "404", "", "not our domain", 0},
		{"strange/options-unknown-user", "", "404", "", "as an INVITE would be answered", 0},
		{"strange/invite-many-at", "", "400", "", "`user@@@@@elsewhere.example` is no URI", 0},
		{"strange/invite-tel", "", "416", "", "a phone has no number, only its address", 0},
		{"strange/invite-password", "", rings, "", "a password in the Request-URI is left aside", 0},
		{"strange/invite-unknown-extension", "", "420", "", "an unknown extension is required", 0},
		{"strange/invite-accept-not-sdp", "", "406", "", "the caller takes no SDP", 0},
		{"strange/invite-accept-none", "", "406", "", "the caller takes SDP with weight 0", 0},
		{"strange/invite-accept-any", "", rings, "", "the caller takes anything", 0},
		{"strange/invite-encoded", "", "415", "", "a body that is compressed", 0},
		{"strange/invite-text", "", "415", "", "a body that is no SDP", 0},
		{"strange/invite-text-optional", "", rings, "", "a body that may be ignored is", 0},
		{"strange/invite-multipart", "", rings, "", "the SDP is one of two parts", 0},
		{"strange/invite-multipart-without-sdp", "", "415", "", "none of the parts is SDP", 0},
		{"strange/invite-multipart-required", "", "415", "", "another part must be understood", 0},
		{"strange/two-max-forwards", "", "400", "", "two Max-Forwards; a stream goes on", 0},
		{"strange/nul-in-subject", "", "400", "", "NUL; a stream goes on", 0},
		{"strange/options-header-without-colon", "", "400", "", "a header without a colon; a stream goes on", 0},
		{"strange/options-bare-lf", "", "400", "", "a line that ends in LF alone; a stream goes on", 0},
		{"strange/options-after-line-ends", "", "200", "", "line ends before a request are skipped; in a stream two are a ping", 0},
		{"strange/invite-quoted-pairs", "", rings, "", "well formed", 0},
		{"strange/invite-utf8", "", rings, "", "well formed", 0},
		{"strange/invite-not-utf8", "", rings, "", "what is no UTF-8 is replaced where it is shown", 0},
		{"strange/invite-folded", "", rings, "", "well formed", 0},
		{"strange/subscribe", "", "405", "", "known, and not served", 0},
		{"strange/ack-for-nothing", "", ignored, "", "an ACK is never answered", 0},
		{"strange/bye-for-nothing", "", "481", "", "there is no such dialog", 0},
		{"strange/garbage", "", ignored, "silent, closed", "another protocol; without a Content-Length a stream has no next message", 0},
	}
}

// tortureDoc is docs/torture.md.
func tortureDoc(list []torture) []byte {
	var b bytes.Buffer
	b.WriteString(`# Strange messages and what is answered

<!-- made by TestTorture in sip: make golden -->

Every message of RFC 4475 and RFC 5118, and some more, is sent to a phone that is registered as ` + "`sip:user@example.com`" + `: by its registrar,
over UDP and TCP, once with no call and once in a call. After each an OPTIONS is answered, and at the end the call is
hung up in order. "rings" means that the phone rings. "silent" means dropped: it is counted, and the debug log has a
line with the reason. The messages are in ` + "`sip/testdata`" + `. A stranger
hears 403 to an INVITE, 481 to a request that names a Call-ID of ours, and nothing else, at a bounded rate.
`)
	for _, part := range []struct{ dir, title string }{
		{"rfc4475/", "RFC 4475"}, {"rfc5118/", "RFC 5118, IPv6"}, {"strange/", "More"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| message | section | UDP | TCP | why |\n|---|---|---|---|---|\n", part.title)
		for _, tc := range list {
			name, ok := strings.CutPrefix(tc.file, part.dir)
			if !ok {
				continue
			}
			tcp := tc.tcp
			if tcp == "" {
				tcp = tc.udp
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, tc.section, tc.udp, tcp, tc.why)
		}
	}
	return b.Bytes()
}

func TestTortureTableHasNothingTwice(t *testing.T) {
	var seen []string
	for _, tc := range tortures() {
		if slices.Contains(seen, tc.file) {
			t.Errorf("%s is there twice", tc.file)
		}
		seen = append(seen, tc.file)
	}
}
