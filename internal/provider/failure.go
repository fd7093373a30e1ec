package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"

	"github.com/skein-run/skein/internal/llm"
)

// failure says what a send that brought no answer means. Where nothing of the request
// was sent nothing can have been billed; afterwards it may have been. That a connection
// broke, was reset or went away (HTTP/2's RST_STREAM and GOAWAY) before an answer came
// is all the same: another one, or another deployment, may serve the request.
func (p *Provider) failure(ctx context.Context, err error, sent bool) *llm.Error {
	e := &llm.Error{Class: llm.Unreachable, Blame: llm.BlameProvider, Billed: llm.BilledMaybe, Status: http.StatusBadGateway}
	if !sent {
		e.Billed = llm.BilledNo
	}
	var op *net.OpError
	var dns *net.DNSError
	var timeout net.Error
	late := errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case ctx.Err() != nil:
		e.Class, e.Blame, e.Status = llm.Canceled, llm.BlameSkein, 499
		e.Message = "the attempt was given up before " + p.info.Name + " answered"
	case errors.As(err, &dns):
		e.Billed = llm.BilledNo
		e.Message = "the name " + dns.Name + " cannot be resolved"
	case errors.As(err, &op) && op.Op == "dial":
		e.Billed = llm.BilledNo
		e.Message = "no connection to " + p.base.Host
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			e.Message = "connection refused by " + p.base.Host
		case late:
			e.Message += " in time"
		}
	case notTLS(err):
		e.Billed = llm.BilledNo
		e.Message = "no TLS with " + p.base.Host + ": " + tlsReason(err)
	case late && sent:
		e.Class, e.Status = llm.TimedOut, http.StatusGatewayTimeout
		e.Message = "no answer from " + p.base.Host + " in time"
	case !sent:
		e.Message = "no connection to " + p.base.Host
	default:
		e.Message = "the connection to " + p.base.Host + " broke before an answer came"
	}
	return e
}

// notTLS is whether a handshake failed, before which nothing of a request is sent.
func notTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert)
}

// tlsReason is what there is to mend, in words without what the other side sent.
func tlsReason(err error) string {
	var host x509.HostnameError
	var signer x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return "its certificate is not for that name"
	case errors.As(err, &signer):
		return "its certificate is of an authority that this machine does not know"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case errors.As(err, &record):
		return "it does not speak TLS there"
	}
	return "it refused the handshake"
}
