// Package phone is the vocabulary that the rooms of ramble share: the state
// that a user interface shows, the notices it hears, the commands it gives.
//
// It is a leaf. It holds no behaviour beyond naming things, imports only the
// standard library, and is the only place where tui, automation and engine
// meet. Everything here is a value: a State or a Notice, once handed out, is
// never changed by its sender, so a receiver may keep it.
package phone
