package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skein-run/skein/examples/analyst"
	"github.com/skein-run/skein/internal/catalog"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/node"
	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/provider"
	"github.com/skein-run/skein/internal/tool"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/table"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/all"
)

// classes are all classes of error, as llm has them.
var classes = []llm.ErrorClass{
	llm.BadRequest, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.RateLimited, llm.QuotaExhausted, llm.ContextOverflow,
	llm.Filtered, llm.Overloaded, llm.ServerError, llm.Unreachable, llm.TimedOut, llm.BrokenStream, llm.Malformed,
	llm.OverBudget, llm.Busy, llm.Canceled, llm.Lossy, llm.Internal,
}

// errorFormats are the formats in whose forms errors are told, one for each service
// whose clients are served.
var errorFormats = []llm.Format{llm.Chat, llm.Messages, llm.Gemini, llm.Converse}

// errorTable asks each of them how it tells each class of error.
func errorTable() string {
	var b strings.Builder
	b.WriteString("| class | OpenAI: status, `type`, `code` | Anthropic: status, `type` | Google: status, `status` | Bedrock: status, `__type` |\n|---|---|---|---|---|\n")
	row := func(name string, e *llm.Error) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, format := range errorFormats {
			status, words := told(format, e)
			fmt.Fprintf(&b, " %d", status)
			for _, w := range words {
				fmt.Fprintf(&b, " `%s`", w)
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	for _, c := range classes {
		if c == llm.Unauthorized || c == llm.Forbidden {
			row(fmt.Sprintf("`%s`, of the client's key", c), &llm.Error{Class: c, Blame: llm.BlameKey, Message: "x"})
			row(fmt.Sprintf("`%s`, of Skein's credential upstream", c), &llm.Error{Class: c, Blame: llm.BlameCredential, Message: "x"})
			continue
		}
		row("`"+string(c)+"`", &llm.Error{Class: c, Message: "x"})
	}
	return b.String()
}

// told is an error's status in a format, and the words that programs look at.
func told(format llm.Format, e *llm.Error) (status int, words []string) {
	status, body := all.Codec(format).EncodeError(e)
	var said struct {
		Error struct {
			Type, Status string
			Code         any // Google's is a number, and the status
		}
		Name string `json:"__type"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		panic(err) // a codec whose errors are no JSON
	}
	code, _ := said.Error.Code.(string)
	for _, w := range []string{said.Error.Type, code, said.Error.Status, said.Name} {
		if w != "" {
			words = append(words, w)
		}
	}
	return status, words
}

// TestEveryFormatTellsErrorsAsOneOfTheTable wants no format whose errors the page
// does not show.
func TestEveryFormatTellsErrorsAsOneOfTheTable(t *testing.T) {
	for _, c := range all.Codecs() {
		for _, class := range classes {
			e := &llm.Error{Class: class, Message: "x"}
			status, words := told(c.Format(), e)
			if !slices.ContainsFunc(errorFormats, func(f llm.Format) bool {
				s, w := told(f, e)
				return s == status && slices.Equal(w, words)
			}) {
				t.Errorf("%s tells %s as %d %v, which is in no column of the table in http.md", c.Format(), class, status, words)
			}
		}
	}
}

func apiTable(t *testing.T, document string) string {
	var doc struct {
		Paths map[string]map[string]struct{ Summary string }
	}
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatalf("read the OpenAPI document: %v\n%s", err, document)
	}
	var b strings.Builder
	b.WriteString("| request | what it does |\n|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			fmt.Fprintf(&b, "| `%s /api/v1%s` | %s |\n", strings.ToUpper(method), path, doc.Paths[path][method].Summary)
		}
	}
	return b.String()
}

var sample = regexp.MustCompile(`(?m)^([a-z_]+?)(_bucket|_sum|_count)?(\{([^}]*)\})? `)

// metricTable lists Skein's own metrics with their labels.
func metricTable(text string) string {
	labels := map[string]string{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		var names []string
		for _, l := range strings.Split(m[4], ",") {
			if name, _, ok := strings.Cut(l, "="); ok && name != "le" {
				names = append(names, "`"+name+"`")
			}
		}
		labels[m[1]] = strings.Join(names, ", ")
	}
	var b strings.Builder
	b.WriteString("| metric | kind | labels | what it says |\n|---|---|---|---|\n")
	for _, part := range strings.Split(text, "# HELP ")[1:] {
		line, rest, _ := strings.Cut(part, "\n")
		name, help, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(name, "skein_") {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(rest, "# TYPE "+name+" "), "\n")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, labels[name], help)
	}
	return b.String()
}

// operationTable lists what every kind of tool can do, with the drivers that there are.
func operationTable(t *testing.T) string {
	dir := t.TempDir()
	history := filepath.Join(dir, "history.db")
	if err := analyst.BuildHistory(history); err != nil {
		t.Fatal(err)
	}
	session := cloud.New(cloud.Options{
		AWS: cloud.AWSOptions{Region: "us-east-1"}, Azure: cloud.AzureOptions{Region: "westeurope", Token: "none"},
		GCP: cloud.GCPOptions{Project: "project", Region: "us-central1", Token: "none"},
	})
	var b strings.Builder
	b.WriteString("| resource | operation | class | rests on | one execution consumes at most |\n|---|---|---|---|---|\n")
	for _, r := range []struct {
		name, shown string
		spec        tool.Spec
	}{
		{"docs", "`objects: file:folder`", tool.Spec{Objects: "file:" + dir, Access: "write"}},
		{"docs", "`objects: s3://…`", tool.Spec{Objects: "s3://bucket?region=us-east-1", Access: "write"}},
		{"docs", "`objects: azblob://…`", tool.Spec{Objects: "azblob://container?account=acct", Access: "write"}},
		{"docs", "`objects: gs://…`", tool.Spec{Objects: "gs://bucket", Access: "write"}},
		{"db", "`sql: sqlite:path`", tool.Spec{SQL: "sqlite:" + history}},
		{"items", "`table: sqlite:path?…`", tool.Spec{Table: "sqlite:" + filepath.Join(dir, "t.db") + "?table=items&partition_key=id"}},
		{"items", "`table: dynamodb://…`", tool.Spec{Table: "dynamodb://items?partition_key=id&region=us-east-1", Access: "write"}},
		{"items", "`table: cosmos://…`", tool.Spec{Table: "cosmos://acct/db/items?partition_key=id", Access: "write"}},
		{"items", "`table: aztables://…`", tool.Spec{Table: "aztables://acct/items?partition_key=id", Access: "write"}},
		{"items", "`table: firestore://…`", tool.Spec{Table: "firestore://project/items?partition_key=id", Access: "write"}},
		{"people", "`notify: file:folder`", tool.Spec{Notify: "file:" + filepath.Join(dir, "out")}},
		{"people", "`notify: awssns:///…`", tool.Spec{Notify: "awssns:///arn:aws:sns:us-east-1:123456789012:alerts"}},
		{"people", "`notify: awssns:///….fifo`", tool.Spec{Notify: "awssns:///arn:aws:sns:us-east-1:123456789012:alerts.fifo"}},
		{"people", "`notify: azuresb://…?dedup=10m`", tool.Spec{Notify: "azuresb://namespace/alerts?dedup=10m"}},
		{"people", "`notify: azuresb://…`", tool.Spec{Notify: "azuresb://namespace/alerts"}},
		{"people", "`notify: eventgrid://…`", tool.Spec{Notify: "eventgrid://topic.westeurope-1.eventgrid.azure.net"}},
		{"people", "`notify: gcppubsub://…`", tool.Spec{Notify: "gcppubsub://projects/p/topics/alerts"}},
		{"calculate", "built in", tool.Spec{}},
		{"todo", "built in", tool.Spec{}},
	} {
		made, err := tool.Open(r.name, r.spec, session)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range made.Operations() {
			var bound []string
			for _, reading := range op.Bound {
				bound = append(bound, fmt.Sprintf("%d `%s`", reading.Quantity, reading.Meter))
			}
			checked := node.CheckedOperation{Name: op.Name, Class: op.Class, For: op.For, Resend: op.Resend, Basis: op.Basis}
			fmt.Fprintf(&b, "| %s | `%s` | `%s` | %s | %s |\n", r.shown, op.Name, checked.Words(), op.Basis, strings.Join(bound, ", "))
		}
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	}
	return b.String()
}

// meterTable lists what is counted.
// engineTable lists the inference servers that a pool can have.
func engineTable() string {
	var b strings.Builder
	b.WriteString("| `engine` | as kind | health | metrics | running | waiting | cache in use, 1 is all | adapters |\n|---|---|---|---|---|---|---|---|\n")
	names := func(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }
	for _, e := range pool.Engines() {
		adapters := ""
		if e.Adapters != "" {
			adapters = "`" + e.Adapters + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | `%s` | %s | %s | %s | %s |\n",
			e.Name, e.Kind, e.Health, e.Metrics, names(e.Running), names(e.Waiting), names(e.KV), adapters)
	}
	return b.String()
}

func meterTable() string {
	var b strings.Builder
	b.WriteString("| meter | unit | category |\n|---|---|---|\n")
	b.WriteString("| token classes: `input`, `cache_read`, `output`, … | token | " + string(price.Models) + " |\n")
	for _, m := range price.Meters() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m, m.Unit(), m.Category())
	}
	return b.String()
}

func driverTable() string {
	var b strings.Builder
	b.WriteString("| kind | URL | options | is by itself |\n|---|---|---|---|\n")
	drivers(&b, "objects", objects.Drivers())
	drivers(&b, "sql", sqldb.Drivers())
	drivers(&b, "table", table.Drivers())
	drivers(&b, "notify", notify.Drivers())
	drivers(&b, "queue", queue.Drivers())
	drivers(&b, "function", function.Drivers())
	return b.String()
}

func drivers[T any](b *strings.Builder, kind string, all []resource.Driver[T]) {
	for _, d := range all {
		options := ""
		if len(d.Options) > 0 {
			options = "`" + strings.Join(d.Options, "`, `") + "`"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | `%s` |\n", kind, d.Form, options, d.Service)
	}
}

func priceTable(t *testing.T) string {
	c := load(t)
	var b strings.Builder
	b.WriteString("| `priced_as` | on bills | prices since | meters with a price |\n|---|---|---|---|\n")
	for _, key := range c.Services() {
		s, _ := c.Service(key)
		latest := s.Prices[len(s.Prices)-1]
		var meters []string
		for _, row := range latest.Rows {
			meters = append(meters, "`"+string(row.Meter)+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s (%s) | %s | %s |\n", key, s.Service, s.Title, latest.From, strings.Join(meters, ", "))
	}
	return b.String()
}

// modelTable counts the models with a price, and names a few of each kind.
func modelTable(t *testing.T) string {
	const some = 4
	var kinds []string
	names := map[string][]string{}
	for _, m := range load(t).Models() {
		if names[m.Kind] == nil {
			kinds = append(kinds, m.Kind)
		}
		names[m.Kind] = append(names[m.Kind], "`"+m.Name+"`")
	}
	slices.Sort(kinds)
	var b strings.Builder
	b.WriteString("| kind | models | such as |\n|---|--:|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", k, len(names[k]), strings.Join(names[k][:min(some, len(names[k]))], ", "))
	}
	return b.String()
}

// kindTable lists the kinds of provider.
func kindTable() string {
	var b strings.Builder
	b.WriteString("| `kind` | on bills | credential | address | speaks | only with `formats` |\n|---|---|---|---|---|---|\n")
	for _, k := range provider.Kinds() {
		var speaks, optional []string
		for i := range k.Surfaces {
			s := &k.Surfaces[i]
			to := &speaks
			if s.Optional && !k.Generic {
				to = &optional
			}
			if f := "`" + string(s.Format) + "`"; !slices.Contains(*to, f) {
				*to = append(*to, f)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, k.Service, credentialOf(&k), addressOf(&k), strings.Join(speaks, ", "), strings.Join(optional, ", "))
	}
	return b.String()
}

// credentialOf says where a kind's credential comes from where a row states none.
func credentialOf(k *provider.Kind) string {
	var ways []string
	if k.KeyEnv != "" {
		ways = append(ways, "`"+strings.Join(append([]string{k.KeyEnv}, k.OtherKeyEnv...), "`, `")+"`")
	}
	for _, a := range k.Auth {
		if a != "key" {
			ways = append(ways, "`auth: "+a+"`")
		}
	}
	if len(ways) == 0 {
		return "none"
	}
	return strings.Join(ways, "; ")
}

func addressOf(k *provider.Kind) string {
	at := "`" + k.Endpoint + "`"
	switch {
	case k.Endpoint != "":
	case k.Name == "azure":
		at = "the resource's"
	default:
		at = "the region's"
	}
	if k.AddressEnv != "" {
		at += ", or `" + k.AddressEnv + "`"
	}
	return at
}

var (
	pythonPin = regexp.MustCompile(`(?m)^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)$`)
	goPin     = regexp.MustCompile(`(?m)^\s*(github.com/openai/openai-go/v3|github.com/anthropics/anthropic-sdk-go|github.com/aws/aws-sdk-go-v2/service/bedrockruntime|google.golang.org/genai) v(\S+)`)
)

// versionTable lists the clients that are tried, as they are pinned.
func versionTable(t *testing.T) string {
	direct, _, _ := strings.Cut(read(t, "../test/clients/requirements.txt"), "\n\n") // below it is what they bring
	var python, gos, node []string
	for _, m := range pythonPin.FindAllStringSubmatch(direct, -1) {
		python = append(python, m[1]+" "+m[2])
	}
	for _, m := range goPin.FindAllStringSubmatch(read(t, "../go.mod"), -1) {
		gos = append(gos, m[1]+" "+m[2])
	}
	var pins struct{ Dependencies map[string]string }
	if err := json.Unmarshal([]byte(read(t, "../test/clients/package.json")), &pins); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(pins.Dependencies)) {
		node = append(node, name+" "+pins.Dependencies[name])
	}
	if len(python) == 0 || len(gos) != 4 || len(node) == 0 {
		t.Errorf("found pins of %d Python, %d Go and %d Node packages", len(python), len(gos), len(node))
	}
	return fmt.Sprintf("| in | tried |\n|---|---|\n| Go | %s |\n| Python | %s |\n| Node, and coding agents | %s |\n",
		strings.Join(gos, ", "), strings.Join(python, ", "), strings.Join(node, ", "))
}

// betaClouds are the clouds that serve Anthropic's models beside their maker.
var betaClouds = []wire.Cloud{wire.CloudBedrock, wire.CloudConverse, wire.CloudVertex, wire.CloudFoundry}

// betaTable says what becomes of the beta flags that the coding agents send.
func betaTable() string {
	var b strings.Builder
	b.WriteString("| flag | `bedrock` | `bedrock`, by Converse | `vertex` | `azure` |\n|---|---|---|---|---|\n")
	for _, flag := range []string{
		"claude-code-20250219", "interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "context-management-2025-06-27", "effort-2025-11-24",
		"prompt-caching-scope-2026-01-05", "mid-conversation-system-2026-04-07", "advanced-tool-use-2025-11-20", "web-search-2025-03-05", "files-api-2025-04-14",
	} {
		fmt.Fprintf(&b, "| `%s` |", flag)
		for _, cloud := range betaClouds {
			send, losses := wire.BetasAt(cloud, []string{flag})
			switch {
			case len(losses) > 0:
				b.WriteString(" refused there: left out, and named |")
			case len(send) == 0:
				b.WriteString(" not needed: left out |")
			case send[0] == flag:
				b.WriteString(" passes |")
			default:
				fmt.Fprintf(&b, " as `%s` |", send[0])
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// clientTable lists the clients that skein env knows, with their variables.
func clientTable(t *testing.T, g *generated) string {
	if g.house == nil {
		g.house = newHouse(t)
	}
	var b strings.Builder
	b.WriteString("| client | `skein env …` | sets |\n|---|---|---|\n")
	for line := range strings.Lines(g.house.sh("skein env")) {
		how, about, _ := strings.Cut(strings.TrimSpace(line), "  ")
		var names []string
		for said := range strings.Lines(g.house.sh("skein env --address URL --key sk-skein-aaaaaaaaaaaaaaaa-" + strings.Repeat("a", 52) + " --model MODEL " + how)) {
			if v, ok := strings.CutPrefix(said, "export "); ok {
				name, value, _ := strings.Cut(strings.TrimSpace(v), "=")
				if strings.HasPrefix(value, "URL") {
					name += "=" + value
				}
				names = append(names, "`"+name+"`")
			}
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", strings.TrimSpace(about), how, strings.Join(names, ", "))
	}
	return b.String()
}

func load(t *testing.T) *catalog.Catalog {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
