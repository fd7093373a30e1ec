package table

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// asking is a request to DynamoDB: what it is for, what it consumes and what is made
// of its errors.
type asking struct {
	t              *dynamoTable
	class          agent.Class
	doing, needs   string
	request, units price.Meter
	most           int64 // units, where no answer says how many
}

// do sends it, again where its class allows it. The function gives the units that the
// answer reports, and those that follow from sizes where it reports none.
func (a asking) do(ctx context.Context, ask func(context.Context) (*types.ConsumedCapacity, int64, error)) error {
	counts := effect.Counts{Request: []price.Reading{
		{Meter: a.request, Quantity: 1, Source: price.Counted},
		{Meter: a.units, Quantity: a.most, Source: price.Reported}}}
	return effect.Retry(ctx, a.class, func(ctx context.Context) error {
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.NotDone, a.doing)
		}
		asking, sent := traced(withCounts(ctx, counts))
		var status atomic.Int64
		capacity, derived, err := ask(context.WithValue(asking, statusKey{}, &status))
		if err == nil {
			if n, ok := reported(capacity); ok {
				effect.MeterFrom(ctx).Count(a.units, n, price.Reported)
			} else {
				effect.MeterFrom(ctx).Count(a.units, derived, price.Derived)
			}
			return nil
		}
		return a.failed(ctx, counts, sent.Load(), int(status.Load()), err)
	})
}

// failed is what an error of the SDK means.
func (a asking) failed(ctx context.Context, counts effect.Counts, sent bool, status int, err error) error {
	var api smithy.APIError
	code := ""
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	switch {
	case status == 0:
		return unanswered(ctx, a.doing, sent, err)
	case status/100 == 2, status < 500 && status != http.StatusTooManyRequests && (code == "" || code == "UnknownError"):
		// It was answered, and what it consumed stands in what cannot be read.
		unread(ctx, counts)
		if ctx.Err() != nil {
			return effect.Ended(ctx, effect.Unknown, a.doing)
		}
		return unreadable(a.doing, err)
	case api == nil:
		api = &smithy.GenericAPIError{}
	}
	e := &effect.Error{Outcome: effect.Refused, Cause: err,
		Message: fmt.Sprintf("%s in the table %s: DynamoDB says %s", a.doing, a.t.table, fault{code: code, message: api.ErrorMessage()}.words(status))}
	switch code {
	case "ResourceNotFoundException":
		e.Message = fmt.Sprintf("%s: there is no table %s in %s, in the account that the credentials are of: a table elsewhere is written dynamodb://%s?region=REGION&…", a.doing, a.t.table, a.t.region, a.t.table)
	case "UnrecognizedClientException", "IncompleteSignatureException", "InvalidSignatureException", "MissingAuthenticationTokenException",
		"ExpiredTokenException", "ExpiredToken":
		e.Message = fmt.Sprintf("%s: AWS does not take the credentials: %s", a.doing, fault{code: code, message: api.ErrorMessage()}.words(status))
	case "AccessDeniedException", "AccessDenied":
		e.Message = fmt.Sprintf("%s: DynamoDB denies access (%s): the identity that Skein has needs %s on the table %s", a.doing, code, a.needs, a.t.table)
	case "TransactionConflictException", "ReplicatedWriteConflictException":
		e.Outcome, e.Retry = effect.NotDone, true
	default:
		switch {
		case status == http.StatusTooManyRequests:
			e.Outcome, e.Retry = effect.NotDone, true
		case status >= 500:
			e.Outcome, e.Retry = effect.Unknown, true
		}
	}
	return e
}

type statusKey struct{}

// dynamoAnswers is beneath the counting: DynamoDB says 400 where it throttles, which
// costs nothing, as others' 429 does; and no answer is read without end.
type dynamoAnswers struct{ base http.RoundTripper }

func (d dynamoAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusBadRequest {
		// A refused condition brings an item along, which need not be read here; throttling
		// brings its reasons, one for the table and each index, with their long names.
		head, err := io.ReadAll(io.LimitReader(resp.Body, 32<<10))
		if err == nil && throttled(head) {
			resp.StatusCode = http.StatusTooManyRequests
		}
		rest := io.Reader(resp.Body)
		if err != nil {
			rest = broken{err}
		}
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), rest), resp.Body}
	}
	if status, ok := r.Context().Value(statusKey{}).(*atomic.Int64); ok {
		status.Store(int64(resp.StatusCode))
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, mostAnswer), resp.Body}
	return resp, nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// throttled says that an error is that of a request for which there was no room. Such
// a body is short, and an item that another sort of error brings is none of it.
func throttled(body []byte) bool {
	var in struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(body, &in) != nil {
		return false
	}
	_, code, _ := strings.Cut(in.Type, "#")
	return slices.Contains([]string{"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}, code)
}
