package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	bigquery "google.golang.org/api/bigquery/v2"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// bigQuery is a dataset of BigQuery, asked by jobs.query.
// https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
type bigQuery struct {
	client           bus.Client
	base             string // of the API, with the project
	project, dataset string
	location         string
	scanned          int64 // the most that one query may be billed for, which BigQuery enforces
}

// bqDialect also serves where BigQuery itself says what a statement is: its positional
// parameters are ?s, and they are counted here.
var bqDialect = &dialect{name: "BigQuery (GoogleSQL)", backslash: true, texts: true, backtick: true, hash: true, triple: true}

// bqScanned is what a query may read where the URL states nothing.
const bqScanned = 10 << 30

var bqName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,1000}$`)
var bqProject = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]{0,62}$`)

func bqOf(u *resource.URL) (project, dataset string, err error) {
	project, dataset = u.Host, strings.Trim(u.Path, "/")
	if !bqProject.MatchString(project) || !bqName.MatchString(dataset) {
		return "", "", errors.New("write bigquery://project/dataset")
	}
	return project, dataset, nil
}

func openBigQuery(u *resource.URL) (DB, error) {
	if u.Write {
		return nil, errNoExec
	}
	db := &bigQuery{location: u.Options["region"]}
	var err error
	if db.project, db.dataset, err = bqOf(u); err != nil {
		return nil, err
	}
	if db.scanned, err = mostScanned(u, bqScanned); err != nil {
		return nil, err
	}
	if db.client.Wire, err = bus.GoogleWire(u.Session); err != nil {
		return nil, err
	}
	options := u.Session.Options().GCP
	db.base = u.Session.Endpoint(u.Option("endpoint", options.Endpoint), "https://bigquery.googleapis.com") + "/bigquery/v2/projects/" + url.PathEscape(db.project)
	u.Service = "gcp/bigquery/" + strings.ToLower(defaulted(db.location, defaulted(options.Region, "unknown")))
	return db, nil
}

// bqGrants are leave to run queries in the project and to read the dataset.
func bqGrants(u *resource.URL) ([]cloud.Grant, error) {
	project, dataset, err := bqOf(u)
	if err != nil {
		return nil, err
	}
	at := "//bigquery.googleapis.com/projects/" + project
	return []cloud.Grant{
		{Cloud: cloud.GCP, Actions: []string{"bigquery.jobs.create"}, Role: "roles/bigquery.jobUser", Resource: "//cloudresourcemanager.googleapis.com/projects/" + project},
		{Cloud: cloud.GCP, Actions: []string{"bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData", "bigquery.tables.list"},
			Role: "roles/bigquery.dataViewer", Resource: at + "/datasets/" + dataset},
	}, nil
}

const (
	bqLook = 256 << 10
	bqPage = 12 << 20 // BigQuery's own limit is 10 MB of rows
	bqRows = 1000
	bqWait = 10 * time.Second // that one request waits for the query
	bqDo   = "query BigQuery"
)

func (db *bigQuery) send(ctx context.Context, method, path string, body any, most int64, doing string, into any) error {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return fmt.Errorf("write a request: %w", err)
		}
	}
	a, err := db.client.Do(ctx, bus.Request{Class: agent.Read, Method: method, URL: db.base + path, Body: b, Most: most, Doing: doing,
		Header: map[string]string{"Content-Type": "application/json"}, Needs: "bigquery.jobs.create in the project and bigquery.tables.getData on the dataset " + db.dataset,
		Accept: func(a *bus.Answer) error { return a.Decode(doing, into) }})
	_ = a // it has been decoded
	return err
}

func (db *bigQuery) Query(ctx context.Context, source string, params []any, limits Limits) (rows Rows, err error) {
	st, err := bqDialect.readable(source, params, "select", "with")
	if err == nil {
		err = bqJudge(st)
	}
	if err != nil {
		return rows, err
	}
	q := &bigquery.QueryRequest{Query: st.text, UseLegacySql: new(bool), Location: db.location, MaximumBytesBilled: db.scanned,
		DefaultDataset: &bigquery.DatasetReference{ProjectId: db.project, DatasetId: db.dataset}, MaxResults: int64(min(bqRows, limits.Rows+1)),
		FormatOptions: &bigquery.DataFormatOptions{UseInt64Timestamp: true}, TimeoutMs: bqWait.Milliseconds(), ForceSendFields: []string{"UseLegacySql"}}
	if len(params) > 0 {
		q.ParameterMode = "POSITIONAL"
		for _, p := range params {
			q.QueryParameters = append(q.QueryParameters, bqParameter(p))
		}
	}
	if err := db.rehearse(ctx, q); err != nil {
		return rows, err
	}
	shown, err := json.Marshal(q.QueryParameters)
	if err != nil {
		return rows, fmt.Errorf("write the parameters: %w", err)
	}
	q.RequestId = requestKey(ctx, st.text, string(shown))[:36]
	if end, ok := ctx.Deadline(); ok {
		q.JobTimeoutMs = max(1, time.Until(end).Milliseconds())
	}
	rows, err = db.run(ctx, q, limits)
	effect.MeterFrom(ctx).Count(price.MeterRows, int64(len(rows.Rows)), price.Counted)
	return rows, err
}

// rehearse has BigQuery say, without running it, what a statement is and how much it
// would read. It is free.
func (db *bigQuery) rehearse(ctx context.Context, q *bigquery.QueryRequest) error {
	dry := *q
	dry.DryRun = true
	var out bigquery.QueryResponse
	if err := db.send(ctx, http.MethodPost, "/queries", &dry, bqLook, bqDo, &out); err != nil {
		return err
	}
	switch {
	case out.StatementType != "" && out.StatementType != "SELECT":
		return refuse("this is no query: BigQuery reads it as %s, and only SELECT is allowed", out.StatementType)
	case billedScan(out.TotalBytesProcessed) > db.scanned && out.TotalBytesProcessed > 0:
		return refuse("the query would read %s, and %s is the most (most_scanned): name fewer columns, or narrow it by partition", sizeText(out.TotalBytesProcessed), sizeText(db.scanned))
	}
	return nil
}

func (db *bigQuery) run(ctx context.Context, q *bigquery.QueryRequest, limits Limits) (rows Rows, err error) {
	m := effect.MeterFrom(ctx)
	var out bigquery.QueryResponse
	if err := db.send(ctx, http.MethodPost, "/queries", q, bqPage, bqDo, &out); err != nil {
		var e *effect.Error
		if errors.As(err, &e) && e.Outcome != effect.Refused && e.Retry { // it may have run, and nobody has seen it
			m.Count(price.MeterQueries, 1, price.Estimated)
			m.Count(price.MeterBytesScanned, db.scanned, price.Estimated)
		}
		return rows, err
	}
	m.Count(price.MeterQueries, 1, price.Counted)
	page := &bigquery.GetQueryResultsResponse{JobComplete: out.JobComplete, JobReference: out.JobReference, Schema: out.Schema, Rows: out.Rows, PageToken: out.PageToken}
	if out.JobComplete {
		m.Count(price.MeterBytesScanned, out.TotalBytesBilled, price.Reported)
	} else if page, err = db.wait(ctx, out.JobReference, q.MaxResults); err != nil {
		return rows, err
	}
	list := rowList{limits: limits, rows: &rows}
	if page.Schema != nil {
		for _, f := range page.Schema.Fields {
			rows.Columns = append(rows.Columns, f.Name)
		}
	}
	for {
		for _, r := range page.Rows {
			list.add(min(len(rows.Columns), len(r.F)), func(i int, b []byte) ([]byte, error) { return bqValue(b, page.Schema.Fields[i], r.F[i].V) })
			if rows.More {
				return rows, list.err
			}
		}
		if page.PageToken == "" || out.JobReference == nil {
			return rows, list.err
		}
		schema := page.Schema
		if page, err = db.results(ctx, out.JobReference, page.PageToken, q.MaxResults); err != nil {
			return rows, err
		}
		page.Schema = schema
	}
}

// results is a page of a query's rows, or, without a token, the first one as soon as
// the query is over.
func (db *bigQuery) results(ctx context.Context, job *bigquery.JobReference, token string, most int64) (*bigquery.GetQueryResultsResponse, error) {
	q := url.Values{"maxResults": {strconv.FormatInt(most, 10)}, "timeoutMs": {strconv.FormatInt(bqWait.Milliseconds(), 10)}, "formatOptions.useInt64Timestamp": {"true"}}
	if token != "" {
		q.Set("pageToken", token)
	}
	if job.Location != "" {
		q.Set("location", job.Location)
	}
	var page bigquery.GetQueryResultsResponse
	err := db.send(ctx, http.MethodGet, "/queries/"+url.PathEscape(job.JobId)+"?"+q.Encode(), nil, bqPage, bqDo, &page)
	return &page, err
}

// wait asks for the first page until it is there, and then what the query is billed for.
func (db *bigQuery) wait(ctx context.Context, job *bigquery.JobReference, most int64) (page *bigquery.GetQueryResultsResponse, err error) {
	m := effect.MeterFrom(ctx)
	if job == nil {
		m.Count(price.MeterBytesScanned, db.scanned, price.Estimated)
		return nil, &effect.Error{Outcome: effect.NotDone, Message: bqDo + ": the answer has neither rows nor a job"}
	}
	for n := range mostLooks {
		if page, err = db.results(ctx, job, "", most); err != nil || page.JobComplete {
			break
		}
		if err = pause(ctx, waiting(n)); err != nil {
			break
		}
	}
	if err == nil && !page.JobComplete {
		err = &effect.Error{Outcome: effect.NotDone, Message: "the query runs for too long"}
	}
	last, cancel := parting(ctx)
	defer cancel()
	at := url.PathEscape(job.JobId) + "%s?" + url.Values{"location": {job.Location}}.Encode()
	var e *effect.Error
	if errors.As(err, &e) && e.Outcome != effect.Refused {
		_ = db.send(last, http.MethodPost, "/jobs/"+fmt.Sprintf(at, "/cancel"), nil, bqLook, bqDo, &struct{}{}) // it may be over
	}
	var is bigquery.Job
	if failed := db.send(last, http.MethodGet, "/jobs/"+fmt.Sprintf(at, ""), nil, bqLook, bqDo, &is); failed == nil && is.Status != nil && is.Status.State == "DONE" && is.Statistics != nil && is.Statistics.Query != nil {
		m.Count(price.MeterBytesScanned, is.Statistics.Query.TotalBytesBilled, price.Reported)
	} else {
		m.Count(price.MeterBytesScanned, db.scanned, price.Estimated)
	}
	return page, err
}

// Tables describes the dataset by its tables' own descriptions, which are free.
func (db *bigQuery) Tables(ctx context.Context) (tables []Table, err error) {
	const doing = "describe the tables"
	var list bigquery.TableList
	at := "/datasets/" + url.PathEscape(db.dataset) + "/tables"
	if err := db.send(ctx, http.MethodGet, at+"?maxResults="+strconv.Itoa(bqTables), nil, bqLook, doing, &list); err != nil {
		return nil, err
	}
	for _, t := range list.Tables[:min(bqTables, len(list.Tables))] {
		var is bigquery.Table
		if err := db.send(ctx, http.MethodGet, at+"/"+url.PathEscape(t.TableReference.TableId)+"?view=BASIC", nil, bqLook, doing, &is); err != nil {
			return nil, err
		}
		one := Table{Name: t.TableReference.TableId}
		if is.Schema != nil {
			for _, f := range is.Schema.Fields {
				kind := f.Type
				if f.Mode == "REPEATED" {
					kind = "ARRAY<" + kind + ">"
				}
				one.Columns = append(one.Columns, Column{f.Name, kind})
			}
		}
		tables = append(tables, one)
	}
	return tables, nil
}

// bqTables is how many tables are described.
const bqTables = 50

func (db *bigQuery) Dialect() string { return bqDialect.name }

func (db *bigQuery) Basis() string {
	return "a dry run, in which BigQuery says that it is a SELECT; the identity may read the dataset and nothing else"
}

func (db *bigQuery) Bound(limits Limits) []price.Reading {
	return scanBound(db.scanned, limits, int64((limits.Rows+1)/bqRows+2), bqPage, mostLooks+4, bqLook)
}

func (db *bigQuery) TablesBound() []price.Reading {
	return []price.Reading{{Meter: price.MeterBytesSent, Quantity: effect.Tries * (bqTables + 1) * 4096, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * (bqTables + 1) * bqLook, Source: price.Counted}}
}

// Check looks at the dataset.
func (db *bigQuery) Check(ctx context.Context) error {
	var is bigquery.Dataset
	return db.send(ctx, http.MethodGet, "/datasets/"+url.PathEscape(db.dataset), nil, bqLook, "look at the dataset "+db.dataset, &is)
}

func (db *bigQuery) Close() error { return db.client.Wire.Close() }
