package analyst

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flow is a script over a stand-in for its cloud's command line, which keeps what was
// created as files. Only AWS has a server that is good for more; see aws_test.go.
type flow struct {
	t     *testing.T
	cloud string
	state string
	env   []string
}

func newFlow(t *testing.T, cloud string) *flow {
	cli, err := filepath.Abs("testdata/cli")
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, "findings"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return &flow{t, cloud, state, []string{"PATH=" + cli + string(os.PathListSeparator) + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "STATE=" + state}}
}

// run runs the script, which has to end well.
func (f *flow) run(args ...string) (stdout, stderr string) {
	f.t.Helper()
	out, said, err := script(f.t, f.cloud, f.env, args...)
	if err != nil {
		f.t.Fatalf("%s.sh %v: %v\n%s", f.cloud, args, err, said)
	}
	return out, said
}

// fails runs the script, which has to fail and say why.
func (f *flow) fails(why string, env []string, args ...string) {
	f.t.Helper()
	_, said, err := script(f.t, f.cloud, append(f.env, env...), args...)
	if err == nil || !strings.Contains(said, why) {
		f.t.Errorf("%s.sh %v: %v, and it does not say %q:\n%s", f.cloud, args, err, why, said)
	}
}

// there is the content of what the stand-in keeps, by the beginning of its name.
func (f *flow) there(prefix string) map[string]string {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.state, prefix+"*"))
	if err != nil {
		f.t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.t.Fatal(err)
		}
		all[filepath.Base(file)] = string(b)
	}
	return all
}

func (f *flow) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.state, name), []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// created brings a script through a run that fails half-way, one that goes on, and one
// that finds all there, and checks what env says then.
func (f *flow) created(failing string, things int, env ...string) {
	f.t.Helper()
	f.fails("not created yet: ", nil, "env")
	f.fails("mend it and run the same again", []string{"FAIL=" + failing}, "up")
	if _, said := f.run("up"); !strings.Contains(said, "has     ") || !strings.Contains(said, "creates ") {
		f.t.Errorf("up, after a failure, says:\n%s", said)
	}
	before := len(f.there("is-"))
	if _, said := f.run("up"); strings.Contains(said, "creates ") || strings.Count(said, "has     ") != things || len(f.there("is-")) != before {
		f.t.Errorf("up, again, says:\n%s", said)
	}
	if n := strings.TrimSpace(f.there("uploaded")["uploaded"]); n != "16" {
		f.t.Errorf("%q filings were uploaded", n)
	}
	out, _ := f.run("env")
	for _, line := range env {
		if !strings.Contains(out, "export "+line) {
			f.t.Errorf("env lacks %q:\n%s", line, out)
		}
	}
	f.fails("nothing was removed", nil, "down")
	if len(f.there("is-")) != before {
		f.t.Error("down without an answer has removed something")
	}
}

// removed says that nothing is left, and that nothing is left to do.
func (f *flow) removed() {
	f.t.Helper()
	f.run("down", "--yes")
	if left := f.there("is-"); len(left) != 0 {
		f.t.Errorf("left: %v", left)
	}
	if _, said := f.run("down", "--yes"); !strings.Contains(said, "nothing of skein-analyst is there") {
		f.t.Errorf("down, again, says:\n%s", said)
	}
}

func TestAzureIsCreatedOnceAndRemovedWhole(t *testing.T) {
	f := newFlow(t, "azure")
	f.env = append(f.env, "AGENT=oid-agent")
	// The role that the upload needs is known at the second try only; the wait is none here.
	sleepless := t.TempDir()
	if err := os.WriteFile(filepath.Join(sleepless, "sleep"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.env[0] = "PATH=" + sleepless + string(os.PathListSeparator) + strings.TrimPrefix(f.env[0], "PATH=")
	f.created("cosmosdb", 4, "AZURE_STORAGE_ACCOUNT=skein", "REPORTS=reports\n", "COSMOS_ACCOUNT=skein-analyst-", "COSMOS_DATABASE=analyst\n",
		"FINDINGS=findings\n", "SERVICEBUS_NAMESPACE=skein-analyst-", "ALERTS=alerts\n", "AZURE_OPENAI_AUTH=entra\n")
	roles := f.there("roles")["roles"]
	for _, r := range []string{"oid-me Storage Blob Data Contributor\n", "oid-agent Storage Blob Data Reader\n", "oid-me Azure Service Bus Data Sender\n", "oid-agent Azure Service Bus Data Sender\n"} {
		if !strings.Contains(roles, r) {
			t.Errorf("%q was not given:\n%s", r, roles)
		}
	}
	if got := f.there("findings")["findings"]; got != "oid-me\noid-agent\n" {
		t.Errorf("findings may be written by %q", got)
	}

	// What is in the group and not ours stays, and the group with it.
	f.write("other-theirs", "")
	if _, said := f.run("down", "--yes"); !strings.Contains(said, "left as it is, without the tag, and so is the group:\n  theirs\n") {
		t.Errorf("down says:\n%s", said)
	}
	left := f.there("is-")
	for name := range left {
		if left[name] == "analyst\n" && name != "is-group-skein-analyst" {
			t.Errorf("%s is left", name)
		}
	}
	if left["is-group-skein-analyst"] == "" {
		t.Error("the group is gone")
	}
	if err := os.Remove(filepath.Join(f.state, "other-theirs")); err != nil {
		t.Fatal(err)
	}
	f.removed()

	f.write("is-group-skein-analyst", "\n")
	f.fails("resource group skein-analyst is there, without the tag skein=analyst", nil, "up")
	f.fails("has no tag skein=analyst, so it is not this script's", nil, "down", "--yes")
}

func TestGoogleCloudIsCreatedOnceAndRemovedWhole(t *testing.T) {
	f := newFlow(t, "gcp")
	f.created("database", 5, "GOOGLE_CLOUD_PROJECT=acme\n", "REPORTS=acme-skein-analyst\n", "FIRESTORE_DATABASE=skein-analyst\n", "FINDINGS=findings\n",
		"ALERTS=skein-analyst-alerts\n", "ANALYST_ACCOUNT=skein-analyst@acme.iam.gserviceaccount.com\n")
	const account = "serviceAccount:skein-analyst@acme.iam.gserviceaccount.com "
	roles := f.there("roles")["roles"]
	for _, r := range []string{account + "roles/storage.objectViewer\n", account + "roles/pubsub.publisher\n", "user:me@example.com roles/iam.serviceAccountTokenCreator\n"} {
		if !strings.Contains(roles, r) {
			t.Errorf("%q was not given:\n%s", r, roles)
		}
	}
	if len(f.there("project")) != 1 {
		t.Error("the project has given no role")
	}
	f.removed()
	if len(f.there("project")) != 0 {
		t.Error("the project's role is left")
	}

	// A database of the same name that nothing says is ours.
	f.write("is-database", "")
	f.fails("Firestore database skein-analyst is there, without the label skein=analyst", nil, "up")
	if _, said := f.run("down", "--yes"); !strings.Contains(said, "left as it is: the database") || len(f.there("is-database")) != 1 {
		t.Errorf("down says:\n%s", said)
	}
}
