package table

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// The example of
// https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources
func TestCosmosSignsAsItsManualDoes(t *testing.T) {
	key, err := readAccountKey("K", "dsZQi3KtZmCv1ljt3VNWNm7sQUF1y5rJfC6kv5JiwvW0EndXdDku/dkKBp8/ufDToSxLzR4y+O/0H/t4bQtVNw==")
	if err != nil {
		t.Fatal(err)
	}
	const want = "c09PEVJrgp2uQRkr934kFbTqhByc7TVr3OHyqlu+c+c="
	if got := cosmosSign(key, "GET", "dbs", "dbs/ToDoList", "Thu, 27 Apr 2017 00:51:12 GMT"); got != want {
		t.Errorf("the signature is %s, wanted %s", got, want)
	}
}

// service opens a driver at a server that answers as it is told.
func service(t *testing.T, form string, options cloud.Options, answer http.HandlerFunc) Table {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	raw := form + "&endpoint=" + url.QueryEscape(srv.URL)
	tab, _, _, err := resource.Open("table", raw, resource.With{Write: true, Change: true, Session: cloud.New(options)}, Drivers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tab.Close(); err != nil {
			t.Error(err)
		}
	})
	return tab
}

const (
	cosmosForm    = "cosmos://acme/research/findings?partition_key=company"
	azTablesForm  = "aztables://acme/findings?partition_key=company"
	firestoreForm = "firestore://acme-research/findings?partition_key=company"
	dynamoForm    = "dynamodb://findings?partition_key=company&region=us-east-1"
)

var owner = cloud.Options{Azure: cloud.AzureOptions{Token: "secret-token"}, GCP: cloud.GCPOptions{Token: "secret-token"}}

// An error says what is known, how long to wait, and what is missing; never a secret.
func TestErrorsSayWhatIsKnown(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASECRET")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
	for name, c := range map[string]struct {
		form    string
		status  int
		header  map[string]string
		body    string
		outcome effect.Outcome
		after   time.Duration
		says    string
	}{
		"cosmos throttles":           {cosmosForm, 429, map[string]string{"x-ms-retry-after-ms": "5000"}, `{"code":"429","message":"slow"}`, effect.NotDone, 5 * time.Second, "slow"},
		"cosmos has no container":    {cosmosForm, 404, map[string]string{"x-ms-substatus": "1003"}, `{"code":"NotFound"}`, effect.Refused, 0, "no such database or container"},
		"cosmos denies":              {cosmosForm, 403, nil, `{"code":"Forbidden","message":"principal secret"}`, effect.Refused, 0, "needs items/create"},
		"cosmos fails":               {cosmosForm, 500, nil, `{"code":"x"}`, effect.Unknown, 0, "500"},
		"cosmos takes too long":      {cosmosForm, 408, nil, `{"code":"RequestTimeout"}`, effect.Unknown, 0, "408"},
		"cosmos finds it too large":  {cosmosForm, 413, nil, `{"code":"RequestEntityTooLarge","message":"too large"}`, effect.Refused, 0, "too large"},
		"cosmos leads elsewhere":     {cosmosForm, 307, map[string]string{"Location": "https://example.com/"}, ``, effect.Unknown, 0, "307"},
		"tables are busy":            {azTablesForm, 503, map[string]string{"Retry-After": "10"}, `{"odata.error":{"code":"ServerBusy","message":{"value":"busy\nRequestId:x"}}}`, effect.NotDone, 10 * time.Second, "busy"},
		"tables have no table":       {azTablesForm, 404, nil, `{"odata.error":{"code":"TableNotFound","message":{"value":"x"}}}`, effect.Refused, 0, "no such table"},
		"tables deny":                {azTablesForm, 403, nil, `{"odata.error":{"code":"AuthorizationPermissionMismatch"}}`, effect.Refused, 0, "Storage Table Data Contributor"},
		"tables are being deleted":   {azTablesForm, 409, nil, `{"odata.error":{"code":"TableBeingDeleted","message":{"value":"x"}}}`, effect.Refused, 0, "TableBeingDeleted"},
		"firestore is contended":     {firestoreForm, 409, map[string]string{"Retry-After": "9"}, `{"error":{"code":409,"status":"ABORTED","message":"contention"}}`, effect.NotDone, 9 * time.Second, "contention"},
		"firestore is exhausted":     {firestoreForm, 429, map[string]string{"Retry-After": "9"}, `{"error":{"status":"RESOURCE_EXHAUSTED"}}`, effect.NotDone, 9 * time.Second, "RESOURCE_EXHAUSTED"},
		"firestore has no database":  {firestoreForm, 404, nil, `{"error":{"status":"NOT_FOUND","message":"The database (default) does not exist for project acme-research"}}`, effect.Refused, 0, "does not exist"},
		"firestore denies":           {firestoreForm, 403, nil, `{"error":{"status":"PERMISSION_DENIED","message":"Missing"}}`, effect.Refused, 0, "datastore.entities.create"},
		"firestore is unavailable":   {firestoreForm, 503, nil, `{"error":{"status":"UNAVAILABLE"}}`, effect.Unknown, 0, "UNAVAILABLE"},
		"firestore refuses oddly":    {firestoreForm, 400, nil, `<html>`, effect.Unknown, 0, "cannot be read"},
		"dynamodb throttles":         {dynamoForm, 400, nil, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}`, effect.NotDone, 0, "slow"},
		"dynamodb has no table":      {dynamoForm, 400, nil, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}`, effect.Refused, 0, "no table findings"},
		"dynamodb denies":            {dynamoForm, 400, nil, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::1:secret"}`, effect.Refused, 0, "needs dynamodb:PutItem"},
		"dynamodb finds it wrong":    {dynamoForm, 400, nil, `{"__type":"com.amazon.coral.validate#ValidationException","message":"the key"}`, effect.Refused, 0, "the key"},
		"dynamodb fails":             {dynamoForm, 500, nil, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`, effect.Unknown, 0, "500"},
		"dynamodb answers something": {dynamoForm, 400, nil, `<html>`, effect.Unknown, 0, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			tab := service(t, c.form, owner, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			_, err := tab.Create(t.Context(), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
			var e *effect.Error
			if !errors.As(err, &e) || e.Outcome != c.outcome || e.After != c.after || !strings.Contains(e.Message, c.says) ||
				strings.Contains(e.Message, "secret") || strings.ContainsAny(e.Message, "\r\n") {
				t.Errorf("%+v; wanted %s after %v with %q", err, c.outcome, c.after, c.says)
			}
		})
	}
}

// Throttling costs nothing anywhere, whatever status it comes with.
func TestThrottlingIsFree(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASECRET")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
	var asked atomic.Int64
	tab := service(t, dynamoForm, owner, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"__type":"com.amazon.coral.availability#ThrottlingException"}`)
			return
		}
		fmt.Fprint(w, `{"ConsumedCapacity":{"TableName":"findings","CapacityUnits":7.5}}`)
	})
	m := &effect.Meter{}
	c, err := tab.Create(effect.WithMeter(t.Context(), m), Key{Partition: "ACME"}, []byte(`{"company":"ACME"}`), "run_e/1/0")
	if err != nil || c.Taken || c.Repeat || asked.Load() != 3 {
		t.Fatalf("%+v, %v after %d", c, err, asked.Load())
	}
	got := map[price.Meter]int64{}
	for _, r := range m.Readings() {
		got[r.Meter] += r.Quantity
		if r.Source == price.Estimated {
			t.Errorf("%+v is estimated", r)
		}
	}
	if got[price.MeterWrites] != 1 || got[price.MeterWriteUnits] != 8 {
		t.Errorf("counted %+v", got)
	}
}

// An item that an error brings may be of any form; it is no throttling.
func TestAnItemIsNoThrottling(t *testing.T) {
	for body, want := range map[string]bool{
		`{"__type":"a#ThrottlingException"}`: true,
		`{"__type":"a#ConditionalCheckFailedException","Item":{"__type":{"S":"a#ThrottlingException"}}}`: false,
		`{"Item":{"a":{"S":"ThrottlingException"}},"__type":"a#ConditionalCheckFailedException"}`:        false,
		`{"__type":"a#ThrottlingException"`: false, `null`: false,
	} {
		if throttled([]byte(body)) != want {
			t.Errorf("%s is %v", body, !want)
		}
	}
}

// A key of an account opens everything in it, so that an agent with an identity of its
// own must not have it.
func TestAccountKeysAreForTheProcessOnly(t *testing.T) {
	t.Setenv("AZURE_COSMOS_KEY", "a2V5")
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	for _, form := range []string{cosmosForm, azTablesForm} {
		for _, c := range []struct {
			o    cloud.Options
			want string
		}{{cloud.Options{}, "key"}, {owner, "token"}} {
			var authorization atomic.Value
			tab := service(t, form, c.o, func(w http.ResponseWriter, r *http.Request) {
				authorization.Store(r.Header.Get("Authorization"))
				w.WriteHeader(http.StatusTeapot)
			})
			_, _ = tab.Get(t.Context(), Key{Partition: "ACME"}) // only what was sent matters
			got, _ := authorization.Load().(string)
			key := strings.Contains(got, "master") || strings.Contains(got, "SharedKeyLite acme:")
			if key != (c.want == "key") || strings.Contains(got, "secret-token") == key {
				t.Errorf("%s: %q, wanted a %s", form, got, c.want)
			}
		}
	}
	t.Setenv("AZURE_COSMOS_KEY", "not base64")
	if _, _, _, err := resource.Open("table", cosmosForm, resource.With{Session: cloud.New(cloud.Options{})}, Drivers()); err == nil || !strings.Contains(err.Error(), "AZURE_COSMOS_KEY") || strings.Contains(err.Error(), "not base64") {
		t.Errorf("a key that is none: %v", err)
	}
}
