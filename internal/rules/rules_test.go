// Package rules holds the rules of the house that the compiler does not know, as
// tests whose messages say what to do instead.
package rules

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/skein-run/skein/internal/"

// may says which of our own packages a package may import. Arrows point down.
var may = map[string][]string{
	"money":   {},
	"llm":     {},
	"price":   {"llm", "money"},
	"catalog": {"llm", "money", "price"},
	"route":   {"llm", "limit", "money", "price", "catalog"},
	"limit":   {"llm", "money"},
	"budget":  {"llm", "money", "price"},
	"call":    {"llm", "money"},
	"agent":   {"llm", "money"},
	"seam":    {"llm"},

	"wire":      {"llm", "catalog"},
	"provider":  {"catalog", "cloud", "limit", "llm", "wire"},
	"pool":      {"limit", "llm", "money", "price", "provider", "wire"},
	"store":     {},
	"ledger":    {"money", "price", "store", "llm"},
	"auth":      {"money", "store", "ledger"},
	"cloud":     {},
	"secret":    {"cloud"},
	"tool":      {"agent", "cloud", "llm", "money", "price"},
	"telemetry": {"llm", "money", "agent"},
	"fakecloud": {"price", "money"},

	"dispatch": {"call", "route", "limit", "budget", "price", "llm", "money", "ledger", "store", "provider", "seam", "telemetry", "wire"},
	"gateway":  {"dispatch", "auth", "limit", "llm", "wire", "ledger", "money"},
	"engine":   {"agent", "cloud", "dispatch", "ledger", "llm", "money", "price", "store", "telemetry", "tool", "wire"},
	"api":      {"agent", "auth", "budget", "dispatch", "engine", "ledger", "llm", "money", "price", "store"},
	"config":   {"cloud", "dispatch", "engine", "gateway", "pool", "provider", "secret", "telemetry", "tool", "budget", "catalog", "money", "price"},
	"node":     nil, // builds everything
	"show":     nil,
	"demo":     nil,
	"load":     nil, // tests from outside, with thousands of streams
	"faults":   nil, // tests from outside, with every fault of an upstream
	"attack":   nil, // tests from outside, judged by the stand-ins
	"matrix":   nil, // tests from outside, with the official SDKs
	"rules":    {},
}

// pure packages decide: the same code runs in production, tests and plans.
var pure = []string{"money", "llm", "price", "catalog", "route", "limit", "budget", "call", "seam", "agent", "engine/sched", "pool/pick", "pool/meter"}

// outside is what a pure package may not reach for, and what it does instead.
var outside = map[string]string{
	"os":           "files and the environment are the shell's: take what you need as an argument",
	"net":          "nothing is sent from a pure package: return a command",
	"net/http":     "nothing is sent from a pure package: return a command",
	"sync":         "a pure machine has no goroutines and its caller has the lock",
	"sync/atomic":  "a pure machine has no goroutines and its caller has the lock",
	"math/rand":    "chance arrives in an event",
	"math/rand/v2": "chance arrives in an event",
	"crypto/rand":  "chance arrives in an event",
	"log":          "a decision is returned, not logged",
	"log/slog":     "a decision is returned, not logged",
	"database/sql": "the store is the shell's",
	"context":      "a pure function does not wait, so there is nothing to cancel",
}

// exempt are imports that a pure package may have all the same, with the reason.
var exempt = map[string]string{
	"money database/sql/driver": "an amount stores itself as text",
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "github.com/skein-run/skein/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// room is the top folder of an internal package: "wire" for internal/wire/chat.
func room(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, module)
	top, _, _ := strings.Cut(rest, "/")
	return top, ok
}

func TestArrowsPointDown(t *testing.T) {
	for _, p := range list(t) {
		from, ok := room(p.ImportPath)
		if !ok || strings.HasSuffix(p.ImportPath, "test") { // a conformance suite may use whatever it tests with
			continue
		}
		allowed, known := may[from]
		if !known {
			t.Errorf("%s is a room that no plan shows: add it to `may` in this test, and to ARCHITECTURE.md", from)
			continue
		}
		for _, imp := range p.Imports {
			to, ours := room(imp)
			if !ours || to == from || allowed == nil || slices.Contains(allowed, to) {
				continue
			}
			t.Errorf("%s imports %s: arrows point down (ARCHITECTURE.md). Declare a small interface where it is used, or move the thing to the room that both may use", p.ImportPath, imp)
		}
	}
}

func TestPurePackagesReachForNothing(t *testing.T) {
	for _, p := range list(t) {
		rest, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok || !slices.Contains(pure, rest) {
			continue
		}
		for _, imp := range p.Imports {
			if why, bad := outside[imp]; bad && exempt[rest+" "+imp] == "" {
				t.Errorf("%s imports %s: %s", rest, imp, why)
			}
		}
	}
}

func TestOnlyCmdKnowsTheNode(t *testing.T) {
	for _, p := range list(t) {
		from, ours := room(p.ImportPath)
		for _, imp := range p.Imports {
			if to, _ := room(imp); ours && to == "config" && from != "config" && from != "node" {
				t.Errorf("%s imports config: nothing below node does. Declare the options in your own package; config assembles them", p.ImportPath)
			}
		}
	}
}

// clock is what reads or waits for the time.
var clock = regexp.MustCompile(`\btime\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)\(`)

func TestPurePackagesReadNoClock(t *testing.T) {
	for _, rest := range pure {
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(rest), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", rest, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if found := clock.Find(src); found != nil && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s has %s…): the time is an argument or stands in the event, so that tests and plans can say what it is", name, found)
			}
		}
	}
}
