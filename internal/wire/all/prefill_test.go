package all_test

import (
	"testing"

	"github.com/tidwall/gjson"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

func words(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Kind: llm.Text, Text: text}}}
}

// TestAnAnswerThatIsBegunIsGoneOnFromAsEachVendorWantsItSaid.
func TestAnAnswerThatIsBegunIsGoneOnFromAsEachVendorWantsItSaid(t *testing.T) {
	call := llm.Message{Role: llm.Assistant, Parts: []llm.Part{{Kind: llm.Text, Text: "I look"}, {Kind: llm.ToolCall, ID: "call_1", Name: "f", Arguments: []byte("{}")}}}
	known := wire.Model{Known: true, NoPrefill: true}
	for _, x := range []struct {
		name    string
		from    llm.Format
		prefill bool
		last    llm.Message
		model   wire.Model
		format  llm.Format
		dialect string
		want    string // what the request has beside the history
		lost    bool   // as a semantic loss
	}{
		{"vLLM", llm.Responses, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "vllm", "continue_final_message without a generation prompt", false},
		{"SGLang", llm.Chat, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "sglang", "continue_final_message without a generation prompt", false},
		{"Mistral", llm.Messages, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "mistral", "prefix", false},
		{"Mistral, as a client of Messages means it", llm.Messages, false, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "mistral", "prefix", false},
		{"Mistral, as a client of Chat may not mean it", llm.Chat, false, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "mistral", "", false},
		{"DeepSeek", llm.Responses, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "deepseek", "prefix", false},
		{"DeepSeek, without the address", llm.Messages, false, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "deepseek", "", true},
		{"Moonshot", llm.Gemini, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "moonshot", "partial", false},
		{"Groq", llm.Converse, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "groq", "", false},
		{"OpenAI", llm.Messages, true, words(llm.Assistant, "So "), wire.Model{}, llm.Chat, "openai", "", true},
		{"Claude at OpenRouter that refuses it", llm.Messages, true, words(llm.Assistant, "So "), known, llm.Chat, "openrouter", "", true},
		{"with a call in it", llm.Messages, true, call, wire.Model{}, llm.Chat, "vllm", "", true},
		{"the user's turn", llm.Messages, true, words(llm.User, "And?"), wire.Model{}, llm.Chat, "vllm", "", false},
		{"Claude", llm.Chat, true, words(llm.Assistant, "So \n"), wire.Model{}, llm.Messages, "", "", false},
		{"Claude by Converse", llm.Messages, true, words(llm.Assistant, "So \n"), wire.Model{}, llm.Converse, "", "", false},
	} {
		d, _ := wire.DialectByName(x.dialect)
		r := &llm.Request{From: x.from, Model: "m", MaxOutput: 10, Prefill: x.prefill, Messages: []llm.Message{words(llm.User, "Why?"), x.last}}
		body, losses, err := all.Codec(x.format).EncodeRequest(r, &wire.Target{Format: x.format, Dialect: d, Model: x.model, LossyOK: true, Upstream: "m", MaxOutput: 10})
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		got, b := "", gjson.ParseBytes(body)
		last := b.Get("messages").Array()
		end := last[len(last)-1]
		switch {
		case b.Get("continue_final_message").Bool() && b.Get("add_generation_prompt").Raw == "false":
			got = "continue_final_message without a generation prompt"
		case end.Get("prefix").Bool():
			got = "prefix"
		case end.Get("partial").Bool():
			got = "partial"
		}
		lost := false
		for _, l := range losses {
			lost = lost || l.Field == "prefill" && l.Class == wire.Semantic
		}
		if got != x.want || lost != x.lost {
			t.Errorf("%s: %q, lost %v; want %q, %v\n%s", x.name, got, lost, x.want, x.lost, body)
		}
		if text := end.Get("content.0.text").String(); x.format != llm.Chat && text != "So" {
			t.Errorf("%s: ends in %q", x.name, text)
		}
		if r.Messages[1].Parts[0].Text != x.last.Parts[0].Text {
			t.Errorf("%s: the request itself was changed", x.name)
		}
	}
}
