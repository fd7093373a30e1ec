package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"

	"github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// commandKey is the name under which a store keeps the command that wrote an object.
const commandKey = "skein-command"

// s3Store is Amazon S3, or a store that speaks as it does.
type s3Store struct {
	client *s3.Client
	bucket string
	region string
	narrow bool // only keys with a prefix may be listed
}

func openS3(u *resource.URL) (Bucket, error) {
	if err := bucketName(u); err != nil {
		return nil, err
	}
	region := u.Option("region", u.Session.Options().AWS.Region)
	cfg, err := u.Session.AWS(context.Background(), region)
	if err != nil {
		return nil, err
	}
	w := newWeb()
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.HTTPClient = w.client
		o.Retryer, o.Logger = aws.NopRetryer{}, logging.Nop{}
		// Checksums that S3 adds of itself would stand in the body as trailers, which
		// others that speak S3 do not read; the signature covers the body.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if e := u.Options["endpoint"]; e != "" {
			o.BaseEndpoint = aws.String(strings.TrimRight(e, "/"))
		}
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	u.Service = "aws/s3/" + cfg.Region
	st := &s3Store{client: client, bucket: u.Host, region: cfg.Region, narrow: u.Options["prefix"] != ""}
	return &remote{store: st, web: w, prefix: u.Options["prefix"], basis: basis{
		create: "create-if-absent (If-None-Match: *); the object's metadata keeps the command's id",
		change: "If-Match on the ETag, which S3 makes of the content alone; the object's metadata keeps the command's id, and what is gone is deleted",
	}}, nil
}

// bucketName checks that a URL names a bucket and no more.
func bucketName(u *resource.URL) error {
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(u.Host, ":@%*?") {
		return fmt.Errorf("the bucket is missing or not alone: write %s://bucket, and what keys begin with as ?prefix=", u.Scheme)
	}
	if p := u.Options["prefix"]; len(p) > 512 || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "*?\\\x00") {
		return fmt.Errorf("the option prefix is what keys begin with, such as reports/, in up to 512 bytes without a slash at the beginning")
	}
	return nil
}

// s3Grants are leave to list the bucket and to read, and where it may be written to or
// changed, to put and to delete below the prefix.
func s3Grants(u *resource.URL) ([]cloud.Grant, error) {
	if err := bucketName(u); err != nil {
		return nil, err
	}
	arn := "arn:" + cloud.Partition(u.Option("region", u.Session.Options().AWS.Region)) + ":s3:::" + u.Host
	prefix, within := u.Options["prefix"], ""
	if prefix != "" {
		b, err := json.Marshal(map[string]any{"StringLike": map[string]any{"s3:prefix": prefix + "*"}})
		if err != nil {
			return nil, fmt.Errorf("write a condition: %w", err)
		}
		within = string(b)
	}
	actions := []string{"s3:GetObject"}
	if u.Write {
		actions = append(actions, "s3:PutObject")
	}
	if u.Change {
		actions = append(actions, "s3:DeleteObject")
	}
	return []cloud.Grant{
		{Cloud: cloud.AWS, Actions: []string{"s3:ListBucket"}, Resource: arn, Within: within},
		{Cloud: cloud.AWS, Actions: actions, Resource: arn + "/" + prefix + "*"},
	}, nil
}

func (s *s3Store) list(ctx context.Context, prefix, mark string, n int) ([]Object, string, error) {
	ctx, x := exchanging(ctx, price.MeterList, pageSize(n))
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, MaxKeys: aws.Int32(int32(n)), EncodingType: types.EncodingTypeUrl}
	if prefix != "" {
		in.Prefix = &prefix
	}
	if mark != "" {
		in.ContinuationToken = &mark
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", s.failed(ctx, x, "list the objects", at{}, err)
	}
	page := make([]Object, 0, len(out.Contents))
	for _, o := range out.Contents {
		key := aws.ToString(o.Key)
		if out.EncodingType == types.EncodingTypeUrl {
			if key, err = url.QueryUnescape(key); err != nil {
				return nil, "", x.broken(ctx, "list the objects", err)
			}
		}
		page = append(page, Object{Key: key, Size: aws.ToInt64(o.Size), Version: tag(aws.ToString(o.ETag))})
	}
	if !aws.ToBool(out.IsTruncated) {
		return page, "", nil
	}
	return page, aws.ToString(out.NextContinuationToken), nil
}

func (s *s3Store) get(ctx context.Context, a at, offset, limit int64) (Piece, error) {
	ctx, x := exchanging(ctx, price.MeterGet, limit)
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &a.key,
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+limit-1))})
	if err != nil {
		if p, ok := x.beyond(offset); ok {
			return p, nil
		}
		return Piece{}, s.failed(ctx, x, a.doing("read"), a, err)
	}
	defer func() { _ = out.Body.Close() }() // it has been read or is not wanted
	p, err := x.piece(out.Body, offset, limit)
	if err != nil {
		return Piece{}, x.broken(ctx, a.doing("read"), err)
	}
	p.Version = tag(aws.ToString(out.ETag))
	return p, nil
}

func (s *s3Store) put(ctx context.Context, a at, data []byte, version, command string) (string, bool, error) {
	what := "write"
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &a.key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		Metadata: map[string]string{commandKey: command}}
	if version == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		what, in.IfMatch = "replace", aws.String(quoted(version))
	}
	if kind := contentType(a.name, data); kind != "" {
		in.ContentType = &kind
	}
	ctx, x := exchanging(ctx, price.MeterPut, mostAnswer)
	out, err := s.client.PutObject(ctx, in)
	switch {
	case err == nil && aws.ToString(out.ETag) == "":
		return "", false, x.broken(ctx, a.doing(what), errors.New("no ETag"))
	case err == nil:
		return tag(aws.ToString(out.ETag)), false, nil
	case x.status == http.StatusPreconditionFailed, x.status == http.StatusConflict && s3Reason(err).code == "ConditionalRequestConflict":
		return "", true, nil
	case x.status == http.StatusNotFound && version != "" && s3Reason(err).code != "NoSuchBucket":
		return "", true, nil // what was to be replaced is gone
	}
	return "", false, s.failed(ctx, x, a.doing(what), a, err)
}

func (s *s3Store) remove(ctx context.Context, a at, version string) (left, error) {
	ctx, x := exchanging(ctx, price.MeterDelete, mostAnswer)
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &a.key, IfMatch: aws.String(quoted(version))})
	switch {
	case err == nil && x.status != http.StatusNoContent && x.header.Get("X-Amz-Request-Id") == "":
		return removed, x.broken(ctx, a.doing("delete"), errors.New("it is none of S3's"))
	case err == nil:
		return removed, nil
	case x.status == http.StatusNotFound && s3Reason(err).code != "NoSuchBucket":
		return gone, nil
	case x.status == http.StatusPreconditionFailed, x.status == http.StatusConflict && s3Reason(err).code == "ConditionalRequestConflict":
		return clashed, nil
	}
	return removed, s.failed(ctx, x, a.doing("delete"), a, err)
}

func (s *s3Store) head(ctx context.Context, a at) (stored, error) {
	hctx, x := exchanging(ctx, price.MeterGet, mostAnswer)
	out, err := s.client.HeadObject(hctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &a.key})
	switch {
	case err == nil:
		return stored{true, tag(aws.ToString(out.ETag)), out.Metadata[commandKey]}, nil
	case x.status == http.StatusNotFound:
		return stored{}, nil
	case x.status == http.StatusForbidden && s.narrow:
		// Whoever may list but a prefix is not told that an object is not there; a list
		// of what begins with its key says so.
		page, _, lerr := s.list(ctx, a.key, "", 1)
		if lerr == nil && (len(page) == 0 || page[0].Key != a.key) {
			return stored{}, nil
		}
	}
	return stored{}, s.failed(hctx, x, a.doing("read back"), a, err)
}

func (s *s3Store) version(v string) error { return checkTag(v) }

func (s *s3Store) over() Requests {
	if !s.narrow {
		return Requests{}
	}
	back := []price.Reading{{Meter: price.MeterList, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * pageSize(1), Source: price.Counted}}
	return Requests{Put: back, Delete: back}
}

// check lists one key, and asks for one, so that both permissions are known to be there.
func (s *s3Store) check(ctx context.Context, prefix string) error {
	page, _, err := s.list(ctx, prefix, "", 1)
	if err != nil {
		return err
	}
	key := prefix + ".skein-check" // none has to be there
	if len(page) > 0 {
		key = page[0].Key
	}
	_, err = s.head(ctx, at{key, strings.TrimPrefix(key, prefix)})
	return err
}
