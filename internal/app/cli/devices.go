package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ramble/audio"
	"ramble/audio/device"
	"ramble/internal/app/config"
	"ramble/internal/leaf/phone"
)

// devicesCommand is `ramble devices`.
func (p *program) devicesCommand(life *life) *cobra.Command {
	var asJSON, test bool
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "List microphones and loudspeakers, or try them",
		Long: `The microphones and loudspeakers that can be used, with the names that
[audio] microphone and speaker take, or a part of them. With --test the chosen
loudspeaker plays a tone, and the level of the microphone is shown.`,
		Example: `  ramble devices
  ramble devices --test
  ramble devices --test --audio pulse:in=Jabra,out=none`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON && test {
				return usage(cmd, errors.New("--json and --test do not go together"))
			}
			c, err := p.soundConfig()
			if err != nil {
				return err
			}
			return life.quiet("", func() error {
				if test {
					return p.apps.tryDevice(cmd.Context(), cmd.OutOrStdout(), device.Name(c.Audio.Backend, c.Audio.Microphone, c.Audio.Speaker))
				}
				return listDevices(cmd.OutOrStdout(), p.apps.devices(c.Audio.Backend), asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&p.audio, "audio", "", "`BACKEND`: auto, pulse or portaudio; for --test also with in=NAME,out=NAME")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.Flags().BoolVar(&test, "test", false, "play a tone and show the microphone's level")
	return cmd
}

// soundConfig is the configuration if there is one, else the defaults.
func (p *program) soundConfig() (*config.Config, error) {
	paths, err := p.paths()
	if err != nil {
		return nil, err
	}
	c, err := p.load(paths)
	if n, missing := errors.AsType[*noConfig](err); missing && !n.named {
		d := config.Default()
		return &d, p.override(&d)
	}
	return c, err
}

// soundPorts are the ports of one kind of hardware, or why there are none.
type soundPorts struct {
	Backend string
	Ports   []device.Port
	Err     error
}

// allDevices asks the kind of hardware that is configured, or all of this build.
func allDevices(backend string) (all []soundPorts) {
	kind, _, _ := strings.Cut(backend, ":")
	for _, b := range device.Backends() {
		if b.Name != kind && kind != "auto" || !b.Hardware {
			continue
		}
		ports, err := device.List(b.Name)
		all = append(all, soundPorts{b.Name, ports, err})
	}
	return all
}

func listDevices(w io.Writer, all []soundPorts, asJSON bool) error {
	found := false
	for _, s := range all {
		found = found || len(s.Ports) > 0
		if asJSON {
			if err := listJSON(w, s.Ports); err != nil {
				return err
			}
			continue
		}
		if s.Err != nil {
			fmt.Fprintf(w, "%s: %v\n", s.Backend, s.Err)
			continue
		}
		for _, side := range []bool{false, true} {
			fmt.Fprintf(w, "%s %s\n", s.Backend, map[bool]string{false: "microphones", true: "speakers"}[side])
			for _, p := range s.Ports {
				if p.Output == side {
					fmt.Fprintln(w, portRow(p))
				}
			}
		}
	}
	if !found {
		return &problem{Code: phone.ErrAudio, Text: "no sound card here", Hint: "The phone itself runs without one: start it with --audio null, loop or file"}
	}
	return nil
}

func portRow(p device.Port) string {
	mark := "  "
	if p.Default {
		mark = "* "
	}
	row := "  " + mark + p.String()
	if p.About != "" {
		row += "  (" + p.Name + ")"
	}
	if p.Default {
		row += "  default"
	}
	return row
}

func listJSON(w io.Writer, ports []device.Port) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, p := range ports {
		direction := "in"
		if p.Output {
			direction = "out"
		}
		if err := encoder.Encode(struct {
			V         int    `json:"v"`
			Type      string `json:"type"`
			Backend   string `json:"backend"`
			Direction string `json:"direction"`
			Name      string `json:"name"`
			About     string `json:"about,omitempty"`
			Default   bool   `json:"default,omitempty"`
		}{1, "device", p.Backend, direction, p.Name, p.About, p.Default}); err != nil {
			return err
		}
	}
	return nil
}

// triedFor is how long a device is tried: the tone sounds for the first half.
const triedFor = 4 * time.Second

// tryDevice plays a tone and shows what the microphone takes, a line each half
// second: that reads well on a braille line and in a file too.
func tryDevice(ctx context.Context, w io.Writer, name string) error {
	dev, err := device.Open(name)
	if err != nil {
		return &problem{Code: phone.ErrAudio, Text: err.Error(), Hint: "`ramble devices` lists what there is"}
	}
	status := dev.Status()
	if dev.Backend() == "null" {
		return &problem{Code: phone.ErrAudio, Text: "there is nothing to try: " + status.Note, Hint: dev.Why()}
	}
	fmt.Fprintf(w, "%s: microphone %s, speaker %s\n", dev.Backend(), status.Input, status.Output)
	if status.Note != "" {
		fmt.Fprintln(w, status.Note)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*triedFor)
	defer cancel()
	const frame = 20 * time.Millisecond
	tone, frames := audio.NewTone(audio.Ringback, "us", dev.Rate()), 0 // two seconds of it come first
	meter := audio.NewMeter(dev.Rate())
	err = dev.Run(ctx, frame, func(in, out []int16) {
		at := time.Duration(frames) * frame
		if frames++; at >= triedFor {
			cancel()
			return
		}
		meter.Add(in)
		clear(out)
		if at < triedFor/2 {
			tone.Next(out)
		}
		if at%(triedFor/8) == 0 && at > 0 {
			what := "a tone sounds; "
			if at >= triedFor/2 {
				what = "speak:         "
			}
			level := meter.Level()
			fmt.Fprintf(w, "%smicrophone %6.1f dBFS  %s\n", what, level, strings.Repeat("#", int(max(0, level+60)/2)))
		}
	})
	if time.Duration(frames)*frame > triedFor {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it gives no sound and takes none")
	}
	if _, stopped := errors.AsType[interrupted](context.Cause(ctx)); stopped {
		return err
	}
	return &problem{Code: phone.ErrAudio, Text: fmt.Sprintf("sound device %s: %v", dev, err)}
}
