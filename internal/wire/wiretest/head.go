package wiretest

import (
	"net/url"
	"strings"

	"github.com/skein-run/skein/internal/wire"
)

// Head is what a recorded request's address says of it: the model, whether a stream
// is wanted, and whose way to carry the format it is.
func (x *Exchange) Head() *wire.Head {
	if x.Request == nil {
		return nil
	}
	path, _, _ := strings.Cut(x.Request.Path, "?")
	h := &wire.Head{Dialect: x.Dialect()}
	if flags := x.Request.Headers["anthropic-beta"]; flags != "" {
		for flag := range strings.SplitSeq(flags, ",") {
			h.Betas = append(h.Betas, strings.TrimSpace(flag))
		}
	}
	for _, before := range []string{"/models/", "/model/", "/deployments/", "/tunedModels/"} {
		_, rest, ok := strings.Cut(path, before)
		if !ok || strings.HasPrefix(rest, "chat/") {
			continue
		}
		model, action := rest, ""
		if i := strings.LastIndexAny(rest, "/:"); i >= 0 && before != "/model/" {
			model, action = rest[:i], rest[i+1:]
		} else if i := strings.LastIndex(rest, "/"); i >= 0 {
			model, action = rest[:i], rest[i+1:]
		}
		if model, _, _ = strings.Cut(model, "/chat"); action == "" {
			continue
		}
		if name, err := url.PathUnescape(model); err == nil {
			model = name
		}
		h.Model = model
		if before != "/deployments/" {
			h.Streams, h.Stream = true, strings.Contains(strings.ToLower(action), "stream")
		}
	}
	return h
}

// Dialect is how the exchange's format was carried, where that is not as its
// specification says.
func (x *Exchange) Dialect() *wire.Dialect {
	name := strings.TrimSuffix(x.Provider, "-gateway")
	switch {
	case strings.HasPrefix(x.Operation, "invoke"):
		name = "bedrock-messages"
	case strings.HasSuffix(strings.ToLower(x.Operation), "rawpredict"):
		name = "vertex-messages"
	case name == "google" && (x.Operation == "chat.completions" || x.Operation == ""):
		name = "google-openai"
	case name == "openai-compatible-local":
		name = "vllm"
	}
	d := &wire.Dialect{Name: "other"}
	if known, ok := wire.DialectByName(name); ok {
		d = known
	}
	if strings.HasPrefix(strings.TrimSpace(x.Response.BodyText), "[") {
		array := *d
		array.Framing = wire.JSONArray
		d = &array
	}
	return d
}

// Streamed are the bytes of a recorded stream; "" where the answer is none, or was
// framed in another way by whoever recorded it.
func (x *Exchange) Streamed() string {
	text, head := x.Response.BodyText, strings.TrimSpace(x.Response.BodyText)
	switch {
	case x.Response.Status != 200:
		return ""
	case len(x.Response.BodyBase64) > 0:
		if strings.Contains(x.Response.Headers["content-type"], "eventstream") || x.Response.BodyBase64[0] == 0 {
			return string(x.Response.BodyBase64) // an event stream's messages begin with their length
		}
		text = string(x.Response.BodyBase64)
		head = strings.TrimSpace(text)
	}
	if strings.Contains(text, "data:") && !strings.HasPrefix(head, "{") || strings.HasPrefix(head, "[") {
		return text
	}
	return ""
}
