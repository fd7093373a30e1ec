package gcp

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// queryJob is a query that has run.
type queryJob struct {
	id, project string
	in          queryIn // of it, without the time that it was given
	made        time.Time
	schema      []field
	rows        []resultRow
	affected    int64
	dml         bool
	processed   int64
	billed      int64
	bad         *refusal
}

type field struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Mode string `json:"mode"`
}

type resultRow struct {
	F []cell `json:"f"`
}

type cell struct {
	V *string `json:"v"`
}

// first is the answer to jobs.query.
func (s *bigQuery) first(r *standin.Request, job *queryJob, timeout *int64, most *int) standin.Outcome {
	if timeout != nil && *timeout < hurried {
		return answer(map[string]any{"kind": "bigquery#queryResponse", "jobReference": job.reference(), "jobComplete": false, "queryId": job.id})
	}
	page, bad := job.page("", most)
	if bad != nil {
		return s.fail(r, *bad)
	}
	return answer(joined(page, map[string]any{"kind": "bigquery#queryResponse", "totalBytesBilled": strconv.FormatInt(job.billed, 10), "queryId": job.id, "location": "EU"}))
}

func (s *bigQuery) results(r *standin.Request, job *queryJob) standin.Outcome {
	q := r.URL.Query()
	var most *int
	if text := q.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return s.fail(r, invalid("Invalid value for maxResults: "+strconv.Quote(text)))
		}
		most = &n
	}
	page, bad := job.page(q.Get("pageToken"), most)
	if bad != nil {
		return s.fail(r, *bad)
	}
	return answer(joined(page, map[string]any{"kind": "bigquery#getQueryResultsResponse", "etag": job.id}))
}

func (j *queryJob) reference() map[string]any {
	return map[string]any{"projectId": j.project, "jobId": j.id, "location": "EU"}
}

// page is a page of the result, the first one where there is no token.
func (j *queryJob) page(token string, most *int) (map[string]any, *refusal) {
	from, n := 0, mostRows
	if token != "" {
		text, err := base64.StdEncoding.DecodeString(token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 || from > len(j.rows) {
			f := invalid("Invalid value for pageToken: " + strconv.Quote(token))
			return nil, &f
		}
	}
	if most != nil {
		if *most < 0 {
			f := invalid("Invalid value for maxResults: it must not be negative.")
			return nil, &f
		}
		n = min(*most, mostRows)
	}
	rows := j.rows[from:min(from+n, len(j.rows))]
	out := map[string]any{"jobReference": j.reference(), "jobComplete": true, "totalBytesProcessed": strconv.FormatInt(j.processed, 10), "cacheHit": false}
	if j.dml {
		out["numDmlAffectedRows"] = strconv.FormatInt(j.affected, 10)
		return out, nil
	}
	out["schema"], out["totalRows"] = map[string]any{"fields": j.schema}, strconv.Itoa(len(j.rows))
	if len(rows) > 0 {
		out["rows"] = rows
	}
	if from+len(rows) < len(j.rows) {
		out["pageToken"] = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(from + len(rows))))
	}
	return out, nil
}

// described is the job as jobs.get has it.
func (j *queryJob) described() map[string]any {
	ms := strconv.FormatInt(j.made.UnixMilli(), 10)
	query := map[string]any{"totalBytesProcessed": strconv.FormatInt(j.processed, 10), "totalBytesBilled": strconv.FormatInt(j.billed, 10), "cacheHit": false}
	if j.dml {
		query["numDmlAffectedRows"] = strconv.FormatInt(j.affected, 10)
	}
	return map[string]any{"kind": "bigquery#job", "id": j.project + ":EU." + j.id, "jobReference": j.reference(), "status": map[string]any{"state": "DONE"},
		"configuration": map[string]any{"jobType": "QUERY", "query": map[string]any{"query": j.in.Query, "useLegacySql": false}},
		"statistics":    map[string]any{"creationTime": ms, "startTime": ms, "endTime": ms, "totalBytesProcessed": strconv.FormatInt(j.processed, 10), "query": query}}
}
