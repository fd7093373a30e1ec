package gcp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// identity is who asks: the owner, or a service account, within a boundary where its
// token has one.
type identity struct {
	account  string // "" is the owner
	boundary []boundaryRule
	bounded  bool
	audience string // of an identity token
	ends     time.Time
}

// boundaryRule lets a token use some permissions on one bucket.
// https://cloud.google.com/iam/docs/downscoping-short-lived-credentials
type boundaryRule struct {
	AvailableResource     string   `json:"availableResource"`
	AvailablePermissions  []string `json:"availablePermissions"`
	AvailabilityCondition *struct {
		Expression string `json:"expression"`
	} `json:"availabilityCondition"`
}

// identities are the tokens that were given.
type identities struct {
	resources standin.Resources
	ids       *ids

	mu     sync.Mutex
	tokens map[string]identity
}

func newIdentities(r standin.Resources, ids *ids) *identities {
	return &identities{resources: r, ids: ids, tokens: map[string]identity{}}
}

func (s *identities) give(kind string, who identity) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := fmt.Sprintf("%s%08d.%s", kind, s.ids.next(), strings.NewReplacer("@", "-", ".", "-").Replace(who.account))
	s.tokens[token] = who
	return token
}

// get is whose a token is. One that was not given here is the owner's.
func (s *identities) get(token string) identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[token]
}

// of is who asks. A function takes identity tokens for its own address, and no access
// tokens that were given here; the others take no identity tokens.
func (s *identities) of(r *standin.Request, function bool) (identity, *refusal) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if function && r.Header.Get("X-Serverless-Authorization") != "" {
		kind, token, _ = strings.Cut(r.Header.Get("X-Serverless-Authorization"), " ")
	}
	if token = strings.TrimSpace(token); !strings.EqualFold(kind, "Bearer") || token == "" {
		return identity{}, &refusal{status: http.StatusUnauthorized, code: "UNAUTHENTICATED", reason: "required",
			message: "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential."}
	}
	who := s.get(token)
	wrongKind := function && who.account != "" && who.audience == "" || !function && who.audience != ""
	wrongAudience := function && who.audience != "" && who.audience != r.Address+strings.TrimSuffix(r.URL.Path, "/")
	if wrongKind || wrongAudience || !who.ends.IsZero() && !r.Now.Before(who.ends) {
		return identity{}, &refusal{status: http.StatusUnauthorized, code: "UNAUTHENTICATED", reason: "authError",
			message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."}
	}
	return who, nil
}

// may says why somebody may not do this. What a boundary allows of a bucket is for
// Cloud Storage to say.
func (s *identities) may(service string, p place, who identity) *refusal {
	switch {
	case who.bounded && service != "gcs", who.account != "" && !s.resources.May(who.account, p.scope):
		return &refusal{status: http.StatusForbidden, code: "PERMISSION_DENIED", reason: "forbidden",
			message: who.account + " does not have permission to " + p.op + " on " + p.scope + " (or it may not exist)."}
	}
	return nil
}

// rolePermissions are those of the roles on Cloud Storage that may stand in a boundary.
// https://cloud.google.com/storage/docs/access-control/iam-roles
var rolePermissions = map[string][]string{
	"roles/storage.objectViewer":       {"storage.objects.get", "storage.objects.list"},
	"roles/storage.objectCreator":      {"storage.objects.create"},
	"roles/storage.objectUser":         {"storage.objects.get", "storage.objects.list", "storage.objects.create", "storage.objects.delete", "storage.objects.update"},
	"roles/storage.objectAdmin":        {"storage.objects.get", "storage.objects.list", "storage.objects.create", "storage.objects.delete", "storage.objects.update"},
	"roles/storage.legacyObjectReader": {"storage.objects.get"},
	"roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list"},
	"roles/storage.bucketViewer":       {"storage.buckets.get", "storage.buckets.list"},
	"roles/storage.admin":              {"storage.buckets.get", "storage.objects.get", "storage.objects.list", "storage.objects.create", "storage.objects.delete", "storage.objects.update"},
}

var (
	namePrefix = regexp.MustCompile(`resource\.name\.startsWith\(\s*['"]([^'"]*)['"]\s*\)`)
	listPrefix = regexp.MustCompile(`api\.getAttribute\(\s*['"]storage\.googleapis\.com/objectListPrefix['"]\s*,\s*['"]['"]\s*\)\.startsWith\(\s*['"]([^'"]*)['"]\s*\)`)
)

// has says whether an identity's boundary lets it use a permission on an object, or for
// a list on names with a prefix.
func (w identity) has(permission, bucket, object string) bool {
	if !w.bounded {
		return true
	}
	for _, rule := range w.boundary {
		if rule.AvailableResource != "//storage.googleapis.com/projects/_/buckets/"+bucket || !rule.grants(permission) {
			continue
		}
		if rule.AvailabilityCondition == nil || rule.AvailabilityCondition.Expression == "" {
			return true
		}
		expression, pattern, name := rule.AvailabilityCondition.Expression, namePrefix, "projects/_/buckets/"+bucket+"/objects/"+object
		if permission == "storage.objects.list" {
			pattern, name = listPrefix, object
		}
		for _, m := range pattern.FindAllStringSubmatch(expression, -1) {
			if strings.HasPrefix(name, m[1]) {
				return true
			}
		}
	}
	return false
}

func (b boundaryRule) grants(permission string) bool {
	for _, role := range b.AvailablePermissions {
		for _, p := range rolePermissions[strings.TrimPrefix(role, "inRole:")] {
			if p == permission {
				return true
			}
		}
	}
	return false
}

// iamCredentials makes tokens of service accounts, for the owner.
// https://cloud.google.com/iam/docs/reference/credentials/rest
type iamCredentials struct{ who *identities }

func (s *iamCredentials) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) != 5 || path[0] != "v1" || path[1] != "projects" || path[3] != "serviceAccounts" {
		return place{}, false
	}
	p := place{project: path[2]}
	email, verb, _ := strings.Cut(path[4], ":")
	p.name, p.resource, p.scope = email, email, "iamcredentials/"+email
	if r.Method == http.MethodPost && p.project == "-" {
		p.op = map[string]string{"generateAccessToken": "GenerateAccessToken", "generateIdToken": "GenerateIdToken"}[verb]
	}
	return p, true
}

func (s *iamCredentials) fail(_ *standin.Request, f refusal) standin.Outcome { return plainError(f) }

const mostLife = time.Hour

func (s *iamCredentials) do(r *standin.Request, p place) standin.Outcome {
	if _, ok := s.who.resources.Allowed[p.name]; !ok {
		return s.fail(r, notFound("Not found; Gaia id not found for email "+p.name))
	}
	var in struct {
		Scope    []string `json:"scope"`
		Lifetime string   `json:"lifetime"`
		Audience string   `json:"audience"`
	}
	if bad := read(r, &in); bad != nil {
		return s.fail(r, *bad)
	}
	if p.op == "GenerateIdToken" {
		if in.Audience == "" {
			return s.fail(r, invalid("Request contains an invalid argument: audience is required."))
		}
		return answer(map[string]any{"token": s.who.give("eyJ0.", identity{account: p.name, audience: strings.TrimSuffix(in.Audience, "/"), ends: r.Now.Add(mostLife)})})
	}
	life := mostLife
	if in.Lifetime != "" {
		n, err := strconv.ParseFloat(strings.TrimSuffix(in.Lifetime, "s"), 64)
		if err != nil || n <= 0 || n > mostLife.Seconds() || !strings.HasSuffix(in.Lifetime, "s") {
			return s.fail(r, invalid("The access token lifetime must be within 0 and 3600 seconds: "+in.Lifetime))
		}
		life = time.Duration(n * float64(time.Second))
	}
	if len(in.Scope) == 0 {
		return s.fail(r, invalid("Request contains an invalid argument: scope is required."))
	}
	ends := r.Now.Add(life).Truncate(time.Second)
	return answer(map[string]any{"accessToken": s.who.give("ya29.c.", identity{account: p.name, ends: ends}), "expireTime": ends.UTC().Format(time.RFC3339)})
}

// sts narrows tokens by credential access boundaries.
// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
type sts struct{ who *identities }

func (s *sts) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) != 2 || path[0] != "v1" || path[1] != "token" {
		return place{}, false
	}
	p := place{}
	if r.Method == http.MethodPost {
		p.op = "ExchangeToken"
	}
	return p, true
}

// fail is an error in OAuth's own form.
func (s *sts) fail(_ *standin.Request, f refusal) standin.Outcome {
	code := map[int]string{http.StatusBadRequest: "invalid_request", http.StatusUnauthorized: "invalid_grant"}[f.status]
	if code == "" {
		code = "server_error"
	}
	out := answer(map[string]any{"error": code, "error_description": f.message})
	if out.Status = f.status; f.status == http.StatusUnauthorized {
		out.Status = http.StatusBadRequest
	}
	return out
}

const (
	exchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessToken = "urn:ietf:params:oauth:token-type:access_token"
	mostRules   = 10
)

func (s *sts) do(r *standin.Request, _ place) standin.Outcome {
	q, err := url.ParseQuery(string(r.Body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return s.fail(r, invalid("The body is not a form."))
	}
	for name, want := range map[string]string{"grant_type": exchange, "subject_token_type": accessToken, "requested_token_type": accessToken} {
		if q.Get(name) != want {
			return s.fail(r, invalid("Invalid value for "+name+": "+strconv.Quote(q.Get(name))))
		}
	}
	var options struct {
		AccessBoundary struct {
			AccessBoundaryRules []boundaryRule `json:"accessBoundaryRules"`
		} `json:"accessBoundary"`
	}
	text := q.Get("options")
	if err := json.Unmarshal([]byte(text), &options); err != nil {
		if plain, err2 := url.QueryUnescape(text); err2 != nil || json.Unmarshal([]byte(plain), &options) != nil {
			return s.fail(r, invalid("Invalid options: they are not JSON."))
		}
	}
	rules := options.AccessBoundary.AccessBoundaryRules
	if len(rules) == 0 || len(rules) > mostRules {
		return s.fail(r, invalid("The access boundary must have 1 to 10 rules."))
	}
	for _, rule := range rules {
		if !strings.HasPrefix(rule.AvailableResource, "//storage.googleapis.com/projects/_/buckets/") || len(rule.AvailablePermissions) == 0 {
			return s.fail(r, invalid("Invalid access boundary rule for "+strconv.Quote(rule.AvailableResource)+": the resource is no bucket, or there are no permissions."))
		}
		for _, role := range rule.AvailablePermissions {
			if !strings.HasPrefix(role, "inRole:") {
				return s.fail(r, invalid("Invalid permission "+strconv.Quote(role)+": it must have the form inRole:roles/…"))
			}
		}
	}
	subject := q.Get("subject_token")
	who := s.who.get(subject)
	if subject == "" || who.bounded || who.audience != "" || !who.ends.IsZero() && !r.Now.Before(who.ends) {
		return s.fail(r, refusal{status: http.StatusUnauthorized, message: "The provided subject_token is invalid, has expired or is narrowed already."})
	}
	who.bounded, who.boundary = true, rules
	life := mostLife
	if who.ends.IsZero() {
		who.ends = r.Now.Add(life)
	} else {
		life = who.ends.Sub(r.Now)
	}
	return answer(map[string]any{"access_token": s.who.give("ya29.d.", who), "issued_token_type": accessToken, "token_type": "Bearer", "expires_in": int64(life.Seconds())})
}
