package fakecloud

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// geminiFormat is Google's generateContent, of the Gemini API or of Vertex AI.
type geminiFormat struct {
	service string // gemini or vertex
	array   bool   // streams are one JSON array
}

func (f geminiFormat) provider() (service, op string) { return f.service, "generate" }
func (geminiFormat) automatic() bool                  { return true }
func (geminiFormat) sizes() (text, args int)          { return 40, 1 << 20 } // calls come whole

func (f geminiFormat) streamType() string {
	if f.array {
		return "application/json; charset=UTF-8"
	}
	return "text/event-stream"
}

func (geminiFormat) ids(g *ids, a *answer) { a.id = g.next("", 22) } // calls have none

func (geminiFormat) header(string) map[string]string {
	return map[string]string{"Server-Timing": "gfet4t7; dur=12", "X-Content-Type-Options": "nosniff"}
}

type geminiRequest struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction *geminiContent  `json:"systemInstruction"`
	SystemSnake       *geminiContent  `json:"system_instruction"`
	Tools             []struct {
		Declarations []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
			Schema      json.RawMessage `json:"parametersJsonSchema"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
	ToolConfig struct {
		Calling struct {
			Mode    string   `json:"mode"`
			Allowed []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	Generation struct {
		MaxOutputTokens int64           `json:"maxOutputTokens"`
		Stop            []string        `json:"stopSequences"`
		Candidates      *int64          `json:"candidateCount"`
		MimeType        string          `json:"responseMimeType"`
		Schema          json.RawMessage `json:"responseSchema"`
		JSONSchema      json.RawMessage `json:"responseJsonSchema"`
		Thinking        *struct {
			Budget  *int64 `json:"thinkingBudget"`
			Level   string `json:"thinkingLevel"`
			Include bool   `json:"includeThoughts"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
}

type geminiContent struct {
	Role  string `json:"role"`
	Parts []struct {
		Text      *string `json:"text"`
		Thought   bool    `json:"thought"`
		Signature string  `json:"thoughtSignature"`
		Call      *struct {
			ID   string          `json:"id"`
			Name string          `json:"name"`
			Args json.RawMessage `json:"args"`
		} `json:"functionCall"`
		Response *struct {
			ID       string          `json:"id"`
			Name     string          `json:"name"`
			Response json.RawMessage `json:"response"`
		} `json:"functionResponse"`
		Inline json.RawMessage `json:"inlineData"`
		File   json.RawMessage `json:"fileData"`
	} `json:"parts"`
}

// thoughtSignature stands for the opaque state of Gemini's parts; the other is the
// word that Google documents for calls that another model made,
// https://ai.google.dev/gemini-api/docs/thought-signatures.
const (
	thoughtSignature = "CiQBZmFrZWNsb3VkLXRob3VnaHQ="
	noSignature      = "skip_thought_signature_validator"
)

func (f geminiFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in geminiRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "Invalid JSON payload received. %v", err)
	}
	switch {
	case !strings.HasPrefix(at.model, "gemini-"):
		return nil, &apiError{status: http.StatusNotFound, kind: "not_found_error", message: "models/" + at.model + " is not found for API version v1beta, or is not supported for generateContent."}
	case len(in.Contents) == 0:
		return nil, invalid("", "* GenerateContentRequest.contents: contents is not specified")
	case in.Generation.Candidates != nil && *in.Generation.Candidates != 1:
		return nil, invalid("", "this stand-in gives one candidate; leave candidateCount out")
	}
	g := &in.Generation
	a := &ask{model: at.model, stream: at.stream, wantsUsage: true, maxOutput: g.MaxOutputTokens, stop: g.Stop, marks: map[int]string{}}
	a.JSON = g.MimeType == "application/json"
	if a.Schema = g.JSONSchema; len(a.Schema) == 0 {
		a.Schema = g.Schema
	}
	if len(a.Schema) > 0 && !a.JSON {
		return nil, invalid("", "response_mime_type must be application/json where a schema is given")
	}
	if t := g.Thinking; t != nil {
		switch {
		case t.Budget != nil && t.Level != "":
			return nil, invalid("", "You can only set only one of thinking budget and thinking level.")
		case t.Budget != nil && *t.Budget > 0:
			a.reasoning = min(*t.Budget, 64)
		case t.Level != "":
			a.reasoning = map[string]int64{"MINIMAL": 16, "LOW": 32, "MEDIUM": 64, "HIGH": 128}[strings.ToUpper(t.Level)]
		}
		a.showsThink = t.Include && a.reasoning > 0
	}
	for _, t := range in.Tools {
		for _, d := range t.Declarations {
			schema := d.Schema
			if len(schema) == 0 {
				schema = d.Parameters
			}
			if d.Name == "" {
				return nil, invalid("", "* GenerateContentRequest.tools[0].function_declarations[0].name: [FIELD_INVALID] the name is missing")
			}
			a.Tools = append(a.Tools, analyst.Tool{Name: d.Name, Description: d.Description, Schema: schema})
		}
	}
	switch c := in.ToolConfig.Calling; strings.ToUpper(c.Mode) {
	case "", "AUTO", "VALIDATED", "MODE_UNSPECIFIED":
	case "NONE":
		a.NoTools = true
	case "ANY":
		a.MustCall = true
		if len(c.Allowed) == 1 {
			a.MustCall, a.Named = false, c.Allowed[0]
		}
	default:
		return nil, invalid("", "Invalid value at 'tool_config.function_calling_config.mode': %q", c.Mode)
	}
	for _, sys := range []*geminiContent{in.SystemInstruction, in.SystemSnake} {
		if sys == nil {
			continue
		}
		turn := analyst.Turn{Role: analyst.System}
		for _, p := range sys.Parts {
			if p.Text != nil {
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: *p.Text})
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	return a, f.contents(a, in.Contents)
}

// contents reads the turns. As the provider does it insists that as many responses
// come as there were calls, and that a model of the third generation gets its calls
// back with their signatures.
func (f geminiFormat) contents(a *ask, contents []geminiContent) *apiError {
	var open []string // names of calls, in their order
	made := 0
	var waiting []string // their ids, as this reader gives them
	for i, c := range contents {
		turn := analyst.Turn{Role: analyst.User}
		switch c.Role {
		case "", "user", "function":
		case "model":
			turn.Role = analyst.Assistant
		default:
			return invalid("", "Please use a valid role: user, model. (contents[%d].role %q)", i, c.Role)
		}
		if len(c.Parts) == 0 {
			return invalid("", "* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.", i)
		}
		if len(open) > 0 && turn.Role == analyst.Assistant {
			return invalid("", "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
		}
		signed := false
		for j, p := range c.Parts {
			if p.Signature != "" && p.Signature != thoughtSignature && p.Signature != noSignature {
				return invalid("", "Thought signature is not valid (contents[%d].parts[%d])", i, j)
			}
			signed = signed || p.Signature != ""
			switch {
			case p.Call != nil:
				if strings.HasPrefix(a.model, "gemini-3") && !signed {
					return invalid("", "Function call is missing a thought_signature in functionCall parts. (contents[%d].parts[%d])", i, j)
				}
				made++
				id := "call " + string(rune('0'+made))
				open, waiting = append(open, p.Call.Name), append(waiting, id)
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Call, ID: id, Name: p.Call.Name, Args: p.Call.Args})
			case p.Response != nil:
				at := -1
				for k, name := range open {
					if name == p.Response.Name {
						at = k
						break
					}
				}
				if at < 0 {
					return invalid("", "Please ensure that function response turn comes immediately after a function call turn. (contents[%d].parts[%d] answers %q)", i, j, p.Response.Name)
				}
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Result, ID: waiting[at], Text: geminiResult(p.Response.Response)})
				open, waiting = append(open[:at:at], open[at+1:]...), append(waiting[:at:at], waiting[at+1:]...)
			case p.Text != nil && p.Thought:
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Thinking, Text: *p.Text})
			case p.Text != nil:
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: *p.Text})
			case len(p.Inline) > 0, len(p.File) > 0:
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Media})
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	if len(open) > 0 {
		return invalid("", "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
	}
	return nil
}

// geminiResult is what a tool returned: the API takes objects, so a text lies in a
// member of one.
func geminiResult(raw json.RawMessage) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return string(raw)
	}
	for _, name := range []string{"output", "result", "error", "content"} {
		if v, ok := m[name]; ok && len(m) == 1 {
			var s string
			if json.Unmarshal(v, &s) == nil {
				return s
			}
			return string(v)
		}
	}
	return string(raw)
}
