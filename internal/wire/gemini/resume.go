package gemini

// Resume implements wire.Resumer. Each chunk of this format stands for itself, so that
// nothing need be kept to but that an array was begun.
func (w *writer) Resume(shown []byte) {
	if len(shown) > 0 {
		w.f.Resume()
	}
}
