package llm

// Format is a wire format that clients and providers speak.
type Format string

// The formats that have a codec.
const (
	Chat      Format = "chat"      // OpenAI Chat Completions
	Responses Format = "responses" // OpenAI Responses
	Messages  Format = "messages"  // Anthropic Messages, also as Bedrock InvokeModel and Vertex rawPredict bodies
	Converse  Format = "converse"  // Bedrock Converse
	Gemini    Format = "gemini"    // Google generateContent

	Embeddings     Format = "embeddings"       // OpenAI Embeddings
	GeminiEmbed    Format = "gemini_embed"     // Google batchEmbedContents
	GeminiEmbedOne Format = "gemini_embed_one" // Google embedContent
	VertexEmbed    Format = "vertex_embed"     // Vertex AI predict bodies of Google's embedding models
	TitanEmbed     Format = "titan_embed"      // Bedrock InvokeModel bodies of Amazon's embedding models
	CohereEmbed    Format = "cohere_embed"     // Cohere embed, also as Bedrock InvokeModel bodies

	MessagesCount  Format = "messages_count"  // Anthropic count_tokens
	ResponsesCount Format = "responses_count" // OpenAI responses/input_tokens
	ConverseCount  Format = "converse_count"  // Bedrock CountTokens
	GeminiCount    Format = "gemini_count"    // Google countTokens
)

// Operation is what a call is for. Formats of one operation translate into each
// other; an operation into another never does.
type Operation string

// The operations.
const (
	Generate Operation = "generate" // an answer, streamed or not
	Embed    Operation = "embed"    // vectors of texts
	Count    Operation = "count"    // how many tokens a request would be; costs nothing
)

// Operation is what calls in this format are for.
func (f Format) Operation() Operation {
	switch f {
	case Embeddings, GeminiEmbed, GeminiEmbedOne, VertexEmbed, TitanEmbed, CohereEmbed:
		return Embed
	case MessagesCount, ResponsesCount, ConverseCount, GeminiCount:
		return Count
	}
	return Generate
}
