package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ramble/internal/leaf/clean"
	"ramble/internal/leaf/phone"
	wording "ramble/internal/leaf/words"
)

// Result is what a scenario showed. Figures that were not measured are nil.
type Result struct {
	Scenario  Scenario
	Transport Transport
	Real      bool // else in memory
	Took      time.Duration
	Total     *time.Duration // first sign of the change to proven; the longest roam
	GapIn     *time.Duration // longest, in what the phone heard
	GapOut    *time.Duration // longest, in what the peer heard
	TReg      *time.Duration // network usable to the server listing the address
	Lost      *uint64        // packets that did not reach the phone in time
	Roams     []phone.Roam
	Failed    *Failure // nil: passed
}

// Failure is the step that failed, why, and what to do.
type Failure struct {
	Line            int // 0: before the first step
	Step, Why, Todo string
}

// Report writes results for people.
type Report struct {
	W     io.Writer
	ASCII bool
	Color bool

	passed, failed int
	took           time.Duration
}

// Begin says where the drill takes place, and how many scenarios it has.
func (r *Report) Begin(where string, n int) {
	r.printf("%s\n\n%-*s %8s %8s %8s %5s %8s\n", where, len([]rune(r.sign("✓", "ok")))+nameWidth+titleWidth+2, many(n, "scenario"),
		"total", "gap in", "gap out", "lost", "t_reg")
}

const (
	nameWidth  = 10
	titleWidth = 32
)

// printf writes; in ASCII where that is asked for, whatever the text is.
func (r *Report) printf(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	if r.ASCII {
		text = strings.Map(func(c rune) rune {
			if c > '~' {
				return '?'
			}
			return c
		}, strings.NewReplacer("…", "...", "→", "->", "•", "*", "✓", "ok", "✗", "no").Replace(text))
	}
	_, _ = io.WriteString(r.W, text) // a reader that is gone has seen enough
}

// Write tells one result.
func (r *Report) Write(res Result) {
	r.took += res.Took
	mark, color := r.sign("✓", "ok"), "32"
	if res.Failed == nil {
		r.passed++
	} else {
		r.failed++
		mark, color = r.sign("✗", "no"), "31"
	}
	if r.Color {
		mark = "\x1b[" + color + "m" + mark + "\x1b[0m"
	}
	lost := "-"
	if res.Lost != nil {
		lost = strconv.FormatUint(*res.Lost, 10)
	}
	title := []rune(clean.Text(res.Scenario.Title))
	if len(title) > titleWidth {
		dots := []rune(r.sign("…", "..."))
		title = append(title[:titleWidth-len(dots)], dots...)
	}
	r.printf("%s %-*s %-*s %8s %8s %8s %5s %8s\n", mark, nameWidth, clean.Limit(res.Scenario.Name, 40), titleWidth, string(title),
		figure(res.Total), figure(res.GapIn), figure(res.GapOut), lost, figure(res.TReg))
	if res.Failed != nil {
		r.explain(res)
	}
}

// explain tells which step failed, the roam's timeline, and what to do.
func (r *Report) explain(res Result) {
	f := res.Failed
	where := f.Step
	if f.Line > 0 {
		where = fmt.Sprintf("line %d, %s", f.Line, f.Step)
	}
	r.printf("    %s: %s\n", clean.Text(where), clean.Text(f.Why))
	for _, roam := range lastRoams(res.Roams) {
		r.printf("    roam %d %s → %s, %s\n", roam.ID, nothing(roam.From), nothing(roam.To), roam.Phase)
		for _, s := range roam.Steps {
			mark := r.sign("✓", "ok")
			switch {
			case s.Running:
				mark = r.sign("…", "..")
			case !s.OK:
				mark = r.sign("✗", "no")
			}
			r.printf("    %9s %s %-8s %s\n", "+"+spoken(s.Offset), mark, s.Name, clean.Limit(wording.Step(s), 200))
		}
		if text := wording.RoamFailure(roam); text != "" {
			r.printf("              %s\n", clean.Text(text))
		}
	}
	if f.Todo != "" {
		r.printf("    what to do: %s\n", f.Todo)
	}
}

// lastRoams are the ones that tell: the last, and one that it overtook.
func lastRoams(all []phone.Roam) []phone.Roam { return all[max(0, len(all)-2):] }

// End sums up and reports whether all passed.
func (r *Report) End() bool {
	r.printf("\n%d passed, %d failed in %s\n", r.passed, r.failed, r.took.Round(100*time.Millisecond))
	return r.failed == 0
}

func (r *Report) sign(nice, ascii string) string {
	if r.ASCII {
		return ascii
	}
	return nice
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func nothing(path string) string {
	if path == "" {
		return "no network"
	}
	return clean.Text(path)
}

func figure(d *time.Duration) string {
	if d == nil {
		return "-"
	}
	return spoken(*d)
}

// spoken is a duration as the timeline has it: whole milliseconds below a
// second, hundredths of seconds above.
func spoken(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// object is a Result as one line of JSON; docs/drill.md lists the fields.
type object struct {
	V         int       `json:"v"`
	Type      string    `json:"type"`
	Scenario  string    `json:"scenario"`
	Title     string    `json:"title,omitempty"`
	Network   string    `json:"network"` // "namespace", "simulated"
	Transport Transport `json:"transport"`
	Pass      bool      `json:"pass"`
	Took      float64   `json:"took_ms"`
	Total     *float64  `json:"total_ms,omitempty"`
	GapIn     *float64  `json:"gap_in_ms,omitempty"`
	GapOut    *float64  `json:"gap_out_ms,omitempty"`
	Lost      *uint64   `json:"lost_in,omitempty"`
	TReg      *float64  `json:"t_reg_ms,omitempty"`
	broken
	Roams []roamObject `json:"roams"`
}

// broken is where a scenario failed, and why.
type broken struct {
	Line   int    `json:"line,omitempty"`
	Step   string `json:"step,omitempty"`
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

type roamObject struct {
	Roam   phone.RoamID `json:"roam"`
	From   string       `json:"from,omitempty"`
	To     string       `json:"to,omitempty"`
	Phase  string       `json:"phase"`
	Total  float64      `json:"total_ms"`
	Detail string       `json:"detail,omitempty"`
	Steps  []stepObject `json:"steps,omitempty"` // of roams in a scenario that failed
}

type stepObject struct {
	Step     string  `json:"step"`
	Offset   float64 `json:"offset_ms"`
	Duration float64 `json:"duration_ms"`
	OK       bool    `json:"ok"`
	Running  bool    `json:"running,omitempty"`
	Detail   string  `json:"detail,omitempty"`
}

// WriteJSON writes a result as one object on a line.
func WriteJSON(w io.Writer, res Result) error {
	o := object{
		V: 1, Type: "scenario", Scenario: clean.Text(res.Scenario.Name), Title: clean.Text(res.Scenario.Title),
		Network: Network(res.Real), Transport: res.Transport, Pass: res.Failed == nil, Took: millis(res.Took),
		Total: some(res.Total), GapIn: some(res.GapIn), GapOut: some(res.GapOut), Lost: res.Lost, TReg: some(res.TReg),
		Roams: []roamObject{},
	}
	if f := res.Failed; f != nil {
		o.Line, o.Step, o.Reason, o.Hint = f.Line, clean.Text(f.Step), clean.Text(f.Why), f.Todo
	}
	for _, r := range res.Roams {
		one := roamObject{Roam: r.ID, From: clean.Text(r.From), To: clean.Text(r.To), Phase: r.Phase.String(), Total: millis(r.Total), Detail: clean.Text(wording.RoamFailure(r))}
		for _, s := range r.Steps {
			if res.Failed != nil {
				one.Steps = append(one.Steps, stepObject{string(s.Name), millis(s.Offset), millis(s.Duration), s.OK, s.Running, clean.Text(wording.Step(s))})
			}
		}
		o.Roams = append(o.Roams, one)
	}
	return json.NewEncoder(w).Encode(o)
}

// Summary is the last object of a drill.
func Summary(w io.Writer, passed, failed int, took time.Duration) error {
	return json.NewEncoder(w).Encode(struct {
		V      int     `json:"v"`
		Type   string  `json:"type"`
		Passed int     `json:"passed"`
		Failed int     `json:"failed"`
		Took   float64 `json:"took_ms"`
	}{1, "summary", passed, failed, millis(took)})
}

// Network is the word for the ground of a drill.
func Network(real bool) string {
	if real {
		return "namespace"
	}
	return "simulated"
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func some(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	ms := millis(*d)
	return &ms
}
