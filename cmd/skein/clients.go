package main

// client is a program or a library that is pointed at Skein, as data: what it wants
// in its environment. The variables were tried with the programs themselves
// (2026-11). In the values, {url} is Skein's address, {key} the Skein key, {access}
// and {secret} the AWS pair that is derived from it, {model} a model's name.
type client struct {
	Name string
	// By is another service's clothes, in which some clients come.
	By    string
	About string
	Vars  []variable
	// Notes stand below the variables, as comments: what else the client needs.
	Notes []string
}

// variable is one of the environment. With Model it is left out where no model is named.
type variable struct {
	Name, Value string
	Model       bool
}

const (
	byBedrock = "bedrock"
	byVertex  = "vertex"
	byBearer  = "bearer"
)

var clients = []client{
	{Name: "claude-code", About: "Claude Code", Vars: []variable{
		{"ANTHROPIC_BASE_URL", "{url}", false},
		{"ANTHROPIC_AUTH_TOKEN", "{key}", false},
		{"ANTHROPIC_MODEL", "{model}", true},
		{"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}", true},
	}},
	{Name: "claude-code", By: byBedrock, About: "Claude Code as for Amazon Bedrock", Vars: []variable{
		{"CLAUDE_CODE_USE_BEDROCK", "1", false},
		{"ANTHROPIC_BEDROCK_BASE_URL", "{url}/bedrock", false},
		{"CLAUDE_CODE_SKIP_BEDROCK_AUTH", "1", false},
		{"ANTHROPIC_AUTH_TOKEN", "{key}", false},
		{"AWS_REGION", "us-east-1", false},
		{"ANTHROPIC_MODEL", "{model}", true},
		{"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}", true},
	}},
	{Name: "claude-code", By: byVertex, About: "Claude Code as for Vertex AI", Vars: []variable{
		{"CLAUDE_CODE_USE_VERTEX", "1", false},
		{"ANTHROPIC_VERTEX_BASE_URL", "{url}/vertex/v1", false},
		{"CLAUDE_CODE_SKIP_VERTEX_AUTH", "1", false},
		{"ANTHROPIC_AUTH_TOKEN", "{key}", false},
		{"ANTHROPIC_VERTEX_PROJECT_ID", "skein", false},
		{"CLOUD_ML_REGION", "global", false},
		{"ANTHROPIC_MODEL", "{model}", true},
		{"ANTHROPIC_DEFAULT_HAIKU_MODEL", "{model}", true},
	}},
	{Name: "codex", About: "Codex", Vars: []variable{{"SKEIN_KEY", "{key}", false}}, Notes: []string{
		"for ~/.codex/config.toml:",
		`  model = "{model}"`,
		`  model_provider = "skein"`,
		`  [model_providers.skein]`,
		`  name = "Skein"`,
		`  base_url = "{url}/v1"`,
		`  env_key = "SKEIN_KEY"`,
		`  wire_api = "responses"`,
		"or for one call:",
		`  codex -m '{model}' -c model_provider=skein -c 'model_providers.skein={name="Skein",base_url="{url}/v1",env_key="SKEIN_KEY",wire_api="responses"}'`,
	}},
	{Name: "gemini-cli", About: "Gemini CLI", Vars: []variable{
		{"GOOGLE_GEMINI_BASE_URL", "{url}", false},
		{"GEMINI_API_KEY", "{key}", false},
		{"GEMINI_MODEL", "{model}", true},
	}, Notes: []string{
		`~/.gemini/settings.json has to say which way to sign in is meant:`,
		`  {"security": {"auth": {"selectedType": "gemini-api-key"}}}`,
	}},
	{Name: "gemini-cli", By: byVertex, About: "Gemini CLI as for Vertex AI", Vars: []variable{
		{"GOOGLE_GENAI_USE_VERTEXAI", "true", false},
		{"GOOGLE_VERTEX_BASE_URL", "{url}", false},
		{"GOOGLE_API_KEY", "{key}", false},
		{"GEMINI_MODEL", "{model}", true},
	}},
	{Name: "openai", About: "OpenAI's SDKs, the OpenAI Agents SDK, Pydantic AI", Vars: []variable{
		{"OPENAI_BASE_URL", "{url}/v1", false},
		{"OPENAI_API_KEY", "{key}", false},
	}},
	{Name: "azure-openai", About: "OpenAI's SDKs as for Azure", Vars: []variable{
		{"AZURE_OPENAI_ENDPOINT", "{url}", false},
		{"AZURE_OPENAI_API_KEY", "{key}", false},
		{"OPENAI_API_VERSION", "2024-10-21", false},
	}},
	{Name: "anthropic", About: "Anthropic's SDKs", Vars: []variable{
		{"ANTHROPIC_BASE_URL", "{url}", false},
		{"ANTHROPIC_API_KEY", "{key}", false},
	}},
	{Name: "anthropic", By: byBedrock, About: "Anthropic's SDKs as for Amazon Bedrock", Vars: []variable{
		{"ANTHROPIC_BEDROCK_BASE_URL", "{url}/bedrock", false},
		{"AWS_BEARER_TOKEN_BEDROCK", "{key}", false},
		{"AWS_REGION", "us-east-1", false},
	}},
	{Name: "anthropic", By: byVertex, About: "Anthropic's SDKs as for Vertex AI", Vars: []variable{
		{"ANTHROPIC_VERTEX_BASE_URL", "{url}/vertex/v1", false},
		{"ANTHROPIC_VERTEX_PROJECT_ID", "skein", false},
		{"CLOUD_ML_REGION", "global", false},
	}, Notes: []string{"give the key in the program: AnthropicVertex(access_token=…)"}},
	{Name: "aws", About: "AWS's SDKs (bedrock-runtime), signing with a pair made from the key", Vars: []variable{
		{"AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "{url}", false},
		{"AWS_ACCESS_KEY_ID", "{access}", false},
		{"AWS_SECRET_ACCESS_KEY", "{secret}", false},
		{"AWS_REGION", "us-east-1", false},
		{"AWS_DEFAULT_REGION", "us-east-1", false},
	}},
	{Name: "aws", By: byBearer, About: "AWS's SDKs with the key itself", Vars: []variable{
		{"AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "{url}", false},
		{"AWS_BEARER_TOKEN_BEDROCK", "{key}", false},
		{"AWS_REGION", "us-east-1", false},
		{"AWS_DEFAULT_REGION", "us-east-1", false},
	}, Notes: []string{"boto3 sends such a key to https addresses only; without TLS, sign: skein env aws"}},
	{Name: "google-genai", About: "Google's Gen AI SDKs", Vars: []variable{
		{"GOOGLE_GEMINI_BASE_URL", "{url}", false},
		{"GEMINI_API_KEY", "{key}", false},
	}},
	{Name: "google-genai", By: byVertex, About: "Google's Gen AI SDKs as for Vertex AI", Vars: []variable{
		{"GOOGLE_GENAI_USE_VERTEXAI", "true", false},
		{"GOOGLE_VERTEX_BASE_URL", "{url}", false},
		{"GOOGLE_API_KEY", "{key}", false},
	}},
	{Name: "langchain", About: "LangChain (OpenAI, Anthropic and Google)", Vars: []variable{
		{"OPENAI_BASE_URL", "{url}/v1", false},
		{"OPENAI_API_KEY", "{key}", false},
		{"ANTHROPIC_BASE_URL", "{url}", false},
		{"ANTHROPIC_API_KEY", "{key}", false},
		{"GOOGLE_GEMINI_BASE_URL", "{url}", false},
		{"GOOGLE_API_KEY", "{key}", false},
	}},
	{Name: "vercel-ai", About: "Vercel's AI SDK", Vars: []variable{
		{"OPENAI_BASE_URL", "{url}/v1", false},
		{"OPENAI_API_KEY", "{key}", false},
		{"ANTHROPIC_BASE_URL", "{url}/v1", false},
		{"ANTHROPIC_API_KEY", "{key}", false},
		{"GOOGLE_GENERATIVE_AI_API_KEY", "{key}", false},
	}, Notes: []string{`Google's address is given in the program: createGoogleGenerativeAI({baseURL: "{url}/v1beta"})`}},
	{Name: "aider", About: "Aider", Vars: []variable{
		{"OPENAI_API_BASE", "{url}/v1", false},
		{"OPENAI_API_KEY", "{key}", false},
	}, Notes: []string{"start it with: aider --model 'openai/{model}'"}},
	{Name: "opencode", About: "OpenCode", Vars: []variable{{"SKEIN_KEY", "{key}", false}}, Notes: []string{
		"for opencode.json:",
		`  {"provider": {"skein": {"npm": "@ai-sdk/openai-compatible", "name": "Skein",`,
		`    "options": {"baseURL": "{url}/v1", "apiKey": "{env:SKEIN_KEY}"}, "models": {"{model}": {}}}}}`,
	}},
}
