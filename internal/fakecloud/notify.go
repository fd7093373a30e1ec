package fakecloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/skein-run/skein/internal/price"
)

// topicStore delivers notifications. A topic asked with ?dedup=id remembers the
// commands that it delivered for, for ever; without, it delivers every time.
type topicStore struct {
	mu   sync.Mutex
	n    int
	sent map[string]string // topic and command → the message's id
}

const publishUnit = 64 << 10

func (s *Server) publish(r *http.Request, body []byte) outcome {
	out := outcome{line: Line{Readings: map[string]int64{}}}
	var in struct {
		Subject string `json:"subject"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return out.fail(http.StatusBadRequest, "the body is not JSON: "+err.Error())
	}
	if in.Message == "" {
		return out.fail(http.StatusBadRequest, "a notification needs a message")
	}
	st := &s.topics
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sent == nil {
		st.sent = map[string]string{}
	}
	size := len(in.Subject) + len(in.Message)
	out.line.Subject, out.line.Bytes = in.Subject, int64(size)
	out.line.Readings[string(price.MeterPublishes)] = started(size, publishUnit)

	key := r.PathValue("topic") + "\x00" + r.Header.Get("X-Skein-Command")
	remembers := r.URL.Query().Get("dedup") == "id" && r.Header.Get("X-Skein-Command") != ""
	id, before := st.sent[key]
	if !remembers || !before {
		st.n++
		id = fmt.Sprintf("msg-%06d", st.n)
		out.line.Done = true
		if remembers {
			st.sent[key] = id
		}
	}
	out.line.Message, out.line.Duplicate = id, !out.line.Done
	out.status = http.StatusAccepted
	out.body = mustJSON(map[string]any{"id": id, "duplicate": out.line.Duplicate})
	return out
}
