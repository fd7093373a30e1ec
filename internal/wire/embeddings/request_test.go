package embeddings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func TestARequestTranslates(t *testing.T) {
	head := map[llm.Format]*wire.Head{llm.Embeddings: nil}
	for _, x := range []struct {
		from, to   llm.Format
		body, want string
	}{
		{llm.Embeddings, llm.GeminiEmbed, `{"model":"m","input":["a","b"],"dimensions":256,"encoding_format":"base64"}`,
			`{"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]},"outputDimensionality":256},{"model":"models/up","content":{"parts":[{"text":"b"}]},"outputDimensionality":256}]}`},
		{llm.Embeddings, llm.GeminiEmbedOne, `{"model":"m","input":"a"}`, `{"content":{"parts":[{"text":"a"}]}}`},
		{llm.Embeddings, llm.VertexEmbed, `{"model":"m","input":"a","dimensions":8}`, `{"instances":[{"content":"a"}],"parameters":{"outputDimensionality":8}}`},
		{llm.Embeddings, llm.TitanEmbed, `{"model":"m","input":"a","dimensions":256}`, `{"inputText":"a","dimensions":256}`},
		{llm.Embeddings, llm.CohereEmbed, `{"model":"m","input":["a","b"]}`, `{"model":"up","texts":["a","b"],"input_type":"search_document","embedding_types":["float"]}`},
		{llm.GeminiEmbed, llm.Embeddings, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}]}`, `{"model":"up","input":["a"]}`},
		{llm.GeminiEmbed, llm.CohereEmbed, `{"requests":[{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}]}`, `{"model":"up","texts":["a"],"input_type":"search_query","embedding_types":["float"]}`},
		{llm.CohereEmbed, llm.VertexEmbed, `{"texts":["a"],"input_type":"classification"}`, `{"instances":[{"content":"a","task_type":"CLASSIFICATION"}]}`},
		{llm.TitanEmbed, llm.Embeddings, `{"inputText":"a"}`, `{"model":"up","input":["a"]}`},
	} {
		h, ok := head[x.from]
		if !ok {
			h = &wire.Head{Model: "m"}
		}
		r, err := codec(x.from).DecodeRequest([]byte(x.body), h)
		if err != nil {
			t.Errorf("%s: %v", x.body, err)
			continue
		}
		got, _, err := codec(x.to).EncodeRequest(r, &wire.Target{Format: x.to, Upstream: "up"})
		if err != nil || string(got) != x.want {
			t.Errorf("%s as %s: %s, %v\nwant %s", x.body, x.to, got, err, x.want)
		}
	}
}

func TestWhatATargetCannotEmbedIsRefused(t *testing.T) {
	for _, x := range []struct {
		to         llm.Format
		body, says string
	}{
		{llm.TitanEmbed, `{"model":"m","input":["a","b"]}`, "inputs>1"},
		{llm.GeminiEmbed, `{"model":"m","input":[1,2,3]}`, "input.tokens"},
		{llm.CohereEmbed, `{"model":"m","input":[[1,2],[3]]}`, "input.tokens"},
	} {
		r, err := codec(llm.Embeddings).DecodeRequest([]byte(x.body), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = codec(x.to).EncodeRequest(r, &wire.Target{Format: x.to})
		var e *llm.Error
		if !errors.As(err, &e) || e.Class != llm.Lossy || e.Param != x.says {
			t.Errorf("%s as %s: %v; want a refusal for %s", x.body, x.to, err, x.says)
		}
	}
}

func TestAnEditTouchesTheModelOnly(t *testing.T) {
	for _, x := range []struct {
		f          llm.Format
		head       *wire.Head
		body, want string
	}{
		{llm.Embeddings, nil, `{"input": "a",  "model":"m", "x":1.50}`, `{"input": "a",  "model":"up", "x":1.50}`},
		{llm.Embeddings, &wire.Head{Model: "m"}, `{"input":"a"}`, `{"model":"up","input":"a"}`},
		{llm.GeminiEmbed, &wire.Head{Model: "m"}, `{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]}}, {"content":{"parts":[{"text":"b"}]},"model":"models/m"}]}`,
			`{"requests":[{"model":"models/up","content":{"parts":[{"text":"a"}]}}, {"content":{"parts":[{"text":"b"}]},"model":"models/up"}]}`},
		{llm.TitanEmbed, &wire.Head{Model: "m"}, `{"inputText":"a"}`, `{"inputText":"a"}`},
	} {
		s, err := codec(x.f).Scan([]byte(x.body), x.head)
		if err != nil {
			t.Errorf("%s: %v", x.body, err)
			continue
		}
		t1 := &wire.Target{Format: x.f, Upstream: "up"}
		got, err := codec(x.f).Edit(nil, []byte(x.body), s, t1)
		if err != nil || string(got) != x.want {
			t.Errorf("%s: %s, %v", x.body, got, err)
		}
	}
}

func TestABadRequestNamesTheField(t *testing.T) {
	for _, x := range []struct {
		f          llm.Format
		body, says string
	}{
		{llm.Embeddings, `{"input":"a"}`, "model"},
		{llm.Embeddings, `{"model":"m"}`, "input"},
		{llm.Embeddings, `{"model":"m","model":"n","input":"a"}`, "model"},
		{llm.Embeddings, `{"model":"m","input":"a","input":"b"}`, "input"},
		{llm.Embeddings, `{"Model":"n","model":"m","input":"a"}`, "Model"},
		{llm.Embeddings, `{"model":"m","input":"a","dimensions":"many"}`, "dimensions"},
		{llm.GeminiEmbed, `{"requests":[{"taskType":"X"}]}`, "requests"},
		{llm.GeminiEmbedOne, `{"content":7}`, "content"},
	} {
		h := &wire.Head{Model: "m"}
		if x.f == llm.Embeddings {
			h = nil
		}
		_, err := codec(x.f).Scan([]byte(x.body), h)
		if err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v; want it to name %s", x.body, err, x.says)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"model":"m","input":["a",[1,2]],"dimensions":3}`), byte(0))
	f.Add([]byte(`{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"title":"t"}]}`), byte(1))
	f.Add([]byte(`{"content":{"parts":[{"text":"a"}]}}`), byte(2))
	f.Add([]byte(`{"instances":[{"content":"a"}],"parameters":{"x":1}}`), byte(3))
	f.Add([]byte(`{"texts":["a"],"input_type":"x"}`), byte(5))
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		c := codecs[int(which)%len(codecs)]
		h := &wire.Head{Model: "m"}
		s, err := c.Scan(body, h)
		if err != nil {
			return
		}
		if _, err := c.Edit(nil, body, s, &wire.Target{Upstream: "up"}); err != nil {
			t.Fatal(err)
		}
		r, err := c.DecodeRequest(body, h)
		if err != nil {
			return
		}
		once, _, err := c.EncodeRequest(r, nil)
		if err != nil {
			return
		}
		r2, err := c.DecodeRequest(once, h)
		if err != nil {
			t.Fatalf("%s became %s: %v", body, once, err)
		}
		twice, _, err := c.EncodeRequest(r2, nil)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%s, then %s: %v", once, twice, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":1}}`), byte(0))
	f.Add([]byte(`{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":3}}`), byte(1))
	f.Add([]byte(`{"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":3}}}]}`), byte(3))
	f.Add([]byte(`{"embeddings":{"float":[[1]]},"meta":{"billed_units":{"input_tokens":1}}}`), byte(5))
	f.Fuzz(func(t *testing.T, body []byte, which byte) {
		c := codecs[int(which)%len(codecs)]
		a, err := c.DecodeResponse(body, nil)
		if err != nil {
			return
		}
		for _, to := range codecs {
			to.EncodeResponse(a, &wire.Answer{Model: "m", Packed: which > 128})
		}
	})
}
