// Package standin is what the stand-ins of cloud services are made of. A [Cloud]
// speaks the wire formats of one vendor's services, over state of its own; fakecloud
// mounts it, makes its faults happen and logs what it did.
package standin

import (
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Cloud is the services of one vendor, under one address.
type Cloud interface {
	// Route says which of its services a request is for and what it asks, such as
	// "dynamodb", "PutItem", "findings": by them faults are ordered and the log is read.
	Route(r *Request) (service, op, resource string)
	// Do does a request's work. It is called by many goroutines at once. What it says
	// was done is in the log before the answer leaves.
	Do(r *Request) Outcome
	// Fail is an error in the form in which the service tells its own.
	Fail(r *Request, status int, code, message string) Outcome
}

// Request is a request with its body, below the cloud's own address.
type Request struct {
	*http.Request
	Body []byte
	// Address is where clients find this cloud, for answers with links in them:
	// "http://127.0.0.1:7900/cloud/aws".
	Address string
	Now     time.Time
}

// Outcome is what a service did and how it answers.
type Outcome struct {
	Status int
	Header map[string]string
	Body   []byte

	// What the log says of it.
	Readings  map[string]int64 // what it is charged for, by the names of meters
	Resource  string           // where it is more exact than the route's
	Bytes     int64            // of payload: read, stored or published
	Done      bool             // a write that took effect: stored, deleted, delivered
	Duplicate bool             // a write that the service knew already
	Message   string           // a message's id
	Subject   string
}

// Resources are what there is at the start, the same at every cloud: buckets with
// their objects, tables, topics and queues by name.
type Resources struct {
	Buckets   map[string]fs.FS
	Tables    map[string]Table
	Topics    []string // a name that ends in .fifo is of a FIFO topic where there are such; see [Named]
	Queues    []string
	Functions map[string]func(payload []byte) (answer []byte, err error)
	Secrets   map[string]string
	// Datasets are what is queried by SQL: the statements that fill each, by its name.
	Datasets map[string]string
	// Allowed says what an identity may touch: names of resources, each with all that is
	// below it, "gcs/filings". The packages of the clouds say how an identity asks and
	// what resources are called. One that is not named may touch nothing.
	Allowed map[string][]string
}

// May says whether an identity may touch a resource.
func (r Resources) May(identity, resource string) bool {
	for _, a := range r.Allowed[identity] {
		if resource == a || strings.HasPrefix(resource, strings.TrimSuffix(a, "/")+"/") {
			return true
		}
	}
	return false
}

// Named splits the name of a topic or queue from what is said about it:
// "alerts?dedup=10m" is called alerts and, where the cloud has that, remembers for ten
// minutes what was sent.
func Named(text string) (name string, dedup time.Duration) {
	name, query, _ := strings.Cut(text, "?")
	if values, err := url.ParseQuery(query); err == nil {
		dedup, _ = time.ParseDuration(values.Get("dedup")) // what is no duration is none
	}
	return name, dedup
}

// Table is a table's key.
type Table struct{ PartitionKey, SortKey string }

var effect = regexp.MustCompile(`skein-effect/(\S+)/(\d+)$`)

// Effect is the effect that a request was made for, and its command: Skein says so at
// the end of the User-Agent.
func Effect(r *http.Request) (effectID, command string) {
	m := effect.FindStringSubmatch(r.UserAgent())
	if m == nil {
		return "", ""
	}
	return m[1] + "/" + m[2], m[1]
}
