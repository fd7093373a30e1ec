package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// LogOptions are how logs are written.
type LogOptions struct {
	Level string `yaml:"level"` // debug, info, warn or error; default info
	JSON  bool   `yaml:"json"`  // one JSON object a line instead of text
}

// Logger writes logs to w, with every secret that it recognises left out: by the
// attribute's name, and by its look in any text.
func Logger(w io.Writer, o LogOptions) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Level)); err != nil {
		level = slog.LevelInfo
	}
	h := &slog.HandlerOptions{Level: level, ReplaceAttr: redactAttr}
	if o.JSON {
		return slog.New(slog.NewJSONHandler(w, h))
	}
	return slog.New(slog.NewTextHandler(w, h))
}

const hidden = "[redacted]"

// secretNames are attributes that hold a secret whatever it looks like.
var secretNames = map[string]bool{
	"authorization": true, "proxy-authorization": true, "x-api-key": true, "api-key": true, "x-goog-api-key": true,
	"cookie": true, "set-cookie": true, "secret": true, "password": true, "passwd": true, "token": true, "api_key": true, "apikey": true,
	"access_token": true, "refresh_token": true, "id_token": true, "client_secret": true, "secret_key": true, "credential": true, "credentials": true,
}

// secretLooks are how secrets look: keys of Skein and of the providers, bearer
// tokens, AWS access keys, signed tokens, and what stands in an address: a password
// and the key parameter of a query. What stands in the first group stays.
var secretLooks = regexp.MustCompile(strings.Join([]string{
	`(sk-skein-[a-z2-7]+-)[A-Za-z0-9]+`,
	`(\bsk-(?:ant-|proj-|or-)?)[A-Za-z0-9_-]{16,}`,
	`(?i:(\bbearer\s+))[A-Za-z0-9._~+/=-]{8,}`,
	`(\bA(?:KIA|SIA))[A-Z0-9]{12,}`,
	`(\bAIza)[A-Za-z0-9_-]{20,}`,
	`([?&](?:api[-_])?key=)[^&\s"]+`,
	`(\b(?:gsk_|csk-|xai-|hf_|pplx-|nvapi-|ghp_|github_pat_))[A-Za-z0-9_-]{16,}`,
	`(\beyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`,
	`(://[^/\s:@"]*:)[^/\s@"]+@`,
}, "|"))

// Redact is s with everything left out that looks like a secret.
func Redact(s string) string {
	if !mayHoldSecret(s) {
		return s
	}
	return secretLooks.ReplaceAllString(s, "$1$2$3$4$5$6$7$8$9"+hidden)
}

// mayHoldSecret spares most texts the regular expression.
func mayHoldSecret(s string) bool {
	for _, sub := range [...]string{"sk-", "earer", "EARER", "AKIA", "ASIA", "AIza", "key=", "gsk_", "xai-", "hf_", "pplx-", "nvapi-", "ghp_", "github_pat_", "eyJ", "://"} {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

func redactAttr(_ []string, a slog.Attr) slog.Attr {
	if secretNames[strings.ToLower(a.Key)] {
		return slog.String(a.Key, hidden)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if s := a.Value.String(); mayHoldSecret(s) {
			a.Value = slog.StringValue(Redact(s))
		}
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(Redact(v.Error()))
		case http.Header: // never whole: clients put what they like there
			a.Value = slog.StringValue(hidden)
		case *url.URL:
			a.Value = slog.StringValue(Path(v))
		case []byte:
			a.Value = slog.StringValue(Redact(string(v)))
		default: // whatever a library or a panic gives: as text, if there is anything to hide in it
			if s := fmt.Sprintf("%+v", v); mayHoldSecret(s) {
				a.Value = slog.StringValue(Redact(s))
			}
		}
	}
	return a
}

// Path is what of an address may stand in a log: no query, no user.
func Path(u *url.URL) string { return u.EscapedPath() }
