package provider

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/skein-run/skein/internal/llm"
)

// Check reads something of the service's that costs nothing, mostly its list of
// models: it proves the address and the credential. With the caller's own
// credential it proves the address.
func (p *Provider) Check(ctx context.Context) error {
	at := p.lists()[0].url
	if p.kind.CheckPath != "" && !p.custom {
		at = p.base.String() + p.kind.CheckPath
	}
	_, err := p.read(ctx, at)
	var e *llm.Error
	if errors.As(err, &e) && e.Class == llm.Forbidden {
		return nil // whom it knows, and who may not read this: the credential is good
	}
	if p.credentials[0].by == nil && errors.As(err, &e) && e.Class == llm.Unauthorized {
		return nil
	}
	return err
}

// unread is a list that the service does not give, and what mends it.
func (p *Provider) unread(status int, u *url.URL, body []byte) *llm.Error {
	e := &llm.Error{Class: llm.ServerError, Blame: llm.BlameProvider, Billed: llm.BilledNo, Status: status}
	field := "providers." + p.info.Name
	first := &p.credentials[0]
	switch {
	case status == http.StatusForbidden && knows(body):
		e.Class, e.Blame = llm.Forbidden, llm.BlameCredential
		e.Message = "the credential is good, and may not read the list of models"
		return e
	case status != http.StatusUnauthorized && status != http.StatusForbidden:
		e.Message = "the list of models could not be read from " + u.Redacted()
		return e
	case first.by == nil:
		e.Message = "it asks for the caller's own credential"
	case p.custom && p.o.Key == "" && p.o.Auth == "" && len(p.o.Credentials) == 0:
		e.Message = "it asks for a credential, and none is sent to another address than the kind's own; set " + field + ".key"
		if p.kind.KeyEnv != "" {
			e.Message += ", for example to env:" + p.kind.KeyEnv
		}
	case len(p.o.Credentials) > 0:
		e.Message = "the credential was refused; check " + field + ".credentials, " + first.name
	default:
		e.Message = "the credential was refused; check " + field + ".key"
	}
	if status == http.StatusForbidden {
		e.Message += ", or what it may do there"
	}
	e.Class, e.Blame = llm.Unauthorized, llm.BlameCredential
	return e
}

// knows is whether a refusal says that who asks is known, and may not do this: a
// credential that is only good for asking models is a good one. AWS says so of its
// actions, Google of its permissions.
func knows(body []byte) bool {
	return bytes.Contains(body, []byte("not authorized to perform")) || bytes.Contains(body, []byte("IAM_PERMISSION_DENIED"))
}
