// Package automation is the phone without a screen: commands come in, one a
// line, and events go out, one JSON object a line. docs/automation.md is its
// contract: within "v":1 fields are added, never renamed.
//
//	line -> parse -> phone.Command -> Doer -> ok or error
//	phone.Update -> notices -> event objects
//
// One goroutine writes, so objects never interleave. Answers are written as
// soon as the engine accepted or refused the command; the events that a
// command causes come after its answer. Every string that may come from the
// network passes the sanitizer once more on its way out.
package automation
