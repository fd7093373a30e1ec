package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// format is a wire format as a client asks in it and an upstream answers in it. A
// new one is a file and one line of [formats].
type format struct {
	name string
	// The address is before, or where it names the model: before, model, after; of
	// streams: before, model, streams.
	before, after, streams string
	named                  bool
	header                 string // of requests, beside the credential
	credential             string // the header that takes a key, up to the key
	// body asks for an answer; more is "" or members that ask for a stream.
	body func(model, more string) string
	*canned
	// read takes text and usage out of an answer in one piece.
	read func(body []byte) (text string, in, out int, err error)
	// ended says what is wrong with a stream after its last chunk of text.
	ended func(rest []byte) error
	// provider is a row of Skein's configuration, without its endpoint, and base what
	// that has after the host.
	provider, base string
}

// formats are all that are measured.
var formats = []*format{chat, responses, messages, converse, gemini}

// model is the name of a model that is served in this format upstream.
func (f *format) model(paced bool) string {
	if paced {
		return "bench-" + f.name + pacedModel
	}
	return "bench-" + f.name
}

func (f *format) path(model string, stream bool) string {
	switch {
	case !f.named:
		return f.before
	case stream:
		return f.before + model + f.streams
	}
	return f.before + model + f.after
}

// serves reports whether a path is one of the format's, and whether it says that the
// answer is to be a stream.
func (f *format) serves(path string) (stream, ok bool) {
	if !f.named {
		return false, path == f.before
	}
	stream = strings.HasSuffix(path, streamPath(f.streams))
	return stream, strings.HasPrefix(path, f.before) && (stream || strings.HasSuffix(path, f.after))
}

// streamPath is the streams' end of an address without its query.
func streamPath(s string) string {
	path, _, _ := strings.Cut(s, "?")
	return path
}

// What an answer's usage says, and so what Skein must book for it.
const inputTokens, outputTokens = 250, 100

// pieces is how many chunks of text an answer has.
const pieces = 100

// piece is the text of chunk i.
func piece(i int) string { return fmt.Sprintf("w%02d, ", i) }

// answerText is the text of a whole answer.
var answerText = func() string {
	var b strings.Builder
	for i := range pieces {
		b.WriteString(piece(i))
	}
	return b.String()
}()

const (
	system = "You are a careful financial analyst. Use only what you are given, name your sources, give figures with their units and periods, and say so where something is not known. Answer in one paragraph of plain text, without headings or lists, in at most a hundred words."
	filing = "The company reports net sales of 391.0 billion dollars for the fiscal year, against 383.3 billion a year before; products contributed 294.9 billion and services 96.2 billion. Gross margin came to 180.7 billion, operating expenses to 57.5 billion, operating income to 123.2 billion and net income to 93.7 billion. Operating cash flow was 118.3 billion, and 94.9 billion went into repurchases of its own shares. How did margin and cash flow develop, and what should be watched in the coming year?"
)

// whole says what the body of an answer in one piece lacks.
func (f *format) whole(body []byte) error {
	text, in, out, err := f.read(body)
	switch {
	case err != nil:
		return fmt.Errorf("an answer is not whole: %w", err)
	case text != answerText:
		return errors.New("an answer lacks some of its text")
	case in != inputTokens || out != outputTokens:
		return errors.New("an answer lacks its usage")
	}
	return nil
}

// wholeStream wants every chunk once, in order, and the proper end. It looks at
// bytes, since decoding a hundred events would be most of this process's work. A
// chunk's text is a string of its own in every format; where the whole text is said
// once more at the end, that is a longer one.
func (f *format) wholeStream(body []byte) error {
	rest := body
	for i := range pieces {
		at := nextPiece(rest)
		if at < 0 {
			return fmt.Errorf("a stream has %d of its %d chunks", i, pieces)
		}
		rest = rest[at:]
		if !bytes.HasPrefix(rest, quotedPieces[i]) {
			return fmt.Errorf("chunk %d of a stream is missing or out of order", i)
		}
		rest = rest[len(quotedPieces[i]):]
	}
	if nextPiece(rest) >= 0 {
		return errors.New("a stream has a chunk twice")
	}
	return f.ended(rest)
}

var quotedPieces = func() (out [pieces][]byte) {
	for i := range out {
		out[i] = quoted(piece(i))
	}
	return out
}()

var pieceStart, pieceEnd = []byte(`"w`), []byte(`, "`)

// nextPiece is where the next string that is one chunk's text begins.
func nextPiece(b []byte) int {
	at := 0
	for {
		i := bytes.Index(b[at:], pieceStart)
		if i < 0 {
			return -1
		}
		if at += i; len(b) >= at+7 && bytes.Equal(b[at+4:at+7], pieceEnd) {
			return at
		}
		at++
	}
}

// endsWith wants texts in this order, the last of them at the end.
func endsWith(texts ...string) func([]byte) error {
	return func(rest []byte) error {
		for _, t := range texts {
			at := bytes.Index(rest, []byte(t))
			if at < 0 {
				return fmt.Errorf("a stream ended without %q", t)
			}
			rest = rest[at+len(t):]
		}
		if len(rest) > 0 {
			return errors.New("a stream goes on after its end")
		}
		return nil
	}
}

func quoted(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string of ours
	}
	return b
}
