package fakecloud_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/fakecloud"
)

// toolBodies ask each format for text and two calls, with thinking where it can be seen.
var toolBodies = map[string]string{
	"openai":    `{"model":"gpt-5.1","stream":true,"messages":[{"role":"user","content":"What is the weather in Paris and in Rome?"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":SCHEMA}}]}`,
	"vllm":      `{"model":"local","stream":true,"chat_template_kwargs":{"enable_thinking":true},"messages":[{"role":"user","content":"What is the weather in Paris and in Rome?"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":SCHEMA}}]}`,
	"anthropic": `{"model":"claude-opus-4-6","max_tokens":2000,"stream":true,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"What is the weather in Paris and in Rome?"}],"tools":[{"name":"get_weather","input_schema":SCHEMA}]}`,
	"responses": `{"model":"gpt-5.1","stream":true,"reasoning":{"effort":"low","summary":"auto"},"input":"What is the weather in Paris and in Rome?","tools":[{"type":"function","name":"get_weather","strict":false,"parameters":SCHEMA}]}`,
	"converse":  `{"messages":[{"role":"user","content":[{"text":"What is the weather in Paris and in Rome?"}]}],"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}},"toolConfig":{"tools":[{"toolSpec":{"name":"get_weather","inputSchema":{"json":SCHEMA}}}]}}`,
	"invoke":    `{"anthropic_version":"bedrock-2023-05-31","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[{"role":"user","content":"What is the weather in Paris and in Rome?"}],"tools":[{"name":"get_weather","input_schema":SCHEMA}]}`,
	"gemini":    `{"contents":[{"parts":[{"text":"What is the weather in Paris and in Rome?"}]}],"generationConfig":{"thinkingConfig":{"includeThoughts":true,"thinkingBudget":32}},"tools":[{"functionDeclarations":[{"name":"get_weather","parametersJsonSchema":SCHEMA}]}]}`,
}

const weatherSchema = `{"type":"object","required":["city"],"properties":{"city":{"type":"string"}}}`

// decoded is a body with what InvokeModel has in base64 behind it.
func decoded(body string) string {
	for _, m := range regexp.MustCompile(`"bytes":"([^"]*)"`).FindAllStringSubmatch(body, -1) {
		b, _ := base64.StdEncoding.DecodeString(m[1]) // half of a frame has half of a text
		body += "\n" + string(b)
	}
	return body
}

// wordsIn are the texts that a body has in it, in any of the formats' deltas, one after the other.
func wordsIn(body string) (thought, text, args string) {
	body = decoded(body)
	join := func(pattern string) string {
		var b strings.Builder
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(body, -1) {
			var s string
			if json.Unmarshal([]byte(m[1]), &s) == nil {
				b.WriteString(s)
			}
		}
		return b.String()
	}
	str := `("(?:[^"\\]|\\.)*")`
	thought = join(`(?:"thinking_delta","thinking":|"reasoningContent":{"text":|"reasoning_content":|"summary_index":0,"delta":)` + str + `|"text":` + str + `,"thought":true`)
	for _, m := range regexp.MustCompile(`"text":`+str+`,"thought":true`).FindAllStringSubmatch(body, -1) {
		var s string
		if json.Unmarshal([]byte(m[1]), &s) == nil {
			thought += s
		}
	}
	body = regexp.MustCompile(`"text":`+str+`,"thought":true`).ReplaceAllString(body, "")
	text = join(`(?:"text_delta","text":|"delta":{"text":|"delta":{"content":|"content_index":0,"delta":|"parts":\[{"text":)` + str)
	args = join(`(?:"partial_json":|"toolUse":{"input":|"function":{(?:"name":"get_weather",)?"arguments":|response.function_call_arguments.delta","sequence_number":\d+,"item_id":"[^"]*","output_index":\d+,"delta":)` + str)
	if i := strings.Index(body, `"functionCall":`); i >= 0 {
		args += body[i:]
	}
	return thought, text, args
}

// inOneFrame are the parts of the answer that are too short for two frames of a format: what
// happens inside of them leaves half of a frame.
var inOneFrame = map[string][]fakecloud.Place{
	"anthropic": {fakecloud.AtText, fakecloud.InTool},
	"converse":  {fakecloud.AtText, fakecloud.InTool},
	"invoke":    {fakecloud.AtText, fakecloud.InTool},
	"gemini":    {fakecloud.AtThinking, fakecloud.AtText, fakecloud.InTool},
}

func TestAFaultHappensAtItsPlace(t *testing.T) {
	const first, second = `{"city":"Paris"}`, `Rome`
	for _, d := range dialects {
		request, ok := toolBodies[d.name]
		if !ok {
			continue
		}
		request = strings.ReplaceAll(request, "SCHEMA", weatherSchema)
		for _, c := range []struct {
			fault                fakecloud.Fault
			thought, text, calls string // none, some or all of them
		}{
			{fakecloud.Fault{At: fakecloud.AtThinking}, "some", "none", "none"},
			{fakecloud.Fault{At: fakecloud.AtThinking, MidFrame: true}, "some", "none", "none"},
			{fakecloud.Fault{At: fakecloud.AtText}, "all", "some", "none"},
			{fakecloud.Fault{At: fakecloud.BeforeTool}, "all", "all", "none"},
			{fakecloud.Fault{At: fakecloud.InTool}, "all", "all", "some"},
			{fakecloud.Fault{At: fakecloud.AfterTool}, "all", "all", "one"},
			{fakecloud.Fault{At: fakecloud.BeforeTool, Call: 1}, "all", "all", "one"},
			{fakecloud.Fault{At: fakecloud.InTool, Call: 1}, "all", "all", "one and some"},
			{fakecloud.Fault{At: fakecloud.AfterTool, Call: 1}, "all", "all", "all"},
			{fakecloud.Fault{At: fakecloud.AtEnd}, "all", "all", "all"},
		} {
			for _, kind := range []fakecloud.Kind{fakecloud.CutOff, fakecloud.Reset, fakecloud.NoEnd} {
				s, url := serve(t, fakecloud.Options{})
				c.fault.Kind = kind
				if _, err := s.Order(c.fault); err != nil {
					t.Fatal(err)
				}
				got := post(t, context.Background(), url+d.at(true), request, d.header)
				if got.status != 200 || (got.err == nil) != (kind == fakecloud.NoEnd) || d.ends(got.body) {
					t.Fatalf("%s: %d %v %s", d.name, got.status, got.err, got.body)
				}
				thought, text, args := wordsIn(got.body)
				said := func(got, whole string) string {
					switch {
					case strings.HasSuffix(strings.TrimSpace(got), whole):
						return "all"
					case strings.TrimSpace(got) != "":
						return "some"
					}
					return "none"
				}
				calls := "none"
				switch one := strings.Contains(strings.ReplaceAll(args, `\"`, `"`), first); {
				case one && strings.Contains(args, second):
					calls = "all"
				case one && strings.HasPrefix(strings.SplitN(args, first, 2)[1], "{"):
					calls = "one and some"
				case one:
					calls = "one"
				case args != "":
					calls = "some"
				}
				if d.name == "openai" { // shows no thought
					thought = "decide what comes next."
					if c.fault.At == fakecloud.AtThinking { // so that it happens at the end
						c.thought, c.text, c.calls = "all", "all", "all"
					} else if c.thought == "none" {
						continue
					}
				}
				half := slices.Contains(inOneFrame[d.name], c.fault.At)
				if h := said(thought, "decide what comes next."); h != c.thought && !(half && c.fault.At == fakecloud.AtThinking) {
					t.Errorf("%s, %s at %s: %s of the thought came: %q", d.name, kind, c.fault.At, h, thought)
				}
				if h := said(text, "look that up."); h != c.text && !(half && c.fault.At == fakecloud.AtText) {
					t.Errorf("%s, %s at %s: %s of the text came: %q", d.name, kind, c.fault.At, h, text)
				}
				if calls != c.calls && !(half && c.fault.At == fakecloud.InTool) {
					t.Errorf("%s, %s at %s of call %d: %s of the calls came: %q", d.name, kind, c.fault.At, c.fault.Call, calls, args)
				}
			}
		}
	}
}

func TestHalfAFrameIsSentWhereThatIsOrdered(t *testing.T) {
	for _, d := range dialects {
		var sizes []int
		for _, half := range []bool{false, true} {
			s, url := serve(t, fakecloud.Options{})
			if _, err := s.Order(fakecloud.Fault{Kind: fakecloud.CutOff, AfterChunks: 2, MidFrame: half}); err != nil {
				t.Fatal(err)
			}
			got := post(t, context.Background(), url+d.at(true), d.body(true), d.header)
			sizes = append(sizes, len(got.body))
			if e := ended(s)[0]; e.Chunks != 2 || e.Sent != int64(len(got.body)) {
				t.Errorf("%s: the log says %d chunks, %d bytes; %d came", d.name, e.Chunks, e.Sent, len(got.body))
			}
		}
		if sizes[1] <= sizes[0] {
			t.Errorf("%s: %d bytes with half a frame, %d without", d.name, sizes[1], sizes[0])
		}
	}
}
