// Package gcp stands in for services of Google Cloud, in their own wire formats.
package gcp

import (
	"net/http"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

// Cloud is the stand-in's state.
type Cloud struct{ resources standin.Resources }

// New makes a stand-in with these resources.
func New(r standin.Resources) *Cloud { return &Cloud{resources: r} }

// Route implements [standin.Cloud].
func (c *Cloud) Route(*standin.Request) (service, op, resource string) { return "gcp", "", "" }

// Do implements [standin.Cloud].
func (c *Cloud) Do(r *standin.Request) standin.Outcome {
	return c.Fail(r, http.StatusNotImplemented, "NotImplemented", "there is no such service here")
}

// Fail implements [standin.Cloud].
func (c *Cloud) Fail(_ *standin.Request, status int, code, message string) standin.Outcome {
	return standin.Outcome{Status: status, Body: []byte(code + ": " + message)}
}
