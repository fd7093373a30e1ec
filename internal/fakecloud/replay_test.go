package fakecloud

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// beyond are the recorded requests that the stand-in does not serve, each with its
// reason: what is refused otherwise is refused wrongly.
var beyond = map[string][]struct{ reason, has string }{
	"chat": {
		{"several answers", "leave n out"},
	},
	"responses": {
		{"goes on from an answer that somebody else gave", "Previous response with id"},
		{"a stored prompt", "Prompt not found"},
		{"a stored conversation", "Conversation not found"},
		{"an answer in the background", "leave background out"},
		{"compaction", "404 page not found"},
	},
	"messages": {
		{"batches", "404 page not found"},
		{"the id of a call changed by hand, before the service looked at them", "toolu_01DYJo37oETVsCdLTTcCWcdq"},
	},
	"gemini": {
		{"a stored cache", "CachedContent not found"},
		{"caches", "404 page not found"},
	},
}

// own puts the stand-in's opaque state in the place of a recorded one: only the
// service that made a state can tell that it is right.
func own(service string, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = own(service, v[i])
		}
	case map[string]any:
		for k := range v {
			switch k {
			case "args", "arguments", "input", "properties", "schema", "response":
				if _, list := v[k].([]any); !list || k != "input" {
					continue // a person's data
				}
			}
			v[k] = own(service, v[k])
		}
		switch v["type"] {
		case "thinking":
			text, _ := v["thinking"].(string)
			v["signature"] = seal(makerAnthropic, text)
		case "redacted_thinking":
			v["data"] = seal(makerAnthropic, redacted)
		case "reasoning":
			id, _ := v["id"].(string)
			if v["encrypted_content"] != nil {
				v["encrypted_content"] = encrypted(service, id)
			}
		}
		for _, k := range []string{"thoughtSignature", "thought_signature"} {
			if v[k] != nil {
				v[k] = thoughtSignature
			}
		}
		if text, ok := v["text"].(string); ok && v["signature"] != nil {
			v["signature"] = seal(makerAnthropic, text)
		}
		if v["redactedContent"] != nil {
			v["redactedContent"] = seal(makerAnthropic, redacted)
		}
	}
	return v
}

func ownStates(t testing.TB, service string, body []byte) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return mustJSON(own(service, v))
}

func TestRecordedRequestsAreServed(t *testing.T) {
	for format, providers := range servedProviders {
		t.Run(format, func(t *testing.T) {
			s := standIn(t)
			left := map[string]int{}
			n := 0
			for _, r := range recordings(t, format, providers...) {
				if r.Request == nil || r.Response.Status != 200 || !given(r.Request.Body) {
					continue
				}
				n++
				got := again(s, mounts[r.Provider], r.Request.Path, r.Request.Headers, ownStates(t, r.Provider, r.Request.Body))
				if got.Code == 200 {
					continue
				}
				body := got.Body.String()
				at := slices.IndexFunc(beyond[format], func(b struct{ reason, has string }) bool { return strings.Contains(body, b.has) })
				if at < 0 {
					t.Errorf("%s is refused: %d %s", r.ID, got.Code, body)
					continue
				}
				left[beyond[format][at].reason]++
			}
			t.Logf("%d requests, not served: %v", n, left)
			for _, b := range beyond[format] {
				if left[b.reason] == 0 {
					t.Errorf("no recording is refused for %q", b.reason)
				}
			}
		})
	}
}

// servedProviders are those whose traffic there are recordings of.
var servedProviders = map[string][]string{
	"chat": {"openai", "azure"}, "responses": {"openai", "azure"}, "messages": {"anthropic", "bedrock", "vertex"},
	"gemini": {"google", "vertex"}, "converse": {"bedrock"}, "embeddings": {"openai", "azure"},
}

// wrongOnPurpose are the requests that real services refused for what they say; the
// others were refused for keys, models and limits.
var wrongOnPurpose = regexp.MustCompile(`unknown model|xhigh|is required to be supplied|model identifier is invalid|does not exist|not_found_error|not found`)

func TestWhatRealServicesRefusedIsRefusedAlike(t *testing.T) {
	for format, providers := range servedProviders {
		t.Run(format, func(t *testing.T) {
			s := standIn(t)
			n := 0
			for _, r := range recordings(t, format, providers...) {
				if r.Request == nil || r.Response.Status < 400 || r.Response.Status == 401 || !given(r.Request.Body) || strings.Contains(r.ID, "azure_chat_completion") {
					continue
				}
				recorded := string(r.Response.Body) + r.Response.Text
				if !wrongOnPurpose.MatchString(recorded) || strings.Contains(recorded, "deprecated") || strings.Contains(recorded, "proo") || r.Provider == "azure" {
					continue
				}
				n++
				got := again(s, mounts[r.Provider], r.Request.Path, r.Request.Headers, ownStates(t, r.Provider, r.Request.Body))
				if got.Code != r.Response.Status {
					t.Errorf("%s: %d %s\nrecorded %d %s", r.ID, got.Code, got.Body, r.Response.Status, recorded)
				}
			}
			t.Logf("%d requests refused", n)
		})
	}
}

// TestRequestsOfRealClientsAreServed needs a folder of captured requests, one JSON
// file each with method, path, headers and body, in FAKECLOUD_CAPTURED.
func TestRequestsOfRealClientsAreServed(t *testing.T) {
	dir := os.Getenv("FAKECLOUD_CAPTURED")
	if dir == "" {
		t.Skip("FAKECLOUD_CAPTURED names no folder of captured requests")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s: %v", len(files), dir, err)
	}
	s := standIn(t)
	served := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var in struct {
			Method, Path string
			Headers      map[string]string
			Body         json.RawMessage
		}
		if err := json.Unmarshal(b, &in); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		mount, path := placeOf(in.Path)
		if in.Method != "POST" || mount == "" || !given(in.Body) {
			continue
		}
		path, body := servedModel(mount, path, in.Body)
		got := again(s, mount, path, in.Headers, ownStates(t, strings.Trim(mount, "/"), body))
		if got.Code == 200 {
			served++
			continue
		}
		if name := filepath.Base(file); !strings.Contains(got.Body.String(), "no-such") && !strings.Contains(got.Body.String(), "does not exist") && !strings.Contains(got.Body.String(), "identifier is invalid") {
			t.Errorf("%s is refused: %d %s", name, got.Code, got.Body)
		}
	}
	t.Logf("%d of %d files served", served, len(files))
}

// servedModel puts a model of the service in the place of names that only a gateway
// knows.
func servedModel(mount, path string, body []byte) (string, []byte) {
	name := map[string]string{"/openai": "gpt-5.1", "/anthropic": "claude-opus-4-6", "/gemini": "gemini-2.5-flash", "/vertex": "gemini-2.5-flash", "/bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}[mount]
	if m := regexp.MustCompile(`/models?/(smart|claude-[^:]*)(:|/)`).FindStringSubmatchIndex(path); m != nil && !strings.Contains(path, "anthropic") {
		path = path[:m[2]] + name + path[m[3]:]
	}
	return path, regexp.MustCompile(`"model":\s*"(smart|claude-sonnet-4-5)"`).ReplaceAll(body, []byte(`"model":"`+name+`"`))
}

// placeOf finds which service a path belongs to.
func placeOf(path string) (mount, rest string) {
	path = strings.TrimPrefix(path, "/v1/v1")
	switch {
	case strings.Contains(path, "/publishers/"):
		if !strings.HasPrefix(path, "/v1") {
			path = "/v1" + path
		}
		return "/vertex", path
	case strings.HasPrefix(path, "/v1beta/"):
		return "/gemini", path
	case strings.HasPrefix(path, "/model/"):
		return "/bedrock", path
	case strings.Contains(path, "/messages"):
		return "/anthropic", "/v1" + path[strings.Index(path, "/messages"):]
	case strings.Contains(path, "/v1/"):
		return "/openai", path
	}
	return "", path
}
