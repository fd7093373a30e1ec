package aws

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strconv"
	"strings"
)

// checksum is one that S3 keeps with an object: its algorithm, as headers name it,
// and its value in base64.
type checksum struct{ algorithm, value string }

// nvme is the polynomial of CRC-64/NVME, reflected.
var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

var algorithms = map[string]func() hash.Hash{
	"crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc64nvme": func() hash.Hash { return crc64.New(nvme) },
	"sha1":      sha1.New,
	"sha256":    sha256.New,
}

func sum(algorithm string, data []byte) string {
	h := algorithms[algorithm]()
	_, _ = h.Write(data) // a hash takes everything
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// payload is the object in an upload, unwrapped, and the checksum to keep with it;
// the refusal says that it is not what its headers promise.
func (k *call) payload() ([]byte, checksum, *refusal) {
	data, trailer := k.Body, http.Header{}
	promised := k.Header.Get("X-Amz-Content-Sha256")
	switch {
	case promised == "":
		return nil, checksum{}, &refusal{status: 400, code: "InvalidRequest", message: "Missing required header for this request: x-amz-content-sha256"}
	case strings.HasPrefix(promised, "STREAMING-"):
		var err error
		if data, trailer, err = unchunk(k.Body); err != nil {
			return nil, checksum{}, &refusal{status: 400, code: "IncompleteBody", message: "The request body terminated unexpectedly: " + err.Error()}
		}
		if n, err := strconv.Atoi(k.Header.Get("X-Amz-Decoded-Content-Length")); err != nil || n != len(data) {
			return nil, checksum{}, &refusal{status: 400, code: "IncompleteBody", message: "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header"}
		}
	case promised != "UNSIGNED-PAYLOAD":
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != promised {
			return nil, checksum{}, &refusal{status: 400, code: "XAmzContentSHA256Mismatch",
				message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
				members: map[string]any{"ClientComputedContentSHA256": promised, "S3ComputedContentSHA256": hex.EncodeToString(got[:])}}
		}
	}
	if text := k.Header.Get("Content-Md5"); text != "" {
		want, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(want) != md5.Size {
			return nil, checksum{}, &refusal{status: 400, code: "InvalidDigest", message: "The Content-MD5 you specified was invalid."}
		}
		if got := md5.Sum(data); !bytes.Equal(got[:], want) {
			return nil, checksum{}, &refusal{status: 400, code: "BadDigest", message: "The Content-MD5 you specified did not match what we received."}
		}
	}
	keep := checksum{}
	for name := range algorithms {
		header := "X-Amz-Checksum-" + name
		want := k.Header.Get(header) + trailer.Get(header)
		if want == "" {
			continue
		}
		if keep.value != "" {
			return nil, checksum{}, &refusal{status: 400, code: "InvalidRequest", message: "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."}
		}
		if sum(name, data) != want {
			return nil, checksum{}, &refusal{status: 400, code: "BadDigest", message: "The " + strings.ToUpper(name) + " you specified did not match the calculated checksum."}
		}
		keep = checksum{name, want}
	}
	if declared := k.Header.Get("X-Amz-Trailer"); declared != "" && trailer.Get(declared) == "" {
		return nil, checksum{}, &refusal{status: 400, code: "MalformedTrailerError", message: "The request contained trailing data that was not well-formed or did not conform to our published schema."}
	}
	return data, keep, nil
}

// unchunk takes the frames of aws-chunked off a body:
//
//	size in hex[;chunk-signature=…]\r\n data \r\n … 0\r\n trailers \r\n
//
// The signatures of the chunks are not checked.
func unchunk(body []byte) (data []byte, trailer http.Header, err error) {
	trailer = http.Header{}
	for {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok {
			return nil, nil, errors.New("a chunk has no size")
		}
		size, extension, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil {
			return nil, nil, fmt.Errorf("a chunk's size is %q", size)
		}
		if extension != "" && !strings.HasPrefix(extension, "chunk-signature=") {
			return nil, nil, fmt.Errorf("a chunk has the extension %q", extension)
		}
		body = rest
		if n == 0 {
			break
		}
		if uint64(len(body)) < n+2 || string(body[n:n+2]) != "\r\n" {
			return nil, nil, errors.New("a chunk is not as long as it says")
		}
		data, body = append(data, body[:n]...), body[n+2:]
	}
	for len(body) > 0 {
		line, rest, ok := bytes.Cut(body, []byte("\r\n"))
		if !ok {
			return nil, nil, errors.New("the trailer has no end")
		}
		if body = rest; len(line) == 0 {
			break
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			return nil, nil, fmt.Errorf("the trailer has the line %q", line)
		}
		trailer.Add(name, strings.TrimSpace(value))
	}
	if len(body) > 0 {
		return nil, nil, errors.New("something follows the last chunk")
	}
	return data, trailer, nil
}
