package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/tool/sqldb"
)

// execOperation changes data, all or nothing, once for a command.
func execOperation(name string, spec Spec, db sqldb.DB, x sqldb.Executor) (Operation, does) {
	lim := spec.Limits
	return Operation{
			Name: name + "_exec",
			Description: describe(spec, fmt.Sprintf("Changes data with up to 20 %s statements that are INSERT, UPDATE or DELETE, in one transaction: all are done or none. "+
				"Write ? for each value and give the values in the statement's params. It says how many rows each has changed.", db.Dialect())),
			Schema: schema(`{"type":"object","additionalProperties":false,"required":["statements"],"properties":{
			"statements":{"type":"array","minItems":1,"maxItems":20,"items":{"type":"object","additionalProperties":false,"required":["statement"],"properties":{
				"statement":{"type":"string","minLength":1,"maxLength":20000,"description":"one INSERT, UPDATE or DELETE"},
				"params":{"type":"array","maxItems":250,"items":{"type":["string","number","boolean","null"]},"description":"the values of its ?s, in order"}}}}}}`),
			Class: agent.Keyed, Basis: x.ExecBasis(), Timeout: lim.Timeout, MaxResult: lim.MaxResult, Bound: x.ExecBound(),
		}, func(ctx context.Context, args json.RawMessage, command string) (Result, error) {
			return execDB(ctx, x, args, command)
		}
}

func execDB(ctx context.Context, x sqldb.Executor, args json.RawMessage, command string) (Result, error) {
	var in struct{ Statements []sqldb.Statement }
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.UseNumber() // a float would lose digits of large integers
	if err := dec.Decode(&in); err != nil {
		return Result{}, refuse("the arguments cannot be read: %v", err)
	}
	done, err := x.Exec(ctx, in.Statements, command)
	if err != nil {
		return Result{}, err
	}
	return result(map[string]any{"done": true, "rows": done.Rows}, done.Repeat)
}
