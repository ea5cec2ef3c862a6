// Package simulate plays days of telephony that dice have written: phones of ours
// that call each other and strangers, while networks, servers and peers do what
// they do. A script is text and comes from a seed; its tests play it in a bubble,
// hold it against the laws of a call's life, and shrink what breaks one to the
// few lines that matter.
package simulate
