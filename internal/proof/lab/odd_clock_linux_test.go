package lab

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where things lie in SIPp's captures: a record's header, Ethernet, IPv4 and UDP
// without options before RTP.
const (
	pcapHead   = 24
	recordHead = 16
	beforeRTP  = 14 + 20 + 8
)

// stopped writes a capture of digits whose sender's clock does not move: all have
// the timestamp of the first.
func stopped(t *testing.T, dir, keys string) string {
	t.Helper()
	var out []byte
	var at, stamp uint32 // at is in milliseconds
	var seq uint16 = 1000
	for _, key := range keys {
		file := must[[]byte](t)(os.ReadFile(pcapFiles + "dtmf_2833_" + string(key) + ".pcap"))
		if out == nil {
			out = append(out, file[:pcapHead]...)
			stamp = binary.BigEndian.Uint32(file[pcapHead+recordHead+beforeRTP+4:])
		}
		last := uint16(0)
		for file = file[pcapHead:]; len(file) > 0; {
			n := recordHead + int(binary.LittleEndian.Uint32(file[8:]))
			record := append([]byte(nil), file[:n]...)
			file = file[n:]
			rtp := record[recordHead+beforeRTP:]
			if was := binary.BigEndian.Uint16(rtp[2:]); was != last { // the copies of an end have one number
				last, seq = was, seq+1
			}
			rtp[1] &= 0x7f // an unmarked beginning is the harder one
			binary.BigEndian.PutUint16(rtp[2:], seq)
			binary.BigEndian.PutUint32(rtp[4:], stamp)
			binary.LittleEndian.PutUint32(record, at/1000)
			binary.LittleEndian.PutUint32(record[4:], at%1000*1000)
			at += 20
			out = append(out, record...)
		}
	}
	path := filepath.Join(dir, "stopped.pcap")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOddClocks: no digit is lost, and none is heard twice, where the sender's
// clock stands still.
func TestOddClocks(t *testing.T) {
	ctx := within(t, 40*time.Second)
	o := newOdd(t, ctx, answers)
	const keys = "12210"
	from := o.r.Output.Len()
	passes(t, ctx, o.plays(t, ctx, "caller.xml", part{Offer: described(here, "8 101"), Play: []string{stopped(t, o.Dir, keys)}, Stay: 1500}))
	o.ended(t, ctx, from)
	if got := o.digits(from); got != keys {
		t.Errorf("heard %q, want %q", got, keys)
	}
}

// digits are those that the phone heard.
func (o *odd) digits(from int) (got string) {
	lines, _, _ := o.r.Output.since(from)
	for _, line := range lines {
		if e, ok := parseEvent(line); ok && e.Type == "dtmf" {
			got += e.Digit
		}
	}
	return got
}

// TestRequiredTimers is a PBX with timers=required, played by SIPp (RFC 4028): 422
// and a longer interval, a caller who requires the timer, and one whose interval is
// too short. 421 is for who does not know the extension; this phone does.
func TestRequiredTimers(t *testing.T) {
	ctx := within(t, 60*time.Second)
	o := newOdd(t, ctx, answers)
	sdp := described(here, "0 101")
	t.Run("422, and again with what it wants", func(t *testing.T) {
		p := o.plays(t, ctx, "callee.xml", part{Refused: 422, Why: "Min-SE: 2400", Must: `Min-SE: 2400`, Answer: sdp,
			Headers: []string{"Require: timer", "Session-Expires: 2400;refresher=uac"}})
		o.calls(t, ctx, "bob", nil)
		passes(t, ctx, p)
	})
	t.Run("421, which is not ours to mend, is told to the user", func(t *testing.T) {
		p := o.plays(t, ctx, "callee.xml", part{Refused: 421, Why: "Require: precondition", Answer: sdp})
		from := o.r.Output.Len()
		if _, _, err := o.r.Do(ctx, "dial bob"); err != nil {
			t.Fatal(err)
		}
		if e := o.ended(t, ctx, from); e.Code != 421 || !strings.Contains(e.Reason, "extension") {
			t.Errorf("it reads %s", e.Line)
		}
		_ = p.Stop()
	})
	t.Run("a caller that requires it has it in our 200", func(t *testing.T) {
		from := o.r.Output.Len()
		passes(t, ctx, o.plays(t, ctx, "caller.xml", part{Offer: sdp, Must: `Session-Expires: *1800 *; *refresher=ua[cs]`,
			Headers: []string{"Require: timer", "Supported: timer", "Session-Expires: 1800;refresher=uac"}}))
		o.ended(t, ctx, from)
	})
	t.Run("an interval that is too short is answered 422 with ours", func(t *testing.T) {
		passes(t, ctx, o.plays(t, ctx, "caller.xml", part{Offer: sdp, Refused: 422, Must: `Min-SE: *90`,
			Headers: []string{"Supported: timer", "Session-Expires: 60"}}))
	})
}
