package chat

import (
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

// classes are input, cache read, cache write, output, reasoning, audio input, audio output.
type classes [7]int64

func TestUsageComesInDisjointClasses(t *testing.T) {
	for _, x := range []struct {
		name, dialect, usage string
		want                 classes
		searches             int64
	}{
		{"plain", "openai", `{"prompt_tokens":14,"completion_tokens":37,"total_tokens":51}`, classes{14, 0, 0, 37}, 0},
		{"cached, written and reasoning are inside", "openai", `{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,"audio_tokens":5},"completion_tokens_details":{"reasoning_tokens":20,"audio_tokens":7}}`, classes{5, 60, 30, 23, 20, 5, 7}, 0},
		{"xAI has reasoning outside", "xai", `{"prompt_tokens":468,"completion_tokens":82,"total_tokens":870,"prompt_tokens_details":{"cached_tokens":305},"completion_tokens_details":{"reasoning_tokens":320}}`, classes{163, 305, 0, 82, 320}, 0},
		{"Google's gap is reasoning", "google-openai", `{"completion_tokens":12,"prompt_tokens":35,"total_tokens":109}`, classes{35, 0, 0, 12, 62}, 0},
		{"another's gap is nothing", "openai", `{"completion_tokens":12,"prompt_tokens":35,"total_tokens":109}`, classes{35, 0, 0, 12}, 0},
		{"more reasoning than output, inside: a floor", "openrouter", `{"prompt_tokens":43,"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":11}}`, classes{43, 0, 0, 0, 11}, 0},
		{"more reasoning than output, a gateway: outside", "vercel", `{"prompt_tokens":61,"completion_tokens":10,"total_tokens":71,"completion_tokens_details":{"reasoning_tokens":96}}`, classes{61, 0, 0, 10, 96}, 0},
		{"more reasoning than output, Perplexity's research: outside", "perplexity", `{"prompt_tokens":19,"completion_tokens":498,"total_tokens":517,"citation_tokens":10175,"num_search_queries":48,"reasoning_tokens":95305}`, classes{19, 0, 0, 498, 95305}, 48},
		{"more cached than read: a floor", "azure", `{"prompt_tokens":235,"completion_tokens":90,"prompt_tokens_details":{"cached_tokens":373}}`, classes{0, 373, 0, 90}, 0},
		{"Mistral has audio outside, and both spellings", "mistral", `{"prompt_audio_seconds":4,"prompt_tokens":9,"total_tokens":585,"completion_tokens":201,"prompt_token_details":{"cached_tokens":0,"audio_tokens":375}}`, classes{9, 0, 0, 201, 0, 375}, 0},
		{"DeepSeek says it twice", "deepseek", `{"prompt_tokens":97,"completion_tokens":17,"prompt_tokens_details":{"cached_tokens":64},"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":33}`, classes{33, 64, 0, 17}, 0},
		{"Moonshot at the top", "moonshot", `{"prompt_tokens":20,"completion_tokens":30,"cached_tokens":10}`, classes{10, 10, 0, 30}, 0},
		{"fractions and nulls", "groq", `{"queue_time":0.19,"prompt_tokens":5,"completion_tokens":2,"completion_tokens_details":null,"total_time":0.1,"cost":{"total":0.5}}`, classes{5, 0, 0, 2}, 0},
		{"searches", "openrouter", `{"prompt_tokens":5,"completion_tokens":2,"server_tool_use_details":{"web_search_requests":3}}`, classes{5, 0, 0, 2}, 3},
		{"nonsense counts as nothing", "openai", `{"prompt_tokens":-5,"completion_tokens":"2","total_tokens":[]}`, classes{}, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			d, ok := wire.DialectByName(x.dialect)
			if !ok {
				t.Fatal("no such dialect")
			}
			c := raw.On([]byte(x.usage))
			u := usage(&c, d)
			if err := c.End(); err != nil {
				t.Fatal(err)
			}
			k := &u.Tokens
			got := classes{k[llm.TokInput], k[llm.TokCacheRead], k[llm.TokCacheWrite], k[llm.TokOutput], k[llm.TokReasoning], k[llm.TokAudioInput], k[llm.TokAudioOutput]}
			if got != x.want || u.Searches != x.searches || !u.Reported {
				t.Errorf("got %v %d, want %v %d", got, u.Searches, x.want, x.searches)
			}
		})
	}
}

func TestUsageWrittenIsUsageRead(t *testing.T) {
	u := llm.Usage{Reported: true}
	for i := range u.Tokens {
		u.Tokens[i] = int64(10 + i)
	}
	var b raw.Builder
	b.Object()
	putUsage(&b, &u)
	b.EndObject()
	c := raw.On(b.B)
	c.Object()
	c.Key()
	got := usage(&c, &specification)
	if got.InputTokens() != u.InputTokens() || got.OutputTokens() != u.OutputTokens() || got.Tokens[llm.TokCacheRead] != u.Tokens[llm.TokCacheRead] || got.Tokens[llm.TokReasoning] != u.Tokens[llm.TokReasoning] {
		t.Errorf("%v became %v", u, got)
	}
}
