package dispatch_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/skein-run/skein/internal/ledger"
	"github.com/skein-run/skein/internal/store"
)

// journal keeps records in memory, durable at once unless told otherwise.
type journal struct {
	mu      sync.Mutex
	records []store.Record
	fail    error
	reserve []store.Record
	before  func(b store.Batch) // is called before a batch becomes durable
}

func (j *journal) Submit(b store.Batch, done func(int64, error)) {
	j.mu.Lock()
	err, before := j.fail, j.before
	if err == nil {
		j.records = append(j.records, b.Records...)
	}
	n := int64(len(j.records))
	j.mu.Unlock()
	if before != nil {
		before(b)
	}
	done(n, err)
}

func (j *journal) Reserve(recs ...store.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reserve = append(j.reserve, recs...)
	return nil
}

func (j *journal) kinds() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for _, r := range j.records {
		out = append(out, r.Kind)
	}
	return strings.Join(out, " ")
}

func (j *journal) entries(t testing.TB) (out []*ledger.Entry) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.records {
		if j.records[i].Kind == ledger.KindEntry {
			e, err := ledger.Decode(&j.records[i])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
	}
	return out
}
