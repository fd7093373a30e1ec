package wire

import "slices"

// Cloud is who serves Anthropic's models, as far as beta flags go.
type Cloud string

// The clouds.
const (
	CloudAnthropic Cloud = ""         // the maker's own API
	CloudBedrock   Cloud = "bedrock"  // InvokeModel
	CloudConverse  Cloud = "converse" // Bedrock Converse, in additionalModelRequestFields
	CloudVertex    Cloud = "vertex"
	CloudFoundry   Cloud = "foundry" // Microsoft's
)

// betaRow is what becomes of a beta flag in each cloud: "=" goes as it is, "" is
// dropped as nothing is lost by it (the feature is there without, or it is about
// the maker's own service), "!" is dropped with what it asks for, which the cloud
// does not have; anything else is its name there.
type betaRow struct {
	flag                               string
	bedrock, converse, vertex, foundry string
	note                               string // what it asks for
}

// betas are the flags of Anthropic's API, from its SDK (anthropic-sdk-go 1.84.0,
// beta.go) and from what Claude Code 2.1 sends to it. Which cloud takes them: what
// Claude Code itself sends there (recorded 2026-11-24), Anthropic's pages on the
// clouds (https://platform.claude.com/docs/en/build-with-claude/claude-in-amazon-bedrock,
// …/claude-on-vertex-ai), and, where those are silent, what LiteLLM found to be
// taken and refused (anthropic_beta_headers_config.json), read 2026-11-24. On
// Bedrock they stand in the body, on Vertex in the header.
var betas = []betaRow{
	{"claude-code-20250219", "", "", "", "", "which client it is"},
	{"oauth-2025-04-20", "", "", "", "", "a way to sign in"},
	{"interleaved-thinking-2025-05-14", "=", "=", "=", "=", "thinking between tool calls"},
	{"dev-full-thinking-2025-05-14", "", "", "", "", "thinking in full"},
	{"thinking-token-count-2026-05-13", "", "", "", "", "thinking counted in usage"},
	{"thinking-display-updates-2026-08-18", "=", "=", "=", "=", "how thinking is shown"},
	{"thinking-binding-controls-2026-08-01", "=", "=", "=", "", "how thinking is bound to its place"},
	{"context-1m-2025-08-07", "=", "=", "=", "=", "a context of a million tokens"},
	{"context-management-2025-06-27", "=", "!", "=", "=", "the provider edits the history"},
	{"compact-2026-01-12", "=", "!", "=", "!", "the provider sums up the history"},
	{"compact-2026-09-04", "!", "!", "=", "!", "the provider sums up the history"},
	{"prompt-caching-scope-2026-01-05", "", "", "", "=", "whose cache it is"},
	{"prompt-caching-2024-07-31", "", "", "", "", "there without"},
	{"extended-cache-ttl-2025-04-11", "", "", "", "", "there without"},
	{"cache-diagnosis-2026-04-07", "", "", "", "", "why a cache was missed"},
	{"mid-conversation-system-2026-04-07", "", "", "", "", "there without, for models that take it"},
	{"mid-conversation-system-clear-at-2026-08-21", "!", "!", "!", "!", "system text that is forgotten"},
	{"mid-conversation-tool-changes-2026-07-01", "=", "!", "!", "!", "tools that change on the way"},
	{"mid-conversation-output-config-2026-07-01", "=", "!", "!", "!", "settings that change on the way"},
	{"per-turn-control-2026-07-01", "!", "!", "=", "=", "settings of one turn"},
	{"effort-2025-11-24", "=", "=", "", "=", "how hard to try"},
	{"task-budgets-2026-03-13", "", "", "", "", "how much work is left"},
	{"structured-outputs-2025-11-13", "", "=", "", "=", "there without"},
	{"structured-outputs-2025-12-15", "", "=", "", "=", "there without"},
	{"advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19", "!", "tool-search-tool-2025-10-19", "=", "tools that are searched for"},
	{"tool-search-tool-2025-10-19", "=", "!", "=", "advanced-tool-use-2025-11-20", "tools that are searched for"},
	{"tool-examples-2025-10-29", "=", "!", "=", "advanced-tool-use-2025-11-20", "examples of arguments"},
	{"inline-tools-2026-09-15", "!", "!", "!", "!", "tools among the messages"},
	{"dangerous-tool-use-2026-09-03", "=", "!", "=", "=", "tools that are marked as dangerous"},
	{"fine-grained-tool-streaming-2025-05-14", "=", "=", "", "", "arguments as they come"},
	{"token-efficient-tools-2025-02-19", "", "", "", "", "there without, in newer models"},
	{"output-128k-2025-02-19", "", "", "", "", "a longer answer of one old model"},
	{"output-300k-2026-03-24", "!", "!", "!", "!", "a longer answer"},
	{"model-context-window-exceeded-2025-08-26", "", "", "", "", "a reason to stop"},
	{"computer-use-2024-10-22", "=", "=", "=", "", "a computer as a tool"},
	{"computer-use-2025-01-24", "=", "=", "=", "=", "a computer as a tool"},
	{"computer-use-2025-11-24", "=", "=", "=", "=", "a computer as a tool"},
	{"web-search-2025-03-05", "!", "!", "=", "=", "a search by the provider"},
	{"web-fetch-2025-09-10", "!", "!", "!", "=", "pages that the provider fetches"},
	{"code-execution-2025-05-22", "!", "!", "!", "=", "code that the provider runs"},
	{"code-execution-2025-08-25", "!", "!", "!", "=", "code that the provider runs"},
	{"files-api-2025-04-14", "!", "!", "!", "=", "files that the provider keeps"},
	{"skills-2025-10-02", "!", "!", "!", "=", "skills in the provider's sandbox"},
	{"mcp-client-2025-04-04", "!", "!", "!", "=", "servers that the provider calls"},
	{"mcp-client-2025-11-20", "!", "!", "!", "=", "servers that the provider calls"},
	{"mcp-client-2026-09-15", "!", "!", "!", "!", "servers that the provider calls"},
	{"advisor-tool-2026-03-01", "!", "!", "!", "!", "a second model as an adviser"},
	{"fast-mode-2026-02-01", "", "", "", "", "a quicker answer"},
	{"server-side-fallback-2026-06-01", "!", "!", "!", "!", "another model where one refuses"},
	{"server-side-fallback-2026-07-01", "!", "!", "!", "!", "another model where one refuses"},
	{"fallback-credit-2026-06-01", "", "", "", "", "bookkeeping"},
	{"fallback-credit-2026-07-01", "", "", "", "", "bookkeeping"},
	{"user-profiles-2026-03-24", "", "", "", "", "bookkeeping"},
	{"user-profiles-2026-08-18", "", "", "", "", "bookkeeping"},
	{"user-profiles-2026-09-04", "", "", "", "", "bookkeeping"},
	{"message-batches-2024-09-24", "", "", "", "", "there without"},
	{"token-counting-2024-11-01", "", "", "", "", "there without"},
	{"pdfs-2024-09-25", "", "", "", "", "there without"},
}

func (r *betaRow) at(cloud Cloud) string {
	switch cloud {
	case CloudBedrock:
		return r.bedrock
	case CloudConverse:
		return r.converse
	case CloudVertex:
		return r.vertex
	case CloudFoundry:
		return r.foundry
	}
	return "="
}

// BetasAt are the beta flags to send to a cloud of those that a client sent, each
// once, and what is lost by leaving others out. Flags that are in no table go to
// their maker's own API only.
func BetasAt(cloud Cloud, flags []string) (send []string, losses []Loss) {
	for _, flag := range flags {
		name, note := "!", "unknown to this cloud"
		if !flagText(flag) {
			note = "not a flag"
		} else if cloud == CloudAnthropic {
			name = "="
		} else if i := slices.IndexFunc(betas, func(r betaRow) bool { return r.flag == flag }); i >= 0 {
			name, note = betas[i].at(cloud), betas[i].note
		}
		switch name {
		case "":
			continue
		case "!":
			losses = append(losses, Loss{"anthropic-beta: " + cut(flag, mostName), Advisory, note})
			continue
		case "=":
			name = flag
		}
		if !slices.Contains(send, name) {
			send = append(send, name)
		}
	}
	return send, losses
}

// flagText reports whether a flag, which may come from a body, can stand in a header: a
// request with one that cannot is never sent, and looks like its provider's fault.
func flagText(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ',' {
			return false
		}
	}
	return s != ""
}
