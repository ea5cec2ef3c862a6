package tui

import (
	"fmt"
	"strings"
	"time"

	"ramble/internal/leaf/phone"
	"ramble/internal/leaf/words"
)

// callRows is the content of the Call pane.
func (m *model) callRows(w, h int) []row {
	c := m.current()
	if c.ID == 0 {
		return m.idleRows(w)
	}
	rows := append(m.lineRows(), m.callHead(c, w)...)
	if c.State == phone.Up || c.State == phone.Early {
		rows = append(rows, m.mediaRows(c, w)...)
	}
	if c.Roams > 0 && !m.lower.roam {
		rows = append(rows, row{left: []span{{fmt.Sprintf("roams %d, longest audio gap %s", c.Roams, lasting(c.LongestGap)), faint}}})
	}
	// The table shows where it fits by itself, and where it is asked for.
	if table := m.mediaTable(c, w); m.panes.stats || len(rows)+len(table) <= h {
		rows = append(rows, table...)
	}
	return rows
}

// lineRows lists the calls where there are several.
func (m *model) lineRows() []row {
	live := liveCalls(m.state)
	if len(live) < 2 {
		return nil
	}
	var rows []row
	for _, c := range live {
		mine := c.ID == m.state.Current
		_, r := m.callState(c)
		rows = append(rows, row{
			left:     []span{{either(mine, m.look.here, " ") + " ", info}, {fmt.Sprintf("%d %s", c.ID, who(c)), either(mine, strong, plain)}},
			right:    []span{{stateWord(c), either(mine, r, faint)}, {"  " + m.elapsed(c), faint}},
			selected: mine,
		})
	}
	return append(rows, row{})
}

// callHead is who, in what state, and what the state means.
func (m *model) callHead(c phone.Call, w int) []row {
	word, r := m.callState(c)
	right := []span{{word, r}, {" " + m.elapsed(c), strong}}
	if c.Muted {
		right = append([]span{{" MUTED ", badge}, {" ", plain}}, right...)
	}
	sep := "  " + m.look.middot + "  "
	detail := []span{{c.Peer, plain}, {sep + either(c.Direction == phone.Incoming, "incoming", "outgoing"), faint}}
	if len(m.state.Accounts) > 1 && c.Account != m.selected().Name {
		detail = append(detail, span{sep + "by " + accountLabel(m.accountOf(c)), faint})
	}
	rows := []row{
		{left: []span{{who(c), strong}}, right: right, selected: true},
		{left: detail},
	}
	return append(rows, m.callSays(c, w)...)
}

// callSays is what a state that is not plain talking means for the user.
func (m *model) callSays(c phone.Call, w int) []row {
	one := func(r role, text string) []row { return []row{{left: []span{{text, r}}}} }
	switch {
	case c.NeedsRedial:
		return one(bad, words.Line("the other side lost this call", m.set.keys.key("redial")+" calls again"))
	case !c.KeepUntil.IsZero():
		return one(busy, "no network: the call is kept for "+ago(c.KeepUntil.Sub(m.now))+" more")
	case words.Unheard(c, m.accountOf(c), m.now) != "":
		var rows []row
		for _, line := range m.look.wrap(words.Unheard(c, m.accountOf(c), m.now), w) {
			rows = append(rows, one(busy, line)...)
		}
		return rows
	case c.State == phone.Ringing && c.Direction == phone.Incoming:
		return []row{{}, {left: m.keycaps("answer", "hangup", "silence")}}
	case c.State < phone.Up && c.Reason != "":
		return one(faint, c.Reason)
	case c.State == phone.Dialing && c.NextHop != "":
		return one(faint, "the INVITE goes to "+c.NextHop)
	}
	return nil
}

// stateWord is a call's state in lower case, for lists and the window title.
func stateWord(c phone.Call) string {
	switch {
	case c.State == phone.Ended:
		return "ended"
	case c.NeedsRedial:
		return "lost"
	case !c.KeepUntil.IsZero():
		return "no network"
	case c.Recovering:
		return "recovering"
	case c.State == phone.Up && c.Held == phone.HeldRemote:
		return "held by them"
	case c.State == phone.Up && c.Held != phone.HeldByNone:
		return "on hold"
	case c.State == phone.Up && c.Muted:
		return "muted"
	}
	return [...]string{"calling", "trying", "ringing", "early audio", "in call", "ended"}[c.State]
}

// callState is the word in the call's head, and how it is drawn.
func (m *model) callState(c phone.Call) (string, role) {
	word := stateWord(c)
	if word == "muted" {
		word = "in call" // MUTED stands beside it
	}
	word = strings.ToUpper(word)
	switch {
	case c.NeedsRedial:
		return word, bad
	case c.Recovering, !c.KeepUntil.IsZero():
		return word, busy
	case c.State == phone.Up && c.Held != phone.HeldByNone:
		return " " + word + " ", badge
	case c.State == phone.Up:
		return word, good
	}
	return word, info
}

// elapsed is the time since the answer, or since the first INVITE.
func (m *model) elapsed(c phone.Call) string {
	from := c.Answered
	if from.IsZero() {
		from = c.Started
	}
	to := m.now
	if !c.Ended.IsZero() {
		to = c.Ended
	}
	if from.IsZero() {
		return clock(0)
	}
	return clock(to.Sub(from))
}

// mediaRows is the sound in both directions.
func (m *model) mediaRows(c phone.Call, w int) []row {
	l, held := m.look, c.Held != phone.HeldByNone
	sends := span{l.sending + " sending", good}
	hears := span{l.receiving + " receiving", good}
	switch {
	case held && !c.Recovering:
		sends, hears = span{l.silent + " no audio while held", faint}, span{}
	default:
		if c.Muted {
			sends = span{l.sending + " silence", busy}
		}
		if !c.KeepUntil.IsZero() || !c.Media.Sending && c.Media.TxPackets > 0 {
			sends = span{l.silent + " nothing leaves", busy}
		}
		if c.Media.Silence > 0 {
			hears = span{l.silent + " no audio in for " + ago(c.Media.Silence), busy}
		}
	}
	secure := span{either(c.SRTP == "", "plain RTP", "SRTP"), either(c.SRTP == "", faint, good)}
	rows := []row{{
		left:  []span{sends, {"   ", plain}, hears},
		right: []span{{codec(c.Codec) + "  ", plain}, secure},
	}}
	if rows[0].left[2].text == "" || m.look.spansWidth(rows[0].left)+m.look.spansWidth(rows[0].right)+1 > w {
		rows[0].right = []span{{codec(c.Codec), plain}}
	}
	if m.look.spansWidth(rows[0].left)+m.look.spansWidth(rows[0].right)+1 > w {
		rows[0].right = nil
	}
	rows = append(rows, row{left: m.meters(c)})
	if !c.KeepUntil.IsZero() { // the rest tells of the time before
		return append(rows, row{left: []span{{percent(c.Media) + " not heard", plain}, {": there is no network", faint}}})
	}
	jitter := m.sparkline(c.Media.JitterTrail, clamp(w-16, 8, 60))
	if !m.set.motion {
		jitter = nil
	}
	jitter = append([]span{{"jitter ", faint}}, jitter...)
	if m.set.motion {
		jitter = append(jitter, span{"  ", plain})
	}
	rows = append(rows, row{left: append(jitter, span{lasting(c.Media.Jitter), plain})})
	return append(rows, row{left: m.quality(c.Media)})
}

// quality is loss, round trip, the estimate of how it sounds, and that of how long it
// takes to get here.
func (m *model) quality(q phone.Media) []span {
	spans := []span{{"loss ", faint}, {percent(q), plain}}
	if q.RTT > 0 {
		spans = append(spans, span{"   rtt ", faint}, span{lasting(q.RTT), plain})
	}
	if q.MOS > 0 {
		spans = append(spans, span{"   MOS ", faint}, span{fmt.Sprintf("%.1f", q.MOS), mosRole(q.MOS)})
	}
	if q.Delay > 0 { // last, where a narrow screen cuts
		spans = append(spans, span{"   delay ", faint}, span{lasting(q.Delay), plain})
	}
	return spans
}

func mosRole(mos float64) role {
	switch {
	case mos < 3.1:
		return bad
	case mos < 3.6:
		return busy
	}
	return plain
}

const meterCells = 12

// meters are the levels of microphone and speaker, as bars or as numbers.
func (m *model) meters(c phone.Call) []span {
	spans := []span{{"mic ", faint}}
	if c.Muted {
		spans = append(spans, span{"muted       ", busy})
	} else {
		spans = append(spans, m.meter(c.Media.LevelOut)...)
	}
	return append(append(spans, span{"  spk ", faint}), m.meter(c.Media.LevelIn)...)
}

// meter shows -60 to 0 dBFS. A level of exactly 0 has not been measured.
func (m *model) meter(level float64) []span {
	if !m.set.motion {
		return []span{{either(level == 0, "  -   dB", fmt.Sprintf("%5.0f dB", level)), plain}}
	}
	on := 0
	if level < 0 {
		on = clamp(int((level+60)/60*meterCells+0.5), 0, meterCells)
	}
	return []span{
		{strings.Repeat(m.look.barOn, on), meterOn},
		{strings.Repeat(m.look.barOff, meterCells-on), meterOff},
	}
}

// sparkline draws the latest values, scaled to 20 ms or the highest of them;
// a negative one is a gap.
func (m *model) sparkline(trail []time.Duration, cells int) []span {
	if len(trail) > cells {
		trail = trail[len(trail)-cells:]
	}
	top := 20 * time.Millisecond
	for _, v := range trail {
		top = max(top, v)
	}
	var b strings.Builder
	for _, v := range trail {
		if v < 0 {
			b.WriteString(m.look.gap)
			continue
		}
		n := len(m.look.levels)
		b.WriteString(m.look.levels[clamp(int(v*time.Duration(n)/top), 0, n-1)])
	}
	return []span{{b.String(), info}}
}

// unsent are packets that did not leave; nothing where all did.
func unsent(n uint64, text string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(text, grouped(n))
}

// mediaTable is both directions in numbers.
func (m *model) mediaTable(c phone.Call, w int) []row {
	q := c.Media
	if c.State != phone.Up {
		return nil
	}
	line := func(label string, parts ...string) row {
		return row{left: []span{{fmt.Sprintf("%-10s", label), faint}, {strings.Join(parts, "   "), plain}}}
	}
	peer, local := "-", "-"
	if c.RemoteMedia.IsValid() {
		peer = c.RemoteMedia.String()
	}
	if c.LocalMedia.IsValid() {
		local = c.LocalMedia.String()
	}
	if w < 60 {
		return []row{
			{},
			line("sent", counted(q.TxPackets, "packet")+unsent(q.Unsent, ", %s did not leave")),
			line("received", counted(q.RxPackets, "packet"), "lost "+grouped(q.Lost)),
			line("", "late "+grouped(q.Late), "twice "+grouped(q.Duplicates), "made up "+lasting(q.Concealed)),
			line("buffer", lasting(q.Buffer)),
			line("from", local),
			line("to", peer),
		}
	}
	return []row{
		{},
		{left: []span{{fmt.Sprintf("%-10s%-12s%-10s%-8s%-8s%-10s%s", "", "packets", "lost", "late", "twice", "made up", "address"), faint}}},
		line("sending", fmt.Sprintf("%-12s%-10s%-8s%-8s%-10s%s", grouped(q.TxPackets), unsent(q.Unsent, "%s"), "", "", "", peer)),
		line("receiving", fmt.Sprintf("%-12s%-10s%-8s%-8s%-10s%s", grouped(q.RxPackets), grouped(q.Lost), grouped(q.Late),
			grouped(q.Duplicates), lasting(q.Concealed), local)),
		{left: []span{{"buffer ", faint}, {lasting(q.Buffer), plain}}},
	}
}
