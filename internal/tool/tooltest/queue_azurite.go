package tooltest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	clouds "github.com/skein-run/skein/internal/cloud"
	"github.com/skein-run/skein/internal/fakecloud"
)

// storageTaken takes all messages of a queue of Azure's, by plain HTTP.
func storageTaken(t *testing.T, address, authorization string) (bodies []string) {
	t.Helper()
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-ms-version", "2024-11-04")
		req.Header.Set("Authorization", authorization)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read
		var list struct {
			QueueMessage []struct{ MessageText string }
		}
		if err == nil {
			err = xml.Unmarshal(b, &list)
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s: %v", resp.StatusCode, b, err)
		}
		if len(list.QueueMessage) == 0 {
			return bodies
		}
		for _, m := range list.QueueMessage {
			bodies = append(bodies, m.MessageText)
		}
	}
}

// The account that Azurite has; its key is public.
// https://learn.microsoft.com/azure/storage/common/storage-use-azurite
const (
	sharedAccount = "devstoreaccount1"
	sharedKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// signing signs requests with the account's key, which a driver's token is no match for
// over plain HTTP. The path of a driver's endpoint becomes Azurite's.
type signing struct{ next http.Handler }

func (s signing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	r.URL.RawPath = strings.TrimPrefix(r.URL.EscapedPath(), "/queue")
	r.URL.Path, _ = url.PathUnescape(r.URL.RawPath)
	sign(r)
	s.next.ServeHTTP(w, r)
}

// sign is the signature of SharedKey.
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
func sign(r *http.Request) {
	r.Header.Set("x-ms-date", time.Now().UTC().Format(http.TimeFormat))
	length := ""
	if r.ContentLength > 0 {
		length = fmt.Sprint(r.ContentLength)
	}
	var own []string
	for name := range r.Header {
		if l := strings.ToLower(name); strings.HasPrefix(l, "x-ms-") {
			own = append(own, l+":"+r.Header.Get(name)+"\n")
		}
	}
	slices.Sort(own)
	text := r.Method + "\n\n\n" + length + "\n\n" + r.Header.Get("Content-Type") + "\n\n\n\n\n\n\n" + strings.Join(own, "") +
		"/" + sharedAccount + r.URL.EscapedPath()
	query := r.URL.Query()
	var names []string
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += "\n" + strings.ToLower(name) + ":" + query.Get(name)
	}
	key, err := base64.StdEncoding.DecodeString(sharedKey)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, text) // a hash takes all
	r.Header.Set("Authorization", "SharedKey "+sharedAccount+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// azuriteQueue is a queue of Azurite's.
func azuriteQueue(t *testing.T) *QueueAt {
	address := strings.TrimSuffix(serverAt(t, "SKEIN_TEST_AZURITE_QUEUE"), "/"+sharedAccount)
	name := unique()
	h := signing{to(t, address)}
	own := newTap(t, h) // the judge's
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, own.URL+"/queue/"+sharedAccount+"/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-ms-version", "2024-11-04")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusCreated {
		t.Fatalf("the queue was not made: %s", resp.Status)
	}
	p := &QueueAt{Wire: newTap(t, h), Counts: true, Hard: true, Place: Place{URL: "azurequeue://" + sharedAccount + "/" + name}}
	o := clouds.Options{}
	o.Azure.Endpoint, o.Azure.Token = p.Wire.URL, "anybody"
	p.Session = clouds.New(o)
	p.Fault = func(_ *testing.T, f fakecloud.Fault) { p.Wire.order(f) }
	var all []string
	p.Held = func(t *testing.T) []string {
		all = append(all, storageTaken(t, own.URL+"/queue/"+sharedAccount+"/"+name+"/messages?numofmessages=32&visibilitytimeout=6000", "")...)
		return slices.Clone(all)
	}
	return p
}
