package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/tool/effect"
)

// reason is what a store said of a failure.
type reason struct {
	code, message string
}

// failure is the error of a request that failed, as far as all stores fail alike:
// nothing was sent, nobody answered, the store cannot now, or the answer is no answer.
// It is nil where the store refused.
func (x *exchange) failure(ctx context.Context, doing string, err error, why reason) *effect.Error {
	var credential *cloud.CredentialError
	unknown := &effect.Error{Outcome: effect.Unknown, Retry: true, Cause: err}
	switch {
	case x.status >= 500, x.status == http.StatusTooManyRequests, x.status == http.StatusRequestTimeout:
		unknown.Message = fmt.Sprintf("%s: the service answered %d%s", doing, x.status, why.said())
		if s, err := strconv.Atoi(x.header.Get("Retry-After")); err == nil && s > 0 && s < 3600 {
			unknown.After = time.Duration(s) * time.Second
		}
		if x.status == http.StatusTooManyRequests || x.status == http.StatusServiceUnavailable && why.code == "ServerBusy" {
			unknown.Outcome = effect.NotDone
		}
		return unknown
	case x.status >= 300:
		return nil
	case errors.As(err, &credential):
		return &effect.Error{Outcome: effect.NotDone, Message: doing + ": " + credential.Error(), Cause: err}
	case !x.sent && ctx.Err() != nil:
		return effect.Ended(ctx, effect.NotDone, doing)
	case !x.sent:
		return &effect.Error{Outcome: effect.NotDone, Message: fmt.Sprintf("%s: the request cannot be made: %s", doing, plain(err)), Cause: err}
	case !x.connected:
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, doing)
		}
		return effect.Unreachable(doing, err)
	case ctx.Err() != nil:
		return effect.Ended(ctx, effect.Unknown, doing)
	case x.status == 0:
		unknown.Message = doing + ": the service gave no answer"
		return unknown
	case errors.Is(err, errTooLong):
		unknown.Retry, unknown.Message = false, doing+": the service's answer is longer than it can be"
		return unknown
	}
	unknown.Message = doing + ": the service's answer broke off or cannot be read"
	return unknown
}

// broken is the error of an answer that looks like a success and is not one.
func (x *exchange) broken(ctx context.Context, doing string, err error) error {
	if e := x.failure(ctx, doing, err, reason{}); e != nil {
		return e
	}
	return refused("%s: the service answered %d", doing, x.status)
}

// said is a store's own words, short and on one line.
func (r reason) said() string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(r.message, "")), " ")
	switch {
	case text == "" && r.code == "":
		return ""
	case text == "":
		return ": " + cut(r.code, 80)
	case r.code == "":
		return ": " + cut(text, 200)
	}
	return fmt.Sprintf(": %s (%s)", cut(strings.TrimRight(text, "."), 200), cut(r.code, 80))
}

func refused(format string, a ...any) *effect.Error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf(format, a...)}
}

// busy is that somebody else is changing the same object at this moment.
func busy(doing string) *effect.Error {
	return &effect.Error{Outcome: effect.NotDone, Retry: true, Message: doing + ": somebody else is changing it at this moment"}
}

// plain is an error on one short line.
func plain(err error) string {
	return cut(strings.Join(strings.Fields(err.Error()), " "), 300)
}

// versionForm is what the entity tags of stores are made of, and leaves out what means
// "any" or stands between two of them: some stores look at that within quotes, too.
var versionForm = regexp.MustCompile(`^[A-Za-z0-9_+/=:.@~-]{1,200}$`)

// checkTag refuses what is no entity tag.
func checkTag(v string) error {
	if versionForm.MatchString(v) {
		return nil
	}
	return refused("%q is no version of an object: give it as it was shown", cut(v, 80))
}

// tag is an entity tag without its quotes, as versions are shown.
func tag(etag string) string { return strings.Trim(etag, `"`) }

func quoted(version string) string { return `"` + version + `"` }
