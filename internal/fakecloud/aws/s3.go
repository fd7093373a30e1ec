package aws

import (
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// s3Store holds buckets of objects. Buckets have no versions.
type s3Store struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	broken  error // its files could not be read at the start
	created time.Time
	objects map[string]*object
	deleted map[string]deletion // the last deletion of each key
	deletes uint64
}

// deletion is remembered for writes that were under way while it was made, and for
// the command that made it.
type deletion struct {
	n       uint64
	command string
}

// object is what is stored under a key. It is never changed, only replaced.
type object struct {
	data     []byte
	etag     string // with its quotes
	header   map[string]string
	sum      checksum
	modified time.Time
	command  string // that wrote it, where one did
}

var born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) // what was there at the start

func (st *s3Store) fill(buckets map[string]fs.FS) {
	st.buckets = map[string]*bucket{}
	for name, fsys := range buckets {
		b := newBucket(born)
		b.broken = fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			if err != nil {
				return err
			}
			b.objects[path] = newObject(data, map[string]string{"Content-Type": "binary/octet-stream"}, checksum{}, born, "")
			return nil
		})
		st.buckets[name] = b
	}
}

func newBucket(now time.Time) *bucket {
	return &bucket{created: now, objects: map[string]*object{}, deleted: map[string]deletion{}}
}

func (c *Cloud) s3Service() *service {
	object := func(action string) func(*call) []need {
		return func(k *call) []need {
			ns := []need{{action: action, resource: "arn:aws:s3:::" + k.resource, keys: k.s3Keys()}}
			if etag := k.Header.Get("If-Match"); action != "s3:GetObject" && etag != "" && etag != "*" {
				ns = append(ns, need{action: "s3:GetObject", resource: ns[0].resource, keys: ns[0].keys})
			}
			return ns
		}
	}
	bucket := func(action string) func(*call) []need {
		return func(k *call) []need {
			return []need{{action: action, resource: "arn:aws:s3:::" + k.resource, keys: k.s3Keys()}}
		}
	}
	return &service{
		manners: manners{
			form: formS3, mediaType: "application/xml", namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
			throttled: refusal{status: 503, code: "SlowDown", message: "Please reduce your request rate."},
			internal:  refusal{status: 500, code: "InternalError", message: "We encountered an internal error. Please try again."},
			unknownOp: refusal{status: 501, code: "NotImplemented", message: "A header you provided implies functionality that is not implemented"},
			denied:    refusal{status: 403, code: "AccessDenied"},
			expired:   refusal{status: 400, code: "ExpiredToken", message: "The provided token has expired."},
			unknownKey: refusal{status: 403, code: "InvalidAccessKeyId",
				message: "The AWS Access Key Id you provided does not exist in our records."},
			unsigned: refusal{status: 403, code: "AccessDenied", message: "Access Denied"},
		},
		ops: map[string]operation{
			"PutObject":         {do: c.putObject, charge: one(price.MeterPut), needs: object("s3:PutObject")},
			"GetObject":         {do: c.getObject, charge: one(price.MeterGet), needs: object("s3:GetObject")},
			"HeadObject":        {do: c.getObject, charge: one(price.MeterGet), needs: object("s3:GetObject")},
			"DeleteObject":      {do: c.deleteObject, charge: one(price.MeterDelete), needs: object("s3:DeleteObject")},
			"ListObjectsV2":     {do: c.listObjects, charge: one(price.MeterList), needs: bucket("s3:ListBucket")},
			"HeadBucket":        {do: c.headBucket, charge: one(price.MeterGet), needs: bucket("s3:ListBucket")},
			"GetBucketLocation": {do: c.bucketLocation, charge: one(price.MeterGet), needs: bucket("s3:GetBucketLocation")},
			"CreateBucket":      {do: c.createBucket, charge: one(price.MeterPut), needs: bucket("s3:CreateBucket")},
			"ListBuckets":       {do: c.listBuckets, charge: one(price.MeterList), needs: needs("s3:ListAllMyBuckets", everything)},
		},
	}
}

// s3Keys are what conditions of policies may ask about a request.
func (k *call) s3Keys() map[string][]string {
	keys := map[string][]string{}
	q := k.URL.Query()
	for name, values := range map[string][]string{"s3:prefix": q["prefix"], "s3:delimiter": q["delimiter"], "s3:max-keys": q["max-keys"],
		"s3:if-none-match": k.Header["If-None-Match"], "s3:if-match": k.Header["If-Match"]} {
		if len(values) > 0 {
			keys[name] = values
		}
	}
	return keys
}

// s3Route finds the operation by method, path and the parameters that name another
// resource of a bucket or object.
func (k *call) s3Route() {
	name, key, _ := strings.Cut(strings.TrimPrefix(k.URL.Path, "/"), "/")
	k.resource = name
	kind := "Service"
	switch {
	case key != "":
		k.resource, kind = name+"/"+key, "Object"
	case name != "":
		kind = "Bucket"
	}
	q := k.URL.Query()
	known := map[string]bool{"x-id": true, "prefix": true, "delimiter": true, "max-keys": true, "continuation-token": true,
		"start-after": true, "encoding-type": true, "fetch-owner": true, "list-type": true, "max-buckets": true}
	for param := range q {
		if !known[param] && !strings.HasPrefix(param, "response-") && !strings.HasPrefix(strings.ToLower(param), "x-amz-") && param != "location" {
			k.op = k.Method + " " + kind + "?" + param
			return
		}
	}
	ops := map[string]string{"PUT Object": "PutObject", "GET Object": "GetObject", "HEAD Object": "HeadObject",
		"DELETE Object": "DeleteObject", "HEAD Bucket": "HeadBucket", "PUT Bucket": "CreateBucket", "GET Service": "ListBuckets"}
	k.op = ops[k.Method+" "+kind]
	switch {
	case k.op == "PutObject" && k.Header.Get("X-Amz-Copy-Source") != "":
		k.op = "CopyObject"
	case k.Method+" "+kind == "GET Bucket" && q.Has("location"):
		k.op = "GetBucketLocation"
	case k.Method+" "+kind == "GET Bucket" && q.Get("list-type") == "2":
		k.op = "ListObjectsV2"
	case k.op == "":
		k.op = k.Method + " " + kind
	}
}

// names are the bucket and the key that the call is about.
func (k *call) names() (bucket, key string) {
	bucket, key, _ = strings.Cut(k.resource, "/")
	return bucket, key
}

func (k *call) s3Header() map[string]string {
	return map[string]string{"Content-Type": k.say.mediaType, "x-amz-request-id": strings.ToUpper(k.id[:8] + k.id[28:]), "x-amz-id-2": k.id}
}

func (k *call) s3Error(r refusal) []byte {
	type member struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	}
	members := []member{{xml.Name{Local: "Code"}, r.code}, {xml.Name{Local: "Message"}, r.message}}
	for name, v := range r.members {
		members = append(members, member{xml.Name{Local: name}, fmt.Sprint(v)})
	}
	slices.SortFunc(members[2:], func(a, b member) int { return strings.Compare(a.XMLName.Local, b.XMLName.Local) })
	members = append(members, member{xml.Name{Local: "RequestId"}, k.s3Header()["x-amz-request-id"]}, member{xml.Name{Local: "HostId"}, k.id})
	return xmlBody(struct {
		XMLName xml.Name `xml:"Error"`
		Members []member
	}{Members: members})
}

// no is a refusal of S3.
func (k *call) no(status int, code, message string, members map[string]any) standin.Outcome {
	return k.refuse(refusal{status: status, code: code, message: message, members: members})
}

// bucketOf finds the call's bucket, under the lock.
func (st *s3Store) bucketOf(k *call) (*bucket, *standin.Outcome) {
	name, _ := k.names()
	b := st.buckets[name]
	var out standin.Outcome
	switch {
	case b == nil:
		out = k.no(404, "NoSuchBucket", "The specified bucket does not exist", map[string]any{"BucketName": name})
	case b.broken != nil:
		out = k.no(500, "InternalError", "the bucket's files: "+b.broken.Error(), nil)
	case k.Header.Get("X-Amz-Expected-Bucket-Owner") != "" && k.Header.Get("X-Amz-Expected-Bucket-Owner") != account:
		out = k.no(403, "AccessDenied", "Access Denied", nil)
	default:
		return b, nil
	}
	return nil, &out
}

// xml is a good answer of S3.
func (k *call) xml(v any) standin.Outcome {
	return standin.Outcome{Status: http.StatusOK, Header: k.s3Header(), Body: xmlBody(v)}
}
