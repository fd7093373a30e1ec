package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
)

// Tried is something that an agent's identity must be refused, and what came of it.
type Tried struct {
	Cloud string
	What  string // "dynamodb:ListTables"
	// Allowed is that the identity may do it; with Err it is not known.
	Allowed bool
	Err     error
}

// errRefused is that a service would not do what was tried.
var errRefused = errors.New("it was refused")

// probe is one read, free or next to it, that no tool's grant covers.
type probe struct {
	cloud string
	what  string
	ask   func(ctx context.Context) error
}

// TryForbidden tries, at each cloud where the agent has an identity of its own, reads
// that its grants do not cover: lists of what the account has. Where there is none to
// try, there is nothing in the answer.
func (s *Session) TryForbidden(ctx context.Context) []Tried {
	if s == nil || s.grants == nil {
		return nil
	}
	var probes []probe
	if s.id.AWS.Role != "" {
		probes = append(probes, s.probesAWS()...)
	}
	if s.id.Azure.ClientID != "" {
		probes = append(probes, s.probesAzure()...)
	}
	if s.id.GCP.ServiceAccount != "" {
		probes = append(probes, s.probesGCP()...)
	}
	probes = slices.DeleteFunc(probes, func(p probe) bool {
		return slices.ContainsFunc(s.grants, func(g Grant) bool { return g.Cloud == p.cloud && slices.Contains(g.Actions, p.what) })
	})
	out := make([]Tried, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() {
			out[i] = Tried{Cloud: p.cloud, What: p.what}
			switch err := p.ask(ctx); {
			case err == nil:
				out[i].Allowed = true
			case !errors.Is(err, errRefused):
				out[i].Err = err
			}
		})
	}
	wg.Wait()
	return out
}

func (s *Session) probesAWS() []probe {
	region := s.o.AWS.Region
	for _, g := range s.grants {
		if parts := strings.Split(g.Resource, ":"); region == "" && g.Cloud == AWS && len(parts) > 5 && parts[3] != "*" {
			region = parts[3]
		}
	}
	ask := func(do func(context.Context, aws.Config) error) func(context.Context) error {
		return func(ctx context.Context) error {
			c, err := s.AWS(ctx, region)
			if err != nil {
				return err
			}
			return refusedAWS(do(ctx, c))
		}
	}
	return []probe{
		{AWS, "s3:ListAllMyBuckets", ask(func(ctx context.Context, c aws.Config) error {
			_, err := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = c.BaseEndpoint != nil }).ListBuckets(ctx, &s3.ListBucketsInput{})
			return err
		})},
		{AWS, "dynamodb:ListTables", ask(func(ctx context.Context, c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).ListTables(ctx, &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
			return err
		})},
		{AWS, "sns:ListTopics", ask(func(ctx context.Context, c aws.Config) error {
			_, err := sns.NewFromConfig(c).ListTopics(ctx, &sns.ListTopicsInput{})
			return err
		})},
		{AWS, "sqs:ListQueues", ask(func(ctx context.Context, c aws.Config) error {
			_, err := sqs.NewFromConfig(c).ListQueues(ctx, &sqs.ListQueuesInput{MaxResults: aws.Int32(1)})
			return err
		})},
	}
}

// refusedAWS tells a refusal from other failures: by its code, since a signature that
// is wrong has the same status.
func refusedAWS(err error) error {
	var credential *CredentialError
	if errors.As(err, &credential) {
		return credential
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "UnauthorizedOperation":
			return errRefused
		}
		return fmt.Errorf("the service answered %s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}

// storageAccount and busNamespace stand before the names of what grants are on.
const (
	storageAccount = "/providers/Microsoft.Storage/storageAccounts/"
	busNamespace   = "/providers/Microsoft.ServiceBus/namespaces/"
)

func (s *Session) probesAzure() (probes []probe) {
	endpoint := s.o.Azure.Endpoint
	add := func(what, scope, address string) {
		probes = append(probes, probe{Azure, what, func(ctx context.Context) error {
			p, err := s.AzurePipeline("check", []string{scope}, http.DefaultTransport)
			if err != nil {
				return err
			}
			r, err := runtime.NewRequest(ctx, http.MethodGet, address)
			if err != nil {
				return err
			}
			r.Raw().Header.Set("x-ms-version", "2023-11-03")
			resp, err := p.Do(r)
			return refusedHTTP(resp, err)
		}})
	}
	for _, account := range s.namesAfter(storageAccount) {
		at := "https://" + account + ".blob.core.windows.net"
		if endpoint != "" {
			at = s.Endpoint(endpoint, "") + "/blob/" + account
		}
		add("list the containers of "+account, "https://storage.azure.com/.default", at+"/?comp=list&maxresults=1")
	}
	for _, namespace := range s.namesAfter(busNamespace) {
		at := "https://" + namespace + ".servicebus.windows.net"
		if endpoint != "" {
			at = s.Endpoint(endpoint, "") + "/servicebus/" + namespace
		}
		add("list the queues of "+namespace, "https://servicebus.azure.net/.default", at+"/$Resources/Queues?api-version=2021-05&$top=1")
	}
	return probes
}

// namesAfter are the names that stand after mark in the grants' resources.
func (s *Session) namesAfter(mark string) (names []string) {
	for _, g := range s.grants {
		if _, rest, ok := strings.Cut(g.Resource, mark); ok {
			name, _, _ := strings.Cut(rest, "/")
			names = append(names, name)
		}
	}
	return sorted(names)
}

// notThere is the name of a resource that nobody has.
const notThere = "skein-check-not-there"

func (s *Session) probesGCP() (probes []probe) {
	var projects []string
	if p := s.o.GCP.Project; p != "" {
		projects = append(projects, p)
	}
	for _, g := range s.grants {
		if m := fullName.FindStringSubmatch(g.Resource); g.Cloud == GCP && m != nil {
			if p := namedProject(m[2]); p != "" {
				projects = append(projects, p)
			}
		}
	}
	for _, project := range sorted(projects) {
		for _, p := range []struct {
			what, own, path string
			there           bool // the resource is; of another, "not found" is told to whoever may ask only
		}{
			{"storage.buckets.list", "https://storage.googleapis.com", "/storage/v1/b?maxResults=1&project=" + project, true},
			{"pubsub.topics.get", "https://pubsub.googleapis.com", "/v1/projects/" + project + "/topics/" + notThere, false},
			{"secretmanager.versions.access", "https://secretmanager.googleapis.com", "/v1/projects/" + project + "/secrets/" + notThere + "/versions/latest:access", false},
		} {
			// With the account's own token, not the one that is narrowed to its buckets: what
			// is proven is what the account itself may do.
			probes = append(probes, probe{GCP, p.what, func(ctx context.Context) error {
				client, err := s.GCPClient(ctx, http.DefaultTransport)
				if err != nil {
					return err
				}
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint(s.o.GCP.Endpoint, p.own)+p.path, nil)
				if err != nil {
					return err
				}
				resp, err := client.Do(r)
				if err == nil && resp.StatusCode == http.StatusNotFound && !p.there {
					return resp.Body.Close()
				}
				return refusedHTTP(resp, err)
			}})
		}
	}
	return probes
}

// refusedHTTP tells a refusal from other failures.
func refusedHTTP(resp *http.Response, err error) error {
	if err != nil {
		var credential *CredentialError
		if errors.As(err, &credential) {
			return credential
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // only its status counts
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusForbidden, http.StatusUnauthorized:
		return errRefused
	}
	return fmt.Errorf("the service answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
}
