package netwatch

// Alive reports whether a path that is no longer the first choice can still
// carry packets, as far as the system tells: its source is usable on its
// interface and was not lost since the path was seen.
func (w *Watcher) Alive(p Path) bool {
	if !p.Valid() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := source{p.Index, p.Interface, p.Source}
	return w.book.lost[s] == p.Lost && usable(w.state.Interfaces)[s]
}
