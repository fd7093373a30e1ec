package wire

import (
	"slices"
	"strings"
	"unicode"

	"github.com/skein-run/skein/internal/llm"
)

// Prefilling is how a request of Chat Completions asks to go on from an answer that its
// last message begins. Messages and Converse need no spelling: there it is what a last
// message of the assistant means, to models that take it.
type Prefilling uint8

// The spellings. With none, a last message of the assistant is answered anew: so it is
// at OpenAI, Azure, xAI, Together, Fireworks, Cerebras and Cohere as far as they say.
const (
	// PrefillPlain: a last message of the assistant is enough.
	// https://console.groq.com/docs/prefilling, https://openrouter.ai/docs/api-reference/overview
	// (Assistant Prefill), llama.cpp's --prefill-assistant, which is on by itself, and
	// Ollama (read 2026-11-25).
	PrefillPlain Prefilling = iota + 1
	// PrefillPrefix: the message has prefix: true; without it Mistral refuses it.
	// https://docs.mistral.ai/capabilities/completion/prefix (read 2026-11-25).
	PrefillPrefix
	// PrefillPrefixBeta: likewise, at an address of its own.
	// https://api-docs.deepseek.com/guides/chat_prefix_completion (read 2026-11-25).
	PrefillPrefixBeta
	// PrefillPartial: the message has partial: true.
	// https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api and
	// https://www.alibabacloud.com/help/en/model-studio/partial-mode (read 2026-11-25).
	PrefillPartial
	// PrefillContinue: the request has continue_final_message: true, and
	// add_generation_prompt: false, which vLLM wants with it.
	// vllm/entrypoints/openai/protocol.py, sglang/srt/entrypoints/openai/protocol.py
	PrefillContinue
)

// GoesOn is how the encoded request asks to go on from its last message; 0 where it
// does not: there is nothing begun, or the vendor or the model does not take it. Where
// it is [PrefillPrefixBeta], the attempt goes to the address for that.
//
// A last message of the assistant in a request of Messages or Converse means it anyhow.
func GoesOn(r *llm.Request, t *Target) Prefilling {
	if t == nil || t.Dialect == nil || t.Dialect.Prefill == 0 || !begun(r) || t.Model.Known && t.Model.NoPrefill {
		return 0
	}
	means := r.From == llm.Messages || r.From == llm.Converse
	if !r.Prefill && (!means || t.Dialect.Prefill == PrefillPrefixBeta) {
		return 0
	}
	return t.Dialect.Prefill
}

// begun is whether the last message is text of the assistant, with no call in it that
// waits for a tool.
func begun(r *llm.Request) bool {
	if !EndsWithAssistant(r) {
		return false
	}
	text := false
	for i := range r.Messages[len(r.Messages)-1].Parts {
		switch p := &r.Messages[len(r.Messages)-1].Parts[i]; p.Kind {
		case llm.Text:
			text = text || p.Text != ""
		case llm.Thinking:
		default:
			return false
		}
	}
	return text
}

// Begun is a request whose begun answer does not end in white space, which Claude
// refuses («final assistant content cannot end with trailing whitespace»); the model
// writes it again. Other requests come back as they are.
func Begun(r *llm.Request) *llm.Request {
	if !r.Prefill || !EndsWithAssistant(r) {
		return r
	}
	last := &r.Messages[len(r.Messages)-1]
	n := len(last.Parts)
	if n == 0 || last.Parts[n-1].Kind != llm.Text {
		return r
	}
	text := strings.TrimRightFunc(last.Parts[n-1].Text, unicode.IsSpace)
	if text == last.Parts[n-1].Text {
		return r
	}
	own, msg := *r, *last
	msg.Parts = slices.Clone(msg.Parts)
	if msg.Parts[n-1].Text = text; text == "" {
		msg.Parts = msg.Parts[:n-1]
	}
	own.Messages = slices.Clone(r.Messages)
	own.Messages[len(own.Messages)-1] = msg
	return &own
}
