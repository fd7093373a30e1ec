package sqldb

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"

	"github.com/skein-run/skein/internal/tool/effect"
)

// rows reads pages until the limits. The first row of a query's first page has the
// columns' names.
func (db *athenaDB) rows(ctx context.Context, id string, limits Limits, header bool) (rows Rows, err error) {
	list := rowList{limits: limits, rows: &rows}
	var next *string
	for first := true; ; first = false {
		var page *athena.GetQueryResultsOutput
		err := db.ask(ctx, athenaPage, athenaDoing, "GetQueryResults", func(ctx context.Context) (err error) {
			page, err = db.client.GetQueryResults(ctx, &athena.GetQueryResultsInput{QueryExecutionId: &id, NextToken: next,
				MaxResults: aws.Int32(int32(min(athenaRows, limits.Rows+2)))})
			return err
		})
		if err != nil {
			return rows, err
		}
		if page.ResultSet == nil || page.ResultSet.ResultSetMetadata == nil {
			return rows, &effect.Error{Outcome: effect.NotDone, Message: athenaDoing + ": the answer has no columns"}
		}
		columns := page.ResultSet.ResultSetMetadata.ColumnInfo
		if first {
			for _, c := range columns {
				rows.Columns = append(rows.Columns, aws.ToString(c.Name))
			}
		}
		for i, r := range page.ResultSet.Rows {
			if first && header && i == 0 {
				continue
			}
			list.add(min(len(columns), len(r.Data)), func(i int, b []byte) ([]byte, error) {
				return trinoValue(b, aws.ToString(columns[i].Type), r.Data[i].VarCharValue)
			})
			if rows.More {
				return rows, list.err
			}
		}
		if next = page.NextToken; next == nil {
			return rows, list.err
		}
	}
}

// trinoLiteral is a parameter as Athena takes it: a literal of SQL.
// https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
func trinoLiteral(p any) string {
	switch v := p.(type) {
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return "NULL"
}

var (
	trinoMoment = regexp.MustCompile(`^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?: (UTC|[+-]\d\d:\d\d))?$`)
	trinoBytes  = regexp.MustCompile(`^[0-9a-f]{2}( [0-9a-f]{2})*$`)
)

// trinoValue appends a value, which Athena writes as text, as JSON.
func trinoValue(b []byte, kind string, v *string) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	switch kind {
	case "tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal":
		return appendNumber(b, []byte(*v))
	case "boolean":
		if *v == "true" || *v == "false" {
			return append(b, *v...), nil
		}
	case "json":
		return appendJSON(b, []byte(*v))
	case "varbinary":
		if raw, err := hex.DecodeString(strings.ReplaceAll(*v, " ", "")); err == nil && trinoBytes.MatchString(*v) {
			return appendBytes(b, raw), nil
		}
	case "timestamp", "timestamp with time zone":
		if m := trinoMoment.FindStringSubmatch(*v); m != nil {
			return appendText(b, m[1]+"T"+m[2]+strings.Replace(m[3], "UTC", "Z", 1))
		}
	}
	return appendText(b, *v)
}
