// Package engine is the phone itself: one loop that owns every registration,
// call, path and roam, and the jobs it sends out to do what takes time.
//
// The state has no lock: it belongs to the loop goroutine. Everything else
// reaches it through post, which runs a function on the loop. The mailbox,
// where other goroutines post, and the notes about failed sockets each have a
// lock of their own. A job (a
// goroutine with a context) does one blocking thing and posts its result with
// the epoch it belongs to, so results of a path that is gone fall by
// comparison.
//
//	netwatch -> loop -> roam.Machine -> actions -> jobs -> post -> loop
//	                                                        |
//	                  Do(command) -> post -> loop           v
//	                                               outlets (UI, automation)
package engine
