package tooltest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"

	"github.com/skein-run/skein/internal/tool/sqldb"
)

// ask sends a plain request and reads the JSON of its answer.
func ask(t *testing.T, method, address string, header map[string]string, body any, into any) http.Header {
	t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, address, &b)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("the judge asks %s %s: %s %s, %v", method, address, resp.Status, data, err)
	}
	if into != nil {
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatalf("the judge asks %s %s: %v: %s", method, address, err, data)
		}
	}
	return resp.Header
}

type sqliteJudge struct {
	path, table string
	sorted      bool
}

func (j *sqliteJudge) with(t *testing.T, do func(*sqlite3.Conn) error) {
	t.Helper()
	conn, err := sqlite3.Open(sqldb.FileURI(j.path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := do(conn); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func (j *sqliteJudge) all(t *testing.T) (found []judged) {
	j.with(t, func(conn *sqlite3.Conn) error {
		year := "''"
		if j.sorted {
			year = "year"
		}
		stmt, _, err := conn.Prepare("SELECT company, " + year + ", item ->> 'text', command FROM " + j.table)
		if err != nil {
			return err
		}
		for stmt.Step() {
			found = append(found, judged{stmt.ColumnText(0), stmt.ColumnText(1), stmt.ColumnText(2), stmt.ColumnText(3)})
		}
		return stmt.Close()
	})
	return found
}

func (j *sqliteJudge) plant(*testing.T, string, string) json.RawMessage { return nil } // its rows have a command

type dynamoJudge struct {
	client *dynamodb.Client
	table  string
}

func dynamoClient(address string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: "us-east-1", BaseEndpoint: &address, Credentials: credentials.NewStaticCredentialsProvider("AKIASKEINTEST0000000", "secret", ""),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
}

func (j *dynamoJudge) all(t *testing.T) (found []judged) {
	t.Helper()
	text := func(item map[string]types.AttributeValue, name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return ""
		}
		return s.Value
	}
	pages := dynamodb.NewScanPaginator(j.client, &dynamodb.ScanInput{TableName: &j.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Items {
			found = append(found, judged{text(i, "company"), text(i, "year"), text(i, "text"), text(i, "skein_command")})
		}
	}
	return found
}

func (j *dynamoJudge) plant(t *testing.T, company, text string) json.RawMessage {
	t.Helper()
	_, err := j.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &j.table, Item: map[string]types.AttributeValue{
		"company": &types.AttributeValueMemberS{Value: company}, "text": &types.AttributeValueMemberS{Value: text}}})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, `{"company":%q,"text":%q}`, company, text)
}

type cosmosJudge struct{ address string }

func (j *cosmosJudge) header(more map[string]string) map[string]string {
	h := map[string]string{"Authorization": url.QueryEscape("type=master&ver=1.0&sig=x"), "x-ms-date": time.Now().UTC().Format(http.TimeFormat), "x-ms-version": "2018-12-31"}
	for k, v := range more {
		h[k] = v
	}
	return h
}

func (j *cosmosJudge) all(t *testing.T) (found []judged) {
	for next := ""; ; {
		var in struct {
			Documents []struct {
				Company, Year, Text string
				Command             string `json:"skein_command"`
			}
		}
		h := j.header(map[string]string{"x-ms-documentdb-isquery": "True", "Content-Type": "application/query+json", "x-ms-documentdb-query-enablecrosspartition": "True"})
		if next != "" {
			h["x-ms-continuation"] = next
		}
		next = ask(t, http.MethodPost, j.address, h, map[string]string{"query": "SELECT * FROM c"}, &in).Get("x-ms-continuation")
		for _, d := range in.Documents {
			found = append(found, judged{d.Company, d.Year, d.Text, d.Command})
		}
		if next == "" {
			return found
		}
	}
}

func (j *cosmosJudge) plant(t *testing.T, company, text string) json.RawMessage {
	ask(t, http.MethodPost, j.address, j.header(map[string]string{"Content-Type": "application/json", "x-ms-documentdb-partitionkey": `["` + company + `"]`}),
		map[string]string{"id": company, "company": company, "text": text}, nil)
	return fmt.Appendf(nil, `{"id":%q,"company":%q,"text":%q}`, company, company, text) // its id is not a key of ours alone
}

// azTablesJudge reads Table Storage. With an account it signs as that, else it brings a
// token.
type azTablesJudge struct{ root, table, account string }

func (j *azTablesJudge) header(path string) map[string]string {
	h := map[string]string{"x-ms-date": time.Now().UTC().Format(http.TimeFormat), "x-ms-version": "2019-02-02", "Accept": "application/json;odata=nometadata",
		"Content-Type": "application/json", "Authorization": "Bearer owner"}
	if j.account == "" {
		h["x-ms-version"] = "2020-12-06"
		return h
	}
	key, err := base64.StdEncoding.DecodeString(azuriteKey)
	if err != nil {
		panic(err)
	}
	root, err := url.Parse(j.root)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n/%s%s%s", h["x-ms-date"], j.account, root.Path, path)
	h["Authorization"] = "SharedKeyLite " + j.account + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return h
}

func (j *azTablesJudge) make(t *testing.T) {
	t.Helper()
	ask(t, http.MethodPost, j.root+"/Tables", j.header("/Tables"), map[string]string{"TableName": j.table}, nil)
}

func (j *azTablesJudge) all(t *testing.T) (found []judged) {
	query := url.Values{}
	for {
		var in struct {
			Value []struct {
				Item    string `json:"skein_item"`
				Item2   string `json:"skein_item2"`
				Item3   string `json:"skein_item3"`
				Command string `json:"skein_command"`
				Company string `json:"PartitionKey"`
				Text    string `json:"text"`
			}
		}
		h := ask(t, http.MethodGet, j.root+"/"+j.table+"()?"+query.Encode(), j.header("/"+j.table+"()"), nil, &in)
		for _, e := range in.Value {
			one := judged{e.Company, "", e.Text, e.Command}
			if e.Item != "" {
				var v struct{ Company, Year, Text string }
				if err := json.Unmarshal([]byte(e.Item+e.Item2+e.Item3), &v); err != nil {
					t.Fatal(err)
				}
				one = judged{v.Company, v.Year, v.Text, e.Command}
			}
			found = append(found, one)
		}
		if h.Get("x-ms-continuation-NextPartitionKey") == "" {
			return found
		}
		query.Set("NextPartitionKey", h.Get("x-ms-continuation-NextPartitionKey"))
		query.Set("NextRowKey", h.Get("x-ms-continuation-NextRowKey"))
	}
}

func (j *azTablesJudge) plant(t *testing.T, company, text string) json.RawMessage {
	ask(t, http.MethodPost, j.root+"/"+j.table, j.header("/"+j.table), map[string]string{"PartitionKey": company, "RowKey": "", "text": text}, nil)
	return fmt.Appendf(nil, `{"company":%q,"text":%q}`, company, text)
}

type firestoreJudge struct{ address, database, collection string }

func (j *firestoreJudge) all(t *testing.T) (found []judged) {
	type text struct{ StringValue string }
	var in []struct {
		Document *struct {
			Fields struct {
				Company, Year, Text text
				Command             text `json:"skein_command"`
			}
		}
	}
	ask(t, http.MethodPost, j.address+j.database+":runQuery", map[string]string{"Authorization": "Bearer owner", "Content-Type": "application/json"},
		map[string]any{"structuredQuery": map[string]any{"from": []map[string]string{{"collectionId": j.collection}}}}, &in)
	for _, e := range in {
		if e.Document != nil {
			f := e.Document.Fields
			found = append(found, judged{f.Company.StringValue, f.Year.StringValue, f.Text.StringValue, f.Command.StringValue})
		}
	}
	return found
}

func (j *firestoreJudge) plant(t *testing.T, company, text string) json.RawMessage {
	field := func(s string) map[string]string { return map[string]string{"stringValue": s} }
	ask(t, http.MethodPost, j.address+j.database+"/"+j.collection+"?documentId="+url.QueryEscape(company),
		map[string]string{"Authorization": "Bearer owner", "Content-Type": "application/json"},
		map[string]any{"fields": map[string]any{"company": field(company), "text": field(text)}}, nil)
	return fmt.Appendf(nil, `{"company":%q,"text":%q}`, company, text)
}

type postgresJudge struct {
	conn   *pgx.Conn
	table  string
	sorted bool
}

func (j *postgresJudge) all(t *testing.T) (found []judged) {
	t.Helper()
	year := "''"
	if j.sorted {
		year = "year"
	}
	rows, err := j.conn.Query(context.WithoutCancel(t.Context()), "SELECT company, "+year+", coalesce(item ->> 'text', ''), command FROM "+j.table)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var one judged
		if err := rows.Scan(&one.company, &one.year, &one.text, &one.command); err != nil {
			t.Fatal(err)
		}
		found = append(found, one)
	}
	if err := rows.Err(); err != nil && !strings.Contains(err.Error(), "does not exist") { // a table that nobody has written to
		t.Fatal(err)
	}
	return found
}

func (j *postgresJudge) plant(*testing.T, string, string) json.RawMessage { return nil } // its rows have a command
