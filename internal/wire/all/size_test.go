package all_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
	"github.com/skein-run/skein/internal/wire/raw"
)

func many(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }

// Each of these is some megabytes of JSON, and would be gigabytes as a canonical
// call.
func TestARequestOfVeryManyValuesIsNotDecoded(t *testing.T) {
	const n = 2_000_000
	unknown := make([]string, n/10)
	for i := range unknown {
		unknown[i] = fmt.Sprintf(`"%x":1`, i)
	}
	head := map[llm.Format]string{llm.Chat: `{"model":"m"`, llm.Messages: `{"model":"m","max_tokens":5`}
	for name, rest := range map[string]string{
		"parts":    `,"messages":[{"role":"user","content":[` + many(`""`, n) + `]}]}`,
		"messages": `,"messages":[` + many(`{"role":"user","content":"x"}`, n/10) + `]}`,
		"tools":    `,"messages":[],"tools":[` + many(`{}`, n) + `]}`,
		"stops":    `,"messages":[],"stop":[` + many(`""`, n) + `],"stop_sequences":[` + many(`""`, n) + `]}`,
		"members":  `,"messages":[],` + strings.Join(unknown, ",") + `}`,
	} {
		for _, f := range []llm.Format{llm.Chat, llm.Messages} {
			body := []byte(head[f] + rest)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := all.Codec(f).DecodeRequest(body, nil)
			runtime.ReadMemStats(&after)
			var e *llm.Error
			if !errors.As(err, &e) || e.Status != 413 || !strings.Contains(e.Message, "JSON values") {
				t.Errorf("%s of %s: %v", name, f, err)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 1<<20 {
				t.Errorf("%s of %s: it took %d MB", name, f, made>>20)
			}
		}
	}
}

// As many values as may be, all of them unknown: refused or listed, soon and short.
func TestManyUnknownMembersAreRefusedSoon(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"model":"m","user":"u","messages":[{"role":"user","content":"x"}]`)
	for i := range 90_000 {
		fmt.Fprintf(&b, `,"unknown%d":1`, i)
	}
	fmt.Fprintf(&b, `,"%s":1}`, strings.Repeat("n", 100_000))
	r, err := all.Codec(llm.Chat).DecodeRequest([]byte(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, _, err = all.Codec(llm.Messages).EncodeRequest(r, &wire.Target{Upstream: "up", MaxOutput: 100})
	var e *llm.Error
	if !errors.As(err, &e) || e.Class != llm.Lossy || len(e.Message) > 1000 {
		t.Errorf("%.300v", err)
	}
	_, losses, err := all.Codec(llm.Messages).EncodeRequest(r, &wire.Target{Upstream: "up", MaxOutput: 100, LossyOK: true})
	if err != nil || len(losses) > 120 {
		t.Errorf("%d losses, %v", len(losses), err)
	}
	for _, l := range losses {
		if len(l.Field) > 300 {
			t.Errorf("a loss of %d bytes", len(l.Field))
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestASemanticLossIsNeverCrowdedOut(t *testing.T) {
	table := wire.LossTable{Format: llm.Messages, Fields: map[string]wire.Fate{}}
	for _, f := range wire.Fields {
		table.Fields[f.Name] = wire.Fate{Class: wire.Carried}
	}
	r := &llm.Request{From: llm.Chat}
	for i := range 500 {
		path := fmt.Sprintf("a%d", i)
		table.Extras = append(table.Extras, wire.ExtraFate{From: llm.Chat, Path: path, Fate: wire.Fate{Class: wire.Advisory}})
		r.Extra = append(r.Extra, llm.Extra{Format: llm.Chat, Path: path, Value: []byte("1")})
	}
	r.Extra = append(r.Extra, llm.Extra{Format: llm.Chat, Path: "matters", Value: []byte("1")})
	losses := table.Losses(r)
	if last := losses[len(losses)-1]; last.Field != "matters" || last.Class != wire.Semantic || len(losses) > 101 {
		t.Errorf("%d losses, the last is %v", len(losses), last)
	}
}

func TestValuesAreCounted(t *testing.T) {
	for text, want := range map[string]int{
		`1`: 1, `"a,b[{"`: 1, `[1,2,3]`: 4, `{"a":1,"b":[1,2]}`: 5, `["\",",2]`: 3, `{"a":"b\\","c":1}`: 3,
	} {
		if got := raw.Values([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// What an upstream says of an error goes into records; it may quote a whole request.
func TestWhatAnUpstreamSaysOfAnErrorIsKeptShort(t *testing.T) {
	long := strings.Repeat("é", 20_000)
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		c := all.Codec(f)
		body := fmt.Sprintf(`{"error":{"message":%q,"type":%q,"code":%q,"param":%q,"metadata":{"raw":%q}}}`, long, long, long, long, long)
		e := c.DecodeError(400, nil, []byte(body), &wire.Dialect{})
		if n := len(e.Message) + len(e.Code) + len(e.Param); n > 3000 || !strings.HasSuffix(e.Message, "é…") {
			t.Errorf("%s: %d bytes", f, n)
		}
		stream := "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"" + long + "\"}}\n\n"
		_, err := c.Frames(strings.NewReader(stream), &wire.Dialect{}, wire.FrameOptions{}).Next()
		if !errors.As(err, &e) || e.Class != llm.Overloaded || len(e.Message) > 3000 {
			t.Errorf("%s, streamed: %.200v", f, err)
		}
	}
}

// The place of a mistake is looked for only once there is one, and then soon, and
// told in short, whatever the names on the way are.
func TestTheNameOfAMistakeIsFoundSoon(t *testing.T) {
	body := `{"model":"m","` + strings.Repeat("n", 1<<20) + `":{` + many(`"a":1`, 300_000) + `,"b":tru}}`
	for _, f := range []llm.Format{llm.Chat, llm.Messages} {
		start := time.Now()
		_, err := all.Codec(f).Scan([]byte(body), nil)
		var e *llm.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Param, "nnn") || len(e.Message)+len(e.Param) > 1000 {
			t.Errorf("%s: %.300v", f, err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: it took %v", f, took)
		}
	}
}
