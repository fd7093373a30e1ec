package all_test

import (
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/all"
)

// TestWhatSizesDoNotBoundIsFound: cache marks in any place and spelling, tools that
// the provider runs, documents; and none of them where there is none.
func TestWhatSizesDoNotBoundIsFound(t *testing.T) {
	for _, c := range []struct {
		format         llm.Format
		more           string
		marks, unsized bool
		tool           string
	}{
		{llm.Chat, ``, false, false, ""},
		{llm.Chat, `,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]`, false, false, ""},
		{llm.Chat, `,"tools":[{"type":"web_search"}]`, false, false, "web_search"},
		{llm.Chat, `,"web_search_options":{}`, false, false, "web_search_options"},
		{llm.Chat, `,"web_search_options":null`, false, false, ""},
		{llm.Chat, `,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]`, false, false, ""},
		{llm.Chat, `,"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f1"}}]}]`, false, true, ""},
		{llm.Chat, `,"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]`, true, false, ""},
		{llm.Chat, `,"user":"a\u003cb\u00e9"`, false, false, ""},
		{llm.Messages, ``, false, false, ""},
		{llm.Messages, `,"cache_control":{"type":"ephemeral"}`, true, false, ""},
		{llm.Messages, `,"cach\u0065_control":{"type":"ephemeral"}`, true, false, ""},
		{llm.Messages, `,"tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"bash_20250124","name":"bash"}]`, false, false, ""},
		{llm.Messages, `,"tools":[{"name":"web_search","type":"web_search_20250305","max_uses":5}]`, false, false, "web_search_20250305"},
		{llm.Messages, `,"tools":[{"type":"custom","type":"code_execution_20250522","name":"x"}]`, false, false, "of two types"},
		{llm.Messages, `,"mcp_servers":[{"type":"url","url":"https://x","name":"x"}]`, false, false, "mcp_servers"},
		{llm.Messages, `,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://x/y.pdf"}}]}]`, false, true, ""},
		{llm.Messages, `,"messages":[{"role":"user","content":[{"source":{"type":"base64","media_type":"application/pdf","data":"AAAA"},"type":"document"}]}]`, false, true, ""},
		{llm.Messages, `,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hello"}}]}]`, false, false, ""},
		{llm.Messages, `,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]}]`, false, false, ""},
	} {
		body := `{"model":"m","max_tokens":5` + c.more
		if !strings.Contains(c.more, `"messages"`) {
			body += `,"messages":[{"role":"user","content":"hello"}]`
		}
		s, err := all.Codec(c.format).Scan([]byte(body+"}"), nil)
		if err != nil {
			t.Errorf("%s: %v", c.more, err)
			continue
		}
		if s.CacheMarks != c.marks || s.Unsized != c.unsized || s.ServerTool != c.tool {
			t.Errorf("%s%s: marks %v, unsized %v, tool %q", c.format, c.more, s.CacheMarks, s.Unsized, s.ServerTool)
		}
	}
}
