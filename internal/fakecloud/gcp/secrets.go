package gcp

import (
	"encoding/base64"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
	"github.com/skein-run/skein/internal/price"
)

// secrets is Secret Manager: versions are read. Each secret has one.
// https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
type secrets struct{ resources standin.Resources }

func (s *secrets) locate(r *standin.Request, path []string) (place, bool) {
	if len(path) != 7 || path[0] != "v1" || path[1] != "projects" || path[3] != "secrets" || path[5] != "versions" {
		return place{}, false
	}
	version, verb, _ := strings.Cut(path[6], ":")
	p := place{project: path[2], name: path[4], key: version, resource: path[4], scope: "secretmanager/" + path[2] + "/" + path[4]}
	if r.Method == http.MethodGet && verb == "access" {
		p.op = "AccessSecretVersion"
		p.charge(price.MeterReads, 1)
	}
	return p, true
}

func (s *secrets) fail(_ *standin.Request, f refusal) standin.Outcome { return plainError(f) }

func (s *secrets) do(r *standin.Request, p place) standin.Outcome {
	full := "projects/" + p.project + "/secrets/" + p.name
	text, ok := s.resources.Secrets[p.name]
	switch {
	case !ok:
		return s.fail(r, notFound("Secret ["+full+"] not found or has no versions."))
	case p.key != "latest" && p.key != "1":
		return s.fail(r, notFound("Secret Version ["+full+"/versions/"+p.key+"] not found."))
	}
	crc := crc32.Checksum([]byte(text), castagnoli)
	return answer(map[string]any{"name": full + "/versions/1", "payload": map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(text)),
		"dataCrc32c": strconv.FormatUint(uint64(crc), 10)}})
}
