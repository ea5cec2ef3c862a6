package impair

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ramble/audio"
)

// Sounds is where Debian's asterisk-core-sounds-en-wav puts its speech.
const Sounds = "/usr/share/asterisk/sounds/en_US_f_Allison"

// sentences are long ones of it, natural speech of one voice.
const sentences = `demo-abouttotry demo-congrats demo-instruct demo-moreinfo demo-nomatch demo-thanks vm-intro vm-options`

// Speech reads speech of that length, 8000 samples a second.
func Speech(length time.Duration) ([]int16, error) {
	want := int(length * rate / time.Second)
	var out []int16
	for name := range strings.FieldsSeq(sentences) {
		one, err := read(filepath.Join(Sounds, name+".wav"))
		if err != nil {
			return nil, err
		}
		if out = append(out, one...); len(out) >= want {
			return out[:want], nil
		}
	}
	return nil, fmt.Errorf("only %d seconds of speech in %s", len(out)/rate, Sounds)
}

func read(name string) ([]int16, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := audio.NewWAVReader(f)
	if err != nil {
		return nil, err
	}
	if r.Rate() != rate {
		return nil, fmt.Errorf("%s has %d samples a second", name, r.Rate())
	}
	var out []int16
	buf := make([]int16, 4096)
	for {
		n, err := r.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil || n == 0 {
			return out, nil
		}
	}
}
