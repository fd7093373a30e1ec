package fakecloud_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// quoted is a text as JSON has it.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// conversation is a request of turns in a dialect's format; the roles take turns.
func (d *dialect) conversation(turns ...string) string {
	var list []string
	for i, text := range turns {
		role := []string{"user", "assistant"}[i%2]
		switch d.name {
		case "converse":
			list = append(list, `{"role":"`+role+`","content":[{"text":`+quoted(text)+`}]}`)
		case "gemini", "gemini array", "gemini on vertex":
			list = append(list, `{"role":"`+strings.Replace(role, "assistant", "model", 1)+`","parts":[{"text":`+quoted(text)+`}]}`)
		case "responses":
			list = append(list, `{"type":"message","role":"`+role+`","content":`+quoted(text)+`}`)
		default:
			list = append(list, `{"role":"`+role+`","content":`+quoted(text)+`}`)
		}
	}
	all := "[" + strings.Join(list, ",") + "]"
	switch d.name {
	case "converse":
		return `{"messages":` + all + `}`
	case "gemini", "gemini array", "gemini on vertex":
		return `{"contents":` + all + `}`
	case "responses":
		return `{"model":"gpt-5.1","input":` + all + `}`
	case "invoke":
		return `{"anthropic_version":"bedrock-2023-05-31","max_tokens":2000,"messages":` + all + `}`
	case "claude on vertex":
		return `{"anthropic_version":"vertex-2023-10-16","max_tokens":2000,"messages":` + all + `}`
	case "anthropic":
		return `{"model":"claude-sonnet-4-5","max_tokens":2000,"messages":` + all + `}`
	case "vllm":
		return `{"model":"local","messages":` + all + `}`
	case "azure":
		return `{"messages":` + all + `}`
	}
	return `{"model":"gpt-5.1","messages":` + all + `}`
}

// textOf is the text of an answer that is no stream.
func textOf(t *testing.T, body string) string {
	t.Helper()
	var in any
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var b strings.Builder
	var walk func(v any, under string)
	walk = func(v any, under string) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range []string{"output", "choices", "candidates", "message", "content", "parts", "text"} {
				if x, ok := v[k]; ok {
					walk(x, k)
				}
			}
		case []any:
			for _, x := range v {
				walk(x, under)
			}
		case string:
			if under == "text" || under == "content" {
				b.WriteString(v)
			}
		}
	}
	walk(in, "")
	return b.String()
}

const longQuestion = "Write 60 words about tides."

// TestAnAnswerIsGoneOnWithAsTold: a turn that asks to go on with an answer gets what the
// manner says, in every dialect.
func TestAnAnswerIsGoneOnWithAsTold(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
			whole := textOf(t, ask(t, c, d, false, d.conversation(longQuestion)).body)
			if n := len(strings.Fields(whole)); n != 60 {
				t.Fatalf("%s: %d words: %q", d.name, n, whole)
			}
			begun, rest := whole[:100], whole[100:]
			tail := begun[len(begun)-30:]
			for mode, ok := range map[fakecloud.Continues]func(string) bool{
				fakecloud.Faithful: func(s string) bool {
					return strings.HasSuffix(begun+rest, s) && strings.HasSuffix(s, rest) && len(s) > len(rest)
				},
				fakecloud.Direct:        func(s string) bool { return s == rest },
				fakecloud.Preamble:      func(s string) bool { return strings.HasPrefix(s, "Sure, ") && strings.HasSuffix(s, tail+rest) },
				fakecloud.PreambleBare:  func(s string) bool { return strings.HasPrefix(s, "Sure, ") && strings.HasSuffix(s, "\n\n"+rest) },
				fakecloud.RepeatAll:     func(s string) bool { return s == whole },
				fakecloud.RepeatChanged: func(s string) bool { return s != whole && strings.Count(s, "indeed") > 3 },
				fakecloud.OtherWords: func(s string) bool {
					return len(s) > 300 && !strings.Contains(s, "tides") && !strings.Contains(whole, s)
				},
				fakecloud.Nothing: func(s string) bool { return s == "" },
			} {
				if err := s.Behave(fakecloud.Manner{Service: d.service, Continues: mode}); err != nil {
					t.Fatal(err)
				}
				got := ask(t, c, d, false, d.conversation(longQuestion, begun, "Your answer broke off. Go on after: "+tail))
				if text := textOf(t, got.body); got.status != 200 || !ok(text) {
					t.Errorf("%s, %s: %d %q", d.name, mode, got.status, text)
				}
				if mode == fakecloud.Faithful { // nothing is missing
					got := ask(t, c, d, false, d.conversation(longQuestion, whole, "Your answer broke off. Go on after: "+whole[len(whole)-30:]))
					if text := textOf(t, got.body); got.status != 200 || !strings.HasSuffix(whole, text) || len(text) < 8 {
						t.Errorf("%s, %s behind the end: %d %q", d.name, mode, got.status, text)
					}
				}
				if e := ended(s); e[len(e)-1].Continues != "turn "+string(mode) {
					t.Errorf("%s, %s: the log says %q", d.name, mode, e[len(e)-1].Continues)
				}
			}
		})
	}
}

// TestPrefillIsTakenWhereTheModelTakesIt: where the last message is the assistant's, the
// rest comes, or the whole answer anew, or an error.
func TestPrefillIsTakenWhereTheModelTakesIt(t *testing.T) {
	want := map[string]string{"openai": "anew", "azure": "anew", "responses": "anew", "vllm": "anew"}
	for i := range dialects {
		d := &dialects[i]
		inBubble(t, func(t *testing.T, s *fakecloud.Server, c *http.Client) {
			whole := textOf(t, ask(t, c, d, false, d.conversation(longQuestion)).body)
			begun := whole[:100] // ends in a letter: Anthropic refuses one that ends in a space
			ends := func(body string) string {
				got := ask(t, c, d, false, body)
				if got.status != 200 {
					return "error"
				}
				return map[string]string{whole: "anew", whole[100:]: "rest"}[textOf(t, got.body)]
			}
			body := d.conversation(longQuestion, begun)
			if d.name == "vllm" {
				if got := ends(strings.Replace(body, "{", `{"continue_final_message":true,"add_generation_prompt":false,`, 1)); got != "rest" {
					t.Errorf("vllm, asked to: %q", got)
				}
			}
			w := want[d.name]
			if w == "" {
				w = "rest"
			}
			if got := ends(body); got != w {
				t.Errorf("%s: %q, want %q", d.name, got, w)
			}
			if w == "anew" && d.name != "vllm" {
				return // such a model never does
			}
			refuses := false
			if err := s.Behave(fakecloud.Manner{Service: d.service, Prefill: &refuses}); err != nil {
				t.Fatal(err)
			}
			if got := ends(body); got == "rest" || d.service == "anthropic" && got != "error" {
				t.Errorf("%s, told not to: %q", d.name, got)
			}
		})
	}
}
