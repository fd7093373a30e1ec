package aws

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (c *Cloud) createBucket(k *call) standin.Outcome {
	name, _ := k.names()
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return k.no(400, "InvalidBucketName", "The specified bucket is not valid.", map[string]any{"BucketName": name})
	}
	var in struct{ LocationConstraint string }
	if len(k.Body) > 0 && xml.Unmarshal(k.Body, &in) != nil {
		return k.no(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema", nil)
	}
	if in.LocationConstraint == "" && k.region != "us-east-1" || in.LocationConstraint != "" && in.LocationConstraint != k.region {
		return k.no(400, "IllegalLocationConstraintException",
			"The "+in.LocationConstraint+" location constraint is incompatible for the region specific endpoint this request was sent to.", nil)
	}
	st := &c.s3
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.buckets[name] != nil {
		return k.no(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.", map[string]any{"BucketName": name})
	}
	st.buckets[name] = newBucket(k.Now)
	h := k.s3Header()
	h["Location"] = "/" + name
	return standin.Outcome{Status: http.StatusOK, Header: h, Done: true}
}

func (c *Cloud) headBucket(k *call) standin.Outcome {
	c.s3.mu.Lock()
	defer c.s3.mu.Unlock()
	if _, no := c.s3.bucketOf(k); no != nil {
		return *no
	}
	h := k.s3Header()
	h["x-amz-bucket-region"] = k.region
	return standin.Outcome{Status: http.StatusOK, Header: h}
}

func (c *Cloud) bucketLocation(k *call) standin.Outcome {
	c.s3.mu.Lock()
	defer c.s3.mu.Unlock()
	if _, no := c.s3.bucketOf(k); no != nil {
		return *no
	}
	region := k.region
	if region == "us-east-1" {
		region = "" // which is how that region has always been called here
	}
	return k.xml(struct {
		XMLName   xml.Name `xml:"LocationConstraint"`
		Namespace string   `xml:"xmlns,attr"`
		Region    string   `xml:",chardata"`
	}{Namespace: k.say.namespace, Region: region})
}
