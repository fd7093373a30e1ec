package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// AWS is the configuration of an SDK's client for a resource: in the region that its
// URL states, or that its own name says, or the default one. Its endpoint is to be set
// once more where the client is made, since sources of the configuration go before what
// it says itself. Nothing is sent.
func AWS(u *resource.URL, named string) (aws.Config, error) {
	c, err := u.Session.AWS(context.Background(), u.Option("region", named))
	if err != nil {
		return c, err
	}
	c.Logger = logging.Nop{} // what is wrong is in the errors
	if e := u.Options["endpoint"]; e != "" {
		c.BaseEndpoint = aws.String(strings.TrimRight(e, "/"))
	}
	return c, nil
}

// Endpoint is the address of a client: that of the configuration, where it has one.
func Endpoint(c aws.Config, otherwise *string) *string {
	if c.BaseEndpoint != nil {
		return c.BaseEndpoint
	}
	return otherwise
}

// Ask does one request through a client of AWS's SDK. The error is a *[effect.Error].
func Ask(ctx context.Context, c Charge, doing, needs string, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return effect.Ended(ctx, effect.NotDone, doing)
	}
	on, s := sends(ctx, c)
	err := do(on)
	if err == nil {
		return nil
	}
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil || answered.HTTPStatusCode() == 0 {
		return unanswered(ctx, doing, bare(err), s.connected.Load())
	}
	return answeredAWS(ctx, doing, needs, answered.Response.Response, err)
}

// The causes of an answer whose status says that it was done, and whose words cannot be
// read, or did not come to their end.
var (
	errUnreadable = errors.New("the answer cannot be read")
	errBrokeOff   = errors.New("the answer broke off")
)

// Taken says of what Ask returned that the service's status says that it was done.
func Taken(err error) bool {
	return err == nil || errors.Is(err, errUnreadable) || errors.Is(err, errBrokeOff)
}

// Unreadable says of an error that the service's status says that it was done. What a
// repeat would do again is done then, and only its id is lost.
func Unreadable(err error) bool { return errors.Is(err, errUnreadable) }

func answeredAWS(ctx context.Context, doing, needs string, resp *http.Response, err error) *effect.Error {
	status := resp.StatusCode
	var api smithy.APIError
	code, said := "", ""
	if errors.As(err, &api) {
		code, said = api.ErrorCode(), api.ErrorMessage()
	}
	_, what, _ := strings.Cut(needs, " on ")
	e := &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("%s: the service answered %d %s", doing, status, http.StatusText(status)), Cause: err}
	switch {
	case status/100 == 2:
		if cutOff(err) {
			return unanswered(ctx, doing, fmt.Errorf("%w: %w", errBrokeOff, err), true)
		}
		return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + ": the service's answer cannot be read", Cause: fmt.Errorf("%w: %w", errUnreadable, err)}
	case status == http.StatusTooManyRequests, throttled(code):
		e.Outcome, e.Retry, e.After = effect.NotDone, true, after(resp.Header)
		if status != http.StatusTooManyRequests {
			e.Message = doing + ": the service is asked too often (" + code + ")"
		}
	case status == http.StatusRequestTimeout, status >= 500:
		e.Outcome, e.Retry, e.After = effect.Unknown, true, after(resp.Header)
	case slices.Contains(unsigned, code):
		e.Message = doing + ": the service does not know these credentials, or they have ended"
	case strings.HasPrefix(code, "AccessDenied"), code == "AuthorizationError", code == "NotAuthorized", status == http.StatusForbidden, status == http.StatusUnauthorized:
		e.Message = Forbidden(doing, needs)
	case status/100 == 3:
		e.Message = doing + ": the service says that it is elsewhere; check the region"
	case status/100 == 4 && missing(code) && what != "":
		e.Message = doing + ": there is no " + what + " there; check its name, the account and the region"
	case status < 400:
		e.Outcome = effect.Unknown
	case said != "":
		e.Message = doing + ": " + short(said)
	}
	return e
}

// missing are the codes of what is not there. What it is their words leave out.
func missing(code string) bool {
	return code == "NotFound" || code == "NotFoundException" || code == "QueueDoesNotExist" || strings.HasSuffix(code, "NonExistentQueue")
}

func short(text string) string { return (&Client{}).said([]byte(text)) }

// cutOff says of an error that it is the connection's end, not what came over it.
func cutOff(err error) bool {
	var n net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n)
}

// throttled are the codes that say that a request was not done since there are too many.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html and the
// services' own lists.
func throttled(code string) bool {
	return strings.Contains(code, "Throttl") || slices.Contains([]string{
		"TooManyRequestsException", "RequestLimitExceeded", "OverLimit", "SlowDown", "LimitExceededException",
	}, code)
}

// errorCode finds the code in an error of AWS's, in XML or JSON.
var errorCode = regexp.MustCompile(`<Code>([A-Za-z.]+)</Code>|"__type"\s*:\s*"(?:[^"#]*#)?([A-Za-z.]+)`)

// throttlesAWS gives an answer the status of what it says, where that is that there are
// too many requests: some services say so in a 400, and what counts requests goes by the
// status.
func throttlesAWS(resp *http.Response) {
	said, err := io.ReadAll(io.LimitReader(resp.Body, mostError))
	if m := errorCode.FindSubmatch(said); err == nil && m != nil && throttled(string(m[1])+string(m[2])) {
		resp.StatusCode = http.StatusTooManyRequests
	}
	resp.Body = &cappedBody{Reader: io.MultiReader(bytes.NewReader(said), resp.Body), Closer: resp.Body}
}

// mostError is how much of an error is read to find its code.
const mostError = 4 << 10

// unsigned are the codes that say that whoever asks is not known.
var unsigned = []string{
	"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "ExpiredToken", "ExpiredTokenException",
	"InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "InvalidSignatureException",
}
