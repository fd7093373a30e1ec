// Package llm is the canonical model call: what every wire format is decoded into
// and encoded from. A [Request] is asked, [Event]s answer it as a stream, a
// [Response] is the whole answer, [Usage] is what it consumed in disjoint classes,
// and an [Error] is what went wrong, classified once at the edge.
//
// Types only: no format is known here, nothing is sent and nothing is decided.
package llm

import "encoding/json"

// Request is one model call in no particular format. The zero value of every
// optional member means «not stated», which no codec may turn into a value.
type Request struct {
	From     Format // what it was decoded from; empty for one that was made here
	Model    string
	Messages []Message // system and developer messages included, in the order given
	Tools    []Tool

	ToolChoice    ToolChoice
	ParallelTools *bool
	MaxOutput     int64       // most tokens that the answer may have, reasoning included
	Temperature   json.Number // numbers keep their spelling: they are passed on, never computed with
	TopP          json.Number
	TopK          json.Number
	Penalties     Penalties
	Seed          json.Number
	Stop          []string
	Choices       int64 // n; 0 and 1 mean one answer
	Output        OutputFormat
	Reasoning     Reasoning
	ServiceTier   string
	User          string            // the caller's end-user id
	Metadata      map[string]string // the caller's own labels
	Logprobs      bool
	TopLogprobs   int64
	CacheKey      string // a hint that requests share a prompt prefix
	Stream        bool
	StreamUsage   bool // the client asked for usage at the end of the stream
	Store         *bool
	// Prefill: the last message is the assistant's, an answer that was begun, and is to
	// be gone on from and not answered.
	Prefill    bool
	Modalities []string      // of the answer, where more than text is asked for: "text", "audio", "image"
	Embed      *EmbedRequest // of the operation Embed; then there are no messages

	// Extra holds members with no canonical place, in their order, so that the
	// same format can write them back and another can say what it lost.
	Extra []Extra
}

// Extra is a member that only its own format knows. It travels with what holds
// it: the request, a message, a part, a tool or the answer.
type Extra struct {
	Format Format          `json:"format"` // where it came from
	Path   string          `json:"path"`   // its place in its holder, such as "logit_bias" or "function.meta"
	Value  json.RawMessage `json:"value"`
}

// Role says who speaks.
type Role string

// The roles. A tool result is a part of a user message, as the later formats
// have it; codecs that know a role of its own for it split and join.
const (
	System    Role = "system"
	Developer Role = "developer"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn.
type Message struct {
	Role  Role   `json:"role"`
	Name  string `json:"name,omitempty"`
	Parts []Part `json:"parts"`

	Extra []Extra `json:"extra,omitempty"` // members that only the message's own format knows
}

// PartKind says which members of a [Part] are meant.
type PartKind string

// The kinds of content.
const (
	Text       PartKind = "text"
	Image      PartKind = "image"
	Document   PartKind = "document"
	Audio      PartKind = "audio"
	Video      PartKind = "video"
	Thinking   PartKind = "thinking"
	ToolCall   PartKind = "tool_call"
	ToolResult PartKind = "tool_result"
	Refusal    PartKind = "refusal"
	Opaque     PartKind = "opaque" // a part that only its own format knows, kept in Raw
)

// Part is one piece of a message.
type Part struct {
	Kind PartKind `json:"kind"`
	Text string   `json:"text,omitempty"` // Text, Thinking, Refusal

	ID        string          `json:"id,omitempty"`   // ToolCall, ToolResult: the call's id
	Name      string          `json:"name,omitempty"` // ToolCall: the tool; Document: the title
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Content   []Part          `json:"content,omitempty"` // ToolResult
	IsError   bool            `json:"is_error,omitempty"`

	MediaType string `json:"media_type,omitempty"` // Image, Document, Audio, Video
	Data      []byte `json:"data,omitempty"`       // decoded
	URL       string `json:"url,omitempty"`
	Detail    string `json:"detail,omitempty"` // Image: low, high, auto

	// Signature is opaque state of its provider, which wants it back with the part: on
	// thinking, and at Google also on text and tool calls. Maker says whose it is;
	// the state is understood by that maker's models only.
	Signature string     `json:"signature,omitempty"`
	Redacted  string     `json:"redacted,omitempty"` // Thinking that is shown to nobody
	Maker     Maker      `json:"maker,omitempty"`    // of Signature and Redacted
	Cache     *CacheMark `json:"cache,omitempty"`    // the prompt up to here may be cached

	Citations []Citation `json:"citations,omitempty"` // Text: what it rests on

	From Format          `json:"from,omitempty"` // Opaque: the format that knows it
	Raw  json.RawMessage `json:"raw,omitempty"`

	Extra []Extra `json:"extra,omitempty"` // members that only the part's own format knows
}

// Maker is who understands a piece of opaque state: a company whose models share
// it wherever they are served ("anthropic" directly, on Bedrock and on Vertex), or
// one service of a company where they do not.
type Maker string

// The makers whose state is carried.
const (
	MakerAnthropic Maker = "anthropic"
	MakerOpenAI    Maker = "openai"
	MakerGoogle    Maker = "google"
	MakerAmazon    Maker = "amazon"
	MakerXAI       Maker = "xai"
)

// Citation is a source that a piece of an answer rests on.
type Citation struct {
	URL   string `json:"url,omitempty"`
	Title string `json:"title,omitempty"`
	Text  string `json:"text,omitempty"` // what was cited
	// Start and End are where in the part's text the cited passage stands, in
	// characters; both 0 where the format does not say.
	Start int `json:"start,omitempty"`
	End   int `json:"end,omitempty"`

	From Format          `json:"from,omitempty"` // the format whose own form is in Raw
	Raw  json.RawMessage `json:"raw,omitempty"`
}

// CacheMark ends a prefix that the provider should keep.
type CacheMark struct {
	TTL string `json:"ttl,omitempty"` // "5m", "1h" or "" for the provider's default
}

// Tool is something that the model may call.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"` // JSON Schema of the arguments
	Strict      *bool           `json:"strict,omitempty"`
	Cache       *CacheMark      `json:"cache,omitempty"`

	From Format          `json:"from,omitempty"` // a server-side tool that only its format knows
	Raw  json.RawMessage `json:"raw,omitempty"`

	Extra []Extra `json:"extra,omitempty"` // members that only the tool's own format knows
}

// ToolChoice says whether tools may or must be called. The zero value is «not stated».
type ToolChoice struct {
	Mode ToolMode
	Name string // with ToolNamed
}

// ToolMode is a way to choose tools.
type ToolMode string

// The ways to choose tools.
const (
	ToolAuto     ToolMode = "auto"
	ToolNone     ToolMode = "none"
	ToolRequired ToolMode = "required"
	ToolNamed    ToolMode = "named"
)

// EmbedRequest asks for vectors.
type EmbedRequest struct {
	Inputs     []EmbedInput
	Dimensions int64  // of the vectors; 0: the model's own
	Encoding   string // as the client wants them: "" and "float" are numbers, "base64" is OpenAI's packed form
	Task       string // what they are for, in Google's words: RETRIEVAL_QUERY, …
	// Single: the client's format asked for one vector and not for a list of one.
	Single bool
}

// EmbedInput is one thing to embed: a text, its tokens, or what only its own
// format knows (an image, several parts), in Raw.
type EmbedInput struct {
	Text   string
	Tokens json.RawMessage // a JSON array of numbers
	Title  string

	From Format
	Raw  json.RawMessage
}

// Penalties discourage repetition.
type Penalties struct{ Presence, Frequency json.Number }

// OutputFormat asks for structured output.
type OutputFormat struct {
	Kind        OutputKind
	Name        string
	Description string
	Schema      json.RawMessage
	Strict      *bool
}

// OutputKind is a form of output.
type OutputKind string

// The forms of output; the zero value is plain text.
const (
	JSONObject OutputKind = "json_object"
	JSONSchema OutputKind = "json_schema"
)

// Reasoning asks for thinking before the answer.
type Reasoning struct {
	Effort  string // minimal, low, medium, high, …
	Enabled *bool
	Budget  int64 // tokens
	Summary string
}

// StopReason says why an answer ended.
type StopReason string

// The reasons to stop.
const (
	StopEnd       StopReason = "end"      // the model was done
	StopLength    StopReason = "length"   // the output cap
	StopSequence  StopReason = "sequence" // one of Request.Stop
	StopTools     StopReason = "tools"    // the model wants tools run
	StopRefusal   StopReason = "refusal"  // the model or a filter refused
	StopPause     StopReason = "pause"    // a server-side turn to be continued
	StopContext   StopReason = "context"  // the context window is full
	StopUnstated  StopReason = ""         // the upstream did not say
	StopUndefined StopReason = "other"    // a reason with no canonical name; see StopDetail
)

// Response is a whole answer.
type Response struct {
	ID         string // the upstream's
	Model      string // the upstream's own name for what answered
	Parts      []Part
	Stop       StopReason
	StopDetail string // the stop sequence, or the upstream's own word
	Usage      Usage
	Created    int64    // Unix seconds, where the upstream says so
	Vectors    []Vector // of the operation Embed, in the order of the inputs
	Extra      []Extra
}

// Vector is one embedding, in whichever form it came; formats that want the other
// form get it without a change of value.
type Vector struct {
	Numbers json.RawMessage // a JSON array of numbers, with their spelling
	Packed  string          // base64 of little-endian float32
}
