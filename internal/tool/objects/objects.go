// Package objects reads and writes objects: bytes under keys in one bucket. A
// [Bucket] is one place with its driver; [Drivers] is the table of them.
//
// Keys are paths with slashes. Whatever a driver does with them, a key cannot
// lead out of its bucket; see [CheckKey].
package objects

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
	"github.com/skein-run/skein/internal/tool/resource"
)

// Object is what a list says of one object.
type Object struct {
	Key     string `json:"key"`
	Size    int64  `json:"size"`
	Version string `json:"version,omitempty"` // see [Piece]
}

// Piece is a part of an object.
type Piece struct {
	Data []byte
	Size int64 // of the whole object
	// Version changes with every write: an ETag, a generation. "" where the driver has
	// no [Changer].
	Version string
	Type    string // the media type, where the store keeps one
}

// Bucket is a place of objects. It is safe for concurrent use. Errors are
// *[effect.Error]s; what is consumed is counted into the meter of ctx.
type Bucket interface {
	// List gives at most limit objects whose keys begin with prefix, in the order
	// of their keys, and whether there are more.
	List(ctx context.Context, prefix string, limit int) (list []Object, more bool, err error)
	// Read gives at most limit bytes from offset on. An offset at or after the end
	// gives no bytes.
	Read(ctx context.Context, key string, offset, limit int64) (Piece, error)
	// Create stores data under a key that is free, together with the command that
	// did it, for ever. Where the key is taken it says so in Created.
	Create(ctx context.Context, key string, data []byte, command string) (Created, error)
	// Basis says what the keyed effect of Create rests on.
	Basis() string
	// Requests is the most that one call of each method can consume, where a list asks
	// for at most so many objects.
	Requests(limit int) Requests
	// Check is a read that costs next to nothing.
	Check(ctx context.Context) error
	Close() error
}

// Changer is a Bucket whose objects can be replaced and deleted, under the condition
// that nobody has changed them since: a change without one, done again after a crash,
// could undo what somebody else wrote in between. Both are keyed for ever: a version
// is left behind once. A driver of a store without conditions has no Changer.
type Changer interface {
	// Replace stores data over the version of an object that the caller has seen,
	// together with the command that did it.
	Replace(ctx context.Context, key string, data []byte, version, command string) (Changed, error)
	// Delete removes the version of an object that the caller has seen. One that is
	// not there any more has been deleted.
	Delete(ctx context.Context, key, version, command string) (Changed, error)
	// ChangeBasis says what the two rest on.
	ChangeBasis() string
}

// Created is how a Create ended.
type Created struct {
	Repeat  bool // it had been done before, by the same command
	Taken   bool // the key is somebody else's
	By      string
	Version string // of what is there now, where the driver has a [Changer]
}

// Changed is how a Replace or Delete ended.
type Changed struct {
	Repeat  bool   // it had been done before, by the same command
	Stale   bool   // the object has another version by now, or is gone: nothing was changed
	Version string // of what is there now
}

// Requests is the most that one call of a method can consume, without the bytes of
// objects, which are at most Tries times what was asked for.
type Requests struct {
	List, Get, Put, Delete []price.Reading
	Tries                  int64
}

// requests is the bound of a driver that asks n times at most.
func requests(n int64) Requests {
	of := func(m price.Meter) []price.Reading {
		return []price.Reading{{Meter: m, Quantity: n, Source: price.Counted}}
	}
	return Requests{List: of(price.MeterList), Get: of(price.MeterGet), Put: of(price.MeterPut), Delete: of(price.MeterDelete), Tries: n}
}

// Drivers is every driver of objects.
func Drivers() []resource.Driver[Bucket] {
	return []resource.Driver[Bucket]{
		{Scheme: "file", Service: "local/files", Form: "file:///folder", Open: openFile},
		{Scheme: "s3", Service: "aws/s3", Form: "s3://bucket", Options: []string{"region", "endpoint", "prefix"}, Open: openS3, Grants: s3Grants},
		{Scheme: "azblob", Service: "azure/blob", Form: "azblob://container?account=name",
			Options: []string{"account", "region", "endpoint", "prefix"}, Open: openAzblob, Grants: azblobGrants},
		{Scheme: "gs", Service: "gcp/storage", Form: "gs://bucket", Options: []string{"region", "endpoint", "prefix"}, Open: openGS, Grants: gsGrants},
	}
}

// CheckKey refuses a key that is not a plain path below its bucket.
func CheckKey(key string) error {
	why := ""
	switch {
	case key == "":
		why = "is empty"
	case len(key) > 1024:
		why = "is longer than 1024 bytes"
	case !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		why = "has characters that keys cannot have"
	case strings.HasPrefix(key, "/"):
		why = "begins with a slash; keys are relative to the bucket"
	}
	for part := range strings.SplitSeq(key, "/") {
		if why == "" && (part == "" || part == "." || part == "..") {
			why = "has an empty, \".\" or \"..\" part; keys are plain paths below the bucket"
		}
	}
	if why == "" {
		return nil
	}
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("the key %q %s", cut(key, 80), why)}
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func notThere(key string) error {
	return &effect.Error{Outcome: effect.Refused, Message: fmt.Sprintf("there is no object %q", cut(key, 200))}
}
