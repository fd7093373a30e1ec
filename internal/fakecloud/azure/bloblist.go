package azure

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

type blobList struct {
	XMLName         xml.Name `xml:"EnumerationResults"`
	ServiceEndpoint string   `xml:",attr"`
	ContainerName   string   `xml:",attr"`
	Prefix          string   `xml:",omitempty"`
	Marker          string   `xml:",omitempty"`
	MaxResults      string   `xml:",omitempty"`
	Delimiter       string   `xml:",omitempty"`
	Blobs           struct {
		Blob       []listedBlob
		BlobPrefix []listedPrefix
	}
	NextMarker string
}

type listedPrefix struct{ Name string }

type listedBlob struct {
	Name       string
	Properties struct {
		CreationTime    string `xml:"Creation-Time"`
		LastModified    string `xml:"Last-Modified"`
		Etag            string
		ContentLength   int    `xml:"Content-Length"`
		ContentType     string `xml:"Content-Type"`
		ContentMD5      string `xml:"Content-MD5"`
		BlobType        string
		AccessTier      string
		LeaseStatus     string
		LeaseState      string
		ServerEncrypted bool
	}
	Metadata *listedMetadata
}

type listedMetadata map[string]string

// MarshalXML makes an element of each pair.
func (m listedMetadata) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for k, v := range m {
		if err := e.EncodeElement(v, xml.StartElement{Name: xml.Name{Local: k}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

const mostListed = 5000

// list answers names in their order, from the marker on.
func (s *blobs) list(r *standin.Request, p place, c *container) standin.Outcome {
	q := r.URL.Query()
	most := mostListed
	if text := q.Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return s.fail(r, outOfRange("maxresults", text))
		}
		most = min(n, mostListed)
	}
	from, err := base64.RawURLEncoding.DecodeString(q.Get("marker"))
	if err != nil {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "InvalidQueryParameterValue",
			message: "Value for one of the query parameters specified in the request URI is invalid. (marker)"})
	}
	list := blobList{ServiceEndpoint: r.Address + "/blob/" + p.account + "/", ContainerName: p.name,
		Prefix: q.Get("prefix"), Marker: q.Get("marker"), MaxResults: q.Get("maxresults"), Delimiter: q.Get("delimiter")}
	names := make([]string, 0, len(c.blobs))
	for name := range c.blobs {
		if strings.HasPrefix(name, list.Prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	n, group := 0, ""
	for _, name := range names {
		shown := name
		if list.Delimiter != "" {
			if i := strings.Index(name[len(list.Prefix):], list.Delimiter); i >= 0 {
				shown = name[:len(list.Prefix)+i+len(list.Delimiter)]
			}
		}
		if shown != name && shown == group || shown < string(from) {
			continue
		}
		if n == most {
			list.NextMarker = base64.RawURLEncoding.EncodeToString([]byte(shown))
			break
		}
		n++
		if group = ""; shown != name {
			group = shown
			list.Blobs.BlobPrefix = append(list.Blobs.BlobPrefix, listedPrefix{shown})
			continue
		}
		list.Blobs.Blob = append(list.Blobs.Blob, listed(name, c.blobs[name], strings.Contains(q.Get("include"), "metadata")))
	}
	return s.answer(r, http.StatusOK, toXML(list), map[string]string{"Content-Type": xmlType})
}

func listed(name string, b *blob, withMetadata bool) listedBlob {
	l := listedBlob{Name: name}
	sum := md5.Sum(b.data)
	pr := &l.Properties
	pr.CreationTime, pr.LastModified, pr.Etag = httpTime(b.made), httpTime(b.modified), strings.Trim(b.etag, `"`)
	pr.ContentLength, pr.ContentType, pr.ContentMD5 = len(b.data), b.kind, base64.StdEncoding.EncodeToString(sum[:])
	pr.BlobType, pr.AccessTier, pr.LeaseStatus, pr.LeaseState, pr.ServerEncrypted = "BlockBlob", "Hot", "unlocked", "available", true
	if withMetadata && len(b.metadata) > 0 {
		m := listedMetadata(b.metadata)
		l.Metadata = &m
	}
	return l
}
