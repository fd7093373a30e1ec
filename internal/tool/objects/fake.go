package objects

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/agent"
	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/fake"
	"github.com/skein-run/skein/internal/tool/resource"
)

// fakeBucket is a bucket of a fakecloud, which counts as S3 does.
type fakeBucket struct{ *fake.Client }

func openFake(u *resource.URL) (Bucket, error) {
	c, err := fake.New(u, "objects")
	if err != nil {
		return nil, err
	}
	return fakeBucket{c}, nil
}

func once(m price.Meter) price.Reading {
	return price.Reading{Meter: m, Quantity: 1, Source: price.Counted}
}

func (b fakeBucket) List(ctx context.Context, prefix string, limit int) ([]Object, bool, error) {
	const doing = "list the objects"
	var got struct {
		Objects []Object `json:"objects"`
	}
	_, err := b.Do(ctx, fake.Request{Class: agent.Read, Method: http.MethodGet,
		Query: url.Values{"prefix": {prefix}}, Expect: []int{http.StatusOK}, Doing: doing,
		Counts: effect.Counts{Request: []price.Reading{once(price.MeterList)}},
		Accept: func(a *fake.Answer) error { return a.Decode(doing, &got) }})
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(got.Objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	if len(got.Objects) > limit {
		return got.Objects[:limit], true, nil
	}
	return got.Objects, false, nil
}

func (b fakeBucket) Read(ctx context.Context, key string, offset, limit int64) (Piece, error) {
	if err := CheckKey(key); err != nil {
		return Piece{}, err
	}
	doing := fmt.Sprintf("read the object %q", key)
	a, err := b.Do(ctx, fake.Request{Class: agent.Read, Method: http.MethodGet, Path: escape(key), Most: limit,
		Header: map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", offset, offset+limit-1)},
		Expect: []int{http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable, http.StatusNotFound}, Doing: doing,
		Counts: effect.Counts{Request: []price.Reading{once(price.MeterGet)}, Answer: price.MeterBytesRead}})
	switch {
	case err != nil:
		return Piece{}, err
	case a.Status == http.StatusNotFound:
		return Piece{}, notThere(key)
	case a.Status == http.StatusRequestedRangeNotSatisfiable:
		a.Body = nil // it is the reason, not the object
	}
	_, total, ok := strings.Cut(a.Header.Get("Content-Range"), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if !ok || err != nil {
		return Piece{}, &effect.Error{Outcome: effect.NotDone, Message: doing + ": the service did not say the object's size"}
	}
	return Piece{Data: a.Body, Size: size}, nil
}

func (b fakeBucket) Create(ctx context.Context, key string, data []byte, command string) (Created, error) {
	if err := CheckKey(key); err != nil {
		return Created{}, err
	}
	a, err := b.Do(ctx, fake.Request{Class: agent.Keyed, Method: http.MethodPut, Path: escape(key), Body: data,
		Header: map[string]string{"If-None-Match": "*", "X-Skein-Command": command},
		Expect: []int{http.StatusCreated, http.StatusPreconditionFailed}, Doing: fmt.Sprintf("write the object %q", key),
		Counts: effect.Counts{Request: []price.Reading{once(price.MeterPut),
			{Meter: price.MeterBytesSent, Quantity: int64(len(data)), Source: price.Counted}}}})
	if err != nil || a.Status == http.StatusCreated {
		return Created{}, err
	}
	by := a.Header.Get("X-Stored-Command")
	return Created{Repeat: by == command, Taken: by != command, By: by}, nil
}

func (b fakeBucket) Basis() string {
	return "create-if-absent (If-None-Match); the object's metadata keeps the command's id"
}

func (b fakeBucket) Requests(int) Requests { return requests(effect.Tries) }

func (b fakeBucket) Check(ctx context.Context) error {
	_, _, err := b.List(ctx, "", 1)
	return err
}

// requests is the bound of a driver that asks n times at most.
func requests(n int64) Requests {
	of := func(m price.Meter) []price.Reading {
		return []price.Reading{{Meter: m, Quantity: n, Source: price.Counted}}
	}
	return Requests{List: of(price.MeterList), Get: of(price.MeterGet), Put: of(price.MeterPut), Delete: of(price.MeterDelete), Tries: n}
}

func escape(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, "/") {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}
