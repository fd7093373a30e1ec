package table

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

func wantOutcome(t *testing.T, what string, err error, outcome effect.Outcome, says string) {
	t.Helper()
	var e *effect.Error
	if !errors.As(err, &e) || e.Outcome != outcome || !strings.Contains(e.Message, says) {
		t.Errorf("%s: %v (%+v); wanted %s with %q", what, err, e, outcome, says)
	}
}

// A version is one that was seen. What means "any" would undo what others wrote.
func TestAVersionIsNoWildcard(t *testing.T) {
	for _, form := range []string{cosmosForm, azTablesForm} {
		var asked atomic.Int64
		tab := service(t, form, owner, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.Header().Set("Etag", `"1"`)
			w.WriteHeader(http.StatusNoContent)
		})
		for _, version := range []string{"*", `"*"`, `"1", "2"`, "W/*", "1\r\nX: y"} {
			_, err := tab.(Changer).Replace(t.Context(), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), version, "run_e/1/0")
			wantOutcome(t, form+" replace", err, effect.Refused, "is no version")
			_, err = tab.(Changer).Delete(t.Context(), Key{Partition: "ACME"}, version, "run_e/1/0")
			wantOutcome(t, form+" delete", err, effect.Refused, "is no version")
		}
		if asked.Load() != 0 {
			t.Errorf("%s was asked %d times", form, asked.Load())
		}
	}
}

// What says that all is well and is not the service has stored nothing, be it a page of a
// proxy or what a redirect leads to.
func TestASuccessOfSomebodyElseIsNone(t *testing.T) {
	for _, form := range []string{cosmosForm, azTablesForm, firestoreForm} {
		for name, answer := range map[string]http.HandlerFunc{
			"a page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in</html>") },
			"a redirect": func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "elsewhere") {
					w.Header().Set("Etag", `"1"`)
					fmt.Fprint(w, `{"writeResults":[{"updateTime":"2026-11-25T00:00:00Z"}]}`)
					return
				}
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			},
		} {
			tab := service(t, form, owner, answer)
			_, err := tab.Create(t.Context(), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
			wantOutcome(t, form+" "+name, err, effect.Unknown, "put the item")
			_, err = tab.(Changer).Delete(t.Context(), Key{Partition: "ACME"}, `"1"`, "run_e/1/0")
			wantOutcome(t, form+" "+name, err, effect.Unknown, "delete the item")
		}
	}
}

// A place that knows nothing of items does not say that one is not there.
func TestAForeignNotFoundIsNoMissingItem(t *testing.T) {
	for _, form := range []string{cosmosForm, azTablesForm, firestoreForm} {
		tab := service(t, form, owner, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "404 page not found")
		})
		wantOutcome(t, form, tab.Check(t.Context()), effect.NotDone, "cannot be read")
	}
}

// A credential that cannot be had leaves nothing in doubt, though whoever gives them
// was asked over a connection.
func TestWithoutACredentialNothingIsInDoubt(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
	}))
	t.Cleanup(srv.Close)
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none"} {
		t.Setenv(k, v)
	}
	session := cloud.New(cloud.Options{AWS: cloud.AWSOptions{Region: "us-east-1", Endpoint: srv.URL, Role: "arn:aws:iam::123456789012:role/r"}})
	tab, _, _, err := resource.Open("table", dynamoForm, resource.With{Write: true, Session: session}, Drivers())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tab.Close() }()
	m := &effect.Meter{}
	_, err = tab.Create(effect.WithMeter(t.Context(), m), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
	wantOutcome(t, "dynamodb", err, effect.NotDone, "sts:AssumeRole")
	if asked.Load() == 0 || len(m.Readings()) != 0 {
		t.Errorf("STS was asked %d times, and %+v counted as the table's", asked.Load(), m.Readings())
	}
}

// However many requests fail, and whatever a query asks for, it stays within its bound.
func TestFailedQueriesStayWithinTheirBound(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	for _, limit := range []int{1, 2, 100} {
		tab := service(t, dynamoForm, owner, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		m := &effect.Meter{}
		if _, _, err := tab.Query(effect.WithMeter(t.Context(), m), Query{}, limit); err == nil {
			t.Fatal("no error")
		}
		bound := map[price.Meter]int64{}
		for _, r := range tab.Bound(OpQuery, Size{Items: limit + 1}) {
			bound[r.Meter] += r.Quantity
		}
		for _, r := range m.Readings() {
			if r.Quantity > bound[r.Meter] {
				t.Errorf("%d items: %+v is more than %d", limit, r, bound[r.Meter])
			}
		}
	}
}

func TestMoreOfWhatErrorsMean(t *testing.T) {
	for name, c := range map[string]struct {
		form    string
		status  int
		body    string
		outcome effect.Outcome
		says    string
	}{
		"cosmos has two writes at once":      {cosmosForm, 449, `{"code":"RetryWith","message":"again"}`, effect.NotDone, "again"},
		"cosmos moves a partition":           {cosmosForm, 410, `{"code":"Gone","message":"moved"}`, effect.Unknown, "moved"},
		"cosmos has a unique key of another": {cosmosForm, 409, `{"code":"Conflict","message":"Unique index constraint violation."}`, effect.Refused, "Unique index"},
		"cosmos has an old token":            {cosmosForm, 401, `{"code":"Unauthorized","message":"expired"}`, effect.Refused, "does not take the credentials"},
		"tables have a wrong signature":      {azTablesForm, 403, `{"odata.error":{"code":"AuthenticationFailed"}}`, effect.Refused, "does not take the credentials"},
		"dynamodb has an old token":          {dynamoForm, 400, `{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"expired"}`, effect.Refused, "does not take the credentials"},
		"dynamodb has the table elsewhere":   {dynamoForm, 400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`, effect.Refused, "no table findings in us-east-1"},
	} {
		t.Setenv("AWS_ACCESS_KEY_ID", "k")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
		tab := service(t, c.form, owner, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		_, err := tab.Create(t.Context(), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
		wantOutcome(t, name, err, c.outcome, c.says)
	}
	pg := &postgresTable{table: "t"}
	wantOutcome(t, "a database that does not know", pg.failed(context.Background(), "put", effect.Unknown, &pgconn.PgError{Code: "40003"}), effect.Unknown, "40003")
	wantOutcome(t, "a database with a conflict", pg.failed(context.Background(), "put", effect.Unknown, &pgconn.PgError{Code: "40001"}), effect.NotDone, "40001")
}

// Throttling says why at length, for the table and each of its indexes.
func TestThrottlingWithManyReasonsIsThrottling(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "k")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	reasons := strings.Repeat(`{"reason":"IndexWriteMaxOnDemandThroughputExceeded","resource":"arn:aws:dynamodb:us-east-1:123456789012:table/`+strings.Repeat("t", 255)+`/index/`+strings.Repeat("i", 255)+`"},`, 20)
	tab := service(t, dynamoForm, owner, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow","ThrottlingReasons":[%s]}`, strings.TrimSuffix(reasons, ","))
	})
	m := &effect.Meter{}
	_, err := tab.Create(effect.WithMeter(t.Context(), m), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
	wantOutcome(t, "dynamodb", err, effect.NotDone, "slow")
	if len(m.Readings()) != 0 {
		t.Errorf("counted %+v", m.Readings())
	}
}

// A key of one account is not tried at another.
func TestAKeyIsItsAccounts(t *testing.T) {
	t.Setenv("AZURE_STORAGE_KEY", "none at all")
	for account, read := range map[string]bool{"": true, "acme": true, "other": false} {
		t.Setenv("AZURE_STORAGE_ACCOUNT", account)
		_, _, _, err := resource.Open("table", azTablesForm, resource.With{Session: cloud.New(cloud.Options{})}, Drivers())
		if (err != nil) != read {
			t.Errorf("beside the account %q: %v", account, err)
		}
	}
}

func TestGrantsAreInTheRegionsPartition(t *testing.T) {
	for region, want := range map[string]string{"cn-north-1": "arn:aws-cn:", "us-gov-west-1": "arn:aws-us-gov:", "eu-west-1": "arn:aws:"} {
		grants, err := resource.Grants("table", "dynamodb://findings?partition_key=company&region="+region, resource.With{}, Drivers())
		if err != nil || len(grants) != 1 || !strings.HasPrefix(grants[0].Resource, want+"dynamodb:"+region) {
			t.Errorf("%s: %+v, %v", region, grants, err)
		}
	}
}
