// Package engine is the phone itself: one loop that owns every registration,
// call, path and roam, and the jobs it sends out to do what takes time.
//
// Nothing in here is locked. State belongs to the loop goroutine; everything
// else reaches it through post, which runs a function on the loop. A job (a
// goroutine with a context) does one blocking thing and posts its result with
// the epoch it belongs to, so results of a path that is gone fall by
// comparison.
//
//	netwatch -> loop -> roam.Machine -> actions -> jobs -> post -> loop
//	                                                        |
//	                  Do(command) -> post -> loop           v
//	                                               outlets (UI, automation)
package engine
