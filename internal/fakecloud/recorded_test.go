package fakecloud

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// recording is one exchange with a real service.
type recording struct {
	ID        string `json:"id"`
	Format    string `json:"format"`
	Provider  string `json:"provider"`
	Operation string `json:"operation"`
	Model     string `json:"model"`
	Stream    bool   `json:"stream"`
	Request   *struct {
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
		Text    string            `json:"body_text"`
		Base64  []byte            `json:"body_base64"`
	} `json:"response"`
}

// recordings are those of one format that a stand-in could have served, from the
// shared data beside the repository; the test is skipped where it is not there.
func recordings(t testing.TB, format string, providers ...string) []recording {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.Open(filepath.Join(dir, "..", "shared", "data", "wire", format+".jsonl.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recordings of real traffic are not beside the repository")
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []recording
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var r recording
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(providers, r.Provider) {
			out = append(out, r)
		}
	}
	if err := sc.Err(); err != nil || len(out) == 0 {
		t.Fatalf("%d recordings of %s: %v", len(out), format, err)
	}
	return out
}

// mounts are the folders under which the stand-in serves what a provider serves at
// its own address.
var mounts = map[string]string{"openai": "/openai", "azure": "/azure", "anthropic": "/anthropic", "bedrock": "/bedrock",
	"google": "/gemini", "vertex": "/vertex"}

// again sends a recorded request to a stand-in.
func again(s *Server, mount, path string, header map[string]string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, mount+"/"+strings.TrimLeft(path, "/"), bytes.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	r.Header.Set("Authorization", "Bearer k")
	if mount == "/anthropic" && r.Header.Get("Anthropic-Version") == "" {
		r.Header.Set("Anthropic-Version", "2023-06-01") // not every recorder kept it
	}
	if r.Header.Get("Anthropic-Beta") == "" { // nor this
		r.Header.Set("Anthropic-Beta", "mid-conversation-system-2026-04-07,mcp-client-2025-04-04,interleaved-thinking-2025-05-14")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func standIn(t testing.TB) *Server {
	t.Helper()
	s, err := New(Options{Now: func() time.Time { return time.Unix(1_770_000_000, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// frames are the JSON values of an answer: itself, or the events of a stream.
func frames(t testing.TB, contentType string, body []byte) []json.RawMessage {
	t.Helper()
	switch {
	case strings.Contains(contentType, "vnd.amazon.eventstream"):
		return amazonFrames(t, body)
	case strings.Contains(contentType, "text/event-stream"), bytes.HasPrefix(body, []byte("data:")), bytes.HasPrefix(body, []byte("event:")):
		var out []json.RawMessage
		for _, ev := range strings.Split(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n\n") {
			for line := range strings.Lines(ev) {
				if data, ok := strings.CutPrefix(line, "data:"); ok && json.Valid([]byte(data)) {
					out = append(out, json.RawMessage(data))
				}
			}
		}
		return out
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		return list
	}
	if !json.Valid(body) {
		return nil // cut off by its recorder
	}
	return []json.RawMessage{body}
}

// plain is the data of an InvokeModel event, and of others the payload.
func plain(kind string, payload []byte) json.RawMessage {
	if kind != "chunk" {
		return json.RawMessage(`{"` + kind + `":` + string(payload) + `}`)
	}
	var in struct{ Bytes string }
	if json.Unmarshal(payload, &in) != nil {
		return payload
	}
	b, err := base64.StdEncoding.DecodeString(in.Bytes)
	if err != nil {
		return payload
	}
	return b
}
