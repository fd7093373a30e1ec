package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/config"
)

// A certificate is named from the file's own folder, and one without its key is told
// with the line.
func TestTLSWantsBothOfItsFiles(t *testing.T) {
	const rest = "version: 1\nproviders: {p: {kind: openai, key: x}}\n"
	c := parse(t, rest+"tls: {cert: tls/cert.pem, key: /etc/key.pem}\ngateway: {replay: 10m}\n")
	if c.TLS.Cert != filepath.Join("dir", "tls", "cert.pem") || c.TLS.Key != "/etc/key.pem" || !c.TLS.On() || c.Gateway.Replay != 10*time.Minute {
		t.Errorf("it is %+v, %s", c.TLS, c.Gateway.Replay)
	}
	if c := parse(t, rest); c.TLS.On() {
		t.Error("there is TLS where nobody asked for it")
	}
	for half, want := range map[string]string{
		"tls: {cert: a.pem}\n":        "skein.yaml:3: tls.key: is missing",
		"tls: {key: a.pem}\n":         "skein.yaml:3: tls.cert: is missing",
		"gateway: {replay: -1s}\n":    "skein.yaml:3: gateway.replay: ",
		"tls: {certificate: a.pem}\n": "skein.yaml:3: tls.certificate: there is no such field",
	} {
		_, err := config.Parse("skein.yaml", []byte(rest+half), environ())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", half, err)
		}
	}
}
