package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wavFile builds a file from its parts.
func wavFile(parts ...[]byte) []byte {
	body := append([]byte("WAVE"), slices.Concat(parts...)...)
	return slices.Concat([]byte("RIFF"), le32(len(body)), body)
}

func chunk(id string, body []byte) []byte {
	c := slices.Concat([]byte(id), le32(len(body)), body)
	if len(body)%2 == 1 {
		c = append(c, 0)
	}
	return c
}

func format(tag, channels, rate, bits int) []byte {
	block := channels * bits / 8
	return slices.Concat(le16(tag), le16(channels), le32(rate), le32(rate*block), le16(block), le16(bits))
}

func le16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func le32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

func TestWAVReader(t *testing.T) {
	pcm := slices.Concat(le16(100), le16(-200&0xffff), le16(300), le16(-32768&0xffff))
	extensible := slices.Concat(format(formatExtend, 1, 16000, 16), le16(22), le16(16), le32(4), le16(1), make([]byte, 14))
	for _, tc := range []struct {
		name string
		file []byte
		rate int
		want []int16
		err  string
	}{
		{"mono of 16 bits", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", pcm)), 8000, []int16{100, -200, 300, -32768}, ""},
		{"stereo becomes the mean", wavFile(chunk("fmt ", format(1, 2, 44100, 16)), chunk("data", pcm)), 44100, []int16{-50, -16234}, ""},
		{"8 bits are unsigned", wavFile(chunk("fmt ", format(1, 1, 11025, 8)), chunk("data", []byte{128, 0, 255})), 11025, []int16{0, -32768, 32512}, ""},
		{"stereo of 8 bits", wavFile(chunk("fmt ", format(1, 2, 11025, 8)), chunk("data", []byte{128, 130, 0, 0})), 11025, []int16{256, -32768}, ""},
		{"extensible", wavFile(chunk("fmt ", extensible), chunk("data", pcm[:2])), 16000, []int16{100}, ""},
		{"other chunks are passed over", wavFile(chunk("LIST", []byte("odd")), chunk("fmt ", format(1, 1, 8000, 16)), chunk("fact", le32(4)), chunk("data", pcm[:2])), 8000, []int16{100}, ""},
		{"what follows the sound is not sound", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", pcm[:2]), chunk("LIST", []byte("name"))), 8000, []int16{100}, ""},
		{"size left at zero: to the end", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), []byte("data\x00\x00\x00\x00"), pcm[:4]), 8000, []int16{100, -200}, ""},
		{"size unknown: to the end", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), []byte("data\xff\xff\xff\xff"), pcm[:4]), 8000, []int16{100, -200}, ""},
		{"cut off in a sample", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), []byte("data\x10\x00\x00\x00"), pcm[:3]), 8000, []int16{100}, ""},
		{"no sound at all", wavFile(chunk("fmt ", format(1, 1, 8000, 16)), []byte("data\x00\x00\x00\x00")), 8000, nil, ""},

		{"empty", nil, 0, nil, "not a WAV file"},
		{"something else", []byte("\x89PNG\r\n\x1a\n...."), 0, nil, "not a WAV file"},
		{"ends early", wavFile(chunk("fmt ", format(1, 1, 8000, 16))), 0, nil, "ends before its sound"},
		{"ends in its format", wavFile([]byte("fmt \x10\x00\x00\x00ab")), 0, nil, "ends in its format"},
		{"format too short", wavFile(chunk("fmt ", []byte("abcd"))), 0, nil, "too short"},
		{"format too long", wavFile(chunk("fmt ", slices.Concat(format(1, 1, 8000, 16), make([]byte, 5000)))), 0, nil, "a chunk of"},
		{"no format", wavFile(chunk("data", pcm)), 0, nil, "does not say its format"},
		{"compressed", wavFile(chunk("fmt ", format(0x55, 1, 8000, 16))), 0, nil, "compressed (format 0x55)"},
		{"six channels", wavFile(chunk("fmt ", format(1, 6, 8000, 16))), 0, nil, "6 channels"},
		{"24 bits", wavFile(chunk("fmt ", format(1, 1, 8000, 24))), 0, nil, "24 bits"},
		{"absurd rate", wavFile(chunk("fmt ", format(1, 1, 1, 16))), 0, nil, "1 samples a second"},
		{"a huge chunk first", wavFile([]byte("LIST\xff\xff\xff\x7f")), 0, nil, "a chunk of 2147483647"},
		{"chunks without end", wavFile(bytes.Repeat(chunk("junk", nil), 1000)), 0, nil, "too much before"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := NewWAVReader(bytes.NewReader(tc.file))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("got error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int16, 100)
			n, err := r.Read(got)
			if r.Rate() != tc.rate || !slices.Equal(got[:n], tc.want) || !errors.Is(err, io.EOF) {
				t.Fatalf("%d Hz, %v, %v", r.Rate(), got[:n], err)
			}
		})
	}
}

func TestWAVReaderReadsInPieces(t *testing.T) {
	f, want := newFile(t), sine(20000, 8000, 300, -10)
	w, _ := ResumeWAV(f, 8000, 0)
	if err := errors.Join(w.Write(want), w.Flush()); err != nil {
		t.Fatal(err)
	}
	r, err := NewWAVReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var got []int16
	for piece := make([]int16, 333); ; {
		n, err := r.Read(piece)
		got = append(got, piece[:n]...)
		if err != nil {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%d samples came back of %d, or others", len(got), len(want))
	}
}

func newFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// At every moment, another reader must find a whole file that lacks less than
// a second; that is what a killed process leaves.
func TestWAVWriterLeavesAWholeFileAtAnyMoment(t *testing.T) {
	for _, rate := range []int{8000, 11025, 48000} {
		f, src := newFile(t), sine(rate*3, rate, 440, -10)
		w, err := ResumeWAV(f, rate, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at, frame := 0, rate/50; at+frame <= len(src); at += frame {
			if err := w.Write(src[at : at+frame]); err != nil {
				t.Fatal(err)
			}
			file, _ := os.ReadFile(f.Name())
			if riff := binary.LittleEndian.Uint32(file[4:]); int(riff) != len(file)-8 {
				t.Fatalf("after %d samples: RIFF says %d of a file of %d", at, riff, len(file))
			}
			if data := binary.LittleEndian.Uint32(file[40:]); int(data) != len(file)-44 {
				t.Fatalf("after %d samples: data says %d of a file of %d", at, data, len(file))
			}
			if lacks := at + frame - (len(file)-44)/2; lacks > rate/4 || int64(at+frame) != w.Samples() {
				t.Fatalf("after %d samples the file lacks %d", at, lacks)
			}
		}
	}
}

func TestWAVWriterResumes(t *testing.T) {
	f := newFile(t)
	w, _ := ResumeWAV(f, 8000, 0)
	if err := errors.Join(w.Write([]int16{1, 2, 3}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	w, err := ResumeWAV(f, 8000, w.Samples())
	if err = errors.Join(err, w.Write([]int16{4}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	r, _ := NewWAVReader(f)
	got := make([]int16, 5)
	if n, _ := r.Read(got); !slices.Equal(got[:n], []int16{1, 2, 3, 4}) {
		t.Fatal(got[:n])
	}
}

type brokenDisk struct{ after int }

func (d *brokenDisk) WriteAt(p []byte, _ int64) (int, error) {
	if d.after--; d.after < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestWAVWriterReportsErrors(t *testing.T) {
	for after := range 3 {
		w, err := ResumeWAV(&brokenDisk{after}, 8000, 0)
		err = errors.Join(err, w.Write(make([]int16, 8000)))
		if err == nil {
			t.Errorf("a disk that fails after %d writes went unnoticed", after)
		}
	}
	w, _ := ResumeWAV(&brokenDisk{1 << 30}, 8000, (1<<32-1000)/2)
	if err := w.Write(make([]int16, 8000)); !errors.Is(err, ErrWAVFull) {
		t.Errorf("beyond 4 GiB: %v", err)
	}
}

func FuzzWAVReader(f *testing.F) {
	f.Add(wavFile(chunk("fmt ", format(1, 1, 8000, 16)), chunk("data", []byte{1, 2, 3, 4})))
	f.Add(wavFile(chunk("LIST", []byte("odd")), chunk("fmt ", format(1, 2, 44100, 8)), []byte("data\xff\xff\xff\xff12345")))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVE"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewWAVReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		if r.Rate() < MinRate || r.Rate() > MaxRate {
			t.Fatalf("rate %d", r.Rate())
		}
		total, buf := 0, make([]int16, 100)
		for {
			n, err := r.Read(buf)
			total += n
			if err != nil {
				break
			}
			if n != len(buf) {
				t.Fatal("short without an error")
			}
		}
		if total > len(file) {
			t.Fatalf("%d samples from %d bytes", total, len(file))
		}
	})
}

func TestClamp(t *testing.T) {
	for in, want := range map[int32]int16{0: 0, 40000: math.MaxInt16, -40000: math.MinInt16, 32767: 32767, -32768: -32768} {
		if Clamp(in) != want {
			t.Errorf("%d became %d", in, Clamp(in))
		}
	}
	for in, want := range map[float32]int16{0.4: 0, 0.6: 1, -0.6: -1, 32767.4: 32767, 1e9: 32767, -1e9: -32768, 32766.4: 32766} {
		if clampFloat(in) != want {
			t.Errorf("%f became %d", in, clampFloat(in))
		}
	}
}
