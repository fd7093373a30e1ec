package aws_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

var report = regexp.MustCompile(`REPORT RequestId: (\S+)\tDuration: [\d.]+ ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB\t`)

func TestFunctionsRunAndReport(t *testing.T) {
	w := start(t)
	c := lambda.NewFromConfig(w.as("run_1/1/0/1"))
	clientContext := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"skein_command":"run_1/1/0"}}`))
	for _, name := range []string{"echo", "arn:aws:lambda:eu-west-1:123456789012:function:echo", "123456789012:function:echo", "echo:$LATEST"} {
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail, ClientContext: &clientContext})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		m := report.FindStringSubmatch(string(log))
		if err != nil || m == nil || string(out.Payload) != `{"a":1}` || out.StatusCode != 200 || out.FunctionError != nil || *out.ExecutedVersion != "$LATEST" {
			t.Fatalf("%s: %+v, %s", name, out, log)
		}
		var billed, memory int64
		_, _ = fmt.Sscan(m[2]+" "+m[3], &billed, &memory)
		w.wantLast(t, "lambda", "Invoke", map[string]int64{"invocations": 1, "memory.mb_ms": billed * memory})
		if ln := w.last(); !ln.Done || ln.Resource != "echo" || ln.Effect != "run_1/1/0/1" || billed < 1 {
			t.Errorf("the log says %+v", ln)
		}
	}
	for name, want := range map[string]string{"fails": `"no such company"`, "dies": `"exit"`} {
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name})
		if err != nil || out.StatusCode != 200 || *out.FunctionError != "Unhandled" || !strings.Contains(string(out.Payload), want) || w.last().Readings["invocations"] != 1 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), Payload: []byte(`{}`), InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 || w.last().Readings["invocations"] != 1 {
		t.Errorf("an event: %+v, %v", out, err)
	}
	out, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != 204 || w.last().Readings["invocations"] != 0 {
		t.Errorf("a dry run: %+v, %v", out, err)
	}
}

func TestWhatFunctionsDoNotTake(t *testing.T) {
	w := start(t)
	c := lambda.NewFromConfig(w.config)
	_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("none")})
	wantError(t, err, 404, "ResourceNotFoundException")
	w.wantLast(t, "lambda", "Invoke", nil)
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), Payload: []byte(`{`)})
	wantError(t, err, 400, "InvalidRequestContentException")
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), ClientContext: ptr("{}")})
	wantError(t, err, 400, "InvalidRequestContentException")
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), Qualifier: ptr("live")})
	wantError(t, err, 404, "ResourceNotFoundException")
	large := []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	_, err = c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: ptr("echo"), Payload: large, InvocationType: types.InvocationTypeEvent})
	wantError(t, err, 413, "RequestTooLargeException")
	f, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: ptr("echo")})
	if err != nil || *f.Configuration.MemorySize != 128 || f.Configuration.State != types.StateActive {
		t.Errorf("it is %+v, %v", f, err)
	}
	conf, err := c.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: ptr("echo")})
	if err != nil || *conf.FunctionArn != "arn:aws:lambda:eu-west-1:123456789012:function:echo" {
		t.Errorf("it is %+v, %v", conf, err)
	}
	_, err = c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: ptr("none")})
	wantError(t, err, 404, "ResourceNotFoundException")
}

func TestSecrets(t *testing.T) {
	w := start(t)
	c := secretsmanager.NewFromConfig(w.config)
	id := "db-password"
	for range 2 { // by its name, then by its ARN
		out, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil || *out.SecretString != "s3cret" || *out.Name != "db-password" || !strings.HasPrefix(*out.ARN, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-password-") {
			t.Fatalf("%s: %+v, %v", id, out, err)
		}
		id = *out.ARN
	}
	_, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: ptr("none")})
	wantError(t, err, 400, "ResourceNotFoundException")
	_, err = c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: ptr("db-password"), VersionStage: ptr("AWSPENDING")})
	wantError(t, err, 400, "ResourceNotFoundException")

	p := ssm.NewFromConfig(w.config)
	for _, decrypt := range []bool{true, false} {
		out, err := p.GetParameter(t.Context(), &ssm.GetParameterInput{Name: ptr("/skein/token"), WithDecryption: &decrypt})
		if err != nil || (*out.Parameter.Value == "t0ken") != decrypt || out.Parameter.Type != "SecureString" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	_, err = p.GetParameter(t.Context(), &ssm.GetParameterInput{Name: ptr("/none")})
	wantError(t, err, 400, "ParameterNotFound")
}

func TestQueriesOfDatasets(t *testing.T) {
	w := start(t)
	c := athena.NewFromConfig(w.config)
	run := func(query string, params ...string) (string, athenatypes.QueryExecution) {
		t.Helper()
		out, err := c.StartQueryExecution(t.Context(), &athena.StartQueryExecutionInput{QueryString: &query, ExecutionParameters: params,
			QueryExecutionContext: &athenatypes.QueryExecutionContext{Database: ptr("filings")},
			ResultConfiguration:   &athenatypes.ResultConfiguration{OutputLocation: ptr("s3://filings/results/")}})
		if err != nil {
			t.Fatal(err)
		}
		charged := w.last()
		for i := range 2 {
			q, err := c.GetQueryExecution(t.Context(), &athena.GetQueryExecutionInput{QueryExecutionId: out.QueryExecutionId})
			if err != nil {
				t.Fatal(err)
			}
			if state := q.QueryExecution.Status.State; (state == athenatypes.QueryExecutionStateRunning) != (i == 0) {
				t.Errorf("asked %d times, it is %s", i+1, state)
			}
			if i == 1 {
				if scanned := charged.Readings["bytes.scanned"]; (scanned == 10<<20) != (q.QueryExecution.Status.State == athenatypes.QueryExecutionStateSucceeded) {
					t.Errorf("%s is charged %d bytes", q.QueryExecution.Status.State, scanned)
				}
				return *out.QueryExecutionId, *q.QueryExecution
			}
		}
		panic("unreachable")
	}
	id, q := run("SELECT company, year, amount FROM revenue WHERE company = ? OR year > ? AND '?' = '?' ORDER BY 1, 2", "'Acme'", "2024")
	if *q.Statistics.DataScannedInBytes == 0 {
		t.Errorf("it read %+v", q.Statistics)
	}
	got := ""
	for p := athena.NewGetQueryResultsPaginator(c, &athena.GetQueryResultsInput{QueryExecutionId: &id, MaxResults: ptr(int32(3))}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.ResultSet.Rows {
			for _, d := range r.Data {
				if d.VarCharValue == nil {
					got += "null "
				} else {
					got += *d.VarCharValue + " "
				}
			}
			got += "| "
		}
		if info := page.ResultSet.ResultSetMetadata.ColumnInfo; *info[1].Type != "bigint" || *info[2].Type != "double" {
			t.Errorf("the columns are %+v", info)
		}
	}
	if want := "company year amount | Acme 2024 10.5 | Acme 2025 12.0 | Globex 2025 null | "; got != want {
		t.Errorf("it is %q; wanted %q", got, want)
	}
	for _, bad := range [][]string{{"SELECT"}, {"DELETE FROM revenue"}, {"SELECT ?"}, {"SELECT ?", "1", "2"}, {"SELECT ?", "1; DROP"}, {"SELECT 1; SELECT 2"}, {"SELECT * FROM none"}} {
		id, q := run(bad[0], bad[1:]...)
		if q.Status.State != athenatypes.QueryExecutionStateFailed || q.Status.StateChangeReason == nil {
			t.Errorf("%q is %+v", bad, q.Status)
		}
		_, err := c.GetQueryResults(t.Context(), &athena.GetQueryResultsInput{QueryExecutionId: &id})
		wantError(t, err, 400, "InvalidRequestException")
	}
}

func TestAthenaRemembersTokens(t *testing.T) {
	w := start(t)
	c := athena.NewFromConfig(w.config)
	in := &athena.StartQueryExecutionInput{QueryString: ptr("SELECT 1"), ClientRequestToken: ptr(strings.Repeat("t", 32)),
		QueryExecutionContext: &athenatypes.QueryExecutionContext{Database: ptr("filings")}}
	_, err := c.StartQueryExecution(t.Context(), in)
	wantError(t, err, 400, "InvalidRequestException") // nobody said where the results go
	in.ResultConfiguration = &athenatypes.ResultConfiguration{OutputLocation: ptr("s3://filings/results/")}
	first, err := c.StartQueryExecution(t.Context(), in)
	if err != nil || !w.last().Done {
		t.Fatal(err)
	}
	again, err := c.StartQueryExecution(t.Context(), in)
	if err != nil || *again.QueryExecutionId != *first.QueryExecutionId || !w.last().Duplicate || w.last().Readings["bytes.scanned"] != 0 {
		t.Errorf("a repeat: %+v, %v, %+v", again, err, w.last())
	}
	in.QueryString = ptr("SELECT 2")
	_, err = c.StartQueryExecution(t.Context(), in)
	wantError(t, err, 400, "InvalidRequestException")
	if _, err := c.StopQueryExecution(t.Context(), &athena.StopQueryExecutionInput{QueryExecutionId: first.QueryExecutionId}); err != nil {
		t.Fatal(err)
	}
	q, err := c.GetQueryExecution(t.Context(), &athena.GetQueryExecutionInput{QueryExecutionId: first.QueryExecutionId})
	if err != nil || q.QueryExecution.Status.State != athenatypes.QueryExecutionStateCancelled {
		t.Errorf("it is %+v, %v", q, err)
	}
	g, err := c.GetWorkGroup(t.Context(), &athena.GetWorkGroupInput{WorkGroup: ptr("primary")})
	if err != nil || g.WorkGroup.State != athenatypes.WorkGroupStateEnabled {
		t.Errorf("the work group is %+v, %v", g, err)
	}
	_, err = c.GetWorkGroup(t.Context(), &athena.GetWorkGroupInput{WorkGroup: ptr("other")})
	wantError(t, err, 400, "InvalidRequestException")
}
