package tui

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ramble/internal/leaf/phone"
)

// noon is the moment at which every drawn state stands.
var noon = time.Date(2026, 11, 23, 13, 5, 53, 0, time.UTC)

// fakeDoer notes the commands and answers as it is told.
type fakeDoer struct {
	mu    sync.Mutex
	asked []phone.Command
	reply phone.Reply
	err   error
}

func (d *fakeDoer) Do(_ context.Context, c phone.Command) (phone.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, c)
	return d.reply, d.err
}

// take returns the commands since the last time.
func (d *fakeDoer) take() []phone.Command {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := d.asked
	d.asked = nil
	return asked
}

// hand drives a model the way Bubble Tea would: messages in, commands run.
type hand struct {
	*testing.T
	m    *model
	doer *fakeDoer
	now  time.Time
	sent []tea.Msg // what commands returned for Bubble Tea itself: quit, bell, clipboard
}

func newHand(t *testing.T, w, h int, with func(*Options)) *hand {
	t.Helper()
	d := &hand{T: t, doer: &fakeDoer{}, now: noon}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // commands that wait, the clock and the updates, return at once
	o := Options{
		Doer: d.doer, Looks: Looks{Theme: "dark", ASCII: "off", Motion: "on"}, Terminal: Terminal{Environ: []string{}, Now: func() time.Time { return d.now }},
		Version: "0.1.0",
	}
	if with != nil {
		with(&o)
	}
	set, err := o.settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d.m = newModel(set)
	d.send(tea.WindowSizeMsg{Width: w, Height: h})
	return d
}

// send delivers a message and everything that its commands bring.
func (d *hand) send(msg tea.Msg) {
	d.Helper()
	_, cmd := d.m.Update(msg)
	d.execute(cmd)
}

func (d *hand) execute(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			d.execute(c)
		}
	case done, updated, ticked:
		d.send(msg)
	default:
		d.sent = append(d.sent, msg)
	}
}

// show gives the model a state, with notices for what it brings.
func (d *hand) show(s phone.State, notices ...phone.Notice) {
	d.Helper()
	d.send(updated{phone.Update{State: s, Notices: notices}, true})
}

// press types keys by their names.
func (d *hand) press(keys ...string) {
	d.Helper()
	for _, k := range keys {
		d.send(keyPress(k))
	}
}

func (d *hand) after(t time.Duration) {
	d.now = d.now.Add(t)
	d.send(ticked{d.m.tick.generation})
}

// keyPress is the message of a key by its name.
func keyPress(name string) tea.KeyPressMsg {
	special := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEsc}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp},
		"down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "backspace": {Code: tea.KeyBackspace},
		"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "delete": {Code: tea.KeyDelete}, "f2": {Code: tea.KeyF2},
		"f3": {Code: tea.KeyF3}, "f4": {Code: tea.KeyF4}, "f5": {Code: tea.KeyF5}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "space": {Code: tea.KeySpace, Text: " "},
	}
	if k, ok := special[name]; ok {
		return tea.KeyPressMsg(k)
	}
	for prefix, mod := range map[string]tea.KeyMod{"ctrl+": tea.ModCtrl, "alt+": tea.ModAlt} {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			return tea.KeyPressMsg{Code: []rune(name[len(prefix):])[0], Mod: mod}
		}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func alice() phone.Account {
	return phone.Account{
		Name: "alice", URI: "sip:alice@example.com", Enabled: true, Registers: true, State: phone.Registered,
		Binding: phone.Binding{Contact: "<sip:alice@192.168.1.23:51820;transport=tls>", Expires: time.Hour, Until: noon.Add(54 * time.Minute), Code: 200},
		Way:     phone.Way{Server: "sip.example.com:5061", Transport: "tls", Epoch: 6, Source: addr("192.168.1.23"), Interface: "wlan0"},
	}
}

func lab() phone.Account {
	return phone.Account{Name: "lab", URI: "sip:lab@10.0.0.5", Way: phone.Way{Transport: "udp"}, Registers: true}
}

// idle is a registered phone without a call.
func idle() phone.State {
	return phone.State{
		At:       noon,
		Accounts: []phone.Account{alice(), lab()},
		Network: phone.Network{
			Watching: "rtnetlink, polling every 500ms", Since: noon.Add(-24 * time.Minute),
			Interfaces: []phone.Interface{
				{Name: "wlan0", Addresses: []netip.Addr{addr("192.168.1.23"), addr("fe80::1")}, Up: true, UsedBy: []string{"alice"}},
				{Name: "usb0"},
				{Name: "dock0", Addresses: []netip.Addr{addr("172.17.0.1")}, Up: true, Ignored: true},
			},
			Paths: []phone.Path{{Account: "alice", Interface: "wlan0", Source: addr("192.168.1.23"), NextHop: addr("192.168.1.1")}},
		},
		Audio: phone.Audio{Backend: "null"},
	}
}

func trail() []time.Duration {
	var t []time.Duration
	for i := range 40 {
		t = append(t, time.Duration(4+(i*7)%9)*time.Millisecond)
	}
	return t
}

// bob is an answered call, two minutes and fourteen seconds old.
func bob() phone.Call {
	return phone.Call{
		ID: 1, Account: "alice", Direction: phone.Outgoing, State: phone.Up,
		Whom: phone.Whom{Peer: "sip:bob@example.com", Name: "Bob Example", SIPCallID: "a84b4c76e66710@192.168.1.23"},
		Sound: phone.Sound{Codec: "PCMU/8000", LocalMedia: netip.MustParseAddrPort("192.168.1.23:40002"), RemoteMedia: netip.MustParseAddrPort("198.51.100.7:40124"), Media: phone.Media{
			Packets: phone.Packets{TxPackets: 6702, RxPackets: 6698, Lost: 4, Late: 1}, Sending: true, Jitter: 7 * time.Millisecond, RTT: 31 * time.Millisecond,
			Buffer: 60 * time.Millisecond, Concealed: 80 * time.Millisecond, Quality: phone.Quality{Loss: 0.0009, MOS: 4.3}, LevelIn: -21, LevelOut: -34, JitterTrail: trail(),
		}},
		Times:  phone.Times{Started: noon.Add(-138 * time.Second), Answered: noon.Add(-134 * time.Second)},
		Roamed: phone.Roamed{Roams: 2, LongestGap: 620 * time.Millisecond},
	}
}

func carol() phone.Call {
	return phone.Call{
		ID: 2, Account: "alice", Direction: phone.Incoming, State: phone.Ringing, Whom: phone.Whom{Peer: "sip:carol@example.net", Name: "Carol Example"},
		Times: phone.Times{Started: noon.Add(-6 * time.Second)},
	}
}

func inCall() phone.State {
	s := idle()
	s.Calls, s.Current = []phone.Call{bob()}, 1
	return s
}

func incoming() phone.State {
	s := idle()
	s.Calls, s.Current = []phone.Call{carol()}, 2
	return s
}

// recovering is the call in the middle of roam 3.
func recovering() phone.State {
	s := inCall()
	s.Accounts[0].Roaming, s.Accounts[0].State = true, phone.Registering
	s.Accounts[0].Source, s.Accounts[0].Interface = addr("172.20.10.4"), "usb0"
	s.Accounts[0].WasSource, s.Accounts[0].WasIface = addr("192.168.1.23"), "wlan0"
	s.Calls[0].Recovering = true
	s.Calls[0].Media.Silence = 900 * time.Millisecond
	s.Network.Interfaces[0] = phone.Interface{Name: "wlan0", Lost: []netip.Addr{addr("192.168.1.23")}}
	s.Network.Interfaces[1] = phone.Interface{Name: "usb0", Up: true, Addresses: []netip.Addr{addr("172.20.10.4")}, UsedBy: []string{"alice"}}
	s.Network.Paths[0].Interface, s.Network.Paths[0].Source, s.Network.Paths[0].NextHop = "usb0", addr("172.20.10.4"), addr("172.20.10.1")
	s.Network.Changed, s.Network.Why = noon.Add(-1300*time.Millisecond), said("address lost", "default route moved")
	ms := time.Millisecond
	s.Roams = []phone.Roam{{
		ID: 3, Account: "alice", Epoch: 7, From: "wlan0 192.168.1.23", To: "usb0 172.20.10.4",
		Why: s.Network.Why, Started: noon.Add(-1300 * ms),
		Steps: []phone.RoamStep{
			{Name: phone.StepSign, OK: false, Facts: said("wlan0 lost 192.168.1.23")},
			{Name: phone.StepPath, Offset: 212 * ms, OK: true, Duration: 212 * ms, Facts: said("usb0 172.20.10.4")},
			{Name: phone.StepOpen, Offset: 214 * ms, OK: true, Duration: 2 * ms, Facts: said("sockets on 172.20.10.4")},
			{Name: "connect", Offset: 216 * ms, OK: true, Duration: 175 * ms, Facts: said("TLS to sip.example.com")},
			{Name: phone.StepRegister, Offset: 391 * ms, OK: true, Duration: 182 * ms, Facts: said("200 OK")},
			{Name: phone.StepRepair, Offset: 392 * ms, Running: true, OK: true, Facts: said("re-INVITE sent"), Call: 1},
		},
	}}
	return s
}

// recovered is the same roam after its end.
func recoveredState() phone.State {
	s := recovering()
	s.Accounts[0].Roaming, s.Accounts[0].State = false, phone.Registered
	s.Calls[0].Recovering, s.Calls[0].Media.Silence = false, 0
	r := &s.Roams[0]
	r.Phase, r.Total = phone.RoamDone, 614*time.Millisecond
	r.Steps[5].Running, r.Steps[5].Duration = false, 205*time.Millisecond
	r.Calls = []phone.RoamCall{{Call: 1, GapIn: 61 * time.Millisecond, GapOut: 20 * time.Millisecond, LostIn: 3, Measured: true, Peer: "sip:bob@example.com", Name: "Bob Example"}}
	return s
}

// failedState is the same roam when the peer refused the repair.
func failedState() phone.State {
	s := recovering()
	s.Accounts[0].Roaming, s.Accounts[0].State = false, phone.Registered
	s.Calls[0].Recovering = false
	r := &s.Roams[0]
	r.Phase, r.Total = phone.RoamFailed, 4510*time.Millisecond
	r.Steps[5].Running, r.Steps[5].OK, r.Steps[5].Duration, r.Steps[5].Facts = false, false, 4100*time.Millisecond, said("re-INVITE 491 Request Pending, 5 tries")
	r.Calls = []phone.RoamCall{{Call: 1, Peer: "sip:bob@example.com", Name: "Bob Example"}}
	r.Failures = []phone.Fact{
		{Kind: phone.CallGivenUp, Call: 1, Method: "re-INVITE", Fault: phone.Fault{Kind: phone.FaultResponse, Code: 491}, Tries: 5},
		{Kind: phone.RegisteredAgain},
	}
	r.FailedStep, r.Next = phone.StepRepair, []string{"refresh", "hangup", "restart"}
	return s
}

// past is what earlier runs left.
func past() phone.Past {
	ms := time.Millisecond
	done, failed, moved := recoveredState().Roams[0], failedState().Roams[0], recoveredState().Roams[0]
	done.ID, done.Started, done.From, done.To = -1, noon.Add(-18*time.Hour), "usb0 172.20.10.4", "wlan0 192.168.1.23"
	done.Total, done.Calls = 84*ms, []phone.RoamCall{{Call: 2, Peer: "sip:carol@example.net", Name: "Carol Example", GapIn: 41 * ms, GapOut: 12 * ms, LostIn: 2, Measured: true}}
	moved.ID, moved.Started, moved.Phase, moved.Total, moved.Calls = -2, noon.Add(-18*time.Hour-time.Second), phone.RoamSuperseded, 310*ms, nil
	moved.From, moved.To = "wlan0 192.168.1.23", ""
	failed.ID, failed.Started = -3, noon.AddDate(0, 0, -3)
	same := done
	same.ID, same.Started, same.To, same.Calls = -4, noon.AddDate(0, -2, 0), "usb0 172.20.10.9", nil
	talked, missed, declined, busy := bob(), carol(), carol(), bob()
	talked.ID, talked.State, talked.Started, talked.Answered, talked.Ended = -3, phone.Ended, noon.Add(-18*time.Hour), noon.Add(-18*time.Hour+5*time.Second), noon.Add(-17*time.Hour)
	missed.ID, missed.State, missed.Started, missed.Ended = -1, phone.Ended, noon.Add(-40*time.Minute), noon.Add(-39*time.Minute)
	declined.ID, declined.State, declined.Started, declined.Ended, declined.Code, declined.Reason = -2, phone.Ended, noon.Add(-time.Hour), noon.Add(-time.Hour), 603, "declined"
	busy.ID, busy.State, busy.Started, busy.Answered, busy.Ended, busy.Code, busy.Reason = -4, phone.Ended, noon.AddDate(0, 0, -9), time.Time{}, noon.AddDate(0, 0, -9), 486, "Busy Here"
	return phone.Past{Calls: []phone.Call{busy, talked, declined, missed}, Roams: []phone.Roam{same, failed, moved, done}}
}

func noNetwork() phone.State {
	s := recovering()
	s.Accounts[0].State, s.Accounts[0].Roaming = phone.NoNetwork, false
	s.Accounts[0].Source, s.Accounts[0].Interface = netip.Addr{}, ""
	s.Calls[0].KeepUntil = noon.Add(31 * time.Second)
	s.Network.Interfaces[1] = phone.Interface{Name: "usb0"}
	s.Network.Paths = nil
	s.Roams[0].To, s.Roams[0].Steps = "", s.Roams[0].Steps[:1]
	return s
}

func refused() phone.State {
	s := idle()
	a := &s.Accounts[0]
	a.State, a.Code, a.Until = phone.RegistrationRefused, 403, time.Time{}
	a.Fault = phone.Fault{Kind: phone.FaultResponse, Method: "REGISTER", Code: 403, Phrase: "Forbidden"}
	return s
}

// twoAccounts is a phone with two accounts in use and a past of both.
func twoAccounts() phone.State {
	s := idle()
	s.Accounts[0].Name = "work"
	s.Accounts[1].Name, s.Accounts[1].Enabled, s.Accounts[1].State = "front desk", true, phone.Registered
	s.Past = past()
	for i := range s.Past.Calls {
		s.Past.Calls[i].Account = s.Accounts[i%2].Name
	}
	for i := range s.Past.Roams {
		r := &s.Past.Roams[i]
		r.Account = s.Accounts[i%2].Name
		if i == 1 {
			r.Parts = []phone.RoamPart{{Account: "work", From: r.From, To: r.To}, {Account: "front desk", From: r.From, To: r.To}}
		}
	}
	return s
}

// history are notices that a session would have heard.
func history() []phone.Notice {
	c := bob()
	dialing := c
	dialing.State, dialing.Answered = phone.Dialing, time.Time{}
	return []phone.Notice{
		{At: noon.Add(-223 * time.Second), What: phone.Ready{Accounts: []string{"alice", "lab"}, Listen: map[string]netip.AddrPort{"tls": netip.MustParseAddrPort("192.168.1.23:51820")}}},
		{At: noon.Add(-222 * time.Second), What: phone.RegistrationChanged{Account: alice()}},
		{At: c.Started, What: phone.CallChanged{Call: dialing}},
		{At: c.Answered, What: phone.CallChanged{Call: c}},
		{At: noon.Add(-90 * time.Second), What: phone.Said{Level: phone.Warn, News: phone.News{Kind: phone.Remarked, Text: "the sound card is gone: null audio until it is back"}}},
	}
}

// said are facts that are nothing but text, as the history has them.
func said(texts ...string) (list []phone.Fact) {
	for _, text := range texts {
		list = append(list, phone.Fact{Kind: phone.Recorded, Text: text})
	}
	return list
}
