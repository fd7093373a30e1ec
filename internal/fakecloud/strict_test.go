package fakecloud

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatServicesRefuseIsRefused has a request of each format that is served, and what
// the services answer with 400 when one thing about it is wrong. A case that begins
// with "ok" is served, as it is by them.
func TestWhatServicesRefuseIsRefused(t *testing.T) {
	const (
		claude   = `"max_tokens":2000,"messages":[{"role":"user","content":"hi"}`
		tool     = `{"name":"f","input_schema":{"type":"object"}}`
		use      = `{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{}}]}`
		result   = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}`
		function = `{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}`
		gemini   = `"contents":[{"role":"user","parts":[{"text":"hi"}]}`
		gcall    = `{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}SIG}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}}]}`
		converse = `"messages":[{"role":"user","content":[{"text":"hi"}]}`
		spec     = `"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]}`
	)
	signed := strings.Replace(gcall, "SIG", `,"thoughtSignature":"`+thoughtSignature+`"`, 1)
	other := seal(makerGoogle, "thought")
	for _, g := range []struct {
		path  string
		cases [][2]string // a request, and what the complaint has in it
	}{
		{"/anthropic/v1/messages", [][2]string{
			{`{"model":"claude-sonnet-4-5",` + claude + `]}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"seed":1}`, "seed: Extra inputs are not permitted"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"context_management":{}}`, "context_management: Extra inputs are not permitted"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"tool","content":"x"}]}`, "Input should be 'user' or 'assistant'"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"system","content":"x"}]}`, "role 'system'"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"user","content":""}]}`, "non-empty content"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"user","content":[{"type":"text","text":""}]}]}`, "must be non-empty"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"user","content":[{"type":"text","text":"x","index":0}]}]}`, "messages.1.content.0.text.index: Extra inputs"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,` + use + `,` + result + `],"tools":[` + tool + `]}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,` + use + `],"tools":[` + tool + `]}`, "without `tool_result` blocks"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,` + result + `],"tools":[` + tool + `]}`, "unexpected `tool_use_id`"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,` + strings.Replace(use, "t1", "a.b:1", 1) + `,` + result + `]}`, "tool_use.id: String should match pattern"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,` + strings.Replace(use, "{}", `"{}"`, 1) + `,` + result + `]}`, "valid dictionary"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"tools":[` + tool + `,` + tool + `]}`, "unique"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"tools":[{"name":"a b","input_schema":{"type":"object"}}]}`, "tools.0.custom.name"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"tools":[{"name":"f","parameters":{}}]}`, "input_schema: Field required"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"` + other + `"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}`, "Invalid `signature`"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"assistant","content":[{"type":"thinking","thinking":"changed","signature":"` + seal(makerAnthropic, "x") + `"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}`, "cannot be modified"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"` + seal(makerAnthropic, "x") + `"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"thinking":{"type":"enabled","budget_tokens":1024},"tools":[` + tool + `],"tool_choice":{"type":"any"}}`, "Thinking may not be enabled"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"thinking":{"type":"enabled","budget_tokens":5000}}`, "must be greater than `thinking.budget_tokens`"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"thinking":{"type":"enabled","budget_tokens":1024},"temperature":0.5}`, "may only be set to 1"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"thinking":{"type":"adaptive"}}`, "not supported on this model"},
			{`{"model":"claude-opus-4-6",` + claude + `],"thinking":{"type":"adaptive"},"tools":[` + tool + `],"tool_choice":{"type":"any"}}`, "ok"},
			{`{"model":"claude-opus-4-7",` + claude + `],"thinking":{"type":"enabled","budget_tokens":1024}}`, "thinking.type.enabled"},
			{`{"model":"claude-opus-4-7",` + claude + `],"temperature":0.5}`, "`temperature` is deprecated"},
			{`{"model":"claude-opus-4-7",` + claude + `],"temperature":1}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"temperature":0.5,"top_p":0.9}`, "cannot both be specified"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"temperature":1.5}`, "range: 0..1"},
			{`{"model":"claude-opus-4-6",` + claude + `],"output_config":{"effort":"xhigh"}}`, "does not support effort level 'xhigh'"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"output_config":{"effort":"low"}}`, "does not support the effort parameter"},
			{`{"model":"claude-opus-4-8",` + claude + `],"output_config":{"effort":"xhigh"}}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"assistant","content":"{"}]}`, "ok"},
			{`{"model":"claude-sonnet-4-5",` + claude + `,{"role":"assistant","content":"so "}]}`, "trailing whitespace"},
			{`{"model":"claude-opus-4-6",` + claude + `,{"role":"assistant","content":"{"}]}`, "does not support assistant message prefill"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"cache_control":{"type":"ephemeral"},"system":[` + strings.Repeat(`{"type":"text","text":"s","cache_control":{"type":"ephemeral"}},`, 3) + `{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}`, "maximum of 4 blocks"},
			{`{"model":"claude-sonnet-4-5",` + claude + `],"stop_sequences":[" "]}`, "non-whitespace"},
		}},
		{"/openai/v1/chat/completions", [][2]string{
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"temperature":0.5,"stop":["x"]}`, "ok"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"top_k":5}`, "Unrecognized request argument supplied: top_k"},
			{`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"max_tokens":5}`, "max_completion_tokens"},
			{`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"temperature":0.5}`, "Only the default (1) value"},
			{`{"model":"gpt-5.1","messages":[{"role":"user","content":"hi"}],"temperature":0.5}`, "ok"},
			{`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"stop":["x"]}`, "'stop' is not supported"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stop":["a","b","c","d","e"]}`, "maximum length 4"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"reasoning_effort":"low"}`, "reasoning_effort"},
			{`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"reasoning_effort":"huge"}`, "does not support 'huge'"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"` + strings.Repeat("x", 41) + `","type":"function","function":{"name":"f","arguments":"{}"}}]}]}`, "maximum length 40"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"tools":[` + strings.Replace(function, `"f"`, `"a b"`, 1) + `]}`, "does not match pattern"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}}}]}`, "Missing 'a'"},
			{`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"tools":[` + function + `],"tool_choice":{"type":"function","function":{"name":"g"}}}`, "not among the tools"},
		}},
		{"/openai/v1/responses", [][2]string{
			{`{"model":"gpt-4o","input":"hi","temperature":0.5}`, "ok"},
			{`{"model":"gpt-4o","input":"hi","messages":[]}`, "Unknown parameter: 'messages'"},
			{`{"model":"gpt-4o","input":"hi","max_tokens":50}`, "Unknown parameter: 'max_tokens'"},
			{`{"model":"gpt-4o","input":"hi","max_output_tokens":5}`, "integer below minimum value"},
			{`{"model":"gpt-5","input":"hi","temperature":0.5}`, "'temperature' is not supported"},
			{`{"model":"gpt-4o","input":"hi","reasoning":{"effort":"low"}}`, "'reasoning.effort' is not supported"},
			{`{"model":"gpt-4o","input":"hi","include":["reasoning.encrypted_content"]}`, "Encrypted content is not supported"},
			{`{"model":"gpt-5","input":[{"role":"user","content":"hi","tool_calls":[]}]}`, "Unknown parameter: 'input[0].tool_calls'"},
			{`{"model":"gpt-5","input":[{"role":"tool","content":"hi"}]}`, "Invalid value: 'tool'"},
			{`{"model":"gpt-5","input":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`, "Invalid value: 'text'"},
			{`{"model":"gpt-5","input":[{"role":"assistant","content":[{"type":"input_text","text":"x"}]}]}`, "'output_text' and 'refusal'"},
			{`{"model":"gpt-5","input":[{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_1","summary":[]}]}`, "without its required following item"},
			{`{"model":"gpt-5","input":[{"type":"reasoning","id":"thought_1","summary":[]},{"role":"assistant","content":"x"}]}`, "begins with 'rs'"},
			{`{"model":"gpt-5","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"` + encrypted("openai", "rs_1") + `"},{"role":"assistant","content":"x"}]}`, "ok"},
			{`{"model":"gpt-5","input":[{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"` + encrypted("openai", "rs_1") + `"},{"role":"assistant","content":"x"}]}`, "item_id did not match"},
			{`{"model":"gpt-5","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"` + encrypted("azure", "rs_1") + `"},{"role":"assistant","content":"x"}]}`, "could not be decrypted"},
			{`{"model":"gpt-5","input":[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]}`, "expected a string"},
			{`{"model":"gpt-5","input":[{"type":"function_call","id":"call_1","call_id":"c","name":"f","arguments":"{}"}]}`, "begins with 'fc'"},
			{`{"model":"gpt-5","input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`, "No tool output found"},
			{`{"model":"gpt-5","input":[{"type":"function_call_output","call_id":"c","output":"x"}]}`, "No tool call found"},
			{`{"model":"gpt-5","input":"hi","tools":[{"type":"function","function":{"name":"f"}}]}`, "Missing required parameter: 'tools[0].name'"},
			{`{"model":"gpt-5","input":"hi","tool_choice":{"type":"function","name":"f"}}`, "not found in 'tools'"},
		}},
		{"/gemini/v1beta/models/gemini-3-flash-preview:generateContent", [][2]string{
			{`{` + gemini + `]}`, "ok"},
			{`{` + gemini + `],"max_tokens":5}`, `Unknown name \"max_tokens\": Cannot find field`},
			{`{"contents":[{"role":"user","parts":[{"text":"hi","type":"text"}]}]}`, `Unknown name \"type\" at 'contents[0].parts[0]'`},
			{`{` + gemini + `],"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"object","additionalProperties":false}}]}]}`, `Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters'`},
			{`{` + gemini + `],"tools":[{"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object","additionalProperties":false}}]}]}`, "ok"},
			{`{` + gemini + `],"tools":[{"functionDeclarations":[{"name":"a b"}]}]}`, "Invalid function name"},
			{`{` + gemini + `],"generationConfig":{"thinkingConfig":{"thinkingBudget":5,"thinkingLevel":"LOW"}}}`, "only one of thinking budget"},
			{`{"contents":[{"role":"assistant","parts":[{"text":"hi"}]}]}`, "valid role"},
			{`{"contents":[{"role":"user","parts":[]}]}`, "must not be empty"},
			{`{"contents":[{"role":"user","parts":[{}]}]}`, "required oneof field 'data'"},
			{`{` + gemini + `,` + signed + `]}`, "ok"},
			{`{` + gemini + `,` + strings.Replace(gcall, "SIG", "", 1) + `]}`, "missing a thought_signature"},
			{`{` + gemini + `,` + strings.Replace(gcall, "SIG", "", 1) + `,{"role":"user","parts":[{"text":"next"}]}]}`, "ok"},
			{`{` + gemini + `,` + strings.Replace(gcall, "SIG", `,"thoughtSignature":"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="`, 1) + `]}`, "ok"},
			{`{` + gemini + `,` + strings.Replace(gcall, "SIG", `,"thoughtSignature":"`+seal(makerAnthropic, "x")+`"`, 1) + `]}`, "Invalid thought signature"},
			{`{` + gemini + `,` + strings.Replace(signed, `{"output":"x"}`, `"x"`, 1) + `]}`, "google.protobuf.Struct"},
			{`{` + gemini + `,{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"` + thoughtSignature + `"}]}]}`, "number of function response parts"},
		}},
		{"/bedrock/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse", [][2]string{
			{`{` + converse + `]}`, "ok"},
			{`{` + converse + `],"additionalModelRequestFields":{"seed":1}}`, "seed: Extra inputs are not permitted"},
			{`{` + converse + `],"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":5}}}`, "greater than or equal to 1024"},
			{`{` + converse + `],"toolConfig":{"tools":[]}}`, "length greater than or equal to 1"},
			{`{` + converse + `,{"role":"user","content":[{"text":""}]}]}`, "is blank"},
			{`{` + converse + `,{"role":"user","content":[]}]}`, "is empty"},
			{`{` + converse + `,{"role":"user","content":[{"type":"text"}]}]}`, "must set one of the following keys"},
			{`{` + converse + `,{"role":"tool","content":[{"text":"x"}]}]}`, "enum value set: [user, assistant]"},
			{`{` + converse + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"x"}]}}]}]}`, "toolConfig field must be defined"},
			{`{` + converse + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},{"role":"user","content":[{"text":"x"}]}],` + spec + `}`, "Expected toolResult blocks"},
			{`{` + converse + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"text":"x"}]}}]}],` + spec + `}`, "ok"},
			{`{` + converse + `,{"role":"assistant","content":[{"toolUse":{"toolUseId":"a/b","name":"f","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a/b","content":[{"text":"x"}]}}]}],` + spec + `}`, "regular expression pattern"},
			{`{` + converse + `,{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"x","signature":"` + other + `"}}},{"text":"y"}]},{"role":"user","content":[{"text":"z"}]}]}`, "Invalid `signature`"},
		}},
		{"/bedrock/model/anthropic.claude-sonnet-4-5-20250929-v1:0/invoke", [][2]string{
			{`{"anthropic_version":"bedrock-2023-05-31",` + claude + `]}`, "ok"},
			{`{` + claude + `]}`, "anthropic_version: Field required"},
			{`{"anthropic_version":"bedrock-2023-05-31","model":"x",` + claude + `]}`, "model: Extra inputs are not permitted"},
			{`{"anthropic_version":"bedrock-2023-05-31","stream":false,` + claude + `]}`, "stream: Extra inputs are not permitted"},
			{`{"anthropic_version":"bedrock-2023-05-31","service_tier":"auto",` + claude + `]}`, "service_tier: Extra inputs are not permitted"},
		}},
		{"/vertex/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict", [][2]string{
			{`{"anthropic_version":"vertex-2023-10-16",` + claude + `]}`, "ok"},
			{`{"anthropic_version":"bedrock-2023-05-31",` + claude + `]}`, "anthropic_version: Input should be 'vertex-2023-10-16'"},
			{`{"anthropic_version":"vertex-2023-10-16","stream":true,` + claude + `]}`, "stream"},
		}},
	} {
		for i, c := range g.cases {
			t.Run(fmt.Sprintf("%s/%d %s", g.path, i, c[1]), func(t *testing.T) {
				got := again(standIn(t), "", g.path, map[string]string{"Anthropic-Version": "2023-06-01", "Anthropic-Beta": "none"}, []byte(c[0]))
				if c[1] == "ok" {
					if got.Code != 200 {
						t.Errorf("%s\nis refused: %d %s", c[0], got.Code, got.Body)
					}
					return
				}
				if got.Code != 400 || !strings.Contains(got.Body.String(), c[1]) {
					t.Errorf("%s\nis answered %d %s", c[0], got.Code, got.Body)
				}
			})
		}
	}
}
