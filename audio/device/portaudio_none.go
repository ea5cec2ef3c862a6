//go:build !portaudio

package device

import "errors"

const missingPortAudio = `not in this build; "make deps" installs the PortAudio headers, and then "make build" takes it in`

func openPortAudio(wish, int) (card, error) { return nil, errors.New(missingPortAudio) }
func listPortAudio() ([]Port, error)        { return nil, errors.New(missingPortAudio) }
