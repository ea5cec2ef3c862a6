// Package words makes the sentences of ramble: for the screen, for plain
// output, for JSON and for the history. The other rooms hand on facts.
//
// It is a leaf. It imports the vocabulary and nothing else, and it keeps
// nothing: the same facts give the same words. It never names a key: what
// helps travels as names of commands, which the screen turns into keys.
package words
