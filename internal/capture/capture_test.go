package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func at(s int) time.Time { return time.Date(2026, 11, 23, 13, 5, s, 123456789, time.UTC) }

func sample(n int) Message {
	return Message{
		At: at(n), Account: "work \"x\"", Epoch: 7, Sent: n%2 == 0, Transport: "tls",
		Local: netip.MustParseAddrPort("192.168.1.23:51820"), Remote: netip.MustParseAddrPort("198.51.100.7:5061"),
		Text: fmt.Appendf(nil, "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: id-%d\r\nContent-Length: 0\r\n\r\n", n),
	}
}

func TestHide(t *testing.T) {
	for name, tc := range map[string]struct {
		in     string
		hidden []string
		kept   []string
	}{
		"a digest": {"REGISTER sip:b SIP/2.0\r\nAuthorization: Digest username=\"alice\", nonce=\"n1\", response=\"s1s1\", cnonce=\"s2s2\", qop=auth\r\n\r\n",
			[]string{"s1s1", "s2s2"}, []string{`username="alice"`, `nonce="n1"`, "qop=auth"}},
		"unquoted, spaced, and of a proxy": {"INVITE sip:b SIP/2.0\r\nproxy-authorization:Digest response = s1s1,cnonce=s2s2\r\n\r\n", []string{"s1s1", "s2s2"}, []string{"response ="}},
		"folded":                           {"INVITE sip:b SIP/2.0\r\nAuthorization: Digest username=\"a\",\r\n response=\"s1s1\",\r\n\tcnonce=\"s2s2\"\r\nTo: x\r\n\r\n", []string{"s1s1", "s2s2"}, []string{"To: x"}},
		"cut off":                          {"INVITE sip:b SIP/2.0\r\nAuthorization: Digest response=\"s1s1", []string{"s1s1"}, nil},
		"of another scheme":                {"INVITE sip:b SIP/2.0\r\nAuthorization: Basic czFzMQ==\r\nTo: x\r\n\r\n", []string{"czFzMQ"}, []string{"Basic", "To: x"}},
		"what proves the server":           {"SIP/2.0 200 OK\r\nAuthentication-Info: qop=auth, rspauth=\"s1s1\", nextnonce=\"n2\"\r\n\r\n", []string{"s1s1"}, []string{"n2"}},
		"a password in a URI":              {"INVITE sip:alice:s1s1@b:5060 SIP/2.0\r\nContact: <sips:bob:s2s2@h;transport=tls>\r\nVia: SIP/2.0/UDP 192.0.2.1:5060\r\nTo: <sip:192.0.2.1:5060>\r\n\r\n", []string{"s1s1", "s2s2"}, []string{"sip:alice:", "@b:5060", "192.0.2.1:5060>"}},
		"keys of SRTP": {"INVITE sip:b SIP/2.0\r\n\r\nm=audio 1 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s1s1|2^20|1:4;inline:s2s2|2^20\r\nk=base64:s3s3\r\na=ice-pwd:s4s4\r\na=key-mgmt:mikey s5s5\r\n",
			[]string{"s1s1", "s2s2", "s3s3", "s4s4", "s5s5"}, []string{"AES_CM_128", "|2^20|1:4", "m=audio", "a=ice-pwd:"}},
		"digits by INFO":  {"INFO sip:b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n", []string{"Signal=7"}, []string{"Duration=160"}},
		"digits, shorter": {"INFO sip:b SIP/2.0\r\nc: application/dtmf\r\n\r\n7", []string{"\r\n7"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out := string(Hide([]byte(tc.in)))
			for _, s := range tc.hidden {
				if strings.Contains(out, s) {
					t.Errorf("%q is in it: %s", s, out)
				}
			}
			for _, s := range tc.kept {
				if !strings.Contains(out, s) {
					t.Errorf("%q is gone: %s", s, out)
				}
			}
			if len(out) != len(tc.in) {
				t.Errorf("%d bytes became %d", len(tc.in), len(out))
			}
		})
	}
}

func FuzzHide(f *testing.F) {
	f.Add([]byte("INVITE sip:a:b@c SIP/2.0\r\nAuthorization: Digest response=\"x\"\r\n\r\na=crypto:1 A inline:k\r\n"))
	f.Add([]byte("Authorization:"))
	f.Fuzz(func(t *testing.T, in []byte) {
		was := bytes.Clone(in)
		out := Hide(in)
		if len(out) != len(in) || !bytes.Equal(in, was) {
			t.Fatalf("%q became %q", was, out)
		}
		if again := Hide(out); len(again) != len(out) {
			t.Fatalf("%q became %q", out, again)
		}
	})
}

func TestRing(t *testing.T) {
	t.Run("numbers, Call-IDs, and a reader that comes later", func(t *testing.T) {
		r := NewRing()
		for n := range 3 {
			r.Add(sample(n))
		}
		p := r.Since(1)
		if len(p.Messages) != 2 || p.Last != 3 || p.Missed != 0 || p.Messages[0].Number != 2 || p.Messages[1].CallID != "id-2" {
			t.Fatalf("%+v", p)
		}
		if p = r.Since(p.Last); len(p.Messages) != 0 {
			t.Fatalf("the same again: %+v", p)
		}
		select {
		case <-p.More:
			t.Fatal("there is no more")
		default:
		}
		r.Add(sample(3))
		<-p.More
		if p = r.Since(p.Last); len(p.Messages) != 1 || p.Missed != 0 {
			t.Fatalf("%+v", p)
		}
	})
	t.Run("is bounded in messages and bytes, and counts what fell out", func(t *testing.T) {
		r := NewRing()
		for n := range KeptMessages + 10 {
			r.Add(sample(n))
		}
		if p := r.Since(0); len(p.Messages) != KeptMessages || p.Missed != 10 || p.Messages[0].Number != 11 {
			t.Fatalf("%d kept, %d missed", len(p.Messages), p.Missed)
		}
		if p := r.Since(5); p.Missed != 5 {
			t.Fatalf("%d missed, want 5", p.Missed)
		}
		big := sample(0)
		big.Text = make([]byte, KeptBytes/4+1)
		for range 10 {
			r.Add(big)
		}
		if p := r.Since(0); len(p.Messages) != 3 || r.bytes > KeptBytes {
			t.Fatalf("%d kept, %d bytes", len(p.Messages), r.bytes)
		}
	})
	t.Run("repetitions are known, by direction and for half a minute", func(t *testing.T) {
		r := NewRing()
		m := sample(0)
		other := m
		other.Sent = !m.Sent
		late := m
		late.At = m.At.Add(again + time.Second)
		for _, x := range []Message{m, m, other, late} {
			r.Add(x)
		}
		var got []bool
		for _, m := range r.Since(0).Messages {
			got = append(got, m.Again)
		}
		if fmt.Sprint(got) != "[false true false false]" {
			t.Fatalf("again: %v", got)
		}
	})
	t.Run("a flood of different messages does not grow it", func(t *testing.T) {
		r := NewRing()
		for n := range 3 * KeptMessages {
			m := sample(n)
			m.At = at(0)
			r.Add(m)
		}
		if len(r.went) > KeptMessages {
			t.Fatalf("%d are remembered", len(r.went))
		}
	})
}

func TestText(t *testing.T) {
	var b strings.Builder
	m := sample(0)
	m.Text = append(m.Text, "\x1b]0;owned\x07\r\n"...)
	m.Again = true
	if err := (Text{&b}).Write(m, 3); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 messages are missing", "sent by tls  192.168.1.23:51820 -> 198.51.100.7:5061  (again)", "path 7", "OPTIONS sip:a@b SIP/2.0\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in it:\n%s", want, b.String())
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r") {
		t.Errorf("it steers the terminal: %q", b.String())
	}
}

func TestPcapng(t *testing.T) {
	var file bytes.Buffer
	p, err := NewPcapng(&file, "ramble test")
	if err != nil {
		t.Fatal(err)
	}
	v6 := sample(1)
	v6.Local, v6.Remote = netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:5060")
	large := sample(2)
	large.Text, large.Again = bytes.Repeat([]byte("x"), 70000), true
	in := []Message{sample(0), v6, large}
	for i, m := range in {
		if err := p.Write(m, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	whole := file.Bytes()
	checkBlocks(t, whole)
	n := 0
	err = ReadPcapng(bytes.NewReader(whole), func(m Message, missed uint64) error {
		want := in[n]
		want.Text = want.Text[:min(len(want.Text), largestData)]
		if missed != uint64(n) || !m.At.Equal(want.At) || m.Account != want.Account || m.Epoch != want.Epoch || m.Sent != want.Sent ||
			m.Again != want.Again || m.Transport != want.Transport || m.Local != want.Local || m.Remote != want.Remote || !bytes.Equal(m.Text, want.Text) {
			t.Errorf("number %d came back as %+v", n, m)
		}
		n++
		return nil
	})
	if err != nil || n != len(in) {
		t.Fatalf("%d of %d came back, %v", n, len(in), err)
	}
	if err := ReadPcapng(bytes.NewReader(whole[:len(whole)-5]), func(Message, uint64) error { return nil }); err != nil {
		t.Errorf("a file that was cut off: %v", err)
	}
	if err := ReadPcapng(strings.NewReader("INVITE sip:a@b SIP/2.0\r\n"), nil); !errors.Is(err, ErrNotOurs) {
		t.Errorf("text: %v", err)
	}
}

// checkBlocks holds a file against the format: lengths at both ends of each
// block, options that end, and checksums that an analyser accepts.
func checkBlocks(t *testing.T, b []byte) {
	t.Helper()
	var kinds []uint32
	for len(b) > 0 {
		kind, length := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if length%4 != 0 || int(length) > len(b) || binary.LittleEndian.Uint32(b[length-4:]) != length {
			t.Fatalf("block %d has the length %d", len(kinds), length)
		}
		if kind == blockPacket {
			ip := b[28 : 28+binary.LittleEndian.Uint32(b[20:])]
			udp := ip[20:]
			pseudo := append(append([]byte(nil), ip[12:20]...), 0, protocolUDP)
			if ip[0]>>4 == 6 {
				udp = ip[40:]
				pseudo = append(append([]byte(nil), ip[8:40]...), 0, protocolUDP)
			} else if checksum(ip[:20]) != 0 {
				t.Errorf("the IP checksum of block %d is wrong", len(kinds))
			}
			if sum := checksum(append(binary.BigEndian.AppendUint16(pseudo, uint16(len(udp))), udp...)); sum != 0 {
				t.Errorf("the UDP checksum of block %d is wrong", len(kinds))
			}
		}
		kinds = append(kinds, kind)
		b = b[length:]
	}
	if fmt.Sprint(kinds) != fmt.Sprint([]uint32{blockSection, blockInterface, blockPacket, blockPacket, blockPacket}) {
		t.Errorf("blocks %v", kinds)
	}
}

func FuzzReadPcapng(f *testing.F) {
	var file bytes.Buffer
	p, _ := NewPcapng(&file, "x")
	_ = p.Write(sample(0), 1)
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, in []byte) {
		_ = ReadPcapng(bytes.NewReader(in), func(m Message, _ uint64) error { return Text{io.Discard}.Write(m, 0) })
	})
}
