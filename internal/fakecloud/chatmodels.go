package fakecloud

import (
	"net/http"
	"regexp"
	"strings"
)

// The models on show. Others of the same families are served all the same.
var (
	chatModels     = []string{"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-5", "gpt-5-mini", "gpt-5.1"}
	messagesModels = []string{"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"}
)

var (
	openaiModel = regexp.MustCompile(`^(gpt-|chatgpt-|codex-|computer-use-|o[1-9])`)
	thinking    = regexp.MustCompile(`^(gpt-([5-9]|\d\d)|codex-|computer-use-|o[1-9])`)
	sober       = regexp.MustCompile(`^gpt-(5\.[1-9]|[6-9]|\d\d)`) // does not think unless it is told to
)

// servesChat reports whether there is a model of the name. Deployments of Azure and
// machines of one's own have any names that people give them.
func servesChat(model string, any bool) bool {
	return !absent(model) && (any || openaiModel.MatchString(model))
}

// thinks reports whether a model of OpenAI is one that reasons.
func thinks(model string) bool {
	return thinking.MatchString(model) && !strings.Contains(model, "-chat")
}

func (s *Server) listChatModels(w http.ResponseWriter, r *http.Request) {
	if e := s.authorize(r); e != nil {
		s.sendError(w, chatFormat{}, e, s.ids.next("req_", 24))
		return
	}
	data := []any{}
	for _, m := range chatModels {
		data = append(data, members{"id", m, "object", "model", "created", 1735689600, "owned_by", "fakecloud"})
	}
	writeJSON(w, http.StatusOK, members{"object", "list", "data", data})
}
