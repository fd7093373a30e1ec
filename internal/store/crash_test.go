package store_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/store"
	"github.com/skein-run/skein/internal/store/storetest"
)

// crashDir tells the test binary, started again as a child, to commit there until
// it is killed.
const crashDir = "SKEIN_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		commitForEver(dir)
	}
	os.Exit(m.Run())
}

const crashWriters = 8

// commitForEver acknowledges each commit by a line on stdout.
func commitForEver(dir string) {
	s, err := store.Open(context.Background(), dir, store.Options{Views: storetest.Views()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	from := s.LSN() // so that each life has names of its own
	var wg sync.WaitGroup
	for w := range crashWriters {
		wg.Go(func() {
			for i := 1; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", from, w, i)
				r := rec("word", name)
				r.Stream, r.Seq, r.Epoch = fmt.Sprintf("s%d-%d", from, w), int64(i), 1
				b := store.Batch{
					Records:  []store.Record{r, rec("word", "a")},
					Payloads: []store.Payload{{Org: "default", Ref: name, Data: bytes.Repeat([]byte(name), 1+i%3*500)}},
				}
				lsn, err := s.Commit(context.Background(), b)
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				os.Stdout.WriteString(fmt.Sprintln(lsn, name, 1+i%3*500)) // one write, whole
			}
		})
	}
	wg.Wait()
}

func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]int64{}
	copies := map[string]int{}
	for life := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var lsn int64
			var name string
			var times int
			if _, err := fmt.Sscan(lines.Text(), &lsn, &name, &times); err != nil {
				if cmd.ProcessState == nil && strings.HasPrefix(lines.Text(), "error") {
					t.Fatalf("the child says: %s", lines.Text())
				}
				break // the line that the kill cut
			}
			acknowledged[name], copies[name] = lsn, times
			if n == 200+life*137 {
				cmd.Process.Kill() // and read what it had said by then
			}
		}
		cmd.Wait()
		checkCrash(t, dir, acknowledged, copies)
	}
}

func checkCrash(t *testing.T, dir string, acknowledged map[string]int64, copies map[string]int) {
	t.Helper()
	if len(acknowledged) < 200 {
		t.Fatalf("only %d commits were acknowledged", len(acknowledged))
	}
	views := storetest.Views()
	if err := opens(dir, store.Options{Views: views, ReadOnly: true}); err != nil {
		t.Errorf("reading what the killed one left: %v", err)
	}
	s, err := store.Open(t.Context(), dir, store.Options{Views: views})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rs, err := s.Records(t.Context(), 0, store.Filter{}, -1)
	if err != nil {
		t.Fatal(err)
	}
	if len(rs)%2 != 0 {
		t.Errorf("%d records: half of a batch is there", len(rs))
	}
	found := map[string]int64{}
	for i, r := range rs {
		if r.LSN != int64(i+1) {
			t.Fatalf("record %d has lsn %d", i+1, r.LSN)
		}
		found[string(r.Body)] = r.LSN
	}
	for name, lsn := range acknowledged {
		if found[name] != lsn {
			t.Errorf("%s was acknowledged at %d and is at %d", name, lsn, found[name])
		}
		p, err := s.Payload(t.Context(), "default", name)
		if err != nil || !bytes.Equal(p.Data, bytes.Repeat([]byte(name), copies[name])) {
			t.Errorf("the payload of %s: %d bytes, %v", name, len(p.Data), err)
		}
	}
	storetest.CheckRebuild(t, s, views)
	sound(t, s)
}
