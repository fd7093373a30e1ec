package embeddings_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/embeddings"
	"github.com/skein-run/skein/internal/wire/wiretest"
)

var codecs = []wire.Codec{embeddings.OpenAI, embeddings.Gemini, embeddings.GeminiOne, embeddings.Vertex, embeddings.Titan, embeddings.Cohere}

func codec(f llm.Format) wire.Codec {
	for _, c := range codecs {
		if c.Format() == f {
			return c
		}
	}
	return nil
}

// formatOf says which of the formats an exchange is in, by its path, and which model
// its address names.
func formatOf(file, path string) (f llm.Format, model string) {
	path, _, _ = strings.Cut(path, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	tail := path[strings.LastIndexByte(path, '/')+1:]
	name, verb, _ := strings.Cut(tail, ":")
	switch {
	case file == "embeddings" && strings.HasSuffix(path, "/embeddings"):
		if _, rest, ok := strings.Cut(path, "/deployments/"); ok {
			model, _, _ = strings.Cut(rest, "/")
		}
		return llm.Embeddings, model
	case verb == "batchEmbedContents":
		return llm.GeminiEmbed, name
	case verb == "embedContent":
		return llm.GeminiEmbedOne, name
	case verb == "predict" && strings.Contains(name, "embedding"):
		return llm.VertexEmbed, name
	case strings.Contains(path, "titan-embed"):
		return llm.TitanEmbed, "amazon.titan-embed-text-v1"
	case strings.Contains(path, "cohere.embed"), strings.HasSuffix(path, "/v2/embed"):
		model = ""
		if strings.Contains(path, "/model/") {
			model = "cohere.embed"
		}
		return llm.CohereEmbed, model
	}
	return "", ""
}

// unlike are members of recorded requests that are written otherwise, each with why.
var unlike = []string{
	".requests[0].content.role", ".requests[1].content.role", // of one turn there is one role
	".model: want",                  // Azure takes the address's; the body may name another
	".usage.prompt_tokens: made up", // Voyage tells the total only
}

func TestRecordedExchangesKeepTheirMeaning(t *testing.T) {
	requests, answers := map[llm.Format]int{}, map[llm.Format]int{}
	for _, file := range []string{"embeddings", "gemini", "other"} {
		for _, x := range wiretest.Recorded(t, file) {
			if x.Request == nil || x.Request.Body == nil {
				continue
			}
			f, model := formatOf(file, x.Request.Path)
			c := codec(f)
			if c == nil || strings.HasSuffix(x.Request.Path, "/api/embeddings") {
				continue
			}
			h := &wire.Head{Model: model}
			s, err := c.Scan(x.Request.Body, h)
			if err != nil {
				t.Errorf("%s: scan: %v", x.ID, err)
				continue
			}
			r, err := c.DecodeRequest(x.Request.Body, h)
			if err != nil {
				t.Errorf("%s: %v", x.ID, err)
				continue
			}
			if int(s.Inputs) != len(r.Embed.Inputs) || s.Model != r.Model {
				t.Errorf("%s: the scan found %d inputs for %q, decoding %d for %q", x.ID, s.Inputs, s.Model, len(r.Embed.Inputs), r.Model)
			}
			back, _, err := c.EncodeRequest(r, &wire.Target{Format: f, Upstream: r.Model, Dialect: &wire.Dialect{InAddress: model != "" && f == llm.CohereEmbed}})
			if err != nil {
				t.Errorf("%s: %v", x.ID, err)
				continue
			}
			differ(t, x.ID+" request", x.Request.Body, back)
			requests[f]++
			if x.Response.Status != 200 {
				if e := c.DecodeError(x.Response.Status, nil, x.Response.Body, nil); e.Class != llm.NotFound && e.Class != llm.Unauthorized && e.Class != llm.BadRequest {
					t.Errorf("%s: %v", x.ID, e)
				}
				continue
			}
			a, err := c.DecodeResponse(x.Response.Body, nil)
			if err != nil {
				t.Errorf("%s: %v", x.ID, err)
				continue
			}
			as := &wire.Answer{Model: a.Model, ID: "id", Packed: len(a.Vectors) > 0 && a.Vectors[0].Packed != ""}
			differ(t, x.ID+" answer", x.Response.Body, c.EncodeResponse(a, as))
			answers[f]++
		}
	}
	for _, c := range codecs {
		t.Logf("%-17s %3d requests, %3d answers", c.Format(), requests[c.Format()], answers[c.Format()])
	}
	if requests[llm.Embeddings] < 50 || answers[llm.Embeddings] < 50 {
		t.Errorf("only %d requests and %d answers of %s", requests[llm.Embeddings], answers[llm.Embeddings], llm.Embeddings)
	}
}

func differ(t *testing.T, what string, want, got []byte) {
	t.Helper()
	w, err := wiretest.Value(want)
	if err != nil {
		t.Fatal(err)
	}
	g, err := wiretest.Value(got)
	if err != nil {
		t.Errorf("%s: %v: %.200s", what, err, got)
		return
	}
	for _, d := range wiretest.Diff(w, g) {
		if !slices.ContainsFunc(unlike, func(u string) bool { return strings.HasPrefix(d, u) }) && !strings.Contains(d, "lost null") {
			t.Errorf("%s: %s", what, d)
		}
	}
}

func TestVectorsCrossFormatsUnchanged(t *testing.T) {
	var want [3]json.Number
	c := codec(llm.Embeddings)
	a, err := c.DecodeResponse([]byte(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.25,-1.5e-3,3]}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want = [3]json.Number{"0.25", "-1.5e-3", "3"}
	for _, to := range codecs {
		b := to.EncodeResponse(a, &wire.Answer{ID: "id", Model: "m"})
		back, err := to.DecodeResponse(b, nil)
		if err != nil {
			t.Fatalf("%s: %v: %s", to.Format(), err, b)
		}
		var got [3]json.Number
		if err := json.Unmarshal(back.Vectors[0].Numbers, &got); err != nil || got != want {
			t.Errorf("%s: %v, %v", to.Format(), got, err)
		}
		if back.Usage.Tokens[llm.TokInput] != 2 {
			t.Errorf("%s: usage %+v of %s", to.Format(), back.Usage, b)
		}
	}
}

func TestPackedVectorsAreTheSameNumbers(t *testing.T) {
	c := codec(llm.Embeddings)
	body := []byte(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPgAAwL/NzEw9"}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}`)
	a, err := c.DecodeResponse(body, nil)
	if err != nil {
		t.Fatal(err)
	}
	plain := c.EncodeResponse(a, &wire.Answer{Model: "m"})
	if !bytes.Contains(plain, []byte(`[0.25,-1.5,0.05]`)) {
		t.Errorf("unpacked: %s", plain)
	}
	again, err := c.DecodeResponse(plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	if packed := c.EncodeResponse(again, &wire.Answer{Model: "m", Packed: true}); !bytes.Equal(packed, body) {
		t.Errorf("packed again: %s", packed)
	}
}
