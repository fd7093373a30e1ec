package gateway

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/llm"
)

// deadline is when the client will have given up, as far as it says so; zero
// where it does not.
//
// X-Request-Timeout is a wish for this call: seconds, or a duration such as 90s.
// X-Stainless-Timeout is what the official SDKs were set to, in seconds. For a
// stream it bounds the wait between two pieces in some of them and the whole in
// others, so it is heeded for unstreamed calls only; X-Server-Timeout is Google's.
func deadline(h http.Header, arrived time.Time, streamed bool) time.Time {
	var least time.Duration
	if v := h["X-Request-Timeout"]; len(v) > 0 {
		least = timeout(v[0])
	}
	if !streamed {
		for _, v := range [...][]string{h["X-Stainless-Timeout"], h["X-Server-Timeout"]} {
			if len(v) == 0 {
				continue
			}
			if d := timeout(v[0]); d > 0 && (least == 0 || d < least) {
				least = d
			}
		}
	}
	if least == 0 {
		return time.Time{}
	}
	return arrived.Add(least)
}

// timeout reads seconds or a duration; 0 is neither, or longer than any call.
func timeout(s string) time.Duration {
	const day = 24 * time.Hour
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if n > 0 && n < day.Seconds() {
			return time.Duration(n * float64(time.Second))
		}
		return 0
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 && d < day {
		return d
	}
	return 0
}

// checkHeader refuses bodies that cannot be JSON. Clients are careless about
// content types (curl -d says that it sends a form), so the body itself has the
// last word.
func checkHeader(h http.Header) *llm.Error {
	if v := h["Content-Encoding"]; len(v) > 0 && v[0] != "" && v[0] != "identity" {
		return unsupported("content-encoding", "the request's body is encoded as "+quote(v[0])+"; send it as it is")
	}
	if v := h["Content-Type"]; len(v) > 0 && strings.HasPrefix(v[0], "multipart/") {
		return unsupported("content-type", "the request's body is in parts; send JSON, as application/json")
	}
	return nil
}

func unsupported(param, message string) *llm.Error {
	return &llm.Error{
		Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusUnsupportedMediaType,
		Param: param, Message: message,
	}
}

// quote keeps what a client sent short and printable when it is told back.
func quote(s string) string { return strconv.Quote(cut(s)) }

func cut(s string) string {
	const most = 128
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
