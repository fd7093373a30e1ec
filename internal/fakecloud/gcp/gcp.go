// Package gcp stands in for services of Google Cloud, in their own wire formats and as
// strict as they are. One address serves all of them, "endpoint" in a driver's options
// (http://127.0.0.1:7900/cloud/gcp), since Google's paths are disjoint. What a client of
// google.golang.org/api takes as its option.WithEndpoint is
//
//	storage                     endpoint + "/storage/v1/"
//	firestore, pubsub, secretmanager, iamcredentials, sts    endpoint + "/"
//	bigquery                    endpoint + "/bigquery/v2/"
//
// and the paths after the endpoint are
//
//	/storage/v1/b/{bucket}[/o[/{object}]], /upload/storage/v1/b/{bucket}/o    Cloud Storage
//	/v1/projects/{p}/databases/{d}/documents…                                 Firestore
//	/v1/projects/{p}/topics/{t}[:publish], …/subscriptions/{s}[:pull…]        Pub/Sub
//	/bigquery/v2/projects/{p}/queries[/{job}], …/datasets/{d}                 BigQuery
//	/v1/projects/{p}/secrets/{s}/versions/{v}:access                          Secret Manager
//	/v1/projects/-/serviceAccounts/{email}:generateAccessToken, :generateIdToken
//	/v1/token                                                                 the exchange of tokens, STS
//	/run/{service}                                                            a function's own address
//
// The storage client sends uploads to /upload/storage/v1/ at the root of the host, below
// whatever path its endpoint has; fakecloud serves that path at its root, too.
//
// Every project and database that a request names is there, each with a state of its
// own, and has the topics, subscriptions, datasets, secrets and functions that
// [standin.Resources] names; buckets are the same in all projects. A topic or queue
// "alerts?dedup=10m" is called alerts: Pub/Sub remembers nothing of its publishers. A
// queue is a topic with one subscription of the same name. Other subscriptions to a
// topic are there as "{topic}-{anything}", with what was published since the start. The
// service accounts are those that [standin.Resources] allows something. A table of the
// resources is a collection with an index over its two keys; other queries have the
// indexes that every collection has. A dataset is filled by its SQL statements, whose
// dialect, SQLite's, is that of queries, too; a query that is given less than 100
// milliseconds is said to be running, so that its result has to be fetched.
//
// # Who asks
//
// A request has to bring a Bearer token. None is verified. One that
// generateAccessToken gave is its service account's, which may touch what
// [standin.Resources] allows it ("gcs/filings", "firestore/p/(default)/findings",
// "pubsub/p/topics/alerts", "pubsub/p/subscriptions/alerts", "bigquery/p/history",
// "secretmanager/p/name", "run/score", or what begins one of them), and gets 403
// PERMISSION_DENIED otherwise. One that STS narrowed by a credential access boundary
// reaches Cloud Storage only, and in it what the boundary says as well. Any other token is
// the owner's.
//
// # What is charged
//
// Each request that the service has dealt with, whatever it answered; what was throttled
// or failed before is free. A publish to what the resources call a queue counts as a
// send. The volume of Pub/Sub is the data, the ordering key and the attributes of each
// message, and at least 1,000 bytes a request, a pull that finds nothing too. Firestore
// charges for each document read (at least one), written and deleted that a request
// names, and for those that a query finds (at least one).
package gcp

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// service is one of Google's services over its own state. It is safe for concurrent use.
type service interface {
	// locate says what a request asks and of what; ok is whether it is for this service.
	locate(r *standin.Request, path []string) (p place, ok bool)
	do(r *standin.Request, p place) standin.Outcome
	// fail is an error in the service's form.
	fail(r *standin.Request, f refusal) standin.Outcome
}

// place is what a request asks, and of what.
type place struct {
	op       string
	project  string
	name     string // a bucket, a topic, a database
	key      string // what is below it
	resource string // for the log
	scope    string // what an identity has to be allowed
	readings map[string]int64
	who      identity // that asks
}

// charge is what a request to p is charged whatever comes of it.
func (p *place) charge(m price.Meter, n int64) {
	p.readings = joined(p.readings, map[string]int64{string(m): n})
}

// refusal is an error before its service has put it into words. Its code is the
// canonical one of Google's APIs, its reason the one of the older of them.
type refusal struct {
	status        int
	code, message string
	reason        string
}

// Cloud is the stand-in's state.
type Cloud struct {
	identities *identities
	services   []named
}

type named struct {
	name string // by which faults are ordered
	service
}

// New makes a stand-in with these resources.
func New(r standin.Resources) *Cloud {
	ids := &ids{}
	who := newIdentities(r, ids)
	return &Cloud{identities: who, services: []named{
		{"gcs", newBuckets(r)}, {"firestore", newFirestore(r, ids)}, {"pubsub", newPubSub(r, ids)}, {"bigquery", newBigQuery(r, ids)},
		{"secretmanager", &secrets{r}}, {"iamcredentials", &iamCredentials{who}}, {"sts", &sts{who}}, {"run", newFunctions(r, ids)},
	}}
}

// find is the service that r is for and what it asks; the service is nil where there
// is none.
func (c *Cloud) find(r *standin.Request) (named, place) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i := range path {
		path[i] = unescaped(path[i])
	}
	for _, s := range c.services {
		if p, ok := s.locate(r, path); ok {
			return s, p
		}
	}
	return named{name: "gcp"}, place{}
}

// Route implements [standin.Cloud].
func (c *Cloud) Route(r *standin.Request) (service, op, resource string) {
	s, p := c.find(r)
	return s.name, p.op, p.resource
}

// Do implements [standin.Cloud].
func (c *Cloud) Do(r *standin.Request) standin.Outcome {
	s, p := c.find(r)
	if s.service == nil {
		return c.Fail(r, http.StatusNotFound, "NOT_FOUND", "there is no such service here")
	}
	out := c.ask(r, s, p)
	out.Readings = joined(p.readings, out.Readings)
	count(&out, price.MeterBytesSent, len(r.Body))
	if out.Status/100 == 2 && r.Method != http.MethodHead {
		count(&out, price.MeterBytesRead, len(out.Body))
	}
	return out
}

func (c *Cloud) ask(r *standin.Request, s named, p place) standin.Outcome {
	if p.op == "" {
		return s.fail(r, refusal{status: http.StatusNotFound, code: "NOT_FOUND", message: "Not Found", reason: "notFound"})
	}
	if s.name != "sts" { // whose caller is known by what it brings
		who, refused := c.identities.of(r, s.name == "run")
		if refused == nil {
			refused = c.identities.may(s.name, p, who)
		}
		if refused != nil {
			return s.fail(r, *refused)
		}
		p.who = who
	}
	return s.do(r, p)
}

// Fail implements [standin.Cloud].
func (c *Cloud) Fail(r *standin.Request, status int, code, message string) standin.Outcome {
	f := refusal{status: status, code: code, message: message, reason: "invalid"}
	switch code {
	case "ThrottlingException":
		f = refusal{status: http.StatusTooManyRequests, code: "RESOURCE_EXHAUSTED", message: "Quota exceeded. Please retry with exponential backoff.", reason: "rateLimitExceeded"}
	case "InternalError":
		f = refusal{status: http.StatusInternalServerError, code: "INTERNAL", message: "Internal error encountered.", reason: "backendError"}
	}
	s, _ := c.find(r)
	if s.service == nil {
		return plainError(f)
	}
	return s.fail(r, f)
}

func count(out *standin.Outcome, m price.Meter, n int) {
	if n > 0 {
		out.Readings = joined(out.Readings, map[string]int64{string(m): int64(n)})
	}
}

func joined[V any](a, b map[string]V) map[string]V {
	if len(a)+len(b) == 0 {
		return nil
	}
	c := make(map[string]V, len(a)+len(b))
	maps.Copy(c, a)
	maps.Copy(c, b)
	return c
}

// unescaped is a segment of a path as it was meant; what is wrongly escaped stays.
func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// ids numbers what is made, over all services.
type ids struct{ n atomic.Int64 }

func (i *ids) next() int64 { return i.n.Add(1) }
