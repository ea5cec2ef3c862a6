// Package line is what an account is at run time, as far as it can be said
// without sockets: pure tables that take the time as an argument.
package line

import (
	"slices"
	"time"

	"ramble/sip/locate"
)

// passOver is how long a server that failed is tried after all others.
const passOver = 30 * time.Second

// Servers are an account's, with what was experienced of them: a table without
// a clock. The zero value has none.
type Servers struct {
	list   []locate.Server // as DNS named them, but the last one that worked first
	failed map[locate.Server]time.Time
	good   locate.Server // the last one that worked; zero: none yet
}

// Replace takes what DNS says now. The server that worked last stays first, or
// becomes the last resort where DNS does not name it any more. Servers that do
// not encrypt never take the place of those that do: it reports false and
// nothing changes.
func (s *Servers) Replace(list []locate.Server) bool {
	if encrypts(s.list) && !encrypts(list) {
		return false
	}
	s.list = slices.Clone(list)
	if s.good.Addr.IsValid() {
		if slices.Contains(list, s.good) {
			s.Worked(s.good)
		} else {
			s.list = append(s.list, s.good)
		}
	}
	for srv := range s.failed {
		if !slices.Contains(s.list, srv) {
			delete(s.failed, srv)
		}
	}
	return true
}

func encrypts(list []locate.Server) bool {
	return slices.ContainsFunc(list, func(s locate.Server) bool { return s.Transport == locate.TLS })
}

// Worked puts a server first.
func (s *Servers) Worked(srv locate.Server) {
	s.good = srv
	delete(s.failed, srv)
	if i := slices.Index(s.list, srv); i > 0 {
		s.list = slices.Insert(slices.Delete(s.list, i, i+1), 0, srv)
	}
}

// Fail notes that a server did not take us.
func (s *Servers) Fail(srv locate.Server, now time.Time) {
	if s.failed == nil {
		s.failed = map[locate.Server]time.Time{}
	}
	s.failed[srv] = now
}

// FailedLately reports whether a server is to be tried after all others.
func (s *Servers) FailedLately(srv locate.Server, now time.Time) bool {
	at, failed := s.failed[srv]
	return failed && now.Sub(at) < passOver
}

// Next is the first that did not fail lately and to which a way leads; false:
// there is none.
func (s *Servers) Next(now time.Time, reach func(locate.Server) bool) (locate.Server, bool) {
	return s.after(locate.Server{}, now, reach)
}

// Another says whether there is something to try after a server.
func (s *Servers) Another(than locate.Server, now time.Time, reach func(locate.Server) bool) bool {
	_, ok := s.after(than, now, reach)
	return ok
}

func (s *Servers) after(than locate.Server, now time.Time, reach func(locate.Server) bool) (locate.Server, bool) {
	for _, srv := range s.Order(now) {
		if srv != than && !s.FailedLately(srv, now) && reach(srv) {
			return srv, true
		}
	}
	return locate.Server{}, false
}

// Order is the list as it is to be tried: those that failed lately last.
func (s *Servers) Order(now time.Time) []locate.Server {
	list := slices.Clone(s.list)
	slices.SortStableFunc(list, func(a, b locate.Server) int {
		switch fa, fb := s.FailedLately(a, now), s.FailedLately(b, now); {
		case fa == fb:
			return 0
		case fb:
			return -1
		}
		return 1
	})
	return list
}

// List are the servers as they stand, whatever failed. The caller does not
// change it.
func (s *Servers) List() []locate.Server { return s.list }
