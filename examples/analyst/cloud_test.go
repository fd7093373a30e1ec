package analyst

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// example is a configuration of the example, as YAML has it.
func example(t *testing.T, name string) (text string, conf map[string]any) {
	t.Helper()
	b, err := Config(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &conf); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(b), conf
}

// agents are the lines of the section, comments and all.
func agents(text string) string {
	_, section, _ := strings.Cut(text, "\nagents:\n")
	return section
}

// urls are the members of a tool that say where its resource is.
var urls = []string{"objects", "sql", "table", "notify"}

func TestTheConfigurationsDifferInPlacesOnly(t *testing.T) {
	wantText, want := example(t, "local.yaml")
	if agents(wantText) == "" {
		t.Fatal("local.yaml has no agents")
	}
	free := []string{"location", "clouds", "providers", "models", "prices", "tools", "agents"}
	for _, cloud := range Clouds() {
		text, conf := example(t, cloud+".yaml")
		if agents(text) != agents(wantText) {
			t.Errorf("the agents of %s.yaml are not those of local.yaml", cloud)
		}
		for section, v := range conf {
			if !slices.Contains(free, section) && fmt.Sprint(v) != fmt.Sprint(want[section]) {
				t.Errorf("%s.yaml differs from local.yaml in %s", cloud, section)
			}
		}
		tools, wantTools := conf["tools"].(map[string]any), want["tools"].(map[string]any)
		if a, b := slices.Sorted(maps.Keys(tools)), slices.Sorted(maps.Keys(wantTools)); !slices.Equal(a, b) {
			t.Errorf("%s.yaml has the tools %v, local.yaml has %v", cloud, a, b)
			continue
		}
		for name, tool := range tools {
			a, b := tool.(map[string]any), wantTools[name].(map[string]any)
			for _, m := range []map[string]any{a, b} {
				for _, u := range urls {
					if m[u] != nil {
						m[u] = "somewhere"
					}
				}
			}
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("%s of %s.yaml is %v, and %v in local.yaml", name, cloud, a, b)
			}
		}
	}
}

func TestTheSecondCloudIsMarked(t *testing.T) {
	for _, cloud := range Clouds() {
		text, _ := example(t, cloud+".yaml")
		kind := SecondKind(text)
		if kind == "" {
			t.Errorf("%s.yaml has no second cloud", cloud)
		}
		if strings.Contains(Second(text, true), second) || strings.Contains(Second(text, false), second) {
			t.Errorf("%s.yaml: a marker is left", cloud)
		}
		var conf struct {
			Providers map[string]struct{ Kind string }
			Models    map[string]struct{ Deployments []map[string]string }
		}
		if err := yaml.Unmarshal([]byte(Second(text, false)), &conf); err != nil {
			t.Fatalf("%s.yaml without its second cloud: %v", cloud, err)
		}
		if len(conf.Providers) != 1 || len(conf.Models["smart"].Deployments) != 1 {
			t.Errorf("%s.yaml without its second cloud has %v, %v", cloud, conf.Providers, conf.Models)
		}
		for _, p := range conf.Providers {
			if p.Kind == kind {
				t.Errorf("%s.yaml without its second cloud still has %s", cloud, kind)
			}
		}
	}
}

// script runs a cloud's script as it is in the binary, in a folder of its own, and with
// nothing in its environment but what is given.
func script(t *testing.T, cloud string, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	text, err := CloudScript(cloud)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "cloud.sh")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFilings(filepath.Join(dir, "filings")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{path}, args...)...)
	cmd.Dir, cmd.Env = dir, env
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

// bare is an environment in which no cloud's command line is found.
func bare(t *testing.T) []string {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"bash", "cat", "cksum", "cut", "dirname", "grep", "head", "mktemp", "rm", "sed"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("there is no %s", tool)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"PATH=" + bin, "TMPDIR=" + t.TempDir()}
}

// creates are the commands that create what a URL of a tool names, by its scheme.
var creates = map[string]string{
	"s3": "aws s3api create-bucket", "dynamodb": "aws dynamodb create-table", "awssns": "aws sns create-topic",
	"azblob": "az storage container-rm create", "cosmos": "az cosmosdb sql container create", "azuresb": "az servicebus topic create",
	"gs": "gcloud storage buckets create", "firestore": "gcloud firestore databases create", "gcppubsub": "gcloud pubsub topics create",
}

var (
	variables = regexp.MustCompile(`\$\{([A-Z_]+)`)
	prices    = regexp.MustCompile(`(?m)^    costs: .+`)
)

func TestDryNamesEveryResourceAndItsPrice(t *testing.T) {
	for _, cloud := range Clouds() {
		t.Run(cloud, func(t *testing.T) {
			out, said, err := script(t, cloud, bare(t), "dry")
			if err != nil || said != "" {
				t.Fatalf("%v\n%s", err, said)
			}
			text, _ := CloudScript(cloud)
			_, conf := example(t, cloud+".yaml")
			resources := 0
			for name, tool := range conf["tools"].(map[string]any) {
				for _, u := range urls {
					at, _ := tool.(map[string]any)[u].(string)
					scheme, _, remote := strings.Cut(at, "://")
					if !remote { // the history is a file
						continue
					}
					resources++
					if command := creates[scheme]; command == "" || !strings.Contains(out, "\n    "+command+" ") {
						t.Errorf("nothing creates %s, %s; dry says:\n%s", name, at, out)
					}
					for _, m := range variables.FindAllStringSubmatch(at, -1) {
						if !bytes.Contains(text, []byte("'export "+m[1]+"=%s")) {
							t.Errorf("%s wants %s, which env does not set", name, m[1])
						}
					}
				}
			}
			if n := len(prices.FindAllString(out, -1)); resources != 3 || n < resources {
				t.Errorf("%d resources, %d prices:\n%s", resources, n, out)
			}
			if !strings.Contains(out, "Nothing was changed.") || !strings.Contains(out, "/filings") {
				t.Errorf("dry says:\n%s", out)
			}
		})
	}
}

func TestScriptsSayWhatIsMissing(t *testing.T) {
	for cloud, cli := range map[string]string{"aws": "AWS's CLI is not here", "azure": "Azure's CLI is not here", "gcp": "Google's CLI is not here"} {
		env := bare(t)
		for _, args := range [][]string{{"up"}, {"env"}, {"down", "--yes"}} {
			out, said, err := script(t, cloud, env, args...)
			if err == nil || out != "" || !strings.Contains(said, cli) {
				t.Errorf("%s %v: %v, %q, %q", cloud, args, err, out, said)
			}
		}
		for _, args := range [][]string{nil, {"destroy"}, {"down", "--no"}, {"up", "--yes"}} {
			if _, said, err := script(t, cloud, env, args...); err == nil || !strings.Contains(said, "usage: ") {
				t.Errorf("%s %v: %v, %q", cloud, args, err, said)
			}
		}
		if _, said, err := script(t, cloud, append(env, "NAME=No Name"), "dry"); err == nil || !strings.Contains(said, "NAME is No Name: it may have") {
			t.Errorf("%s with a name that is none: %v, %q", cloud, err, said)
		}
	}
}
