package gemini

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// said is what an error of Google's says: {"error":{code,message,status,details}},
// in a list of one where a stream was asked for without alt=sse.
// https://cloud.google.com/apis/design/errors (read 2026-11-24)
type said struct {
	code    int64
	message string
	status  string
	reasons []string // of ErrorInfo
	quotas  []string // of QuotaFailure: what is used up
	retry   time.Duration
	some    bool
}

func readError(body []byte) (s said) {
	c := raw.On(body)
	if c.Kind() == '[' {
		c.List()
		if !c.More() {
			return s
		}
	}
	if c.Kind() != '{' {
		return s
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return s
		}
		if string(key) == "error" && c.Kind() == '{' {
			s.some = true
			s.read(&c)
			continue
		}
		c.Skip()
	}
}

func (s *said) read(c *raw.Cursor) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "code":
			s.code = count(c)
		case "message":
			s.message = text(c)
		case "status":
			s.status = text(c)
		case "details":
			objects(c, func() { s.detail(c) })
		default:
			c.Skip()
		}
	}
}

func (s *said) detail(c *raw.Cursor) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "reason":
			s.reasons = append(s.reasons, text(c))
		case "retryDelay":
			s.retry = wire.Delay(text(c))
		case "violations":
			objects(c, func() {
				for c.Object(); ; {
					key, ok := c.Key()
					if !ok {
						return
					}
					switch string(key) {
					case "quotaId", "quotaMetric", "subject":
						s.quotas = append(s.quotas, text(c))
					default:
						c.Skip()
					}
				}
			})
		default:
			c.Skip()
		}
	}
}

// DecodeError implements wire.Codec.
func (Codec) DecodeError(status int, header http.Header, body []byte, _ *wire.Dialect) *llm.Error {
	return decodeError(status, header, body)
}

func decodeError(status int, header http.Header, body []byte) *llm.Error {
	s := readError(body)
	if !s.some {
		return wire.Classify(status, header, wire.ReadError(body))
	}
	e := wire.Classify(status, header, wire.Said{Code: s.word(), Message: s.telling(), Status: int(s.code)})
	if e.Class != llm.Unauthorized && s.message != "" {
		e.Message = wire.Classify(400, nil, wire.Said{Message: s.message}).Message // cut as all are
	}
	e.Code = s.status
	if s.retry > 0 {
		e.RetryAfter = s.retry
	}
	if e.Class == llm.QuotaExhausted && s.daily() {
		e.Blame = llm.BlameQuota // a day's share of one model, not the account's money
	}
	return e
}

// word is what the house's classifier knows the error by, where the status alone does
// not tell it: Google says with one status what waiting mends and what it does not.
func (s *said) word() string {
	text := strings.ToLower(s.message)
	switch {
	case strings.Contains(text, "exceeds the maximum number of tokens"), strings.Contains(text, "input token count"):
		return "context_length_exceeded"
	case s.has("API_KEY_INVALID"), strings.Contains(text, "api key expired"):
		return "invalid_api_key"
	case s.status == "RESOURCE_EXHAUSTED" || s.code == 429:
		if s.daily() || strings.Contains(text, "limit: 0,") || s.has("INSUFFICIENT_G1_CREDITS_BALANCE") {
			return "quota_exceeded"
		}
		return "rate_limit_exceeded"
	case s.has("RATE_LIMIT_EXCEEDED"): // older services say it with 403
		return "rate_limit_exceeded"
	case s.has("BILLING_DISABLED"), s.has("CONSUMER_SUSPENDED"),
		(s.status == "FAILED_PRECONDITION" || s.status == "PERMISSION_DENIED") && strings.Contains(text, "billing"):
		return "billing_error"
	case s.has("ACCESS_TOKEN_EXPIRED"), s.has("CREDENTIALS_MISSING"):
		return "authentication_error"
	case s.status == "FAILED_PRECONDITION" && strings.Contains(text, "location is not supported"):
		return "permission_denied"
	case s.status == "CANCELLED":
		return "api_error"
	}
	return strings.ToLower(s.status)
}

// telling is the message as far as the classifier may read it: the text of every
// 429 says that a quota is used up, and asks to look at the billing.
func (s *said) telling() string {
	if s.code == 429 {
		return ""
	}
	return s.message
}

func (s *said) has(reason string) bool { return contains(s.reasons, reason) }

// daily reports whether what is used up comes back the next day at the earliest.
func (s *said) daily() bool {
	for _, q := range s.quotas {
		if strings.Contains(q, "PerDay") || strings.Contains(q, "Daily") || strings.Contains(q, "per_day") {
			return true
		}
	}
	return false
}

var shapes = wire.Shapes{
	Classes: map[llm.ErrorClass]wire.Shape{
		llm.BadRequest:      {Status: 400, Kind: "INVALID_ARGUMENT"},
		llm.Unauthorized:    {Status: 502, Kind: "INTERNAL"}, // the provider's 401 is our fault, not the client's
		llm.Forbidden:       {Status: 502, Kind: "INTERNAL"},
		llm.NotFound:        {Status: 404, Kind: "NOT_FOUND"},
		llm.RateLimited:     {Status: 429, Kind: "RESOURCE_EXHAUSTED"},
		llm.QuotaExhausted:  {Status: 402, Kind: "FAILED_PRECONDITION"},
		llm.ContextOverflow: {Status: 400, Kind: "INVALID_ARGUMENT"},
		llm.Filtered:        {Status: 400, Kind: "INVALID_ARGUMENT"},
		llm.Overloaded:      {Status: 503, Kind: "UNAVAILABLE"},
		llm.ServerError:     {Status: 502, Kind: "INTERNAL"},
		llm.Unreachable:     {Status: 502, Kind: "UNAVAILABLE"},
		llm.TimedOut:        {Status: 504, Kind: "DEADLINE_EXCEEDED"},
		llm.BrokenStream:    {Status: 502, Kind: "UNAVAILABLE"},
		llm.Malformed:       {Status: 502, Kind: "INTERNAL"},
		llm.OverBudget:      {Status: 402, Kind: "FAILED_PRECONDITION"}, // not retried
		llm.Busy:            {Status: 503, Kind: "UNAVAILABLE"},
		llm.Canceled:        {Status: 499, Kind: "CANCELLED"},
		llm.Lossy:           {Status: 400, Kind: "INVALID_ARGUMENT"},
		llm.Internal:        {Status: 500, Kind: "INTERNAL"},
	},
	NoKey:   wire.Shape{Status: 401, Kind: "UNAUTHENTICATED"},
	Refused: wire.Shape{Status: 403, Kind: "PERMISSION_DENIED"},
}

// EncodeError implements wire.Codec. The client's own 401 and 403 come with BlameKey
// and keep their status.
func (Codec) EncodeError(e *llm.Error) (status int, body []byte) {
	var b raw.Builder
	status = putError(&b, e)
	return status, b.B
}

func putError(b *raw.Builder, e *llm.Error) (status int) {
	s := shapes.Of(e)
	b.Object()
	b.Key("error")
	b.Object()
	b.PutInt("code", int64(s.Status))
	b.PutString("message", e.Message)
	b.PutString("status", s.Kind)
	if e.RetryAfter > 0 || e.Param != "" {
		b.Key("details")
		b.List()
		if e.RetryAfter > 0 {
			b.Object()
			b.PutString("@type", "type.googleapis.com/google.rpc.RetryInfo")
			b.PutString("retryDelay", strconv.FormatFloat(e.RetryAfter.Seconds(), 'f', -1, 64)+"s")
			b.EndObject()
		}
		if e.Param != "" {
			b.Object()
			b.PutString("@type", "type.googleapis.com/google.rpc.BadRequest")
			b.Key("fieldViolations")
			b.List()
			b.Object()
			b.PutString("field", e.Param)
			b.PutString("description", e.Message)
			b.EndObject()
			b.EndList()
			b.EndObject()
		}
		b.EndList()
	}
	b.EndObject()
	b.EndObject()
	return s.Status
}

// StreamError implements wire.Codec. The format has no event for errors, and its
// libraries read streams each in its own way: those of Go and Python raise an error
// that stands in a data line; JavaScript's takes such a line for an answer without
// content, but raises where the stream ends within a line that is no event. So there
// is both: an event, and a field that server-sent events know to skip.
func (Codec) StreamError(e *llm.Error) []byte {
	b := raw.Builder{B: []byte("data: ")}
	putError(&b, e)
	b.B = append(b.B, "\r\n\r\nerror: "...)
	return append(b.B, oneLine(e.Error())...)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\n', '{', '}': // a library counts braces
			return ' '
		}
		return r
	}, s)
}
