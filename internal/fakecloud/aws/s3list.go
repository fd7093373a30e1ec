package aws

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

const mostListed = 1000

type listed struct {
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string
	ChecksumType      string
	Size              int
	StorageClass      string
}

type commonPrefix struct{ Prefix string }

type listAnswer struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Namespace             string   `xml:"xmlns,attr"`
	Name, Prefix          string
	StartAfter            string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount, MaxKeys     int
	Delimiter             string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	IsTruncated           bool
	Contents              []listed
	CommonPrefixes        []commonPrefix
}

// listObjects answers a page of keys in the order of their bytes. A continuation
// token holds where the last page ended.
func (c *Cloud) listObjects(k *call) standin.Outcome {
	q := k.URL.Query()
	invalid := func(argument, message string) standin.Outcome {
		return k.no(400, "InvalidArgument", message, map[string]any{"ArgumentName": argument, "ArgumentValue": q.Get(argument)})
	}
	name, _ := k.names()
	page := listAnswer{Namespace: k.say.namespace, Name: name, Prefix: q.Get("prefix"), Delimiter: q.Get("delimiter"),
		StartAfter: q.Get("start-after"), ContinuationToken: q.Get("continuation-token"), EncodingType: q.Get("encoding-type"), MaxKeys: mostListed}
	if text := q.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return invalid("max-keys", "Provided max-keys not an integer or within integer range")
		}
		page.MaxKeys = min(n, mostListed)
	}
	if page.EncodingType != "" && page.EncodingType != "url" {
		return invalid("encoding-type", "Invalid Encoding Method specified in Request")
	}
	after := page.StartAfter
	if q.Has("continuation-token") {
		b, err := base64.RawURLEncoding.DecodeString(page.ContinuationToken)
		token, ok := strings.CutPrefix(string(b), "after ")
		if err != nil || !ok {
			return invalid("continuation-token", "The continuation token provided is incorrect")
		}
		after = token
	}
	c.s3.mu.Lock()
	defer c.s3.mu.Unlock()
	b, no := c.s3.bucketOf(k)
	if no != nil {
		return *no
	}
	last := page.fill(b, after)
	if page.IsTruncated {
		page.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte("after " + last))
	}
	page.KeyCount = len(page.Contents) + len(page.CommonPrefixes)
	if page.EncodingType == "url" {
		page.encode()
	}
	return k.xml(page)
}

// fill takes the keys of one page, and says what the next one follows.
func (p *listAnswer) fill(b *bucket, after string) (last string) {
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, p.Prefix) || key <= after {
			continue
		}
		group := ""
		if p.Delimiter != "" {
			if rest, _, found := strings.Cut(key[len(p.Prefix):], p.Delimiter); found {
				group = p.Prefix + rest + p.Delimiter
			}
		}
		if group != "" && (strings.HasPrefix(after, group) || len(p.CommonPrefixes) > 0 && p.CommonPrefixes[len(p.CommonPrefixes)-1].Prefix == group) {
			continue // the group has been listed, on this page or one before
		}
		if len(p.Contents)+len(p.CommonPrefixes) == p.MaxKeys {
			p.IsTruncated = p.MaxKeys > 0
			return last
		}
		if group != "" {
			p.CommonPrefixes = append(p.CommonPrefixes, commonPrefix{group})
			last = group
			continue
		}
		o := b.objects[key]
		p.Contents = append(p.Contents, listed{Key: key, LastModified: o.modified.Format("2006-01-02T15:04:05.000Z"), ETag: o.etag,
			ChecksumAlgorithm: strings.ToUpper(o.sum.algorithm), ChecksumType: "FULL_OBJECT", Size: len(o.data), StorageClass: "STANDARD"})
		last = key
	}
	return last
}

// encode writes keys and what is compared with them so that XML can hold them.
func (p *listAnswer) encode() {
	texts := []*string{&p.Prefix, &p.Delimiter, &p.StartAfter}
	for i := range p.Contents {
		texts = append(texts, &p.Contents[i].Key)
	}
	for i := range p.CommonPrefixes {
		texts = append(texts, &p.CommonPrefixes[i].Prefix)
	}
	for _, t := range texts {
		*t = strings.ReplaceAll(url.QueryEscape(*t), "%2F", "/")
	}
}

func (c *Cloud) listBuckets(k *call) standin.Outcome {
	type entry struct{ Name, CreationDate string }
	type owner struct{ ID, DisplayName string }
	c.s3.mu.Lock()
	defer c.s3.mu.Unlock()
	var list []entry
	for _, name := range slices.Sorted(maps.Keys(c.s3.buckets)) {
		if strings.HasPrefix(name, k.URL.Query().Get("prefix")) {
			list = append(list, entry{name, c.s3.buckets[name].created.UTC().Format(time.RFC3339)})
		}
	}
	return k.xml(struct {
		XMLName   xml.Name `xml:"ListAllMyBucketsResult"`
		Namespace string   `xml:"xmlns,attr"`
		Owner     owner
		Buckets   []entry `xml:"Buckets>Bucket"`
	}{Namespace: k.say.namespace, Owner: owner{account, "skein"}, Buckets: list})
}
