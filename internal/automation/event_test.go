package automation

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"ramble/internal/leaf/phone"
)

func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.UTC) }

func sampleAccount() phone.Account {
	return phone.Account{
		Name: "work", URI: "sip:alice@example.com", State: phone.Registered,
		Binding: phone.Binding{Contact: "<sip:alice@192.168.1.23:51820>", Expires: time.Hour, Code: 200}, Way: phone.Way{Server: "sip.example.com:5060", Transport: "udp"},
	}
}

func sampleCall() phone.Call {
	return phone.Call{
		ID: 3, Account: "work", Direction: phone.Incoming, State: phone.Up, Held: phone.HeldRemote,
		Whom:  phone.Whom{Peer: "sip:bob@example.com", Name: "Bob Example", SIPCallID: "a84b4c76e66710"},
		Sound: phone.Sound{Codec: "PCMU/8000", LocalMedia: netip.MustParseAddrPort("192.168.1.23:40002"), RemoteMedia: netip.MustParseAddrPort("198.51.100.7:40124")}, Times: phone.Times{Started: start().Add(-5 * time.Second),
			Answered: start().Add(-1500 * time.Millisecond)},
	}
}

func sampleNetwork() phone.Network {
	return phone.Network{
		Interfaces: []phone.Interface{
			{Name: "wlan0", Addresses: []netip.Addr{netip.MustParseAddr("192.168.1.23"), netip.MustParseAddr("fe80::1%wlan0")}, Up: true, UsedBy: []string{"work"}},
			{Name: "usb0"},
		},
		Paths: []phone.Path{{Account: "work", Interface: "wlan0", Source: netip.MustParseAddr("192.168.1.23"), NextHop: netip.MustParseAddr("192.168.1.1")},
			{Account: "lab"}},
		Why: said("address-added wlan0 192.168.1.23"),
	}
}

func sampleRoam() phone.Roam {
	return phone.Roam{
		ID: 2, Account: "work", Epoch: 7, Phase: phone.RoamDone, From: "wlan0 192.168.1.23", To: "usb0 172.20.10.4",
		Why: said("path-changed"), Started: start(), Total: 84_250 * time.Microsecond,
		Calls: []phone.RoamCall{
			{Call: 3, GapIn: 61 * time.Millisecond, GapOut: 0, LostIn: 3, Measured: true, Peer: "sip:bob@example.com", Name: "Bob Example"}, {Call: 4}},
		Steps: []phone.RoamStep{
			{Name: phone.StepSign, Facts: said("address lost: wlan0 192.168.1.23")},
			{Name: phone.StepRegister, Offset: 1500 * time.Microsecond, Duration: 12_345_678, OK: true, Facts: said("REGISTER 200 OK")},
			{Name: phone.StepRepair, Offset: 2 * time.Millisecond, Running: true, OK: true, Facts: said("re-INVITE sent"), Call: 3},
		},
	}
}

func failedRoam() phone.Roam {
	return phone.Roam{
		ID: -1, Account: "work", Epoch: 8, Phase: phone.RoamFailed, From: "usb0 172.20.10.4", To: "wlan0 192.168.1.23",
		Started: start(), Total: 45 * time.Second, Failures: []phone.Fact{{Kind: phone.RequestFault, Method: "REGISTER", Fault: phone.Fault{Kind: phone.FaultTimeout}, Tries: 3, Then: phone.TriesGoOn}},
		FailedStep: phone.StepRegister, Next: []string{"register", "restart"},
		Steps: []phone.RoamStep{{Name: phone.StepRegister, Offset: time.Millisecond, Duration: 45 * time.Second, Facts: said("no answer")}},
	}
}

// TestEvents holds the shape of every object: one line each, as a script sees it.
func TestEvents(t *testing.T) {
	ended := sampleCall()
	ended.State, ended.Code, ended.Reason, ended.Ended = phone.Ended, 486, "Busy Here", start().Add(-time.Second)
	hostile := sampleCall()
	hostile.Name, hostile.Peer = "Bob\x1b]0;pwned\a\u202etxt", "sip:<b>&@example.com"
	dialing := phone.Call{ID: 1, Account: "work", Whom: phone.Whom{Peer: "sip:bob@example.com", NextHop: "pbx.example.com"}}
	failed := failedRoam()
	failed.ID = 3
	events := []phone.Happening{
		phone.RegistrationChanged{Account: sampleAccount()},
		phone.RegistrationChanged{Account: phone.Account{Name: "lab", State: phone.NoNetwork}},
		phone.CallChanged{Call: dialing},
		phone.CallChanged{Call: sampleCall()},
		phone.CallChanged{Call: ended},
		phone.CallChanged{Call: hostile},
		phone.NetworkChanged{Network: sampleNetwork()},
		phone.NetworkChanged{},
		phone.RoamChanged{Roam: phone.Roam{ID: 2, Account: "work", Epoch: 7, From: "wlan0 192.168.1.23", Why: said("path-lost")}},
		phone.RoamChanged{Roam: sampleRoam(), Step: &phone.RoamStep{Name: phone.StepSign, OK: true, Facts: said("usb0 got 172.20.10.4")}},
		phone.RoamChanged{Roam: sampleRoam(), Step: &phone.RoamStep{Name: phone.StepRepair, Offset: 2 * time.Millisecond, Running: true, Call: 3}},
		phone.RoamChanged{Roam: sampleRoam(), Step: &phone.RoamStep{Name: phone.StepRegister, Offset: 1500 * time.Microsecond, Duration: 12_345_678, OK: false, Facts: said("403")}},
		phone.RoamChanged{Roam: sampleRoam()},
		phone.RoamChanged{Roam: failed},
		phone.MediaReport{Call: 3, Media: phone.Media{}},
		phone.MediaReport{Call: 3, Final: true, Media: phone.Media{
			Packets: phone.Packets{TxPackets: 6702, RxPackets: 6698, Lost: 3, Late: 1, Duplicates: 2}, Jitter: 7_123_456, RTT: 31 * time.Millisecond, Delay: 95_500_000,
			Buffer: 60 * time.Millisecond, Concealed: 40 * time.Millisecond, Quality: phone.Quality{Loss: 0.0125, MOS: 4.34159}, Call: phone.Quality{Loss: 0.0006, MOS: 4.4}, Sending: true, LevelIn: -23.46, LevelOut: math.Inf(-1),
		}},
		phone.DigitHeard{Call: 3, Digit: '#', Duration: 120 * time.Millisecond, Method: "rtp"},
		phone.Said{Level: phone.Failure, News: phone.News{Kind: phone.SoundLost, Text: "the card was pulled"}},
		phone.Said{News: phone.News{Kind: phone.Remarked, Text: "started"}},
		phone.Closed{Asked: true},
	}
	var out bytes.Buffer
	s := &session{Options: Options{Out: &out, Version: "0.1.0", PID: 4711}, encoder: json.NewEncoder(&out)}
	s.encoder.SetEscapeHTML(false)
	s.write(s.readyEvent(start(), phone.Ready{Accounts: []string{"work"}, Listen: map[string]netip.AddrPort{
		"udp": netip.MustParseAddrPort("192.168.1.23:51820"), "tcp": netip.MustParseAddrPort("[2001:db8::1]:5060"),
	}}))
	s.write(s.readyEvent(start(), phone.Ready{}))
	for _, e := range events {
		s.write(event(phone.Notice{At: start(), What: e}))
	}
	s.write(acceptance(start(), request{id: "17"}, phone.Reply{Call: 3}))
	s.write(acceptance(start(), request{}, phone.Reply{}))
	s.write(refusal(start(), parse("@18 dtmf 9 123"), &phone.Error{Why: phone.NoSuchCall, Call: 9, Calls: []phone.CallID{1, 3}}))
	s.write(traceEvent(phone.WireMessage{
		Number: 7, At: start(), Account: "work", Epoch: 7, CallID: "a84b4c76e66710", Sent: true, Again: true, Transport: "tls",
		Local: netip.MustParseAddrPort("192.168.1.23:51820"), Remote: netip.MustParseAddrPort("198.51.100.7:5061"),
		Text: []byte("OPTIONS sip:b SIP/2.0\r\nSubject: \x1b]0;pwned\a\r\n\r\n"),
	}, 2))
	s.write(snapshotEvent(start(), phone.State{}, nil))
	s.write(snapshotEvent(start(), phone.State{
		Accounts: []phone.Account{sampleAccount()}, Calls: []phone.Call{sampleCall()}, Network: sampleNetwork(), Roams: []phone.Roam{sampleRoam()},
	}, &Process{Goroutines: 31, Descriptors: 19}))
	if s.failed != nil {
		t.Fatal(s.failed)
	}
	for line := range strings.Lines(out.String()) {
		var object struct {
			V    int
			Time time.Time
			Type string
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil || object.V != 1 || object.Type == "" || !object.Time.Equal(start()) {
			t.Errorf("%v: %s", err, line)
		}
	}
	golden.RequireEqual(t, out.Bytes())
}

// TestHistory holds the shape of what earlier runs left: the events of the
// contract, with the steps of a roam in it.
func TestHistory(t *testing.T) {
	missed, lost := sampleCall(), sampleCall()
	missed.ID, missed.State, missed.Held, missed.Answered, missed.Ended = -2, phone.Ended, phone.HeldByNone, time.Time{}, start()
	missed.Reason, missed.LocalMedia, missed.RemoteMedia = "missed: Bob Example stopped calling", netip.AddrPort{}, netip.AddrPort{}
	lost.ID, lost.State, lost.Held, lost.Ended, lost.NeedsRedial, lost.Hint = -1, phone.Ended, phone.HeldByNone, start(), true, "dial again"
	lost.Roams, lost.LongestGap = 2, 61*time.Millisecond
	done := sampleRoam()
	done.ID, done.Steps[2].Running, done.Steps[2].Duration = -2, false, 61*time.Millisecond
	var out bytes.Buffer
	if err := errors.Join(WriteCalls(&out, []phone.Call{missed, lost}), WriteRoams(&out, []phone.Roam{done, failedRoam()})); err != nil {
		t.Fatal(err)
	}
	golden.RequireEqual(t, out.Bytes())
}

func said(text string) []phone.Fact { return []phone.Fact{{Kind: phone.Recorded, Text: text}} }
