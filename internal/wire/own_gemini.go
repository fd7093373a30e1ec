package wire

import "github.com/skein-run/skein/internal/llm"

// ownGemini are the members that Google's generateContent has for itself, from its
// references (https://ai.google.dev/api/generate-content and
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/GenerateContentResponse,
// read 2026-11-24), from its Go library (google.golang.org/genai 1.77) and from
// recorded traffic. Those that begin with ~ only say how something was written.
var ownGemini = rowsOf(
	geminiOwn("", Neutral, "how it was written", "~*", "model", "toolConfig.functionCallingConfig.~*"),
	geminiOwn("messages", Neutral, "how it was written", "~*", "role"),
	geminiOwn("parts", Neutral, "how it was written", "~*"),
	geminiOwn("tools", Neutral, "how it was written", "~*"),

	geminiOwn("", Neutral, "what its own models do of themselves", "generationConfig.topK", "generationConfig.topP"),

	// Read into the canonical members as well.
	geminiOwn("", Carried, "", "generationConfig.thinkingConfig", "generationConfig.responseModalities",
		"generationConfig.responseSchema", "generationConfig.responseJsonSchema", "generationConfig._responseJsonSchema"),
	geminiOwn("tools", Carried, "", "parameters", "parametersJsonSchema"),
	geminiBut("", "generationConfig.responseMimeType", Semantic, "a form of output that only its provider has", `"application/json"`, `"text/plain"`, `""`),
	geminiBut("", "toolConfig.functionCallingConfig.mode", Advisory, "arguments are held to their schemas where those are of the strict kind",
		`"AUTO"`, `"ANY"`, `"NONE"`, `"auto"`, `"any"`, `"none"`, `"MODE_UNSPECIFIED"`, `0`, `1`, `2`, `3`),
	geminiBut("", "toolConfig.functionCallingConfig.allowedFunctionNames", Semantic, "a choice among some of the tools", `[]`),
	geminiBut("", "toolConfig.functionCallingConfig.streamFunctionCallArguments", Advisory, "arguments stream as they come", `false`),
	geminiOwn("", Advisory, "who sees the server's own calls", "toolConfig.includeServerSideToolInvocations"),
	geminiBut("", "toolConfig.retrievalConfig", Semantic, "where its server's tools look", `{}`),
	geminiOwn("", Neutral, "a way to call functions that says nothing", "toolConfig.functionCallingConfig"),

	geminiBut("", "safetySettings", Semantic, "a filter by its own provider", `[]`), // those that filter; see the codec
	geminiOwn("", Semantic, "a filter by its own provider", "modelArmorConfig"),
	geminiOwn("", Semantic, "what its provider keeps", "cachedContent"),
	geminiOwn("", Advisory, "bookkeeping", "labels"),

	geminiOwn("", Semantic, "how an answer in sound or pictures is to be",
		"generationConfig.speechConfig", "generationConfig.imageConfig", "generationConfig.generationOutputConfig", "generationConfig.responseFormat"),
	geminiBut("", "generationConfig.mediaResolution", Advisory, "how closely media are looked at", `"MEDIA_RESOLUTION_UNSPECIFIED"`),
	geminiBut("", "generationConfig.audioTimestamp", Semantic, "times of what is heard", `false`),
	geminiBut("", "generationConfig.enableEnhancedCivicAnswers", Advisory, "a filter by its own provider", `false`),
	geminiBut("", "generationConfig.enableAffectiveDialog", Semantic, "no such member", `false`),
	geminiOwn("", Advisory, "another service's routing", "generationConfig.routingConfig", "generationConfig.modelSelectionConfig", "generationConfig.modelConfig"),
	geminiOwn("", Semantic, "what is heard as text", "generationConfig.audioTranscriptionConfig"),
	geminiBut("", "generationConfig.continuationToken", Semantic, "a piece of its provider's own state"),
	geminiBut("", "generationConfig.automaticContinuation", Advisory, "the answer ends at its cap", `false`),

	geminiOwn("parts", Neutral, "no state", "thoughtSignature"),
	geminiOwn("parts", Advisory, "how closely it is looked at", "mediaResolution", "mediaProcessing"),
	geminiBut("parts", "videoMetadata", Semantic, "which piece of a video is meant", `{}`),
	geminiOwn("parts", Advisory, "labels of the caller's", "partMetadata", "inlineData.displayName", "fileData.displayName"),
	geminiOwn("parts", Neutral, "of an earlier answer's envelope", "thought", "audioTranscription", "speechMetadata",
		"functionCall.partialArgs", "functionCall.willContinue"),
	geminiBut("parts", "functionResponse.willContinue", Semantic, "results that are still to come", `false`),
	geminiOwn("parts", Advisory, "when a result is looked at", "functionResponse.scheduling"),
	geminiOwn("parts", Advisory, "of a file", "inlineData.*", "fileData.*"),
	geminiOwn("messages", Advisory, "of an earlier answer's envelope", "*"),

	geminiBut("tools", "behavior", Semantic, "tools that the model does not wait for", `"UNSPECIFIED"`, `"BLOCKING"`),
	geminiOwn("tools", Advisory, "what the model is told of a tool's results", "response", "responseJsonSchema"),
)

func geminiOwn(holder string, class LossClass, note string, paths ...string) []ExtraFate {
	return ownOf(llm.Gemini, holder, class, note, paths...)
}

func geminiBut(holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return ownBut(llm.Gemini, holder, path, class, note, neutral...)
}
