package all_test

import (
	"fmt"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// TestWhatCostsMoreThanTheModelIsSeen in every format: tiers and speeds with prices of
// their own, other models, and work of the provider's that no output cap bounds.
func TestWhatCostsMoreThanTheModelIsSeen(t *testing.T) {
	open := map[llm.Format]string{
		llm.Chat: `{"model":"m","messages":[]`, llm.Messages: `{"model":"m","messages":[]`, llm.Responses: `{"model":"m","input":"x"`,
		llm.Gemini: `{"contents":[]`, llm.Converse: `{"messages":[]`,
	}
	for _, x := range []struct {
		format             llm.Format
		more               string
		tier, other, tools string
		choices            int64
	}{
		{llm.Chat, `"service_tier":"priority"`, "priority", "", "", 1},
		{llm.Chat, `"service_tier":null,"n":2,"best_of":5`, "", "", "", 5},
		{llm.Chat, `"models":["a","b"]`, "", "models", "", 1},
		{llm.Chat, `"fallbacks":[{"model":"a"}]`, "", "fallbacks", "", 1},
		{llm.Chat, `"preset":"p"`, "", "preset", "", 1},
		{llm.Chat, `"models":[ ],"plugins":[],"provider":{},"enable_search":false`, "", "", "", 1},
		{llm.Chat, `"provider":{"order":["dear"]}`, "chosen by provider", "", "", 1},
		{llm.Chat, `"plugins":[{"id":"web"}]`, "", "", "plugins", 1},
		{llm.Chat, `"search_parameters":{"mode":"on"}`, "", "", "search_parameters", 1},
		{llm.Chat, `"enable_search":true`, "", "", "enable_search", 1},
		{llm.Messages, `"service_tier":"standard_only"`, "standard_only", "", "", 1},
		{llm.Messages, `"service_tier":"auto","speed":"fast"`, "fast", "", "", 1},
		{llm.Messages, `"speed":"fast","service_tier":"auto"`, "fast", "", "", 1},
		{llm.Messages, `"inference_geo":"us"`, "inference_geo us", "", "", 1},
		{llm.Messages, `"inference_geo":"global","speed":"standard"`, "standard", "", "", 1},
		{llm.Messages, `"fallbacks":[{"model":"claude-opus-4-6"}]`, "", "fallbacks", "", 1},
		{llm.Messages, `"context_management":{"edits":[{"type":"compact_20260112"}]}`, "", "", "a compaction", 1},
		{llm.Messages, `"context_management":{"edits":[{"type":"\u0063ompact_20260112"}]}`, "", "", "a compaction", 1},
		{llm.Messages, `"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}`, "", "", "", 1},
		{llm.Responses, `"service_tier":"priority"`, "priority", "", "", 1},
		{llm.Responses, `"models":["a"]`, "", "models", "", 1},
		{llm.Responses, `"plugins":[{"id":"web"}]`, "", "", "plugins", 1},
		{llm.Responses, `"prompt":{"id":"pmpt_1"}`, "", "", "prompt", 1},
		{llm.Gemini, `"service_tier":"SERVICE_TIER_PRIORITY"`, "priority", "", "", 1},
		{llm.Gemini, `"serviceTier":"flex"`, "flex", "", "", 1},
		{llm.Converse, `"serviceTier":{"type":"priority"}`, "priority", "", "", 1},
		{llm.Converse, `"performanceConfig":{"latency":"optimized"}`, "optimized", "", "", 1},
	} {
		s, err := all.Codec(x.format).Scan([]byte(open[x.format]+","+x.more+"}"), &wire.Head{Model: "m"})
		if err != nil {
			t.Errorf("%s %s: %v", x.format, x.more, err)
			continue
		}
		if got, want := fmt.Sprint(s.Tier, "|", s.OtherModels, "|", s.ServerTool, "|", s.Choices), fmt.Sprint(x.tier, "|", x.other, "|", x.tools, "|", x.choices); got != want {
			t.Errorf("%s %s: seen is %s, want %s", x.format, x.more, got, want)
		}
	}
}

// TestACapInTheModelsOwnWordsIsRefused: it would undo the one that a budget sets.
func TestACapInTheModelsOwnWordsIsRefused(t *testing.T) {
	for _, fields := range []string{`"max_tokens":9`, `"inferenceConfig":{"maxTokens":9}`, `"textGenerationConfig":{"maxTokenCount":9}`} {
		_, err := all.Codec(llm.Converse).Scan([]byte(`{"messages":[],"additionalModelRequestFields":{`+fields+`}}`), &wire.Head{Model: "m"})
		if err == nil {
			t.Errorf("%s passes", fields)
		}
	}
}

// TestASpeedThatAnsweredIsTold: it has a price of its own, and the bill must not look
// like that of the standard one.
func TestASpeedThatAnsweredIsTold(t *testing.T) {
	for usage, want := range map[string]string{
		`"service_tier":"standard","speed":"fast"`: "fast", `"service_tier":"standard","speed":"standard"`: "standard",
		`"inference_geo":"us","service_tier":"standard"`: "inference_geo us", `"inference_geo":"not_available","service_tier":"batch"`: "batch",
	} {
		r, err := all.Codec(llm.Messages).DecodeResponse([]byte(`{"type":"message","role":"assistant","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1,`+usage+`}}`), nil)
		if err != nil || r.Usage.Tier != want {
			t.Errorf("%s: %v, %v", usage, r, err)
		}
	}
}
