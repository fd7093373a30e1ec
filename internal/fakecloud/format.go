package fakecloud

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// ask is a model request after its format has been taken off.
type ask struct {
	analyst.Request
	model      string
	stream     bool
	wantsUsage bool     // at the end of the stream, where that is asked for
	maxOutput  int64    // tokens, reasoning included; 0 is no cap
	stop       []string // ends the text where one of them comes
	reasoning  int64    // tokens that the model thinks before it answers
	showsThink bool     // and shows, as a part of its own
	keepsThink bool     // and gives with its opaque state

	silent  bool // gives a thought without showing it
	stores  bool // may be gone on from, see [history]
	redacts bool // thinks in a block that only the provider can read
	served  bool // has tools that the provider runs itself

	prefills bool // its last turn is the beginning of the answer

	previous   string      // the answer that this goes on from
	answers    []string    // the calls of it that are answered here
	references []reference // to items of earlier answers

	custom map[string]bool            // tools that take a text instead of arguments
	spaces map[string]string          // the namespaces of tools
	echo   map[string]json.RawMessage // what the answer repeats of the request

	toolMark string         // how long to cache up to the end of the tools
	marks    map[int]string // and up to the end of a turn
	marked   int            // how many marks there are
}

// has reports whether a tool of the name is there.
func (a *ask) has(tool string) bool {
	return slices.ContainsFunc(a.Tools, func(t analyst.Tool) bool { return t.Name == tool })
}

// redacted is the name of a thought that only the provider can read.
const redacted = "redacted"

// thought says what a format counts as reasoning.
type thought int

const (
	thoughtHidden thought = iota // what cannot be seen; a summary of it is free
	thoughtShown                 // what is shown, beside the rest of the output
	thoughtMixed                 // nothing: what is shown is output like other text
)

// stopKind is why an answer ended, in no provider's words.
type stopKind string

const (
	stopEnd      stopKind = "end"
	stopTools    stopKind = "tools"
	stopLength   stopKind = "length"
	stopSequence stopKind = "sequence"
	stopFiltered stopKind = "filtered" // a filter minds what came
)

// incoming is what stands around a request's body.
type incoming struct {
	header http.Header
	model  string // of the address, where it names one; then it also says
	stream bool   // whether a stream is wanted

	prefill *bool // whether the model goes on with an answer that the request has begun; nil: as its kind does
}

// answer is what a provider says.
type answer struct {
	ask     *ask
	id      string // of the answer
	request string // of the request, in its header
	created int64
	parts   []analyst.Part
	stop    stopKind
	matched string // the stop sequence
	usage   Usage
}

// format is a provider's way of speaking.
type format interface {
	// provider names the stand-in and the operation, for log and faults.
	provider() (service, op string)
	// decode reads a request, or says what is wrong with it as the provider would.
	decode(in *incoming, body []byte) (*ask, *apiError)
	// streamType is the media type of its streams.
	streamType() string
	// automatic reports whether prompts are cached without being marked.
	automatic() bool
	// sizes are the bytes of text and of arguments in one chunk, about.
	sizes() (text, args int)
	// thought says what counts as reasoning.
	thought() thought
	// ids gives an answer, and each of its calls, ids of the provider's form.
	ids(g *ids, a *answer)
	// header is what every answer carries besides its content type.
	header(requestID string) map[string]string
	whole(a *answer) []byte
	failure(e *apiError, requestID string) []byte
	open(a *answer) streamer
}

// streamer frames one streamed answer.
type streamer interface {
	prelude() []byte
	piece(p piece) []byte
	end() []byte
	failure(e *apiError) []byte
	garbage() []byte   // with which nothing can be gone on with
	malformed() []byte // an event that is none, in good order among the others
	ping() []byte      // what keeps a connection alive
}

// keepAlive is a comment among server-sent events.
const keepAlive = ": keep-alive\n\n"

// piece is a part of an answer's part: what one content chunk holds.
type piece struct {
	part        int
	kind        analyst.Kind
	id, name    string // of a call
	text        string // of a call: of its arguments
	first, last bool   // of its part
}

// apiError is an error in the provider's own words.
type apiError struct {
	status        int
	kind, code    string
	param         string
	message       string
	retryAfterSec string

	page    bool              // a proxy's, in nobody's form
	amazon  string            // Bedrock's name for it, where the status does not tell
	details []any             // Google's
	header  map[string]string // beside the usual ones
}

func invalid(param, message string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", param: param,
		message: fmt.Sprintf(message, args...)}
}

// split cuts an answer into pieces of about size bytes, at spaces in text. No
// piece ends inside a character.
func split(parts []analyst.Part, textSize, argsSize int) []piece {
	var out []piece
	for i, p := range parts {
		text, size := p.Text, textSize
		if p.Kind == analyst.Call {
			text, size = string(p.Args), argsSize
		}
		first := true
		for first || text != "" {
			n := cutAt(text, size, p.Kind != analyst.Call)
			out = append(out, piece{part: i, kind: p.Kind, id: p.ID, name: p.Name,
				text: text[:n], first: first, last: n == len(text)})
			text, first = text[n:], false
		}
	}
	return out
}

func cutAt(s string, size int, words bool) int {
	if len(s) <= size {
		return len(s)
	}
	if words {
		for i := max(1, size-2); i < len(s) && i < size+16; i++ {
			if s[i] == ' ' || s[i] == '\n' {
				return i
			}
		}
	}
	for size < len(s) && runeStart(s, size) != size {
		size++
	}
	return size
}

// ids makes names that are new in this process and look like a provider's.
type ids struct{ n atomic.Int64 }

func (g *ids) next(prefix string, length int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", prefix, g.n.Add(1)))
	text := new(big.Int).SetBytes(sum[:]).Text(62)
	return prefix + text[:length]
}

// members is a JSON object as a list of names and values, written in this order:
// the providers' own, which readers of streams may rely on.
type members []any

// MarshalJSON writes the object.
func (m members) MarshalJSON() ([]byte, error) { return m.append(nil), nil }

func (m members) append(b []byte) []byte {
	b = append(b, '{')
	for i := 0; i+1 < len(m); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(appendJSON(b, m[i]), ':'), m[i+1])
	}
	return append(b, '}')
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case members:
		return v.append(b)
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case nil:
		return append(b, "null"...)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	}
	return append(b, mustJSON(v)...)
}

// mustJSON encodes values that this package made itself and that always encode.
func mustJSON(v any) []byte {
	if m, ok := v.(members); ok {
		return m.append(nil)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fakecloud: encode %T: %v", v, err))
	}
	return b
}
