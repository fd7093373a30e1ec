// Package wiretest holds what the codecs' tests share: recorded exchanges, where
// they are at hand, and comparison of JSON texts.
package wiretest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Exchange is one recorded request and its answer.
type Exchange struct {
	ID        string
	Provider  string
	Operation string
	Model     string
	Stream    bool
	Features  []string
	Request   *struct {
		Method, Path string
		Headers      map[string]string
		Body         json.RawMessage
	}
	Response struct {
		Status     int
		Headers    map[string]string
		Body       json.RawMessage
		BodyText   string `json:"body_text"`
		BodyBase64 []byte `json:"body_base64"`
	}
}

// Recorded reads the recorded exchanges of a format, or skips the test where the
// folder of recordings is not beside the repository.
func Recorded(t testing.TB, format string) []Exchange {
	t.Helper()
	path := filepath.Join(Root(t), "..", "shared", "data", "wire", format+".jsonl.gz")
	read.Lock()
	defer read.Unlock()
	if list, ok := read.files[path]; ok {
		return list
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no recorded exchanges beside the repository; hand-made ones in testdata are used alone")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []Exchange
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e Exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	read.files[path] = all
	return all
}

// read are the files that were read already; tests do not change what is in them.
var read = struct {
	sync.Mutex
	files map[string][]Exchange
}{files: map[string][]Exchange{}}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}
