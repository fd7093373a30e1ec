package sqldb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/bus"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// athenaDB is a database of Amazon Athena: files in S3, and SQL in Trino's dialect.
type athenaDB struct {
	client  *athena.Client
	wire    *bus.Wire
	at      athenaAt
	scanned int64 // the most that one query reads, which its work group enforces; 0 is not stated
}

// athenaAt is what a URL of Athena's says.
type athenaAt struct{ database, catalog, group, output string }

var athenaDialect = &dialect{name: "Athena (Trino)", backtick: true}

var athenaOptions = []string{"region", "endpoint", "workgroup", "catalog", "output", "data", "most_scanned"}

var (
	errNoExec    = errors.New("data there can be queried only: set access: read, or leave it out")
	athenaName   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	athenaBucket = regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]+(/[A-Za-z0-9!_.*'()/=-]*)?$`)
)

func athenaOf(u *resource.URL) (athenaAt, error) {
	at := athenaAt{u.Host, u.Option("catalog", "AwsDataCatalog"), u.Option("workgroup", "primary"), u.Options["output"]}
	if strings.Trim(u.Path, "/") != "" || !athenaName.MatchString(at.database) || !athenaName.MatchString(at.catalog) || !athenaName.MatchString(at.group) {
		return at, errors.New("write athena://database?region=us-east-1&workgroup=primary&output=s3://bucket/prefix/")
	}
	if at.output != "" && !athenaBucket.MatchString(at.output) {
		return at, fmt.Errorf("output: %q is not where results go, such as s3://bucket/prefix/", at.output)
	}
	return at, nil
}

func openAthena(u *resource.URL) (DB, error) {
	if u.Write {
		return nil, errNoExec
	}
	at, err := athenaOf(u)
	if err != nil {
		return nil, err
	}
	db := &athenaDB{at: at, wire: bus.NewWire(nil)}
	if db.scanned, err = mostScanned(u, 0); err != nil {
		return nil, err
	}
	config, err := bus.AWS(u, "")
	if err != nil {
		return nil, err
	}
	u.Service = "aws/athena/" + config.Region
	db.client = athena.NewFromConfig(config, func(o *athena.Options) {
		o.HTTPClient = db.wire.Client(agent.Read)
		o.Retryer = aws.NopRetryer{}
	})
	return db, nil
}

// Athena's answers: one about a query has the query in it, a page of rows whatever is
// in those.
const (
	athenaLook = 64 << 10
	athenaPage = 8 << 20
	athenaRows = 250 // of a page
)

// ask does one request, again where it failed: all of them may be repeated, the first
// by its token.
func (db *athenaDB) ask(ctx context.Context, most int64, doing, action string, do func(context.Context) error) error {
	return effect.Retry(ctx, agent.Read, func(ctx context.Context) error {
		return bus.Ask(ctx, bus.Charge{Most: most}, doing, "athena:"+action+" on the work group "+db.at.group, do)
	})
}

const athenaDoing = "query Athena"

func (db *athenaDB) Query(ctx context.Context, source string, params []any, limits Limits) (rows Rows, err error) {
	st, err := athenaDialect.readable(source, params, "select", "with", "show", "describe", "values", "table")
	if err == nil {
		err = athenaJudge(st)
	}
	if err != nil {
		return rows, err
	}
	id, err := db.start(ctx, st, params)
	if err != nil {
		return rows, err
	}
	if err := db.wait(ctx, id); err != nil {
		return rows, err
	}
	rows, err = db.rows(ctx, id, limits, !st.first().is("show", "describe"))
	effect.MeterFrom(ctx).Count(price.MeterRows, int64(len(rows.Rows)), price.Counted)
	return rows, err
}

func (db *athenaDB) start(ctx context.Context, st *statement, params []any) (id string, err error) {
	in := &athena.StartQueryExecutionInput{QueryString: &st.text, WorkGroup: &db.at.group,
		QueryExecutionContext: &types.QueryExecutionContext{Database: &db.at.database, Catalog: &db.at.catalog}}
	if db.at.output != "" {
		in.ResultConfiguration = &types.ResultConfiguration{OutputLocation: &db.at.output}
	}
	for _, p := range params {
		in.ExecutionParameters = append(in.ExecutionParameters, trinoLiteral(p))
	}
	in.ClientRequestToken = aws.String(requestKey(ctx, append([]string{st.text}, in.ExecutionParameters...)...))
	sent := false
	err = effect.Retry(ctx, agent.Keyed, func(ctx context.Context) error {
		err := bus.Ask(ctx, bus.Charge{Most: athenaLook}, athenaDoing, "athena:StartQueryExecution on the work group "+db.at.group, func(ctx context.Context) error {
			out, err := db.client.StartQueryExecution(ctx, in)
			if err == nil {
				id = aws.ToString(out.QueryExecutionId)
			}
			return err
		})
		var e *effect.Error
		sent = sent || err == nil || errors.As(err, &e) && e.Outcome == effect.Unknown
		return err
	})
	m := effect.MeterFrom(ctx)
	switch {
	case err == nil:
		m.Count(price.MeterQueries, 1, price.Counted)
	case sent: // it may run, and nobody will hear of it
		m.Count(price.MeterQueries, 1, price.Estimated)
		m.Count(price.MeterBytesScanned, db.most(), price.Estimated)
		e := *err.(*effect.Error) // Retry gives no other
		e.Outcome = effect.NotDone
		err = &e
	}
	return id, err
}

// wait looks at the query until it is over, and counts what it has read.
func (db *athenaDB) wait(ctx context.Context, id string) error {
	for n := range mostLooks {
		q, err := db.look(ctx, id)
		if err != nil {
			return db.leave(ctx, id, err)
		}
		switch q.Status.State {
		case types.QueryExecutionStateSucceeded:
			db.count(ctx, q)
			return nil
		case types.QueryExecutionStateFailed: // which costs nothing
			return refuse("the query failed: %s", strings.TrimSpace(aws.ToString(q.Status.StateChangeReason)))
		case types.QueryExecutionStateCancelled:
			db.count(ctx, q)
			return refuse("the query was stopped: %s", defaulted(aws.ToString(q.Status.StateChangeReason), "somebody stopped it, or it passed the limit of its work group"))
		}
		if err := pause(ctx, waiting(n)); err != nil {
			return db.leave(ctx, id, err)
		}
	}
	return db.leave(ctx, id, &effect.Error{Outcome: effect.NotDone, Message: "the query runs for too long"})
}

// most is what a query has read of which nobody says it: the most there can be, and the
// least that is billed where that is not stated.
func (db *athenaDB) most() int64 { return max(leastScan, db.scanned) }

func (db *athenaDB) look(ctx context.Context, id string) (q *types.QueryExecution, err error) {
	err = db.ask(ctx, athenaLook, athenaDoing, "GetQueryExecution", func(ctx context.Context) error {
		out, err := db.client.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: &id})
		if err == nil && (out.QueryExecution == nil || out.QueryExecution.Status == nil) {
			err = errors.New("the answer has no status")
		}
		if err == nil {
			q = out.QueryExecution
		}
		return err
	})
	return q, err
}

// count counts what a query has read. Statements about the schema are free.
func (db *athenaDB) count(ctx context.Context, q *types.QueryExecution) {
	if q.Statistics == nil || q.StatementType == types.StatementTypeDdl || q.StatementType == types.StatementTypeUtility {
		return
	}
	effect.MeterFrom(ctx).Count(price.MeterBytesScanned, billedScan(aws.ToInt64(q.Statistics.DataScannedInBytes)), price.Reported)
}

// leave stops a query for which nobody waits any more. What it has read until then is
// billed, and is estimated where Athena does not say it at once.
func (db *athenaDB) leave(ctx context.Context, id string, because error) error {
	last, cancel := parting(ctx)
	defer cancel()
	_ = bus.Ask(last, bus.Charge{Most: athenaLook}, athenaDoing, "", func(ctx context.Context) error {
		_, err := db.client.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: &id})
		return err
	})
	if q, err := db.look(last, id); err == nil {
		switch q.Status.State {
		case types.QueryExecutionStateSucceeded, types.QueryExecutionStateCancelled:
			db.count(ctx, q)
			return because
		case types.QueryExecutionStateFailed:
			return because
		}
	}
	effect.MeterFrom(ctx).Count(price.MeterBytesScanned, db.most(), price.Estimated)
	return because
}

// Tables describes the database as the catalog knows it, which costs nothing.
func (db *athenaDB) Tables(ctx context.Context) (tables []Table, err error) {
	var next *string
	for range athenaCatalog {
		var page *athena.ListTableMetadataOutput
		err := db.ask(ctx, athenaPage/8, "describe the tables of "+db.at.database, "ListTableMetadata", func(ctx context.Context) (err error) {
			page, err = db.client.ListTableMetadata(ctx, &athena.ListTableMetadataInput{CatalogName: &db.at.catalog, DatabaseName: &db.at.database,
				WorkGroup: &db.at.group, NextToken: next, MaxResults: aws.Int32(50)})
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, t := range page.TableMetadataList {
			one := Table{Name: aws.ToString(t.Name)}
			for _, c := range append(t.Columns, t.PartitionKeys...) {
				one.Columns = append(one.Columns, Column{aws.ToString(c.Name), aws.ToString(c.Type)})
			}
			tables = append(tables, one)
		}
		if next = page.NextToken; next == nil {
			break
		}
	}
	return tables, nil
}

// athenaCatalog is how many pages of tables are read.
const athenaCatalog = 10

func (db *athenaDB) Dialect() string { return athenaDialect.name }

func (db *athenaDB) Basis() string {
	return "one statement that begins with SELECT, WITH, SHOW or DESCRIBE; the identity may read the data and write results only"
}

func (db *athenaDB) Bound(limits Limits) []price.Reading {
	return scanBound(db.scanned, limits, int64((limits.Rows+2)/athenaRows+1), athenaPage, mostLooks+3, athenaLook)
}

func (db *athenaDB) TablesBound() []price.Reading {
	return []price.Reading{{Meter: price.MeterBytesSent, Quantity: effect.Tries * athenaCatalog * 4096, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * athenaCatalog * athenaPage / 8, Source: price.Counted}}
}

// Check looks at the work group, and that it enforces the limit that the URL states.
func (db *athenaDB) Check(ctx context.Context) error {
	var group *types.WorkGroup
	err := db.ask(ctx, athenaLook, "look at the work group "+db.at.group, "GetWorkGroup", func(ctx context.Context) error {
		out, err := db.client.GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &db.at.group})
		if err == nil {
			group = out.WorkGroup
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case group == nil || group.State == types.WorkGroupStateDisabled:
		return refuse("the work group %s is switched off", db.at.group)
	case db.scanned == 0:
		return nil
	}
	if c := group.Configuration; c == nil || c.BytesScannedCutoffPerQuery == nil || *c.BytesScannedCutoffPerQuery > db.scanned {
		return refuse("most_scanned: the work group %s does not stop a query at %s: set its limit per query (BytesScannedCutoffPerQuery) to that", db.at.group, sizeText(db.scanned))
	}
	return nil
}

func (db *athenaDB) Close() error { return db.wire.Close() }
