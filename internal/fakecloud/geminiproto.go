package fakecloud

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Google's APIs read JSON by the rules of protobuf: a field has two spellings, with
// humps and with underscores, a list of one may be written without brackets, and an
// unknown name is an error wherever it stands.

// messageFields are the fields of a message: "*" is read no further, "" is a plain
// value, and anything else names the message that it holds, with brackets a list.
var messageFields = map[string]map[string]string{
	"GenerateContentRequest": {"model": "", "contents": "[]Content", "systemInstruction": "Content", "tools": "[]Tool", "toolConfig": "ToolConfig",
		"generationConfig": "GenerationConfig", "safetySettings": "[]SafetySetting", "cachedContent": "", "labels": "*", "modelArmorConfig": "*",
		"serviceTier": "", "store": "", "continuationToken": "", "automaticContinuation": "", "generationOutputConfig": "*"},
	"Content": {"parts": "[]Part", "role": ""},
	"Part": {"text": "", "thought": "", "thoughtSignature": "", "inlineData": "Blob", "fileData": "FileData", "functionCall": "FunctionCall",
		"functionResponse": "FunctionResponse", "executableCode": "*", "codeExecutionResult": "*", "videoMetadata": "*", "mediaResolution": "*",
		"partMetadata": "*", "toolCall": "*", "toolResponse": "*"},
	"Blob":                 {"mimeType": "", "data": "", "displayName": ""},
	"FileData":             {"mimeType": "", "fileUri": "", "displayName": ""},
	"FunctionCall":         {"id": "", "name": "", "args": "*", "partialArgs": "*", "willContinue": ""},
	"FunctionResponse":     {"id": "", "name": "", "response": "*", "parts": "[]FunctionResponsePart", "willContinue": "", "scheduling": ""},
	"FunctionResponsePart": {"inlineData": "Blob", "fileData": "FileData"},
	"Tool": {"functionDeclarations": "[]FunctionDeclaration", "googleSearch": "*", "googleSearchRetrieval": "*", "codeExecution": "*", "urlContext": "*",
		"fileSearch": "*", "googleMaps": "*", "computerUse": "*", "retrieval": "*", "enterpriseWebSearch": "*", "mcpServers": "*", "parallelAiSearch": "*", "exaAiSearch": "*"},
	"FunctionDeclaration": {"name": "", "description": "", "parameters": "Schema", "parametersJsonSchema": "*", "response": "Schema",
		"responseJsonSchema": "*", "behavior": ""},
	"Schema": {"type": "", "format": "", "title": "", "description": "", "nullable": "", "enum": "", "default": "*", "example": "*", "items": "Schema",
		"minItems": "", "maxItems": "", "properties": "map Schema", "required": "", "minProperties": "", "maxProperties": "", "minLength": "", "maxLength": "",
		"minimum": "", "maximum": "", "pattern": "", "anyOf": "[]Schema", "propertyOrdering": "", "additionalProperties": "*", "ref": "", "defs": "*"},
	"ToolConfig":            {"functionCallingConfig": "FunctionCallingConfig", "retrievalConfig": "*", "includeServerSideToolInvocations": ""},
	"FunctionCallingConfig": {"mode": "", "allowedFunctionNames": "", "streamFunctionCallArguments": ""},
	"GenerationConfig": {"temperature": "", "topP": "", "topK": "", "candidateCount": "", "maxOutputTokens": "", "stopSequences": "", "responseLogprobs": "",
		"logprobs": "", "presencePenalty": "", "frequencyPenalty": "", "seed": "", "responseMimeType": "", "responseSchema": "Schema",
		"responseJsonSchema": "*", "responseModalities": "", "mediaResolution": "", "speechConfig": "*", "audioTimestamp": "", "thinkingConfig": "ThinkingConfig",
		"imageConfig": "*", "routingConfig": "*", "modelSelectionConfig": "*", "enableEnhancedCivicAnswers": "", "enableAffectiveDialog": "", "responseFormat": "*"},
	"ThinkingConfig": {"includeThoughts": "", "thinkingBudget": "", "thinkingLevel": ""},
	"SafetySetting":  {"category": "", "threshold": "", "method": ""},

	"CountTokensRequest": {"contents": "[]Content", "generateContentRequest": "GenerateContentRequest", "model": "", "systemInstruction": "Content",
		"tools": "[]Tool", "generationConfig": "GenerationConfig", "instances": "*"},
	"BatchEmbedContentsRequest": {"requests": "[]EmbedContentRequest", "model": ""},
	"EmbedContentRequest":       {"model": "", "content": "Content", "taskType": "", "title": "", "outputDimensionality": "", "autoTruncate": "", "embedContentConfig": "*"},
}

// vertexFields are those that Vertex AI has and the Gemini API has not.
var vertexFields = map[string][]string{
	"GenerateContentRequest": names("labels modelArmorConfig"), "Schema": names("additionalProperties ref defs"), "SafetySetting": names("method"),
	"GenerationConfig": names("audioTimestamp routingConfig modelSelectionConfig"), "Tool": names("enterpriseWebSearch retrieval"),
}

// protobuf reads a message in either spelling and gives it in the first, or says
// which name is not known.
func protobuf(raw json.RawMessage, message string, vertex bool) (json.RawMessage, *apiError) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, invalid("", "Invalid JSON payload received. %v", err)
	}
	p := protoReader{vertex}
	out, e := p.message(v, message, "")
	if e != nil {
		return nil, e
	}
	return mustJSON(out), nil
}

type protoReader struct{ vertex bool }

func (p protoReader) message(v any, message, path string) (any, *apiError) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("", "Invalid value at '%s' (%s), %s", orBody(path), message, mustJSON(v))
	}
	out := map[string]any{}
	for _, name := range sortedNames(m) {
		humps := withHumps(name)
		kind, known := messageFields[message][humps]
		if !known || !p.vertex && slices.Contains(vertexFields[message], humps) {
			where := ""
			if path != "" {
				where = " at '" + path + "'"
			}
			return nil, invalid("", "Invalid JSON payload received. Unknown name \"%s\"%s: Cannot find field.", name, where)
		}
		if m[name] == nil {
			continue
		}
		value, e := p.value(m[name], kind, strings.TrimPrefix(path+"."+underscored(humps), "."))
		if e != nil {
			return nil, e
		}
		out[humps] = value
	}
	return out, nil
}

func (p protoReader) value(v any, kind, path string) (any, *apiError) {
	switch of, list := strings.CutPrefix(kind, "[]"); {
	case list:
		items, ok := v.([]any)
		if !ok {
			items = []any{v}
		}
		out := make([]any, len(items))
		for i, item := range items {
			var e *apiError
			if out[i], e = p.message(item, of, fmt.Sprintf("%s[%d]", path, i)); e != nil {
				return nil, e
			}
		}
		return out, nil
	case kind == "map Schema":
		m, ok := v.(map[string]any)
		if !ok {
			return nil, invalid("", "Invalid value at '%s' (Map), %s", path, mustJSON(v))
		}
		out := map[string]any{}
		for i, name := range sortedNames(m) {
			var e *apiError
			if out[name], e = p.message(m[name], "Schema", fmt.Sprintf("%s[%d].value", path, i)); e != nil {
				return nil, e
			}
		}
		return out, nil
	case kind == "" || kind == "*":
		return v, nil
	}
	return p.message(v, kind, path)
}

func orBody(path string) string {
	if path == "" {
		return "the body"
	}
	return path
}

func sortedNames(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// withHumps spells a name as JSON does, underscored as protobuf does.
func withHumps(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

func underscored(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
