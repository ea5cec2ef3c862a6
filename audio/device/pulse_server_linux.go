package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jfreymuth/pulse/proto"
)

const (
	// pulsePatience bounds dialling and every request. A server on this
	// machine answers within a millisecond or two.
	pulsePatience = time.Second
	// cookieLength is what the protocol wants, even where it is not looked at.
	cookieLength = 256
	pulsePort    = "4713"
)

// pulseServer is a connection to PulseAudio, or to PipeWire's likeness of it.
// The library's own way of connecting knows fewer places, waits without end
// and does not tell of a connection that was reset.
type pulseServer struct {
	proto.Client
	conn net.Conn
	lost atomic.Bool   // reading has ended
	gone chan struct{} // closed then
}

// dialPulse connects and shows the cookie. heard is called by the connection's
// own goroutine with everything that the server says unasked; it must not
// request anything.
func dialPulse(heard func(message any)) (*pulseServer, error) {
	var errs error
	for _, a := range pulseAddresses(os.LookupEnv, os.Getuid()) {
		conn, err := net.DialTimeout(a.network, a.address, pulsePatience)
		if err == nil {
			s := &pulseServer{conn: conn, gone: make(chan struct{})}
			if err = s.greet(heard); err == nil {
				return s, nil
			}
			s.close()
		}
		errs = errors.Join(errs, err)
	}
	if errs == nil {
		return nil, errors.New("PULSE_SERVER names no server on this machine or in this network")
	}
	return nil, fmt.Errorf("no PulseAudio or PipeWire server answers: %w", errs)
}

func (s *pulseServer) greet(heard func(message any)) error {
	s.Callback = heard
	s.SetTimeout(pulsePatience)
	s.Open(s)
	reply := proto.AuthReply{}
	if err := s.Request(&proto.Auth{Version: s.Version(), Cookie: pulseCookie(os.LookupEnv)}, &reply); err != nil {
		return plainPulse(err)
	}
	s.SetVersion(reply.Version)
	names := proto.PropList{
		"application.name":       proto.PropListString("ramble"),
		"application.icon_name":  proto.PropListString("phone"),
		"application.process.id": proto.PropListString(strconv.Itoa(os.Getpid())),
		"media.role":             proto.PropListString("phone"),
	}
	return plainPulse(s.Request(&proto.SetClientName{Props: names}, &proto.SetClientNameReply{}))
}

// Read is for the library. It notes the end, of which the library tells only
// if it was an orderly one.
func (s *pulseServer) Read(p []byte) (int, error) {
	n, err := s.conn.Read(p)
	if err != nil && !s.lost.Swap(true) {
		close(s.gone)
	}
	return n, err
}

// Write is for the library, which does not look at the error: one that cannot
// take what is written for so long is as good as gone.
func (s *pulseServer) Write(p []byte) (int, error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(pulsePatience))
	n, err := s.conn.Write(p)
	if err != nil {
		_ = s.conn.Close() // ends Read
	}
	return n, err
}

// close ends the connection and waits until nothing more is heard.
func (s *pulseServer) close() {
	_ = s.conn.Close()
	<-s.gone
}

// plainPulse puts what the library says into words.
func plainPulse(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the sound server does not answer")
	case errors.Is(err, proto.ErrAccessDenied):
		return errors.New("the sound server does not let us in: its cookie is missing or another's")
	case errors.Is(err, proto.ErrNoSuchEntity):
		return errors.New("the sound server has no such device")
	}
	return err
}

// pulseAddress is where a server may listen.
type pulseAddress struct{ network, address string }

// pulseAddresses are the places to look for a server: those in PULSE_SERVER,
// or the usual ones of this user. See "Server Strings" in PulseAudio's manual.
func pulseAddresses(getenv func(string) (string, bool), uid int) (list []pulseAddress) {
	if named, ok := getenv("PULSE_SERVER"); ok && named != "" {
		host, _ := os.Hostname()
		for _, s := range strings.Fields(named) {
			if rest, braced := strings.CutPrefix(s, "{"); braced {
				var machine string
				if machine, s, _ = strings.Cut(rest, "}"); machine != host {
					continue // it means another machine
				}
			}
			list = append(list, pulseString(s)...)
		}
		return list
	}
	if dir, ok := getenv("PULSE_RUNTIME_PATH"); ok && dir != "" {
		list = append(list, pulseAddress{"unix", filepath.Join(dir, "native")})
	}
	dir, ok := getenv("XDG_RUNTIME_DIR")
	if !ok || dir == "" {
		dir = filepath.Join("/run/user", strconv.Itoa(uid))
	}
	return append(list, pulseAddress{"unix", filepath.Join(dir, "pulse", "native")})
}

func pulseString(s string) []pulseAddress {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(s, "/"):
		return []pulseAddress{{"unix", s}}
	case kind == "unix":
		return []pulseAddress{{"unix", rest}}
	case kind == "tcp", kind == "tcp4", kind == "tcp6":
		if _, _, err := net.SplitHostPort(rest); err != nil {
			rest = net.JoinHostPort(strings.Trim(rest, "[]"), pulsePort)
		}
		return []pulseAddress{{kind, rest}}
	}
	return nil
}

// pulseCookie is the secret that servers of the same user know. A server that
// lets everybody in, as PipeWire does on its socket, takes any.
func pulseCookie(getenv func(string) (string, bool)) []byte {
	var files []string
	if named, ok := getenv("PULSE_COOKIE"); ok {
		files = append(files, named)
	}
	if dir, ok := getenv("XDG_CONFIG_HOME"); ok && dir != "" {
		files = append(files, filepath.Join(dir, "pulse", "cookie"))
	}
	if home, ok := getenv("HOME"); ok {
		files = append(files, filepath.Join(home, ".config", "pulse", "cookie"), filepath.Join(home, ".pulse-cookie"))
	}
	for _, name := range files {
		cookie, err := os.ReadFile(name)
		if err == nil && len(cookie) == cookieLength {
			return cookie
		}
	}
	return make([]byte, cookieLength)
}
