// Package secret reads what a reference to a secret stands for. A reference begins
// with the scheme of a [driver]: a variable of the environment, a file, or the place
// where a cloud keeps secrets:
//
//	env:OPENAI_API_KEY
//	file:/run/secrets/openai
//	aws-secretsmanager:prod/openai#api.key?region=us-east-1
//	aws-ssm:/prod/openai?region=us-east-1
//	azure-keyvault:acme-vault/openai
//	gcp-secretmanager:projects/acme/secrets/openai
//
// Secrets are for configuration, never for a model. They are read when Skein starts;
// no error and no log holds one.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/cloud"
)

// Source is where secrets are read from. The zero Source knows no cloud.
type Source struct {
	Session *cloud.Session
	Env     func(string) (string, bool) // nil is the environment of this process
	Dir     string                      // where relative paths begin
}

// Resolve is [Source.Read] of this process's environment and a session's clouds.
func Resolve(ctx context.Context, session *cloud.Session, ref string) (string, error) {
	return Source{Session: session}.Read(ctx, ref)
}

// driver reads the secrets of one scheme.
type driver struct {
	scheme  string
	form    string   // how a reference is written, for messages
	remote  bool     // it is asked for over a network
	options []string // what may stand after ?
	read    func(ctx context.Context, s Source, r *reference) (string, error)
}

// drivers is every scheme.
var drivers = []driver{
	{"env", "env:NAME", false, nil, readEnv},
	{"file", "file:/path", false, nil, readFile},
	{"aws-secretsmanager", "aws-secretsmanager:NAME#json.key?region=us-east-1", true, []string{"region"}, readSecretsManager},
	{"aws-ssm", "aws-ssm:/path/of/parameter?region=us-east-1", true, []string{"region"}, readParameter},
	{"azure-keyvault", "azure-keyvault:VAULT/NAME", true, nil, readKeyVault},
	{"gcp-secretmanager", "gcp-secretmanager:projects/PROJECT/secrets/NAME", true, nil, readSecretManager},
}

// reference is one, taken apart.
type reference struct {
	name    string            // what the scheme's place calls the secret
	key     string            // of the JSON object that the secret is: a.b is b in a; "" is all of it
	options map[string]string // after ?
}

// timeout bounds one secret, with the one repetition.
const timeout = 10 * time.Second

// Is reports whether text is a reference: whether it begins with a scheme. One that
// only looks like a cloud's is a reference, too, and [Source.Read] says what is wrong
// with it: a misspelt one must not be taken for the secret itself.
func Is(text string) bool { return of(text) != nil || clouds.MatchString(text) }

var clouds = regexp.MustCompile(`^(aws|azure|gcp|google)-[a-z-]{2,30}:`)

// Remote reports whether text is a reference to a place that is asked over a network.
func Remote(text string) bool {
	d := of(text)
	return d != nil && d.remote
}

func of(text string) *driver {
	scheme, _, ok := strings.Cut(text, ":")
	i := slices.IndexFunc(drivers, func(d driver) bool { return d.scheme == scheme })
	if !ok || i < 0 {
		return nil
	}
	return &drivers[i]
}

// Read is what a reference stands for: a text that is not empty, without line ends
// after it. An error says what would be right, and holds no secret.
func (s Source) Read(ctx context.Context, ref string) (string, error) {
	d := of(ref)
	if d == nil {
		return "", fmt.Errorf("%s is no reference to a secret: write it as one of %s", schemeOf(ref), Forms())
	}
	r, err := parse(d, ref)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	value, err := d.read(ctx, s, r)
	var passing *passingError
	if errors.As(err, &passing) && ctx.Err() == nil {
		value, err = d.read(ctx, s, r)
	}
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%s: no answer within %s: is its service to be reached from here?", plain(d, r), timeout)
	case err != nil && !d.remote:
		return "", err // which names the place
	case err != nil:
		return "", fmt.Errorf("%s: %w", plain(d, r), err)
	}
	if r.key != "" {
		if value, err = member(value, r.key); err != nil {
			return "", fmt.Errorf("%s: %w", plain(d, r), err)
		}
	}
	if value = strings.TrimRight(value, "\r\n"); value == "" {
		if d.scheme == "file" {
			return "", fmt.Errorf("the file %s is empty", s.path(r.name))
		}
		return "", fmt.Errorf("%s: it is empty", plain(d, r))
	}
	return value, nil
}

// Forms is how references are written, for messages.
func Forms() string {
	var fs []string
	for _, d := range drivers {
		fs = append(fs, d.form)
	}
	return strings.Join(fs, ", ")
}

// parse takes a reference apart: scheme:name#key?option=value, the last two in any order.
func parse(d *driver, ref string) (*reference, error) {
	r := &reference{name: strings.TrimPrefix(ref, d.scheme+":"), options: map[string]string{}}
	if d.scheme == "env" || d.scheme == "file" { // a file's name may hold anything
		return r, nil
	}
	cut := func(sep, other string) (after string) {
		if i := strings.Index(r.name, sep); i >= 0 {
			after = r.name[i+1:]
			r.name = r.name[:i]
			if j := strings.Index(after, other); j >= 0 {
				r.name += after[j:]
				after = after[:j]
			}
		}
		return after
	}
	query := cut("?", "#")
	r.key = cut("#", "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%s:%s: what follows ? is not name=value: write it as %s", d.scheme, r.name, d.form)
	}
	for name, v := range values {
		if !slices.Contains(d.options, name) || len(v) > 1 {
			return nil, fmt.Errorf("%s:%s: takes no option %q, or not twice: write it as %s", d.scheme, r.name, name, d.form)
		}
		r.options[name] = v[0]
	}
	if r.name == "" {
		return nil, fmt.Errorf("%s: names no secret: write it as %s", d.scheme, d.form)
	}
	return r, nil
}

// plain is a reference for messages; one says where a secret is, and is none.
func plain(d *driver, r *reference) string { return d.scheme + ":" + r.name }

// schemeOf is as much of a text as can be shown where it may be a secret by mistake.
func schemeOf(text string) string {
	if scheme, _, ok := strings.Cut(text, ":"); ok && len(scheme) <= 24 {
		return scheme + ":…"
	}
	return "a text without a scheme"
}

// member is a value in a JSON object: under the key as it stands, or else by its parts.
func member(object, key string) (string, error) {
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &m) != nil {
		return "", fmt.Errorf("it is no JSON object, so it has no %q: leave the part after # out", key)
	}
	v, ok := m[key]
	if !ok {
		if first, rest, deeper := strings.Cut(key, "."); deeper {
			if inner, has := m[first]; has {
				return member(string(inner), rest)
			}
		}
		return "", fmt.Errorf("it has no member %q", key)
	}
	var text string
	if json.Unmarshal(v, &text) == nil {
		return text, nil
	}
	if v[0] == '{' || v[0] == '[' || string(v) == "null" {
		return "", fmt.Errorf("its member %q is no text", key)
	}
	return string(v), nil // a number, or true
}

// passingError is a failure that another try may get past.
type passingError struct{ err error }

func (e *passingError) Error() string { return e.err.Error() }
func (e *passingError) Unwrap() error { return e.err }

func readEnv(_ context.Context, s Source, r *reference) (string, error) {
	env := s.Env
	if env == nil {
		env = os.LookupEnv
	}
	v, _ := env(r.name)
	if v == "" {
		return "", fmt.Errorf("the environment variable %s is not set", r.name)
	}
	return v, nil
}

func readFile(_ context.Context, s Source, r *reference) (string, error) {
	b, err := os.ReadFile(s.path(r.name))
	if err != nil {
		return "", fmt.Errorf("the secret cannot be read: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (s Source) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.Dir, name)
}
