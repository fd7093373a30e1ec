package aws

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// athenaStore holds databases as the statements that fill them, and the queries that
// were made. Queries are read only, in SQLite's dialect.
type athenaStore struct {
	databases map[string]string

	mu      sync.Mutex
	queries map[string]*athenaQuery
	tokens  map[string]string // the query of each request token
}

// athenaQuery is a query that has run. Who asks first is told that it is running.
type athenaQuery struct {
	in      startIn
	digest  string
	started int64
	asked   bool
	failure string
	stopped bool
	columns []column
	rows    [][]*string
	scanned int64
}

type column struct{ Name, Type string }

// Limits of Athena. It bills by the megabyte, and ten of them at least.
const (
	mostQuery      = 256 << 10
	mostResultRows = 1000
	scanUnit       = 1 << 20
	leastScan      = 10 * scanUnit
)

type startIn struct {
	QueryString           string
	ClientRequestToken    string
	QueryExecutionContext struct{ Database, Catalog string }
	ResultConfiguration   struct{ OutputLocation string }
	WorkGroup             string
	ExecutionParameters   []string
}

func (c *Cloud) athenaService() *service {
	m := jsonManners("application/x-amz-json-1.1", "")
	m.throttled = refusal{status: 400, code: "TooManyRequestsException", message: "Rate exceeded"}
	m.internal = refusal{status: 500, code: "InternalServerException", message: "An internal error occurred."}
	on := func(action string) func(*call) []need {
		return needs("athena:"+action, func(k *call) string { return k.arn("athena", "workgroup/"+c.athena.group(k)) })
	}
	return &service{manners: m, ops: map[string]operation{
		"StartQueryExecution": {do: c.startQuery, needs: on("StartQueryExecution")},
		"GetQueryExecution":   {do: c.getQuery, needs: on("GetQueryExecution")},
		"GetQueryResults":     {do: c.queryResults, needs: on("GetQueryResults")},
		"StopQueryExecution":  {do: c.stopQuery, needs: on("StopQueryExecution")},
		"GetWorkGroup":        {do: c.workGroup, needs: on("GetWorkGroup")},
	}}
}

// group is the work group that the call is about: that of its query, where it names one.
func (st *athenaStore) group(k *call) string {
	var in struct{ QueryExecutionID, WorkGroup string }
	_ = json.Unmarshal(k.Body, &in) // the operation itself says what is wrong with it
	st.mu.Lock()
	defer st.mu.Unlock()
	if q := st.queries[in.QueryExecutionID]; q != nil {
		in.WorkGroup = q.in.WorkGroup
	}
	if in.WorkGroup == "" {
		return "primary"
	}
	return in.WorkGroup
}

func (k *call) badRequest(message string) standin.Outcome {
	return k.refuse(refusal{status: 400, code: "InvalidRequestException", message: message, members: map[string]any{"AthenaErrorCode": "INVALID_INPUT"}})
}

var outputLocation = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]+(/.*)?$`)

func (c *Cloud) startQuery(k *call) standin.Outcome {
	var in startIn
	if out := k.decode(&in); out != nil {
		return *out
	}
	switch n := len(in.ClientRequestToken); {
	case in.QueryString == "" || len(in.QueryString) > mostQuery:
		return k.badRequest("QueryString has 1 to 262144 bytes")
	case n < 32 || n > 128:
		return k.badRequest("ClientRequestToken has 32 to 128 characters")
	case !outputLocation.MatchString(in.ResultConfiguration.OutputLocation):
		return k.badRequest("No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.")
	case in.WorkGroup != "" && in.WorkGroup != "primary":
		return k.badRequest("WorkGroup " + in.WorkGroup + " is not found.")
	}
	token := in.ClientRequestToken
	digest, err := json.Marshal(in)
	if err != nil {
		return k.refuse(k.say.internal)
	}
	st := &c.athena
	st.mu.Lock()
	defer st.mu.Unlock()
	if id, ok := st.tokens[token]; ok {
		if st.queries[id].digest != string(digest) {
			return k.badRequest("Idempotent parameters do not match")
		}
		out := k.json(map[string]string{"QueryExecutionId": id})
		out.Duplicate, out.Message = true, id
		return out
	}
	q := &athenaQuery{in: in, digest: string(digest), started: k.Now.Unix()}
	q.run(k.Context(), st.databases)
	id := c.ids.uuid()
	if st.queries == nil {
		st.queries, st.tokens = map[string]*athenaQuery{}, map[string]string{}
	}
	st.queries[id], st.tokens[token] = q, id
	out := k.json(map[string]string{"QueryExecutionId": id})
	out.Done, out.Message, out.Resource = true, id, in.QueryExecutionContext.Database
	if q.failure == "" {
		add(&out, price.MeterBytesScanned, max(leastScan, (q.scanned+scanUnit-1)/scanUnit*scanUnit))
	}
	return out
}

// find is the query that the call names, under the lock.
func (st *athenaStore) find(k *call, id string) (*athenaQuery, *standin.Outcome) {
	q := st.queries[id]
	if q == nil {
		out := k.badRequest("QueryExecution " + id + " was not found")
		return nil, &out
	}
	return q, nil
}

func (q *athenaQuery) state() string {
	switch {
	case q.stopped:
		return "CANCELLED"
	case !q.asked:
		return "RUNNING"
	case q.failure != "":
		return "FAILED"
	}
	return "SUCCEEDED"
}

func (c *Cloud) getQuery(k *call) standin.Outcome {
	var in struct {
		ID string `json:"QueryExecutionId"`
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.athena.mu.Lock()
	defer c.athena.mu.Unlock()
	q, no := c.athena.find(k, in.ID)
	if no != nil {
		return *no
	}
	state := q.state()
	q.asked = true
	status := map[string]any{"State": state, "SubmissionDateTime": q.started}
	statistics := map[string]any{}
	if state != "RUNNING" {
		status["CompletionDateTime"] = q.started
		statistics["EngineExecutionTimeInMillis"], statistics["TotalExecutionTimeInMillis"] = 1, 1
	}
	if state == "SUCCEEDED" {
		statistics["DataScannedInBytes"] = q.scanned
	}
	if state == "FAILED" {
		status["StateChangeReason"] = q.failure
		status["AthenaError"] = map[string]any{"ErrorCategory": 2, "ErrorType": 1006, "Retryable": false, "ErrorMessage": q.failure}
		statistics["DataScannedInBytes"] = 0
	}
	location := strings.TrimSuffix(q.in.ResultConfiguration.OutputLocation, "/") + "/" + in.ID + ".csv"
	return k.json(map[string]any{"QueryExecution": map[string]any{"QueryExecutionId": in.ID, "Query": q.in.QueryString,
		"StatementType": "DML", "Status": status, "Statistics": statistics, "WorkGroup": "primary",
		"QueryExecutionContext": map[string]string{"Database": q.in.QueryExecutionContext.Database},
		"ResultConfiguration":   map[string]string{"OutputLocation": location}}})
}

func (c *Cloud) stopQuery(k *call) standin.Outcome {
	var in struct {
		ID string `json:"QueryExecutionId"`
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	c.athena.mu.Lock()
	defer c.athena.mu.Unlock()
	q, no := c.athena.find(k, in.ID)
	if no != nil {
		return *no
	}
	q.stopped = q.stopped || !q.asked
	return k.json(map[string]any{})
}

func (c *Cloud) workGroup(k *call) standin.Outcome {
	if k.resource != "primary" {
		return k.badRequest("WorkGroup " + k.resource + " is not found.")
	}
	return k.json(map[string]any{"WorkGroup": map[string]any{"Name": "primary", "State": "ENABLED",
		"Configuration": map[string]any{"EnforceWorkGroupConfiguration": false, "ResultConfiguration": map[string]any{}}}})
}

// databaseNames are those there are, for messages.
func databaseNames(databases map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(databases)), ", ")
}
