// Package azure stands in for services of Azure, in their own wire formats and as
// strict as they are. One address serves all of them, "endpoint" in a driver's options
// (http://127.0.0.1:7900/cloud/azure): a driver appends the service's segment and,
// where a real host name would say it, the account, namespace, topic, app or vault.
// What follows is the path that the service itself has.
//
//	real                                                     here, after the endpoint
//	https://{account}.blob.core.windows.net/{container}/…    /blob/{account}/{container}/…
//	https://{account}.documents.azure.com/dbs/{db}/…         /cosmos/{account}/dbs/{db}/colls/{container}/docs[/{id}]
//	https://{account}.table.core.windows.net/{table}…        /tables/{account}/{table}, …/{table}(PartitionKey='p',RowKey='r'), …/{table}()
//	https://{account}.queue.core.windows.net/{queue}/…       /queue/{account}/{queue}[/messages[/{id}]]
//	https://{namespace}.servicebus.windows.net/{entity}/…    /servicebus/{namespace}/{entity}[/messages[/head]|/messages/{message}/{lock}]
//	                                                         /servicebus/{namespace}/{topic}/subscriptions/{s}/messages/…
//	https://{topic}.{region}-1.eventgrid.azure.net/api/…     /eventgrid/{topic}/api/events
//	https://{app}.azurewebsites.net/api/{function}           /functions/{app}/api/{function}
//	https://{vault}.vault.azure.net/secrets/{name}           /keyvault/{vault}/secrets/{name}[/{version}]
//
// So an SDK's service address is endpoint + "/blob/" + account, and so on. Azure's own
// clients accept such an address, Azurite's has the same form.
//
// Every account, namespace, database, app and vault that a request names is there, and
// has the resources that [standin.Resources] names, each with a state of its own;
// anything else below it is not there. A table of the resources is a Cosmos DB
// container in any database, its partition key path "/" + PartitionKey, and a Table
// Storage table. A topic or queue "alerts?dedup=10m" is called alerts and remembers
// message ids for ten minutes at Service Bus; one whose name ends in .fifo does so, too;
// others do not. A topic's subscriptions are there as soon as somebody receives from
// them, with what was published since the start.
//
// A fault "429" is told in each service's way: Storage says 503 ServerBusy. The names of
// the services, for faults and log, are blob, cosmos, tables, storagequeue, servicebus,
// eventgrid, functions and keyvault.
//
// # Who asks
//
// A request has to bring a credential in the form that its service takes; none is
// verified. Bearer tokens and SharedKey are for Storage (Blob, Queue, Tables), Bearer
// and SharedAccessSignature for Service Bus, Bearer and aeg-sas-key for Event Grid,
// Bearer for Key Vault, x-functions-key, ?code= or Bearer for Functions. Cosmos DB takes no
// Bearer: its Authorization is the escaped text "type=aad&ver=1.0&sig=TOKEN" or
// "type=master&ver=1.0&sig=…", and x-ms-date must be there.
//
// A token "as:NAME" is that of the identity NAME, which may touch what
// [standin.Resources] allows it ("blob/acct/filings", "cosmos/acct/db/findings",
// "tables/acct/findings", "queue/acct/q", "servicebus/ns/alerts", "eventgrid/alerts",
// "functions/app/score", "keyvault/vault/name", or what begins one of them), and gets
// its service's refusal otherwise. The description of a Service Bus entity needs the
// whole namespace, since no role for senders and receivers includes it. Any other token
// is the owner's.
//
// # What is charged
//
// Each request that the service has dealt with, whatever it answered; what was
// throttled or failed before is free. Units of 64 KB are counted over the body of a
// request to Service Bus, over each event of a request to Event Grid, and over the body
// of the message that was received. Charges of Cosmos DB are those of its
// x-ms-request-charge.
package azure

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// service is one service of Azure over its own state. It is safe for concurrent use.
type service interface {
	// locate says what a request below the service's segment asks and of what. path is
	// the request's, still escaped.
	locate(r *standin.Request, path []string) place
	// admit looks for the credential that r brings. Where there is none that the
	// service takes, it says how the service refuses.
	admit(r *standin.Request) (token string, refused *refusal)
	// forbid is how the service refuses who may not do this.
	forbid(r *standin.Request, p place) refusal
	do(r *standin.Request, p place) standin.Outcome
	// fail is an error in the service's form.
	fail(r *standin.Request, f refusal) standin.Outcome
}

// place is what a request asks, and of what.
type place struct {
	op       string
	account  string // or namespace, app, vault
	name     string // a container, a table, an entity; "db/container" of Cosmos DB
	key      string // what is below it
	resource string // for the log
	scope    string // what an identity has to be allowed
	readings map[string]int64
}

// charged is what a request to p is charged whatever comes of it.
func (p *place) charged(m price.Meter, n int64) { p.readings = map[string]int64{string(m): n} }

// refusal is an error before its service has put it into words.
type refusal struct {
	status        int
	code, message string
	header        map[string]string
}

// Cloud is the stand-in's state.
type Cloud struct {
	resources standin.Resources
	services  map[string]named
}

type named struct {
	name string // by which faults are ordered
	service
}

// New makes a stand-in with these resources.
func New(r standin.Resources) *Cloud {
	ids := &ids{}
	return &Cloud{resources: r, services: map[string]named{
		"blob":       {"blob", newBlobs(r, ids)},
		"cosmos":     {"cosmos", newCosmos(r, ids)},
		"tables":     {"tables", newTables(r, ids)},
		"queue":      {"storagequeue", newQueues(r, ids)},
		"servicebus": {"servicebus", newBus(r, ids)},
		"eventgrid":  {"eventgrid", newEventGrid(r, ids)},
		"functions":  {"functions", newFunctions(r, ids)},
		"keyvault":   {"keyvault", newVaults(r, ids)},
	}}
}

// find is the service that r is for and what it asks; the service is nil where there
// is none.
func (c *Cloud) find(r *standin.Request) (named, place) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	s, ok := c.services[path[0]]
	if !ok {
		return named{name: "azure"}, place{}
	}
	return s, s.locate(r, path[1:])
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
		return c.Fail(r, http.StatusNotFound, "ResourceNotFound", "there is no such service here")
	}
	out := c.ask(r, s, p)
	if p.readings != nil {
		out.Readings = joined(p.readings, out.Readings)
	}
	count(&out, price.MeterBytesSent, len(r.Body))
	if out.Status/100 == 2 && r.Method != http.MethodHead {
		count(&out, price.MeterBytesRead, len(out.Body))
	}
	return out
}

func (c *Cloud) ask(r *standin.Request, s named, p place) standin.Outcome {
	token, refused := s.admit(r)
	if refused == nil {
		if who, ok := strings.CutPrefix(token, "as:"); ok && !c.resources.May(who, p.scope) {
			f := s.forbid(r, p)
			refused = &f
		}
	}
	switch {
	case refused != nil:
		return s.fail(r, *refused)
	case p.op == "":
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "InvalidUri", message: "The requested URI does not represent any resource on the server."})
	}
	return s.do(r, p)
}

// Fail implements [standin.Cloud].
func (c *Cloud) Fail(r *standin.Request, status int, code, message string) standin.Outcome {
	s, _ := c.find(r)
	if s.service == nil {
		return jsonError(status, code, message)
	}
	return s.fail(r, refusal{status: status, code: code, message: message})
}

func count(out *standin.Outcome, m price.Meter, n int) {
	if n == 0 {
		return
	}
	out.Readings = joined(out.Readings, map[string]int64{string(m): int64(n)})
}

func joined[V any](a, b map[string]V) map[string]V {
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
