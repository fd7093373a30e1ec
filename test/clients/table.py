"""The tables of run.py. A new provider, client or coding agent is one more row."""

import json
from dataclasses import dataclass, field


@dataclass
class Provider:
    """A kind of provider, as the stand-in serves it. Skein serves it as the model of
    its name, and a second deployment, which is always throttled, as <name>-limited."""

    name: str
    options: str  # its row in skein.yaml; {fake} is the stand-in's address
    upstream: str
    limited: str
    embed: str = ""  # served as <name>-embed, where the kind makes vectors


PROVIDERS = [
    Provider("openai", '{{kind: openai, endpoint: "{fake}/openai/v1", formats: [responses, chat, embeddings], key: env:FAKE_KEY}}',
             "gpt-5.1", "gpt-5-mini", "text-embedding-3-small"),
    Provider("compatible", '{{kind: openai, endpoint: "{fake}/openai/v1", key: env:FAKE_KEY}}', "gpt-5.1", "gpt-5-nano", "text-embedding-3-small"),
    Provider("azure", '{{kind: azure, endpoint: "{fake}/azure", key: env:FAKE_KEY}}', "gpt-5.1", "gpt-4.1-mini", "text-embedding-3-small"),
    Provider("anthropic", '{{kind: anthropic, endpoint: "{fake}/anthropic", key: env:FAKE_KEY}}', "claude-sonnet-4-5", "claude-haiku-4-5"),
    Provider("bedrock-claude", '{{kind: bedrock, endpoint: "{fake}/bedrock", region: us-east-1, key: env:FAKE_KEY}}',
             "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    Provider("bedrock-nova", '{{kind: bedrock, endpoint: "{fake}/bedrock", region: us-east-1, key: env:FAKE_KEY}}',
             "us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"),
    Provider("gemini", '{{kind: gemini, endpoint: "{fake}/gemini", key: env:FAKE_KEY}}', "gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
    Provider("vertex-gemini", '{{kind: vertex, endpoint: "{fake}/vertex", project: skein, region: us-east5, key: env:FAKE_KEY}}',
             "gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
    Provider("vertex-claude", '{{kind: vertex, endpoint: "{fake}/vertex", project: skein, region: us-east5, key: env:FAKE_KEY}}',
             "claude-sonnet-4-5@20250929", "claude-haiku-4-5@20251001"),
]


@dataclass
class Client:
    """A script that tries features and prints their outcomes; see report.py."""

    name: str
    script: str
    path: str  # what it posts to: whether Skein serves it is asked first
    argument: str = ""
    embeds: bool = False  # it is for providers that make vectors
    kind: str = "script"


CHAT, RESPONSES, EMBEDDINGS, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages"
CONVERSE, INVOKE = "/model/m/converse", "/model/m/invoke"
GEMINI, VERTEX_GEMINI = "/v1beta/models/m:generateContent", "/v1beta1/publishers/google/models/m:generateContent"
VERTEX_CLAUDE = "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict"

CLIENTS = [
    Client("openai-python chat", "openai_chat.py", CHAT),
    Client("openai-python responses", "openai_responses.py", RESPONSES),
    Client("openai-python embeddings", "openai_embeddings.py", EMBEDDINGS, embeds=True),
    Client("openai-node chat", "openai.mjs", CHAT),
    Client("openai-node responses", "openai.mjs", RESPONSES, "responses"),
    Client("anthropic-python", "anthropic_messages.py", MESSAGES),
    Client("anthropic-python bedrock", "anthropic_messages.py", INVOKE, "bedrock"),
    Client("anthropic-python vertex", "anthropic_messages.py", VERTEX_CLAUDE, "vertex"),
    Client("anthropic-node", "anthropic.mjs", MESSAGES),
    Client("anthropic-node bedrock", "anthropic.mjs", INVOKE, "bedrock"),
    Client("anthropic-node vertex", "anthropic.mjs", VERTEX_CLAUDE, "vertex"),
    Client("boto3", "boto3_bedrock.py", CONVERSE),
    Client("boto3 signed", "boto3_bedrock.py", CONVERSE, "sigv4"),
    Client("aws-sdk-node", "bedrock.mjs", CONVERSE),
    Client("google-genai-python", "google_genai.py", GEMINI),
    Client("google-genai-python vertex", "google_genai.py", VERTEX_GEMINI, "vertex"),
    Client("google-genai-node", "genai.mjs", GEMINI),
    Client("google-genai-node vertex", "genai.mjs", VERTEX_GEMINI, "vertex"),
    Client("langchain openai", "lang_chain.py", CHAT, "openai"),
    Client("langchain openai responses", "lang_chain.py", RESPONSES, "openai-responses"),
    Client("langchain anthropic", "lang_chain.py", MESSAGES, "anthropic"),
    Client("langchain aws", "lang_chain.py", CONVERSE, "aws"),
    Client("langchain google", "lang_chain.py", GEMINI, "google"),
    Client("pydantic-ai openai", "pydantic_agent.py", CHAT, "openai"),
    Client("pydantic-ai openai responses", "pydantic_agent.py", RESPONSES, "openai-responses"),
    Client("pydantic-ai anthropic", "pydantic_agent.py", MESSAGES, "anthropic"),
    Client("pydantic-ai bedrock", "pydantic_agent.py", CONVERSE, "bedrock"),
    Client("pydantic-ai google", "pydantic_agent.py", GEMINI, "google"),
    Client("openai-agents chat", "openai_agents.py", CHAT, "chat"),
    Client("openai-agents responses", "openai_agents.py", RESPONSES, "responses"),
    Client("vercel-ai openai", "ai.mjs", RESPONSES, "openai"),
    Client("vercel-ai openai unstored", "ai.mjs", RESPONSES, "openai-unstored"),
    Client("vercel-ai openai chat", "ai.mjs", CHAT, "openai-chat"),
    Client("vercel-ai anthropic", "ai.mjs", MESSAGES, "anthropic"),
    Client("vercel-ai bedrock", "ai.mjs", CONVERSE, "bedrock"),
    Client("vercel-ai google", "ai.mjs", GEMINI, "google"),
]


@dataclass
class Agent:
    """A coding agent, run without a terminal for one small task. Its words are chosen
    so that the stand-in model calls the shell tool, and says what came of it. {url},
    {key} and {model} are filled in everywhere."""

    name: str
    path: str
    command: list
    says: str  # in what it prints when the tool's result went to the model and back
    env: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)  # in its home, before it starts
    kind: str = "agent"


# Without sub-agents: a stand-in model that calls whatever it reads of would start them without end.
CLAUDE = ["claude", "-p", "bash --version", "--allowedTools", "Bash(bash --version)", "--disallowedTools", "Agent"]
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "ANTHROPIC_MODEL": "{model}", "ANTHROPIC_SMALL_FAST_MODEL": "{model}"}
CODEX = ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
GEMINI_CLI = ["gemini", "-p", "echo command", "--yolo", "-m", "{model}"]
TRUST = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}

AGENTS = [
    Agent("claude-code", MESSAGES, CLAUDE, "GNU bash",
          {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_AUTH_TOKEN": "{key}", **QUIET}),
    Agent("claude-code bedrock", INVOKE, CLAUDE, "GNU bash",
          {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BEDROCK_BASE_URL": "{url}", "AWS_BEARER_TOKEN_BEDROCK": "{key}", "AWS_REGION": "us-east-1", **QUIET}),
    Agent("claude-code vertex", VERTEX_CLAUDE, CLAUDE, "GNU bash",
          {"CLAUDE_CODE_USE_VERTEX": "1", "ANTHROPIC_VERTEX_BASE_URL": "{url}/v1", "CLAUDE_CODE_SKIP_VERTEX_AUTH": "1",
           "ANTHROPIC_VERTEX_PROJECT_ID": "skein", "CLOUD_ML_REGION": "us-east5", "ANTHROPIC_AUTH_TOKEN": "{key}", **QUIET}),
    Agent("codex", RESPONSES, [*CODEX, "-c", "model_provider=skein", "-c",
          'model_providers.skein={{name="Skein",base_url="{url}/v1",env_key="SKEIN_API_KEY",wire_api="responses"}}', "-m", "{model}", "echo command"],
          "found out", {"SKEIN_API_KEY": "{key}"}),
    Agent("gemini-cli", GEMINI, GEMINI_CLI, "found out",
          {"GOOGLE_GEMINI_BASE_URL": "{url}", "GEMINI_API_KEY": "{key}", **TRUST},
          {".gemini/settings.json": json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})}),
    Agent("gemini-cli vertex", VERTEX_GEMINI, GEMINI_CLI, "found out",
          {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_VERTEX_BASE_URL": "{url}", "GOOGLE_API_KEY": "{key}", **TRUST}),
]

# What cannot work, each with its reason: (client, provider, feature), * for any. A
# row whose cells all work again is an error, so that none outlives its reason.
STORED = ("It sends earlier output back as item_reference, an id of what only the provider keeps that made it; with"
          " providerOptions.openai.store = false it sends the output itself (vercel-ai openai unstored).")
EXPLAINED = {
    **{("vercel-ai openai", provider, feature): STORED
       for provider in ("compatible", "anthropic", "bedrock-*", "gemini", "vertex-*") for feature in ("tool", "stream_tool")},
    ("openai-python embeddings", "bedrock-nova", "embed_many"): "Titan takes one text a request, and a call is one request.",
}
