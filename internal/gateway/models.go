package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/auth"
	"github.com/skein-run/skein/internal/llm"
)

// OpenAI's list, https://platform.openai.com/docs/api-reference/models/list.
type chatModels struct {
	Object string      `json:"object"`
	Data   []chatModel `json:"data"`
}

type chatModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// Anthropic's list, https://docs.anthropic.com/en/api/models-list.
type messagesModels struct {
	Data    []messagesModel `json:"data"`
	HasMore bool            `json:"has_more"`
	FirstID *string         `json:"first_id"`
	LastID  *string         `json:"last_id"`
}

type messagesModel struct {
	Type        string    `json:"type"`
	ID          string    `json:"id"`
	DisplayName string    `json:"display_name"`
	CreatedAt   time.Time `json:"created_at"`
}

// A name is not released at a time of its own; Anthropic's specification has the
// epoch for that.
var epoch = time.Unix(0, 0).UTC()

func chatModelOf(name string) chatModel {
	return chatModel{ID: name, Object: "model", OwnedBy: "skein"}
}

func messagesModelOf(name string) messagesModel {
	return messagesModel{Type: "model", ID: name, DisplayName: name, CreatedAt: epoch}
}

// listModels answers GET /v1/models with what the caller may use, in the shape
// that its headers show.
func (g *Gateway) listModels(w http.ResponseWriter, r *http.Request) {
	codec := g.callersCodec(r)
	p, refusal := g.admit(w, r, http.MethodGet)
	if refusal != nil {
		g.refuse(w, codec, refusal)
		return
	}
	names := g.names(p)
	if codec.Format() != llm.Messages {
		list := chatModels{Object: "list", Data: make([]chatModel, 0, len(names))}
		for _, n := range names {
			list.Data = append(list.Data, chatModelOf(n))
		}
		g.writeJSON(w, list)
		return
	}
	page, more, refusal := pageOf(names, r)
	if refusal != nil {
		g.refuse(w, codec, refusal)
		return
	}
	list := messagesModels{Data: make([]messagesModel, 0, len(page)), HasMore: more}
	for _, n := range page {
		list.Data = append(list.Data, messagesModelOf(n))
	}
	if len(page) > 0 {
		list.FirstID, list.LastID = &page[0], &page[len(page)-1]
	}
	g.writeJSON(w, list)
}

// oneModel answers GET /v1/models/{name}; names may hold slashes.
func (g *Gateway) oneModel(w http.ResponseWriter, r *http.Request, name string) {
	codec := g.callersCodec(r)
	p, refusal := g.admit(w, r, http.MethodGet)
	if refusal == nil && !slices.Contains(g.names(p), name) {
		refusal = &llm.Error{
			Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound, Param: "model",
			Message: "the model " + quote(name) + " does not exist, or this key may not use it",
		}
	}
	switch {
	case refusal != nil:
		g.refuse(w, codec, refusal)
	case codec.Format() == llm.Messages:
		g.writeJSON(w, messagesModelOf(name))
	default:
		g.writeJSON(w, chatModelOf(name))
	}
}

func (g *Gateway) names(p *auth.Principal) []string {
	models := g.c.Dispatch.Models()
	names := make([]string, 0, len(models))
	for i := range models {
		if p.MayUse(models[i].Name) {
			names = append(names, models[i].Name)
		}
	}
	return names
}

// pageOf picks Anthropic's page: limit of them, after or before a name.
func pageOf(names []string, r *http.Request) (page []string, more bool, refusal *llm.Error) {
	if r.URL.RawQuery == "" {
		return firstPage(names, 20)
	}
	q := r.URL.Query()
	limit := 20
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 1000 {
			return nil, false, &llm.Error{
				Class: llm.BadRequest, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusBadRequest, Param: "limit",
				Message: "limit: " + quote(s) + " is not a number from 1 to 1000",
			}
		}
		limit = n
	}
	if s := q.Get("before_id"); s != "" {
		end := max(slices.Index(names, s), 0)
		start := max(end-limit, 0)
		return names[start:end], start > 0, nil
	}
	if s := q.Get("after_id"); s != "" {
		if i := slices.Index(names, s); i >= 0 {
			names = names[i+1:]
		}
	}
	return firstPage(names, limit)
}

func firstPage(names []string, limit int) ([]string, bool, *llm.Error) {
	return names[:min(limit, len(names))], len(names) > limit, nil
}

func (g *Gateway) writeJSON(w http.ResponseWriter, v any) {
	restIn(w, g.c.Options.BodyTimeout)
	b, err := json.Marshal(v)
	if err != nil {
		panic("gateway: encoding names and numbers: " + err.Error())
	}
	w.Header()["Content-Type"] = jsonType
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b) // a client that has gone needs no answer
}
