package provider

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/skein-run/skein/internal/llm"
)

// Check asks the service for its list of models, which costs nothing: it proves
// the address and the credential.
func (p *Provider) Check(ctx context.Context) error {
	u := *p.url
	u.Path = below(u.Path, p.kind.Models)
	req := (&http.Request{
		Method: http.MethodGet, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header(&Request{}),
	}).WithContext(ctx)
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		return p.failure(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // drained below as far as it is of use
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil && err != io.EOF {
		return fmt.Errorf("read the list of models: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		e := &llm.Error{Class: llm.Unauthorized, Status: resp.StatusCode, Message: "the credential was refused; check providers." + p.info.Name + ".key"}
		if len(p.fixed[p.kind.KeyHeader]) == 0 {
			e.Message = "it asks for a credential, and none is sent to another address than the kind's own; set providers." + p.info.Name + ".key, for example to env:" + p.kind.KeyEnv
		}
		return e
	case resp.StatusCode >= 400:
		return &llm.Error{Class: llm.ServerError, Status: resp.StatusCode, Message: "the list of models could not be read from " + u.Redacted()}
	}
	return nil
}
