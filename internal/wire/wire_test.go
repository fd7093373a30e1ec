package wire

import (
	"errors"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

func TestDialectsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range DialectNames() {
		if seen[name] || name == "" {
			t.Errorf("%q is there twice or empty", name)
		}
		seen[name] = true
		if d, ok := DialectByName(name); !ok || d.Name != name {
			t.Errorf("%q is not found", name)
		}
	}
	for _, name := range []string{"openai", "azure", "anthropic", "groq", "deepseek", "mistral", "xai", "openrouter", "together", "perplexity", "fireworks", "cerebras", "huggingface", "ollama", "vllm", "llamacpp", "google-openai"} {
		if !seen[name] {
			t.Errorf("no dialect %q", name)
		}
	}
	if _, ok := DialectByName("nobody"); ok {
		t.Error("found a dialect that is not there")
	}
}

func TestFoldsToFindsNamesInAnotherCaseOnly(t *testing.T) {
	for key, want := range map[string]bool{"model": false, "Model": true, "MODEL": true, "mode": false, "modem": false, "mOdEl": true, "mo-el": false} {
		if FoldsTo([]byte(key), "model") != want {
			t.Errorf("%q: %v", key, !want)
		}
	}
	if FoldsTo([]byte("max\x7ftokens"), "max_tokens") { // 0x7f differs from _ in a bit that is not the case
		t.Error("a control character is no underscore")
	}
}

func TestEditorKeepsTheOrderOfInsertsAtOnePlace(t *testing.T) {
	var e Editor
	e.Member(7, "b", 2)
	e.Raw(Span{7, 7}, `,"c":3`)
	e.Int(Span{5, 6}, 9)
	if got := string(e.Apply(nil, []byte(`{"a":1 }`))); got != `{"a":9 ,"b":2,"c":3}` {
		t.Error(got)
	}
}

func TestCallsWithoutAnIDArePairedInTheirOrder(t *testing.T) {
	ids := CallIDs{Prefix: "x_", Legal: func(id string) string { return LegalID(id, "x_", func(string) bool { return true }) }}
	a := ids.Call(&llm.Part{}, 3, 0)
	b := ids.Call(&llm.Part{}, 3, 1)
	c := ids.Call(&llm.Part{ID: "named"}, 3, 2)
	if a == b || c != "named" {
		t.Errorf("%s %s %s", a, b, c)
	}
	if ids.Result(&llm.Part{ID: "named"}) != c || ids.Result(&llm.Part{}) != a || ids.Result(&llm.Part{}) != b {
		t.Error("results do not match")
	}
	again := CallIDs{Prefix: "x_", Legal: ids.Legal}
	if again.Call(&llm.Part{}, 3, 0) != a {
		t.Error("the same place gave another id")
	}
}

func TestArgumentsAreAlwaysJSON(t *testing.T) {
	for text, want := range map[string]string{"": "{}", " ": "{}", `{"a":1}`: `{"a":1}`, `{"a":`: `"{\"a\":"`, `"x"`: `"\"x\""`, `[1]`: `[1]`} {
		got := Arguments(text)
		if string(got) != want {
			t.Errorf("%q: %s", text, got)
		}
		if back := ArgumentsText(got); back != text && string(got) != "{}" {
			t.Errorf("%q came back as %q", text, back)
		}
	}
}

func TestBadRequestTextNamesTheField(t *testing.T) {
	body := []byte(`{"messages":[{"content":7}]}`)
	e := BadRequestText(body, &raw.SyntaxError{Offset: 24, What: "want a string"})
	if e.Param != "messages[0].content" || e.Class != llm.BadRequest {
		t.Errorf("%+v", e)
	}
	own := BadField("x", "y")
	if BadRequestText(body, own) != own || BadRequestText(body, errors.New("z")).Message != "z" {
		t.Error("errors that are no syntax errors keep their words")
	}
}
