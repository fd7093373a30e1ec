package objects

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

func s3Reason(err error) reason {
	var api smithy.APIError
	if errors.As(err, &api) {
		return reason{api.ErrorCode(), api.ErrorMessage()}
	}
	return reason{}
}

// failed is what a failure of S3 means.
func (s *s3Store) failed(ctx context.Context, x *exchange, doing string, a at, err error) error {
	why := s3Reason(err)
	if e := x.failure(ctx, doing, err, why); e != nil {
		return e
	}
	action := map[price.Meter]string{price.MeterList: "s3:ListBucket", price.MeterGet: "s3:GetObject",
		price.MeterPut: "s3:PutObject", price.MeterDelete: "s3:DeleteObject"}[x.meter]
	where := x.header.Get("X-Amz-Bucket-Region")
	switch {
	case why.code == "RequestTimeout", why.code == "ConditionalRequestConflict", why.code == "OperationAborted":
		return &effect.Error{Outcome: effect.Unknown, Retry: true, Message: doing + why.said(), Cause: err}
	case why.code == "NoSuchBucket":
		return refused("%s: there is no bucket %q", doing, s.bucket)
	case where != "" && where != s.region && x.status < 500:
		return refused("%s: the bucket %q is in %s, and it was looked for in %s: write s3://%s?region=%s", doing, s.bucket, where, s.region, s.bucket, where)
	case x.status < 400:
		return refused("%s: the bucket %q is in another region than %s, or at another endpoint: write s3://%s?region=REGION", doing, s.bucket, s.region, s.bucket)
	case why.code == "ExpiredToken", why.code == "InvalidAccessKeyId", why.code == "SignatureDoesNotMatch", why.code == "RequestTimeTooSkewed", why.code == "InvalidToken":
		return refused("%s: AWS does not take the credentials%s", doing, why.said())
	case x.status == http.StatusForbidden && a.key != "" && x.meter == price.MeterGet && s.narrow:
		return refused("%s: there is no such object, or %s on arn:aws:s3:::%s/%s is not allowed", doing, action, s.bucket, a.key)
	case x.status == http.StatusForbidden && a.key != "":
		return refused("%s: %s on arn:aws:s3:::%s/%s is not allowed", doing, action, s.bucket, a.key)
	case x.status == http.StatusForbidden:
		return refused("%s: %s on arn:aws:s3:::%s is not allowed", doing, action, s.bucket)
	case x.status == http.StatusNotFound && a.key != "":
		return notThere(a.name)
	case x.status == http.StatusNotFound:
		return refused("%s: there is no bucket %q", doing, s.bucket)
	}
	return refused("%s: the service answered %d%s", doing, x.status, why.said())
}
