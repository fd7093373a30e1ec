package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
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

// Google's list, https://ai.google.dev/api/models.
type geminiModels struct {
	Models        []geminiModel `json:"models"`
	NextPageToken string        `json:"nextPageToken,omitempty"`
}

type geminiModel struct {
	Name        string   `json:"name"`
	BaseModelID string   `json:"baseModelId"`
	Version     string   `json:"version"`
	DisplayName string   `json:"displayName"`
	Methods     []string `json:"supportedGenerationMethods"`
}

func geminiModelOf(name string) geminiModel {
	return geminiModel{
		Name: "models/" + name, BaseModelID: name, Version: "1", DisplayName: name,
		Methods: []string{"generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"},
	}
}

// Vertex AI's list, https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models.
type vertexModels struct {
	Models        []vertexModel `json:"publisherModels"`
	NextPageToken string        `json:"nextPageToken,omitempty"`
}

type vertexModel struct {
	Name        string `json:"name"`
	VersionID   string `json:"versionId"`
	LaunchStage string `json:"launchStage"`
}

// vertexModelOf has the publisher before it that Vertex AI's own SDK would put there.
func vertexModelOf(name string) vertexModel {
	publisher, model, ok := strings.Cut(name, "/")
	if !ok {
		publisher, model = "google", name
	}
	return vertexModel{Name: "publishers/" + publisher + "/models/" + model, VersionID: "default", LaunchStage: "GA"}
}

// listModels answers GET /v1/models with what the caller may use, in the shape
// that its path and headers show.
func (g *Gateway) listModels(w http.ResponseWriter, r *http.Request, of service) {
	codec := g.callersCodec(r, of)
	p, refusal := g.admit(w, r, http.MethodGet)
	if refusal != nil {
		g.refuse(w, codec, refusal)
		return
	}
	names := g.names(p)
	switch caller(r, of) {
	case anthropic:
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
	case vertex:
		page, next := googlesPage(names, r)
		list := vertexModels{Models: make([]vertexModel, 0, len(page)), NextPageToken: next}
		for _, n := range page {
			list.Models = append(list.Models, vertexModelOf(n))
		}
		g.writeJSON(w, list)
	case gemini:
		page, next := googlesPage(names, r)
		list := geminiModels{Models: make([]geminiModel, 0, len(page)), NextPageToken: next}
		for _, n := range page {
			list.Models = append(list.Models, geminiModelOf(n))
		}
		g.writeJSON(w, list)
	default:
		list := chatModels{Object: "list", Data: make([]chatModel, 0, len(names))}
		for _, n := range names {
			list.Data = append(list.Data, chatModelOf(n))
		}
		g.writeJSON(w, list)
	}
}

// oneModel answers GET /v1/models/{name}; names may hold slashes.
func (g *Gateway) oneModel(w http.ResponseWriter, r *http.Request, of service, name string) {
	codec := g.callersCodec(r, of)
	p, refusal := g.admit(w, r, http.MethodGet)
	if refusal == nil && (len(name) > maxModel || g.c.Dispatch.Resolve(name) == "" || !g.mayUse(p, name)) {
		refusal = &llm.Error{
			Class: llm.NotFound, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: http.StatusNotFound, Param: "model",
			Message: "the model " + quote(name) + " does not exist, or this key may not use it",
		}
	}
	if refusal != nil {
		g.refuse(w, codec, refusal)
		return
	}
	switch caller(r, of) {
	case anthropic:
		g.writeJSON(w, messagesModelOf(name))
	case vertex:
		g.writeJSON(w, vertexModelOf(name))
	case gemini:
		g.writeJSON(w, geminiModelOf(name))
	default:
		g.writeJSON(w, chatModelOf(name))
	}
}

// names are the models that a principal may use.
func (g *Gateway) names(p *auth.Principal) []string {
	all := g.c.Dispatch.Names()
	names := make([]string, 0, len(all))
	for _, n := range all {
		if g.mayUse(p, n) {
			names = append(names, n)
		}
	}
	return names
}

// googlesPage picks Google's page: pageSize of them from where pageToken says, which
// is the name that the page before ended with.
func googlesPage(names []string, r *http.Request) (page []string, next string) {
	q := r.URL.Query()
	size, err := strconv.Atoi(q.Get("pageSize"))
	if err != nil || size < 1 {
		size = 50
	}
	if i := slices.Index(names, q.Get("pageToken")); i >= 0 {
		names = names[i+1:]
	}
	if page = names[:min(size, 1000, len(names))]; len(page) < len(names) {
		next = page[len(page)-1]
	}
	return page, next
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
