package table

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
)

// Create implements [Table].
func (t *cosmosTable) Create(ctx context.Context, key Key, item json.RawMessage, command string) (Created, error) {
	return create(ctx, t, key, item, command)
}

// Replace implements [Changer].
func (t *cosmosTable) Replace(ctx context.Context, key Key, item json.RawMessage, version, command string) (Changed, error) {
	return replace(ctx, t, key, item, version, command)
}

// Delete implements [Changer].
func (t *cosmosTable) Delete(ctx context.Context, key Key, version, command string) (Changed, error) {
	return remove(ctx, t, key, version, command)
}

func (t *cosmosTable) write(ctx context.Context, w writing) (end writeEnd, etag string, err error) {
	if err := checkTag(w.version); err != nil {
		return 0, "", err
	}
	partition, id, err := t.place(w.key)
	if err != nil {
		return 0, "", err
	}
	var body []byte
	if w.item != nil {
		if body, err = cosmosDocument(t.names, w.key, id, w.item, w.command); err != nil {
			return 0, "", err
		}
	}
	var r request
	switch {
	case w.version == "":
		r = t.ask(http.MethodPost, "", partition, w.doing, "items/create")
	case w.item == nil:
		r = t.ask(http.MethodDelete, id, partition, w.doing, "items/delete")
	default:
		r = t.ask(http.MethodPut, id, partition, w.doing, "items/replace")
	}
	r.class, r.body, r.counts = agent.Keyed, body, cosmosCounts(price.MeterWrites, cosmosMostWrite(len(body)))
	r.header["Prefer"] = "return=minimal"
	if w.version != "" {
		r.header["If-Match"] = w.version
	}
	r.expect = func(a answer) bool {
		if w.version == "" {
			return a.status == http.StatusConflict && !strings.Contains(cosmosSaid(a).message, "Unique index constraint")
		}
		return a.status == http.StatusPreconditionFailed || cosmosGone(a)
	}
	r.receive = func(a answer) error {
		t.session.keep(a.header)
		switch {
		case a.ok() && (w.item != nil && a.header.Get("Etag") == "" || w.item == nil && a.status != http.StatusNoContent):
			return foreign(a)
		case a.ok():
			end, etag = writeDone, a.header.Get("Etag")
		case a.status == http.StatusNotFound:
			end = writeGone
		case a.status == http.StatusConflict:
			end = writeTaken
		default:
			end = writeChanged
		}
		return nil
	}
	err = t.do(ctx, r)
	return end, etag, err
}

func (t *cosmosTable) Basis() string {
	return "create of an id that is free in its partition; the document keeps the command's id in " + commandAttr
}

// ChangeBasis implements [Changer].
func (t *cosmosTable) ChangeBasis() string { return "If-Match with the document's _etag" }

// cosmosSaid reads an error of Cosmos DB's.
func cosmosSaid(a answer) fault {
	var in struct{ Code, Message string }
	_ = json.Unmarshal(a.body, &in) // then its status says it
	f := fault{code: in.Code, message: in.Message}
	f.message, _, _ = strings.Cut(f.message, "ActivityId:")
	if ms, err := strconv.ParseInt(a.header.Get("x-ms-retry-after-ms"), 10, 64); err == nil && ms > 0 && ms < 3_600_000 {
		f.after = time.Duration(ms) * time.Millisecond
	}
	// 404 that is in no form of the service's is another's, which knows nothing of items.
	f.unread = a.status == http.StatusNotFound && f.code == ""
	f.idle = a.status == 449 // two writes at the same moment: this one was not done
	switch a.header.Get("x-ms-substatus") {
	case "1002": // a replica that is behind the session
		f.idle = a.status == http.StatusNotFound
	case "1003":
		f.message = "there is no such database or container"
	}
	return f
}

// sessionTokens are how far this table has seen each range of partitions, so that a
// read sees what was written before it, as the default consistency allows.
// https://learn.microsoft.com/azure/cosmos-db/how-to-manage-consistency#utilize-session-tokens
type sessionTokens struct {
	mu     sync.Mutex
	ranges map[string]string
	order  []string
}

// mostRanges bounds what is remembered of a container that is split again and again.
const mostRanges = 100

func (s *sessionTokens) keep(h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part := range strings.SplitSeq(h.Get("x-ms-session-token"), ",") {
		id, token, ok := strings.Cut(part, ":")
		if !ok || strings.ContainsAny(part, "\r\n") {
			continue
		}
		if s.ranges == nil {
			s.ranges = map[string]string{}
		}
		if _, known := s.ranges[id]; !known {
			if len(s.order) == mostRanges {
				delete(s.ranges, s.order[0])
				s.order = s.order[1:]
			}
			s.order = append(s.order, id)
		}
		s.ranges[id] = token
	}
}

func (s *sessionTokens) get() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, id := range s.order {
		parts = append(parts, id+":"+s.ranges[id])
	}
	return strings.Join(parts, ",")
}
