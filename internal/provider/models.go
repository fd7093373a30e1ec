package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// listShape is how a list of models looks, and how its next page is asked for.
type listShape string

// The shapes.
const (
	listOpenAI    listShape = ""          // {"data":[{"id"}]}, or the array alone
	listAnthropic listShape = "anthropic" // the same in pages: has_more, last_id
	listGemini    listShape = "gemini"    // {"models":[{"name":"models/M"}],"nextPageToken"}
	listVertex    listShape = "vertex"    // {"publisherModels":[{"name":"publishers/P/models/M"}],"nextPageToken"}
	listBedrock   listShape = "bedrock"   // {"modelSummaries":[…]} and {"inferenceProfileSummaries":[…],"nextToken"}
	listCohere    listShape = "cohere"    // {"models":[{"name"}],"next_page_token"}
	listNone      listShape = "none"      // what can be read there are not the names to ask for
)

// listPage is a list of models: where, and in which shape.
type listPage struct {
	url   string
	shape listShape
}

// ErrNotListable is the answer of [Provider.Models] where a service does not tell
// which models can be asked for.
var ErrNotListable = errors.New("this service does not list its models")

const (
	mostPages = 20      // of a list
	mostPage  = 8 << 20 // bytes of one; OpenRouter's is about one megabyte
)

// Models are the upstream names of the models that the service lists, sorted. It
// asks the service, which costs nothing.
func (p *Provider) Models(ctx context.Context) ([]string, error) {
	if p.kind.Lists == listNone {
		return nil, fmt.Errorf("provider %s: %w: at Azure they are the deployments of the resource; see them at https://ai.azure.com", p.info.Name, ErrNotListable)
	}
	var names []string
	for _, page := range p.lists() {
		at := page.url
		for range mostPages {
			body, err := p.read(ctx, at)
			if err != nil {
				return nil, err
			}
			some, next, err := page.shape.names(body)
			if err != nil {
				return nil, fmt.Errorf("provider %s: read the list of models: %w", p.info.Name, err)
			}
			names = append(names, some...)
			if next == "" {
				break
			}
			at = page.url + joint(page.url) + next
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func joint(url string) string {
	if strings.Contains(url, "?") {
		return "&"
	}
	return "?"
}

// lists are where the models are listed.
func (p *Provider) lists() []listPage {
	if p.kind.lists != nil {
		return p.kind.lists(p)
	}
	return []listPage{{p.base.String() + p.kind.Models, p.kind.Lists}}
}

// read gets a page of the service's, with the first credential.
func (p *Provider) read(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("provider %s: the address of its list: %w", p.info.Name, err)
	}
	h := fixedHeader(p.kind.Fixed)
	delete(h, "Content-Type")
	req := (&http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
	}).WithContext(ctx)
	if by := p.credentials[0].by; by != nil {
		if err := p.prove(ctx, by, req, nil, nil); err != nil {
			return nil, err
		}
	}
	resp, err := p.connections.at(time.Now()).RoundTrip(req)
	if err != nil {
		return nil, p.failure(ctx, err, true)
	}
	defer func() { _ = resp.Body.Close() }() // read as far as it is of use
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostPage))
	if resp.StatusCode >= 400 {
		return body, p.unread(resp.StatusCode, u, body)
	}
	if err != nil {
		return nil, fmt.Errorf("provider %s: read %s: %w", p.info.Name, u.Redacted(), err)
	}
	return body, nil
}

// listed is what all of the shapes have, together.
type listed struct {
	Data []struct {
		ID string `json:"id"`
	} `json:"data"`
	HasMore bool   `json:"has_more"`
	LastID  string `json:"last_id"`
	Models  []struct {
		Name string `json:"name"`
	} `json:"models"`
	NextPageToken   string `json:"nextPageToken"`
	NextPage        string `json:"next_page_token"`
	PublisherModels []struct {
		Name string `json:"name"`
	} `json:"publisherModels"`
	ModelSummaries []struct {
		ModelID   string `json:"modelId"`
		Lifecycle struct {
			Status string `json:"status"`
		} `json:"modelLifecycle"`
	} `json:"modelSummaries"`
	Profiles []struct {
		ID     string `json:"inferenceProfileId"`
		Status string `json:"status"`
	} `json:"inferenceProfileSummaries"`
	NextToken string `json:"nextToken"`
}

// names are those of a page, and the query that asks for the next one.
func (s listShape) names(body []byte) (names []string, next string, err error) {
	var l listed
	if s == listOpenAI && strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 64)])), "[") {
		err = json.Unmarshal(body, &l.Data)
	} else {
		err = json.Unmarshal(body, &l)
	}
	if err != nil {
		return nil, "", errors.New("it is not the JSON that was expected")
	}
	for _, m := range l.Data {
		names = append(names, m.ID)
	}
	for _, m := range l.Models {
		names = append(names, strings.TrimPrefix(m.Name, "models/"))
	}
	for _, m := range l.PublisherModels {
		name := strings.TrimPrefix(m.Name, "publishers/")
		_, name, _ = strings.Cut(name, "/models/")
		names = append(names, name)
	}
	for _, m := range l.ModelSummaries {
		names = append(names, m.ModelID)
	}
	for _, m := range l.Profiles {
		names = append(names, m.ID)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" })
	for _, n := range []struct{ query, token string }{
		{"pageToken", l.NextPageToken}, {"page_token", l.NextPage}, {"nextToken", l.NextToken},
	} {
		if n.token != "" {
			return names, n.query + "=" + url.QueryEscape(n.token), nil
		}
	}
	if l.HasMore && l.LastID != "" {
		return names, "after_id=" + url.QueryEscape(l.LastID), nil
	}
	return names, "", nil
}
