// Package resource turns a resource's URL into the driver that serves it. Each
// interface of drivers has one table, a list of [Driver]s, and [Open] finds the
// row by the URL's scheme. What a URL says beyond its driver's own options is an
// error: a misspelt option must not be one that silently does nothing.
package resource

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Driver is one row of a table of drivers.
type Driver[T any] struct {
	Scheme  string
	Service string   // what it is by itself, for bills: "local/files"
	Form    string   // how its URL is written, for messages
	Options []string // the query parameters that it takes
	Open    func(*URL) (T, error)
}

// URL is a resource's address, taken apart once.
type URL struct {
	Scheme  string
	Host    string // host:port, where the form is scheme://host/path
	Path    string // decoded; for local schemes a path of this machine, relative or absolute
	Options map[string]string
	Write   bool // the resource may be changed through it
	shown   string
}

// String is the URL without a password, as it may be shown.
func (u *URL) String() string { return u.shown }

// Open finds the driver of rawURL in the table and opens it. Errors begin with
// field, the name of the setting that the URL came from.
func Open[T any](field, rawURL string, write bool, table []Driver[T]) (T, *URL, *Driver[T], error) {
	var none T
	scheme, rest, ok := strings.Cut(rawURL, ":")
	if !ok {
		return none, nil, nil, fmt.Errorf("%s: %q is not a URL: write it as one of %s", field, rawURL, forms(table))
	}
	i := slices.IndexFunc(table, func(d Driver[T]) bool { return d.Scheme == scheme })
	if i < 0 {
		return none, nil, nil, fmt.Errorf("%s: there is no driver for %q: write it as one of %s", field, scheme+":", forms(table))
	}
	d := &table[i]
	u, err := parse(scheme, rest)
	if err != nil {
		return none, nil, nil, fmt.Errorf("%s: %w: write it as %s", field, err, d.Form)
	}
	for name := range u.Options {
		if !slices.Contains(d.Options, name) {
			return none, nil, nil, fmt.Errorf("%s: %s: takes no option %q%s", field, u, name, taken(d.Options))
		}
	}
	u.Write = write
	opened, err := d.Open(u)
	if err != nil {
		return none, nil, nil, fmt.Errorf("%s: %s: %w", field, u, err)
	}
	return opened, u, d, nil
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
		}
	}
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, fmt.Errorf("the path %q is not well escaped", path)
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
	if query != "" {
		u.shown += "?" + values.Encode()
	}
	return u, nil
}

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
