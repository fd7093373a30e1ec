package fakecloud

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// Fault is a failure to order: what happens, to which requests, how often.
type Fault struct {
	ID      string `json:"id,omitempty"`      // given by the stand-in
	Service string `json:"service,omitempty"` // one of [services]; empty: any
	Match   Match  `json:"match,omitzero"`
	Kind    Kind   `json:"kind"`
	Count   int    `json:"count,omitempty"`  // how many requests it hits; 0: all, until it is taken back
	Every   int    `json:"every,omitempty"`  // flaps: of those that match only the first and each so-manieth after it
	ForMS   int64  `json:"for_ms,omitempty"` // for how long from now; 0: for ever

	RetryAfter  float64 `json:"retry_after,omitempty"`  // seconds, of an error with a status
	DelayMS     int64   `json:"delay_ms,omitempty"`     // slow, pause, pings, trickle, endless: see [Kind]
	Tells       string  `json:"error,omitempty"`        // which error an event or a body under status 200 tells: see [told]
	ContentType string  `json:"content_type,omitempty"` // of wrong_type; empty: text/html

	At          Place `json:"at,omitempty"`           // where in a streamed answer
	AfterChunks int   `json:"after_chunks,omitempty"` // content chunks that are sent first, of the answer or of the place
	Call        int   `json:"call,omitempty"`         // which call the place means, from 0
	MidFrame    bool  `json:"mid_frame,omitempty"`    // half of the next frame comes before the answer breaks off

	Fired int `json:"fired,omitempty"` // how often it happened so far

	until time.Time
	seen  int // requests that matched, whether they were hit or not
}

// Match says which requests of a service are meant; members that are zero do
// not restrict.
type Match struct {
	Contains string `json:"contains,omitempty"` // in the body, the path or the ids; a company's name
	Model    string `json:"model,omitempty"`
	Op       string `json:"op,omitempty"`    // chat, responses, messages, converse, generate, embed, count; a service's own, such as PutItem
	Nth      int    `json:"nth,omitempty"`   // only the nth of those, from 1
	After    int    `json:"after,omitempty"` // not the first so many
}

// Kind is what goes wrong.
type Kind string

// The kinds of fault. Those that need a stream hit an unstreamed answer in the
// nearest way: its body breaks off, hangs or is not JSON. At a service "cut" and
// "500_after" happen after the work was done, the others before; there are only
// those of the first group.
//
// An error with a status comes in the vendor's own body, code and headers, and is not
// billed. Where the connection is HTTP/1.1, the kinds of HTTP/2 do the nearest thing:
// goaway_early is as refuse, goaway as cut, rst_stream as reset, and goaway_on does
// nothing.
const (
	Refuse     Kind = "refuse"      // the connection is closed before any header, nothing is done
	TooMany    Kind = "429"         // throttled
	ServerFail Kind = "500"         // failed, nothing is done
	Slow       Kind = "slow"        // everything takes DelayMS longer: the answer and each chunk; with AfterChunks, each chunk behind so many
	Stall      Kind = "stall"       // sends no more, but keeps the connection
	CutOff     Kind = "cut"         // the connection is closed in mid-answer, without the end of the chunks
	Garbage    Kind = "garbage"     // a frame or body that is not JSON, then the answer's end in good order
	ErrorEvent Kind = "error_event" // the format's own error in mid-stream
	NoEnd      Kind = "no_end"      // the stream ends in good order but without its proper end
	FailAfter  Kind = "500_after"   // everything was done and is billed, and the answer is an error

	// Before any header.
	Hang           Kind = "hang"             // no answer at all, and the connection is kept
	ResetEarly     Kind = "reset_early"      // the connection is reset (RST)
	GoAwayEarly    Kind = "goaway_early"     // GOAWAY leaves this request out, and the connection is closed
	RSTStreamEarly Kind = "rst_stream_early" // RST_STREAM

	// Errors with a status.
	BadKey         Kind = "401"
	Forbidden      Kind = "403"
	OutOfQuota     Kind = "quota" // not of a minute: of the plan or the purse, with the status that the vendor has for it
	NoModel        Kind = "404"
	TimedOut       Kind = "408"
	TooLarge       Kind = "413"
	BadGateway     Kind = "502" // a proxy's page
	Unavailable    Kind = "503"
	GatewayTimeout Kind = "504"
	Overloaded     Kind = "529"     // Anthropic's; elsewhere 503
	TooLong        Kind = "context" // more than the model's context takes
	Refusal        Kind = "refusal" // the filter minds the prompt; at Google that is an answer without candidates

	// Status 200 that is none.
	Error200   Kind = "error_200"   // the vendor's error as the whole body
	HTML200    Kind = "html_200"    // a proxy's page
	Unstreamed Kind = "unstreamed"  // a whole answer where a stream was asked for
	WrongType  Kind = "wrong_type"  // the right answer under the type ContentType
	ErrorFirst Kind = "error_first" // a stream whose very first event is the error

	// In the middle, at the fault's place.
	Reset     Kind = "reset"      // the connection is reset (RST)
	Pings     Kind = "pings"      // nothing but keep-alives, one each DelayMS (100)
	Pause     Kind = "pause"      // silence of DelayMS, then it goes on; at the beginning it is a slow first content
	GarbageOn Kind = "garbage_on" // a malformed event, then it goes on
	Filtered  Kind = "filtered"   // ends there, because the filter minds what comes
	GoAway    Kind = "goaway"     // GOAWAY, and the connection is closed
	GoAwayOn  Kind = "goaway_on"  // GOAWAY, and the answer goes on to its end
	RSTStream Kind = "rst_stream" // RST_STREAM

	// Without end.
	Endless Kind = "endless" // text for ever, DelayMS between its chunks
	Trickle Kind = "trickle" // text for ever, a token each DelayMS (100)

	// After the end.
	Junk Kind = "junk" // bytes after the proper end
)

// anywhere are the kinds that a service of a cloud knows, too; the others are for
// models only.
var anywhere = []Kind{Refuse, TooMany, ServerFail, Slow, Stall, CutOff, Garbage, ErrorEvent, NoEnd, FailAfter}

// kinds are all of them.
var kinds = append(slices.Clip(anywhere),
	Hang, ResetEarly, GoAwayEarly, RSTStreamEarly,
	BadKey, Forbidden, OutOfQuota, NoModel, TimedOut, TooLarge, BadGateway, Unavailable, GatewayTimeout, Overloaded, TooLong, Refusal,
	Error200, HTML200, Unstreamed, WrongType, ErrorFirst,
	Reset, Pings, Pause, GarbageOn, Filtered, GoAway, GoAwayOn, RSTStream,
	Endless, Trickle, Junk)

// Kinds are all kinds of fault, in the order of the table above.
func Kinds() []Kind { return slices.Clone(kinds) }

// Place is where in a streamed answer a fault happens.
type Place string

// The places. Where an answer has no such place, it is the end.
const (
	AtChunk    Place = ""            // after AfterChunks content chunks
	AtThinking Place = "thinking"    // inside what is thought first, after AfterChunks chunks of it, at least one
	AtText     Place = "text"        // inside the first text, the same
	BeforeTool Place = "before_tool" // before a call begins
	InTool     Place = "in_tool"     // inside its arguments, after AfterChunks chunks of them, at least one
	AfterTool  Place = "after_tool"  // when it is complete
	AtEnd      Place = "end"         // after all content, before the proper end
)

var places = []Place{AtChunk, AtThinking, AtText, BeforeTool, InTool, AfterTool, AtEnd}

// modelServices and cloudServices are the names by which faults are ordered and the log
// tells services apart.
var (
	modelServices = []string{"openai", "azure", "anthropic", "bedrock", "gemini", "vertex", "vllm"}
	cloudServices = []string{
		"s3", "dynamodb", "sns", "sqs", "lambda", "sts", "secretsmanager", "ssm", "athena",
		"blob", "cosmos", "tables", "servicebus", "eventgrid", "storagequeue", "functions", "keyvault",
		"gcs", "firestore", "pubsub", "bigquery", "run", "secretmanager", "iamcredentials",
	}
	services = append(slices.Clip(modelServices), cloudServices...)
)

// check says what is wrong with an order.
func (f *Fault) check() error {
	switch {
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("order a fault: kind %q is not one of %s", f.Kind, listed(kinds))
	case f.Service != "" && !slices.Contains(services, f.Service):
		return fmt.Errorf("order a fault: service %q is not one of %s", f.Service, strings.Join(services, ", "))
	case !slices.Contains(anywhere, f.Kind) && slices.Contains(cloudServices, f.Service):
		return fmt.Errorf("order a fault: kind %q is for models only, and %s is none; a service knows %s", f.Kind, f.Service, listed(anywhere))
	case !slices.Contains(places, f.At):
		return fmt.Errorf("order a fault: at %q is not one of %s", f.At, listed(places[1:]))
	case f.Tells != "" && told[f.Tells] == "":
		return fmt.Errorf("order a fault: error %q is not one of %s", f.Tells, strings.Join(slices.Sorted(maps.Keys(told)), ", "))
	}
	return nil
}

func listed[S ~string](list []S) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}

// kindAt is the part of an answer in which a place is.
var kindAt = map[Place]analyst.Kind{AtThinking: analyst.Thinking, AtText: analyst.Text,
	BeforeTool: analyst.Call, InTool: analyst.Call, AfterTool: analyst.Call}

// strikes is after how many of an answer's pieces a fault happens, and whether a part
// of the next one comes before.
func (f *Fault) strikes(pieces []piece) (after int, half bool) {
	half = f.MidFrame
	switch f.At {
	case AtChunk:
		return min(max(f.AfterChunks, 0), len(pieces)), half
	case AtEnd:
		return len(pieces), half
	}
	kind, call := kindAt[f.At], f.Call
	for i, p := range pieces {
		if p.kind != kind || !p.first {
			continue
		}
		if call > 0 && f.At != AtThinking && f.At != AtText {
			call--
			continue
		}
		last := i
		for !pieces[last].last {
			last++
		}
		switch {
		case f.At == BeforeTool:
			return i, half
		case f.At == AfterTool:
			return last + 1, half
		case last == i: // it comes whole: inside it is inside its frame
			return i, true
		}
		return min(i+max(f.AfterChunks, 1), last), half
	}
	return len(pieces), half
}
