package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/tool/effect"
)

func TestWhyAMailServerIsNotReachedIsSaid(t *testing.T) {
	for says, err := range map[string]error{
		"there is no host mail.example.invalid":             &net.OpError{Op: "dial", Err: &net.DNSError{Name: "mail.example.invalid", IsNotFound: true}},
		"its certificate is not trusted: x509: certificate": fmt.Errorf("starttls: %w", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		"send the mail: the mail server cannot be reached":  errors.New("refused"),
	} {
		var e *effect.Error
		if !errors.As((&mailTopic{}).failed(t.Context(), "send the mail", "the mail server cannot be reached", effect.NotDone, err), &e) || e.Outcome != effect.NotDone || !strings.Contains(e.Message, says) {
			t.Errorf("%v: %+v", err, e)
		}
	}
}
