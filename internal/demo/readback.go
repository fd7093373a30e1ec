package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"google.golang.org/api/firestore/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/skein-run/skein/internal/cloud"
)

// finding is what the table holds for a company.
type finding = map[string]any

// reader reads a company's finding from the table, by the vendor's own client or wire
// and not by Skein's driver; nil where there is none.
type reader func(ctx context.Context, s *cloud.Session, stand bool, company string) (finding, error)

// given is a variable of the environment, or what the example takes in its place.
func given(name, otherwise string, stand bool) string {
	if v := os.Getenv(name); v != "" && !stand {
		return v
	}
	return otherwise
}

func readDynamoDB(ctx context.Context, s *cloud.Session, stand bool, company string) (finding, error) {
	cfg, err := s.AWS(ctx, "")
	if err != nil {
		return nil, err
	}
	if stand {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("reader", "reader", "")
	}
	out, err := dynamodb.NewFromConfig(cfg).GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(given("FINDINGS", "skein-analyst-findings", stand)), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"company": &types.AttributeValueMemberS{Value: company}},
	})
	if err != nil || out.Item == nil {
		return nil, err
	}
	f := finding{}
	for name, v := range out.Item {
		f[name] = plainAttribute(v)
	}
	return f, nil
}

func plainAttribute(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return json.Number(v.Value)
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i := range v.Value {
			list[i] = plainAttribute(v.Value[i])
		}
		return list
	case *types.AttributeValueMemberM:
		m := map[string]any{}
		for name, of := range v.Value {
			m[name] = plainAttribute(of)
		}
		return m
	}
	return nil
}

func readCosmos(ctx context.Context, s *cloud.Session, stand bool, company string) (finding, error) {
	account := given("COSMOS_ACCOUNT", "skein-analyst", stand)
	base := "https://" + account + ".documents.azure.com"
	scope := base + "/.default"
	if endpoint := s.Options().Azure.Endpoint; endpoint != "" {
		base = endpoint + "/cosmos/" + account
	}
	cred, err := s.Azure()
	if err != nil {
		return nil, err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal([]string{company})
	if err != nil {
		return nil, err
	}
	at := fmt.Sprintf("%s/dbs/%s/colls/%s/docs/%s", base, given("COSMOS_DATABASE", "analyst", stand), given("FINDINGS", "findings", stand), url.PathEscape(company))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", url.QueryEscape("type=aad&ver=1.0&sig="+token.Token))
	req.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	req.Header.Set("X-Ms-Version", "2020-07-15")
	req.Header.Set("X-Ms-Documentdb-Partitionkey", string(key))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the finding of %s: %w", company, err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the finding of %s: %w", company, err)
	case resp.StatusCode == http.StatusNotFound:
		return nil, nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("read the finding of %s: %s: %s", company, resp.Status, body)
	}
	var f finding
	err = json.Unmarshal(body, &f)
	return f, err
}

func readFirestore(ctx context.Context, s *cloud.Session, stand bool, company string) (finding, error) {
	client, err := s.GCPClient(ctx, http.DefaultTransport, firestore.DatastoreScope)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{option.WithHTTPClient(client)}
	if endpoint := s.Options().GCP.Endpoint; endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint+"/"))
	}
	service, err := firestore.NewService(ctx, options...)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("projects/%s/databases/%s/documents/%s/%s",
		given("GOOGLE_CLOUD_PROJECT", "skein-analyst", stand), given("FIRESTORE_DATABASE", "(default)", stand), given("FINDINGS", "findings", stand), company)
	doc, err := service.Projects.Databases.Documents.Get(name).Context(ctx).Do()
	if gone := (*googleapi.Error)(nil); errors.As(err, &gone) && gone.Code == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the finding of %s: %w", company, err)
	}
	f := finding{}
	for name, v := range doc.Fields {
		f[name] = plainValue(&v)
	}
	return f, nil
}

// plainValue is a value as JSON has it. Google's client does not tell an empty text from
// a number that is nought; findings have neither.
func plainValue(v *firestore.Value) any {
	switch {
	case v.ArrayValue != nil:
		list := make([]any, len(v.ArrayValue.Values))
		for i, of := range v.ArrayValue.Values {
			list[i] = plainValue(of)
		}
		return list
	case v.MapValue != nil:
		m := map[string]any{}
		for name, of := range v.MapValue.Fields {
			m[name] = plainValue(&of)
		}
		return m
	case v.StringValue != "":
		return v.StringValue
	case v.IntegerValue != 0:
		return json.Number(fmt.Sprint(v.IntegerValue))
	case v.DoubleValue != 0:
		return v.DoubleValue
	}
	return v.BooleanValue
}
