package fakecloud

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/analyst"
)

// geminiFormat is Google's generateContent, of the Gemini API or of Vertex AI.
type geminiFormat struct {
	service string // gemini or vertex
	array   bool   // the stream is one JSON array
	sse     bool   // or one of events
}

func (f geminiFormat) provider() (service, op string) { return f.service, "generate" }
func (geminiFormat) automatic() bool                  { return true }
func (geminiFormat) thought() thought                 { return thoughtHidden }
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
	Tools             []struct {
		Declarations []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
			Schema      json.RawMessage `json:"parametersJsonSchema"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
	Cached     json.RawMessage `json:"cachedContent"`
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
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiPart struct {
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
	Code   json.RawMessage `json:"executableCode"`
	Ran    json.RawMessage `json:"codeExecutionResult"`
	Use    json.RawMessage `json:"toolCall"`
	Used   json.RawMessage `json:"toolResponse"`
}

// empty reports whether there is nothing in a part.
func (p *geminiPart) empty() bool {
	return len(p.Inline)+len(p.File)+len(p.Code)+len(p.Ran)+len(p.Use)+len(p.Used) == 0 && !p.Thought && p.Signature == ""
}

// thoughtSignature is the opaque state of Gemini's parts, and the words of foreign are
// those that Google documents for calls that another model made,
// https://ai.google.dev/gemini-api/docs/thought-signatures. A client encodes them, or
// sends them as they are.
var (
	thoughtSignature = seal(makerGoogle, "thought")
	foreign          = []string{"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"}
)

func signed(signature string) bool {
	plain, err := base64.StdEncoding.DecodeString(signature)
	return signature == thoughtSignature || slices.Contains(foreign, signature) || err == nil && slices.Contains(foreign, string(plain))
}

var geminiName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$`)

func servesGemini(model string) bool {
	return !absent(model) && (strings.HasPrefix(model, "gemini-") || strings.HasPrefix(model, "gemma-"))
}

func (f geminiFormat) notFound(model, method string) *apiError {
	message := "models/" + model + " is not found for API version v1beta, or is not supported for " + method + ". Call ListModels to see the list of available models and their supported methods."
	if f.service == "vertex" {
		message = "Publisher Model `projects/PROJECT/locations/LOCATION/publishers/google/models/" + model + "` not found."
	}
	return &apiError{status: http.StatusNotFound, kind: "not_found_error", message: message}
}

func (f geminiFormat) decode(at *incoming, body []byte) (*ask, *apiError) {
	var in geminiRequest
	body, e := protobuf(body, "GenerateContentRequest", f.service == "vertex")
	if e != nil {
		return nil, e
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, invalid("", "Invalid JSON payload received. %v", err)
	}
	switch {
	case !servesGemini(at.model):
		return nil, f.notFound(at.model, "generateContent")
	case given(in.Cached):
		return nil, &apiError{status: http.StatusForbidden, kind: "permission_error", message: "CachedContent not found (or permission denied)"}
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
		case t.Budget != nil && *t.Budget < 0:
			a.reasoning = 64 // as much as it likes
		case t.Budget != nil && *t.Budget > 0:
			a.reasoning = min(*t.Budget, 64)
		case t.Level != "":
			tokens, ok := map[string]int64{"MINIMAL": 16, "LOW": 32, "MEDIUM": 64, "HIGH": 128}[strings.ToUpper(t.Level)]
			if !ok {
				return nil, invalid("", "Invalid value at 'generation_config.thinking_config.thinking_level' (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel), %q", t.Level)
			}
			a.reasoning = tokens
		}
		a.showsThink = t.Include && (a.reasoning > 0 || t.Budget == nil)
		if a.reasoning == 0 && a.showsThink {
			a.reasoning = 64 // as much as it likes
		}
	}
	for i, t := range in.Tools {
		a.served = a.served || len(t.Declarations) == 0
		for j, d := range t.Declarations {
			schema := d.Schema
			if len(schema) == 0 {
				schema = d.Parameters
			}
			switch where := fmt.Sprintf("* GenerateContentRequest.tools[%d].function_declarations[%d].", i, j); {
			case !geminiName.MatchString(d.Name):
				return nil, invalid("", "%sname: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.", where)
			case a.has(d.Name):
				return nil, invalid("", "Duplicate function declaration found: %s", d.Name)
			case len(d.Schema) > 0 && len(d.Parameters) > 0:
				return nil, invalid("", "%sparameters: only one of parameters and parametersJsonSchema may be set.", where)
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
		for _, name := range c.Allowed {
			if !a.has(name) {
				return nil, invalid("", "allowed_function_names should be a subset of the function_declarations: %s", name)
			}
		}
		if len(a.Tools) == 0 {
			return nil, invalid("", "Function calling config is set without function_declarations.")
		}
		if len(c.Allowed) == 1 {
			a.MustCall, a.Named = false, c.Allowed[0]
		}
	default:
		return nil, invalid("", "Invalid value at 'tool_config.function_calling_config.mode': %q", c.Mode)
	}
	if sys := in.SystemInstruction; sys != nil {
		turn := analyst.Turn{Role: analyst.System}
		for _, p := range sys.Parts {
			if p.Text != nil {
				turn.Parts = append(turn.Parts, analyst.Part{Kind: analyst.Text, Text: *p.Text})
			}
		}
		a.Turns = append(a.Turns, turn)
	}
	a.prefills = in.Contents[len(in.Contents)-1].Role == "model" && prefills(at.prefill, true)
	return a, f.contents(a, in.Contents)
}
