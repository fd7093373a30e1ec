// Package wire turns bytes into the canonical call and back: one [Codec] for each
// format, each in a folder of its own. In the same format a request is edited in
// place ([Codec.Edit]) and an answer passes as it came; into another format both
// go through `llm`, and what the target cannot express is a [Loss] with a class,
// read from the codec's table of fields.
//
// A vendor that speaks a known format in its own way is a [Dialect], a row of data.
package wire

import (
	"io"
	"net/http"

	"github.com/skein-run/skein/internal/llm"
)

// Facts is what one forward scan of a request finds: all that routing, budgets
// and metering need, without decoding it.
type Facts struct {
	Format      llm.Format
	Model       string
	Stream      bool
	StreamUsage bool  // the client wants usage at the end of its stream
	MaxOutput   int64 // 0: not stated
	Choices     int64 // n; at least 1

	Messages   int
	Tools      int
	Media      int   // images, documents and audio parts
	Bytes      int64 // of the body
	TextBytes  int64 // of text that the model will read: messages, tool definitions, schemas
	MediaBytes int64
	Schema     bool // structured output was asked for
	Reasoning  bool // thinking was asked for, or thinking state is carried
	// ThinkingBudget is how many tokens of MaxOutput may go into thinking; 0: not stated.
	ThinkingBudget int64
	// CacheMarks: parts of the prompt may be marked to be kept in the provider's cache.
	CacheMarks bool
	// ServerTool is a tool that the provider runs by itself, at a cost that the output
	// cap does not bound; "" where there is none.
	ServerTool string
	// Tier is the service tier or speed that is asked for, in the provider's word; "" where
	// none is.
	Tier string
	// Kept is a member that names what the provider reads with the rights of its own
	// account: an object in a bucket, a file or a cache that it keeps; "" where there is none.
	Kept string
	// OtherModels is a member by which the provider may answer with other models than the
	// one that is named, at their prices; "" where there is none.
	OtherModels string
	// Unsized: there are documents whose tokens cannot be told from their bytes, or
	// which are elsewhere.
	Unsized bool

	// Inputs is how many things are to be embedded, of the operation Embed.
	Inputs int64
	// Packed: the client wants vectors in OpenAI's packed form.
	Packed bool
	// Bindings are the makers whose opaque state the request carries (thinking
	// signatures and the like); it may go to a deployment of that maker only.
	Bindings []llm.Maker
	// StateIDs are the ids of things that a provider keeps (previous_response_id and
	// the like), as the client states them, at Spans.StateIDs.
	StateIDs []string
	// Betas are beta flags, of the body and of the client's header.
	Betas []string
}

// Target is where an attempt's request goes and how it must be spelled.
type Target struct {
	Format   llm.Format
	Dialect  *Dialect
	Upstream string // the provider's name for the model
	// OutputCap is the most output tokens that are asked for; 0 leaves the request as it is.
	OutputCap int64
	// MaxOutput is the model's own limit, for formats that must state a cap.
	MaxOutput int64
	// Model is what is known of the model itself. Of a request in the target's own
	// format only what the model refuses is said in other words.
	Model   Model
	LossyOK bool // semantic losses are allowed
	// Betas are the client's beta flags (Facts.Betas), for dialects that want them in
	// the body; the codec takes those that the dialect's cloud knows, see [BetasAt].
	Betas []string
	// IDs are the provider's own ids of the scan's StateIDs, in their order.
	IDs []string
}

// LossClass says what losing a field means.
type LossClass string

// The classes of a field × target.
const (
	Carried  LossClass = "carried"
	Emulated LossClass = "emulated" // same meaning by other means
	Neutral  LossClass = "neutral"  // the value is the target's own behaviour
	Advisory LossClass = "advisory" // affects cost, speed or bookkeeping, never the answer
	Semantic LossClass = "semantic" // changes the answer or a guarantee
)

// Loss is a field that the target does not carry as it was.
type Loss struct {
	Field string    `json:"field"`
	Class LossClass `json:"class"`
	Note  string    `json:"note,omitempty"`
}

// Codec is one format.
type Codec interface {
	Format() llm.Format

	// Scan reads a request once. A duplicate of any key that we act on, a missing
	// model, a wrong type and too deep a nesting are *llm.Error of class BadRequest
	// that name the field.
	Scan(body []byte, h *Head) (*Scan, error)
	// Edit appends body to dst with the target's model, cap and usage option
	// spliced in; every other byte is as it was.
	Edit(dst, body []byte, s *Scan, t *Target) ([]byte, error)

	DecodeRequest(body []byte, h *Head) (*llm.Request, error)
	// EncodeRequest is a pure function and prefix-stable. A semantic loss is an
	// *llm.Error of class Lossy unless t.LossyOK.
	EncodeRequest(r *llm.Request, t *Target) ([]byte, []Loss, error)
	// Losses says what EncodeRequest would lose, without encoding.
	Losses(r *llm.Request) []Loss

	DecodeResponse(body []byte, d *Dialect) (*llm.Response, error)
	EncodeResponse(r *llm.Response, as *Answer) []byte
	// Rename appends an unstreamed answer in this format to dst as the client is to see
	// it, by its own name for the model; every other byte is as it was.
	Rename(dst, body []byte, as *Answer) []byte

	// Frames reads an upstream's stream in this format.
	Frames(r io.Reader, d *Dialect, o FrameOptions) Stream
	// Writer turns canonical events into this format's frames.
	Writer(as *Answer) Writer

	// DecodeError classifies an upstream's answer that is an error, by status or by
	// content. header may be nil.
	DecodeError(status int, header http.Header, body []byte, d *Dialect) *llm.Error
	// EncodeError is an error as this format's clients expect it.
	EncodeError(e *llm.Error) (status int, body []byte)
	// StreamError is an error as the last thing of a stream, so that an SDK raises it.
	StreamError(e *llm.Error) []byte
}

// Weigher is a codec that can say what an unstreamed answer amounts to without
// decoding it, for an answer that passes as it is. ok is false where it takes decoding
// to say that: a failure, an answer without usage, an unusual form.
type Weigher interface {
	Weigh(body []byte, d *Dialect) (p llm.Progress, ok bool)
}

// Scan is Facts and the places in the body where edits go.
type Scan struct {
	Facts
	Spans  Spans
	Client *Dialect // how the client carries the format; nil: as the specification says
	Asks   Asks
	Effort string // as the client states it
}

// Answer is what the client is told of the answer, whatever the upstream calls it.
type Answer struct {
	ID          string // the call's id, in the shape of the client's format
	Model       string // as the client asked for it
	StreamUsage bool
	Created     int64   // Unix seconds
	Framing     Framing // of a stream, as the client reads it
	Packed      bool    // vectors in OpenAI's packed form
	// Request is the client's request as it came, for formats whose answers repeat of it
	// (Responses); it is read as long as the answer is written. nil: nothing is known of it.
	Request []byte
	// Seal makes an id that the client may keep of a provider's own; nil: ids pass.
	Seal func(id string) string
}

// FrameClass says what a piece of a stream is to the call.
type FrameClass uint8

// The classes of frame, in the order in which they come.
const (
	Prelude  FrameClass = iota + 1 // before the first content: kept back
	Content                        // text, thinking, a tool call, a refusal
	Heart                          // a ping or comment: no progress
	Terminal                       // the format's own proper end: kept until the entry is durable
)

// Frame is what one read of a stream gave: whole events of one class.
type Frame struct {
	Class  FrameClass
	Bytes  []byte      // in the upstream's format, as it came; valid until the next call. Terminal: the proper end, made up where the dialect has none
	Events []llm.Event // only where FrameOptions.Events asked for them; valid until the next call
}

// FrameOptions says what is wanted of a stream.
type FrameOptions struct {
	Events    bool                   // decode; else only scan
	HideUsage bool                   // the client did not ask for usage: leave out what only carries it
	Model     string                 // rewrite the model name in passing frames to this, where not empty
	Framing   Framing                // as the client reads it
	Seal      func(id string) string // as in Answer
	// Cut: this is the beginning of a stream that broke off. At its end what is open is
	// told as far as it came, and nothing is made up or missed; the proper end, which no
	// event tells, comes all the same. With Events only.
	Cut bool
}

// Stream reads an upstream's stream. Not safe for concurrent use.
type Stream interface {
	// Next gives the next frames. After the Terminal frame, which every whole answer
	// has, it is io.EOF; reading the connection to its end is the caller's. A stream
	// that ended otherwise, broke, or carries an error event is an *llm.Error.
	Next() (Frame, error)
	// Progress is what was seen so far.
	Progress() llm.Progress
}

// Writer writes one answer as a stream. Not safe for concurrent use.
type Writer interface {
	// Write appends the frames of events to dst. Those of llm.End are the terminal
	// ones. It may keep something back until a later event, never past llm.End.
	Write(dst []byte, e []llm.Event) []byte
	// Heartbeat appends a sign of life in this format.
	Heartbeat(dst []byte) []byte
}
