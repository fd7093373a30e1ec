package messages_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// plainly joins a stream's deltas in the dumbest way, as a check on the codec, and
// gives the content of the answer.
func plainly(t *testing.T, text string) string {
	t.Helper()
	blocks := map[int64]map[string]any{}
	inputs := map[int64]string{}
	var order []int64
	for line := range strings.Lines(text) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data:")
		if !ok {
			continue
		}
		i := gjson.Get(data, "index").Int()
		switch gjson.Get(data, "type").String() {
		case "content_block_start":
			var b map[string]any
			if err := json.Unmarshal([]byte(gjson.Get(data, "content_block").Raw), &b); err != nil {
				t.Fatal(err)
			}
			if l, ok := b["citations"].([]any); ok && len(l) == 0 {
				delete(b, "citations")
			}
			blocks[i] = b
			order = append(order, i)
		case "content_block_delta":
			d := gjson.Get(data, "delta")
			b := blocks[i]
			for _, name := range []string{"text", "thinking", "signature", "content"} {
				if v := d.Get(name); v.Type == gjson.String {
					s, _ := b[name].(string)
					b[name] = s + v.String()
				}
			}
			inputs[i] += d.Get("partial_json").String()
			if c := d.Get("citation"); c.Exists() {
				l, _ := b["citations"].([]any)
				b["citations"] = append(l, c.Value())
			}
		}
	}
	var all []any
	for _, i := range order {
		b := blocks[i]
		if s := inputs[i]; s != "" {
			b["input"] = json.RawMessage(s)
		}
		if b["type"] == "text" && b["text"] == "" {
			continue // an empty block is none
		}
		all = append(all, b)
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return "[]"
	}
	return string(out)
}
