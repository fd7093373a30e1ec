package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/function"
	"github.com/skein-run/skein/internal/tool/notify"
	"github.com/skein-run/skein/internal/tool/objects"
	"github.com/skein-run/skein/internal/tool/queue"
	"github.com/skein-run/skein/internal/tool/resource"
	"github.com/skein-run/skein/internal/tool/sqldb"
	"github.com/skein-run/skein/internal/tool/table"
)

// Spec is what stands in skein.yaml under `tools.NAME`: one resource and how it
// may be used. The built-ins (see [Builtins]) need none.
type Spec struct {
	Objects  string `yaml:"objects,omitempty" json:"objects,omitempty"`   // s3://bucket, azblob://container, gs://bucket, file:///path
	SQL      string `yaml:"sql,omitempty" json:"sql,omitempty"`           // postgres://…, mysql://…, sqlite:path, athena://…, bigquery://…
	Table    string `yaml:"table,omitempty" json:"table,omitempty"`       // dynamodb://table?partition_key=…, cosmos://…, firestore://…, sqlite:path?table=…
	Notify   string `yaml:"notify,omitempty" json:"notify,omitempty"`     // awssns:///arn, azuresb://…, eventgrid://…, gcppubsub://…, smtp://…, webhook:https://…, file:folder
	Queue    string `yaml:"queue,omitempty" json:"queue,omitempty"`       // awssqs://…, azuresb://…, azurequeue://…, gcppubsub://…, nats://…, postgres://…
	Function string `yaml:"function,omitempty" json:"function,omitempty"` // awslambda:///arn, azurefunc://…, gcprun://…, https://…

	Access      string `yaml:"access,omitempty" json:"access,omitempty"`           // read, create or write; objects and sql are read, tables create, the others write, where it is not stated
	Effect      string `yaml:"effect,omitempty" json:"effect,omitempty"`           // of a function: read, keyed or once (the default)
	OnDoubt     string `yaml:"on_doubt,omitempty" json:"on_doubt,omitempty"`       // ask (the default) or resend: what becomes of an effect of class once whose outcome is unknown
	PricedAs    string `yaml:"priced_as,omitempty" json:"priced_as,omitempty"`     // cloud/service/region, such as aws/s3/us-east-1
	Description string `yaml:"description,omitempty" json:"description,omitempty"` // what the model should know of it
	Limits      Limits `yaml:"limits,omitempty" json:"limits,omitzero"`
}

// Limits bound one execution. Zero members have the defaults of [Open].
type Limits struct {
	Timeout   time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	MaxResult int           `yaml:"max_result,omitempty" json:"max_result,omitempty"` // bytes that go back to the model
	Rows      int           `yaml:"rows,omitempty" json:"rows,omitempty"`             // sql, table, objects: rows, items or keys
}

// The limits where none are stated.
const (
	defaultTimeout   = 30 * time.Second
	defaultMaxResult = 32 << 10
	defaultRows      = 200
	mostResult       = 1 << 20
	mostRows         = 10_000
	leastResult      = 256
)

// kinds is every kind of resource: the field that names its URL, what it may do
// where `access` is not stated, and how to open it.
var kinds = []kind{
	{"objects", func(s *Spec) string { return s.Objects }, "read", true, openObjects, grantsOf(objects.Drivers)},
	{"sql", func(s *Spec) string { return s.SQL }, "read", true, openSQL, grantsOf(sqldb.Drivers)},
	{"table", func(s *Spec) string { return s.Table }, "create", true, openTable, grantsOf(table.Drivers)},
	{"notify", func(s *Spec) string { return s.Notify }, "write", false, openNotify, grantsOf(notify.Drivers)},
	{"queue", func(s *Spec) string { return s.Queue }, "write", false, openQueue, grantsOf(queue.Drivers)},
	{"function", func(s *Spec) string { return s.Function }, "write", false, openFunction, grantsOf(function.Drivers)},
}

type kind struct {
	name   string
	url    func(*Spec) string
	access string
	rows   bool // its results have rows, items or keys to limit
	open   func(name, rawURL string, spec Spec, with resource.With) (Tool, error)
	grants func(field, rawURL string, with resource.With) ([]cloud.Grant, error)
}

func grantsOf[T any](drivers func() []resource.Driver[T]) func(string, string, resource.With) ([]cloud.Grant, error) {
	return func(field, rawURL string, with resource.With) ([]cloud.Grant, error) {
		return resource.Grants(field, rawURL, with, drivers())
	}
}

// A tool's name is the beginning of its operations' names, and providers allow
// 64 characters for those.
var toolName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Open makes a tool of its configuration. An error names the field that is
// wrong, below `tools.NAME`, and what would be right.
func Open(name string, spec Spec, session *cloud.Session) (Tool, error) {
	if !toolName.MatchString(name) {
		return nil, fmt.Errorf("tools.%s: a tool's name is a small letter and then up to 39 of a-z, 0-9 and _", name)
	}
	rows := spec.Limits.Rows != 0
	if err := spec.Limits.fill(name); err != nil {
		return nil, err
	}
	used := spec.used()
	if builtin := builtins[name]; builtin != nil {
		switch {
		case len(used) > 0:
			return nil, fmt.Errorf("tools.%s: this is the name of a built-in tool, which has no resource: choose another name for it", name)
		case spec.Access != "" || spec.PricedAs != "" || spec.Description != "" || spec.Effect != "" || spec.OnDoubt != "":
			return nil, fmt.Errorf("tools.%s: the built-in tool takes limits only: leave access, effect, on_doubt, priced_as and description out", name)
		case rows:
			return nil, fmt.Errorf("tools.%s.limits.rows: the tool has no rows: leave it out", name)
		}
		return builtin(spec.Limits), nil
	}
	k, err := spec.kind(name, used)
	if err != nil {
		return nil, err
	}
	if rows && !k.rows {
		return nil, fmt.Errorf("tools.%s.limits.rows: %s has no rows: leave it out", name, k.name)
	}
	if err := checkPricedAs(name, spec.PricedAs); err != nil {
		return nil, err
	}
	t, err := k.open(name, k.url(&spec), spec, spec.with(session))
	if err != nil {
		return nil, fmt.Errorf("tools.%s.%w", name, err)
	}
	return t, nil
}

// Grants are what a session needs for a tool of this configuration, and nothing more.
// Nothing is opened. A built-in needs nothing.
func Grants(name string, spec Spec, session *cloud.Session) ([]cloud.Grant, error) {
	if builtins[name] != nil {
		return nil, nil
	}
	k, err := spec.kind(name, spec.used())
	if err != nil {
		return nil, err
	}
	grants, err := k.grants(k.name, k.url(&spec), spec.with(session))
	if err != nil {
		return nil, fmt.Errorf("tools.%s.%w", name, err)
	}
	return grants, nil
}

// used are the kinds of resource that are named: one of them, where it is right.
func (s *Spec) used() (used []kind) {
	for _, k := range kinds {
		if k.url(s) != "" {
			used = append(used, k)
		}
	}
	return used
}

// kind is the one kind of resource that a tool has, and what may be done with it.
func (s *Spec) kind(name string, used []kind) (k kind, err error) {
	switch len(used) {
	case 0:
		return k, fmt.Errorf("tools.%s: name its resource with one of objects, sql, table, notify, queue or function, such as {objects: \"file:///reports\"}; the built-ins without one are %s",
			name, strings.Join(Builtins(), " and "))
	case 1:
	default:
		return k, fmt.Errorf("tools.%s: both %s and %s are given: a tool is one resource, so make two of it", name, used[0].name, used[1].name)
	}
	k = used[0]
	switch {
	case s.Access == "":
		s.Access = k.access
	case s.Access == "create" && k.name != "objects" && k.name != "table":
		return k, fmt.Errorf("tools.%s.access: nothing is created in a %s: write read or write, or leave it out", name, k.name)
	case s.Access != "read" && s.Access != "create" && s.Access != "write":
		return k, fmt.Errorf("tools.%s.access: %q is none of read, create (what is there stays as it is) and write", name, s.Access)
	}
	switch s.OnDoubt {
	case "", "ask", "resend":
	default:
		return k, fmt.Errorf("tools.%s.on_doubt: %q is neither ask nor resend", name, s.OnDoubt)
	}
	if s.Effect != "" && k.name != "function" {
		return k, fmt.Errorf("tools.%s.effect: the class of %s belongs to its driver and is not declared: leave it out", name, k.name)
	}
	return k, nil
}

func (s *Spec) with(session *cloud.Session) resource.With {
	return resource.With{Write: s.Access != "read", Change: s.Access == "write", Session: session}
}

// fill puts defaults where nothing is stated and refuses what cannot be meant.
func (l *Limits) fill(name string) error {
	if l.Timeout == 0 {
		l.Timeout = defaultTimeout
	}
	if l.MaxResult == 0 {
		l.MaxResult = defaultMaxResult
	}
	if l.Rows == 0 {
		l.Rows = defaultRows
	}
	switch {
	case l.Timeout < 0 || l.Timeout > time.Hour:
		return fmt.Errorf("tools.%s.limits.timeout: %s is not between 0 and 1h", name, l.Timeout)
	case l.MaxResult < leastResult || l.MaxResult > mostResult:
		return fmt.Errorf("tools.%s.limits.max_result: %d is not between %d and %d bytes", name, l.MaxResult, leastResult, mostResult)
	case l.Rows < 1 || l.Rows > mostRows:
		return fmt.Errorf("tools.%s.limits.rows: %d is not between 1 and %d", name, l.Rows, mostRows)
	}
	return nil
}

func checkPricedAs(name, key string) error {
	if key == "" {
		return nil
	}
	parts := strings.Split(key, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return fmt.Errorf("tools.%s.priced_as: %q is not cloud/service/region, such as aws/s3/us-east-1", name, key)
	}
	return nil
}

// resourceOf describes what a tool works on.
func resourceOf(name, kind string, u *resource.URL, pricedAs string) Resource {
	r := Resource{Name: name, Kind: kind, URL: u.String(), Driver: u.Scheme, Service: u.Service}
	if pricedAs != "" {
		r.Service, r.Notional = pricedAs, true
	}
	r.Cloud, _, _ = strings.Cut(r.Service, "/")
	return r
}
