// Package resource turns a resource's URL into the driver that serves it. Each
// interface of drivers has one table, a list of [Driver]s, and [Open] finds the
// row by the URL's scheme. What a URL says beyond its driver's own options is an
// error: a misspelt option must not be one that silently does nothing.
package resource

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/cloud"
)

// Driver is one row of a table of drivers.
type Driver[T any] struct {
	Scheme  string
	Service string   // what it is by itself, for bills: "local/files"
	Form    string   // how its URL is written, for messages
	Options []string // the query parameters that it takes
	Open    func(*URL) (T, error)
	// Grants are what a session needs for the resource, by whether it may be written
	// to; nil for one that no cloud guards.
	Grants func(*URL) ([]cloud.Grant, error)
}

// AnyOption among a driver's options lets every option pass, for a driver beneath that
// has its own and refuses those that it does not know.
const AnyOption = "*"

// With is what a resource is opened with, beside its URL.
type With struct {
	Write   bool           // something may be put into it
	Change  bool           // what is in it may be replaced and deleted, too
	Session *cloud.Session // as whom; nil has no cloud
}

// URL is a resource's address, taken apart once.
type URL struct {
	Scheme  string
	Host    string // host:port, where the form is scheme://host/path
	Path    string // decoded; for local schemes a path of this machine, relative or absolute
	Options map[string]string
	With
	// Service finds the resource's price card. It begins as the driver's own, and a
	// driver whose prices depend on where the resource is writes cloud/service/region.
	Service string
	// Raw is the URL as it was written, for drivers of others that take it whole. It may
	// hold a password: it is never shown.
	Raw   string
	shown string
}

// Show says how the URL is shown, for a driver whose path or options are secret.
func (u *URL) Show(text string) { u.shown = text }

// Option is an option, or what stands for it where the URL does not say.
func (u *URL) Option(name, otherwise string) string {
	if v := u.Options[name]; v != "" {
		return v
	}
	return otherwise
}

// String is the URL without a password, as it may be shown.
func (u *URL) String() string { return u.shown }

// Open finds the driver of rawURL in the table and opens it. Errors begin with
// field, the name of the setting that the URL came from.
func Open[T any](field, rawURL string, with With, table []Driver[T]) (T, *URL, *Driver[T], error) {
	var none T
	u, d, err := read(field, rawURL, with, table)
	if err != nil {
		return none, nil, nil, err
	}
	opened, err := d.Open(u)
	if err != nil {
		return none, nil, nil, fmt.Errorf("%s: %s: %w", field, u, err)
	}
	return opened, u, d, nil
}

// Grants are what a session needs for a resource. Nothing is opened.
func Grants[T any](field, rawURL string, with With, table []Driver[T]) ([]cloud.Grant, error) {
	u, d, err := read(field, rawURL, with, table)
	if err != nil || d.Grants == nil {
		return nil, err
	}
	grants, err := d.Grants(u)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", field, u, err)
	}
	return grants, nil
}

// read finds the driver of rawURL in the table.
func read[T any](field, rawURL string, with With, table []Driver[T]) (*URL, *Driver[T], error) {
	scheme, rest, ok := strings.Cut(rawURL, ":")
	if !ok {
		return nil, nil, fmt.Errorf("%s: %q is not a URL: write it as one of %s", field, rawURL, forms(table))
	}
	i := slices.IndexFunc(table, func(d Driver[T]) bool { return d.Scheme == scheme })
	if i < 0 {
		return nil, nil, fmt.Errorf("%s: there is no driver for %q: write it as one of %s", field, scheme+":", forms(table))
	}
	d := &table[i]
	u, err := parse(scheme, rest)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: write it as %s", field, err, d.Form)
	}
	for name := range u.Options {
		if !slices.Contains(d.Options, name) && !slices.Contains(d.Options, AnyOption) {
			plain, _, _ := strings.Cut(u.String(), "?") // a misspelt option may hold what nobody should see
			return nil, nil, fmt.Errorf("%s: %s: takes no option %q%s", field, plain, name, taken(d.Options))
		}
	}
	u.With, u.Service, u.Raw = with, d.Service, rawURL
	return u, d, nil
}

// parse takes apart scheme:path, scheme:///path, scheme://host/path, each with
// a query. A path that begins with . or .. after the slashes is relative.
func parse(scheme, rest string) (*URL, error) {
	rest, query, _ := strings.Cut(rest, "?")
	u := &URL{Scheme: scheme, Options: map[string]string{}, shown: scheme + ":" + rest}
	if strings.Contains(rest, "#") || strings.Contains(query, "#") {
		return nil, fmt.Errorf("a URL of a resource has no #fragment")
	}
	path, hasHost := strings.CutPrefix(rest, "//")
	if hasHost && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "./") && !strings.HasPrefix(path, "../") {
		u.Host, path, _ = strings.Cut(path, "/")
		if at := strings.LastIndex(u.Host, "@"); at >= 0 {
			u.shown = scheme + "://…@" + u.Host[at+1:] + "/" + path
		} else if at := strings.LastIndex(path, "@"); at >= 0 && strings.Contains(u.Host, ":") {
			u.shown = scheme + "://…@" + path[at+1:] // a password with a slash in it, that is not escaped
		}
	}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("the path is not well escaped: write a %% in it as %%25")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("the options after ? are not name=value&name=value")
	}
	for name, vs := range values {
		if len(vs) > 1 {
			return nil, fmt.Errorf("option %q is given twice", name)
		}
		u.Options[name] = vs[0]
	}
	for name := range values {
		if secret.MatchString(name) {
			values[name] = []string{"…"}
		}
	}
	if query != "" {
		u.shown += "?" + strings.ReplaceAll(values.Encode(), url.QueryEscape("…"), "…")
	}
	return u, nil
}

// secret are options that hold what nobody should see, as drivers of databases call them.
var secret = regexp.MustCompile(`(?i)^(pass|pwd|sig$|key$|code$|sslpassword)|password$|secret|token$|access_?key|account_?key`)

// Local is the URL's path on this machine, for drivers of files.
func (u *URL) Local() (string, error) {
	if u.Host != "" && u.Host != "localhost" {
		return "", fmt.Errorf("%q stands where a host does: write %s:///absolute/path or %s:relative/path", u.Host, u.Scheme, u.Scheme)
	}
	path := u.Path
	if u.Host == "localhost" {
		path = "/" + path
	}
	if path == "" || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("a path is missing: write %s:///absolute/path or %s:relative/path", u.Scheme, u.Scheme)
	}
	return filepath.FromSlash(path), nil
}

func forms[T any](table []Driver[T]) string {
	var fs []string
	for _, d := range table {
		fs = append(fs, d.Form)
	}
	slices.Sort(fs)
	return strings.Join(fs, ", ")
}

func taken(options []string) string {
	if len(options) == 0 {
		return "; it has none"
	}
	return "; those it has are " + strings.Join(options, ", ")
}
