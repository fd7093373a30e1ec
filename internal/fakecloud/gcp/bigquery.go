package gcp

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// bigQuery answers jobs.query over the datasets of the resources, in SQLite's dialect
// with BigQuery's names of tables and parameters. It bills by what was read as BigQuery
// does, by columns and in whole megabytes, and never from a cache.
// https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
type bigQuery struct {
	resources standin.Resources
	ids       *ids

	mu       sync.Mutex
	projects map[string]*warehouse
	jobs     map[string]*queryJob // by project/job
	requests map[string]*queryJob // by project/requestId
}

type queryIn struct {
	Query              string           `json:"query"`
	UseLegacySQL       *bool            `json:"useLegacySql"`
	ParameterMode      string           `json:"parameterMode"`
	QueryParameters    []queryParameter `json:"queryParameters"`
	MaxResults         *int             `json:"maxResults"`
	TimeoutMS          *int64           `json:"timeoutMs"`
	DryRun             bool             `json:"dryRun"`
	RequestID          string           `json:"requestId"`
	MaximumBytesBilled string           `json:"maximumBytesBilled"`
	DefaultDataset     struct {
		DatasetID string `json:"datasetId"`
		ProjectID string `json:"projectId"`
	} `json:"defaultDataset"`
	Location string `json:"location"`
}

type queryParameter struct {
	Name          string `json:"name"`
	ParameterType struct {
		Type string `json:"type"`
	} `json:"parameterType"`
	ParameterValue struct {
		Value *string `json:"value"`
	} `json:"parameterValue"`
}

func newBigQuery(r standin.Resources, ids *ids) *bigQuery {
	return &bigQuery{resources: r, ids: ids, projects: map[string]*warehouse{}, jobs: map[string]*queryJob{}, requests: map[string]*queryJob{}}
}

func (s *bigQuery) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) < 5 || path[0] != "bigquery" || path[1] != "v2" || path[2] != "projects" {
		return place{}, false
	}
	p := place{project: path[3], scope: "bigquery/" + path[3]}
	if len(path) > 5 {
		p.key = path[5]
	}
	switch get := r.Method == http.MethodGet; {
	case len(path) == 5 && path[4] == "queries" && r.Method == http.MethodPost:
		p.op = "Query"
		var in queryIn
		if read(r, &in) == nil {
			p.name = s.dataset(in)
			p.resource = p.name
		}
		if p.name != "" {
			p.scope += "/" + p.name
		}
		if !in.DryRun { // which is free
			p.charge(price.MeterQueries, 1)
		}
	case len(path) == 6 && path[4] == "queries" && get:
		p.op, p.resource = "GetQueryResults", p.key
		s.scopeOf(&p)
	case len(path) == 6 && path[4] == "jobs" && get:
		p.op, p.resource = "GetJob", p.key
		s.scopeOf(&p)
	case len(path) == 6 && path[4] == "datasets" && get:
		p.op, p.resource, p.scope = "GetDataset", p.key, p.scope+"/"+p.key
	}
	return p, true
}

// scopeOf is a job's: that of the dataset that it asked.
func (s *bigQuery) scopeOf(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if job := s.jobs[p.project+"/"+p.key]; job != nil {
		if name := s.dataset(job.in); name != "" {
			p.scope += "/" + name
		}
	}
}

// dataset is the one that a query is about: its default, or else the first whose name
// stands before a dot.
func (s *bigQuery) dataset(in queryIn) string {
	if in.DefaultDataset.DatasetID != "" {
		return in.DefaultDataset.DatasetID
	}
	first, at := "", len(in.Query)
	for name := range s.resources.Datasets {
		if i := qualified(in.Query, name); i >= 0 && i < at {
			first, at = name, i
		}
	}
	return first
}

// qualified is where a query names a table of a dataset with it, -1 where it does not.
func qualified(query, dataset string) int {
	for _, form := range []string{dataset + ".", "`" + dataset + "`."} {
		if i := strings.Index(query, form); i >= 0 && (i == 0 || !isWord(query[i-1])) {
			return i
		}
	}
	return -1
}

func isWord(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// fail is an error as the older APIs have it, with the code of the newer beside it.
func (s *bigQuery) fail(_ *standin.Request, f refusal) standin.Outcome {
	one := map[string]any{"message": f.message, "domain": "global", "reason": f.reason}
	if f.reason == "invalidQuery" {
		one["location"], one["locationType"] = "q", "parameter"
	}
	out := answer(map[string]any{"error": map[string]any{"code": f.status, "message": f.message, "errors": []any{one}, "status": f.code}})
	out.Status = f.status
	return out
}

func (s *bigQuery) do(r *standin.Request, p place) standin.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch p.op {
	case "GetDataset":
		if _, ok := s.resources.Datasets[p.key]; !ok {
			return s.fail(r, notFound("Not found: Dataset "+p.project+":"+p.key))
		}
		return answer(map[string]any{"kind": "bigquery#dataset", "id": p.project + ":" + p.key, "location": "EU", "type": "DEFAULT",
			"datasetReference": map[string]any{"datasetId": p.key, "projectId": p.project}})
	case "Query":
		return s.query(r, p)
	}
	job := s.jobs[p.project+"/"+p.key]
	if job == nil {
		return s.fail(r, notFound("Not found: Job "+p.project+":"+p.key))
	}
	if p.op == "GetJob" {
		return answer(job.described())
	}
	if job.bad != nil {
		return s.fail(r, *job.bad)
	}
	return s.results(r, job)
}

const (
	mostRequestID = 36
	remembered    = 15 * time.Minute
	hurried       = 100 // milliseconds: who waits less is told that the job is running
	mostRows      = 10_000
)

func (s *bigQuery) query(r *standin.Request, p place) standin.Outcome {
	var in queryIn
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	limit, err := strconv.ParseInt("0"+in.MaximumBytesBilled, 10, 64)
	switch {
	case strings.TrimSpace(in.Query) == "":
		f := invalid("Required parameter is missing: query")
		f.reason = "required"
		return s.fail(r, f)
	case in.UseLegacySQL == nil || *in.UseLegacySQL:
		return s.fail(r, invalidQuery("Legacy SQL is not served here: set useLegacySql to false, as it is true where it is not said."))
	case len(in.RequestID) > mostRequestID:
		return s.fail(r, invalid("Invalid value for requestId: it has at most 36 characters."))
	case err != nil:
		return s.fail(r, invalid("Invalid value for maximumBytesBilled: "+strconv.Quote(in.MaximumBytesBilled)))
	}
	timeout, most, request := in.TimeoutMS, in.MaxResults, p.project+"/"+in.RequestID
	in.TimeoutMS = nil
	if was := s.requests[request]; in.RequestID != "" && was != nil && !in.DryRun && same(was.in, in) && r.Now.Sub(was.made) < remembered {
		out := s.first(r, was, timeout, most)
		out.Duplicate = true
		return out
	}
	job := &queryJob{id: fmt.Sprintf("job_%024d", s.ids.next()), project: p.project, in: in, made: r.Now}
	w, err := s.warehouse(p.project)
	if err != nil {
		return s.fail(r, refusal{status: http.StatusInternalServerError, code: "INTERNAL", message: err.Error(), reason: "backendError"})
	}
	allowed := func(dataset string) bool {
		return p.who.account == "" || s.resources.May(p.who.account, "bigquery/"+p.project+"/"+dataset)
	}
	if job.bad = w.run(r.Context(), job, limit, allowed); job.bad != nil {
		return s.fail(r, *job.bad)
	}
	if in.DryRun {
		return answer(map[string]any{"kind": "bigquery#queryResponse", "jobReference": map[string]any{"projectId": p.project, "location": "EU"}, "jobComplete": true,
			"schema": map[string]any{"fields": job.schema}, "totalBytesProcessed": strconv.FormatInt(job.processed, 10), "totalBytesBilled": "0", "cacheHit": false})
	}
	s.jobs[p.project+"/"+job.id] = job
	if in.RequestID != "" {
		s.requests[request] = job
	}
	out := s.first(r, job, timeout, most)
	if job.billed > 0 {
		out.Readings = map[string]int64{string(price.MeterBytesScanned): job.billed}
	}
	out.Message, out.Bytes, out.Done = job.id, job.processed, job.dml
	return out
}

// same says that two queries are one to BigQuery, which looks at what is asked and not at
// how its answer is to be cut.
func same(a, b queryIn) bool {
	a.MaxResults, b.MaxResults = nil, nil
	return string(toJSON(a)) == string(toJSON(b))
}

func invalidQuery(message string) refusal {
	return refusal{status: http.StatusBadRequest, code: "INVALID_ARGUMENT", message: message, reason: "invalidQuery"}
}

// datasetNames are those there are, in order.
func (s *bigQuery) datasetNames() []string { return slices.Sorted(maps.Keys(s.resources.Datasets)) }
